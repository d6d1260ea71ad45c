/* SPDX-License-Identifier: MIT */
#ifndef RINGQ_RINGQ_H
#define RINGQ_RINGQ_H

/**
 * ringq: lock-free queues of variable-length records in shared memory, for C services on one Linux machine; and, in the
 * same memory, pipes and arrays.
 *
 * The rules for all calls, stated once:
 *
 *  Meeting    a child of fork() has its parent's handles, and a queue needs no name for that: ringq_queue_create(). Others
 *             meet by the name of a region, whichever comes first: ringq_region_create() with a name, or on -EEXIST
 *             ringq_region_open(); then the same of a queue in it. Or one sends the region to the other over a socket,
 *             ringq_region_send(), or lets it inherit its descriptor, ringq_region_fd() and ringq_region_attach().
 *  Results    0 or a count on success, a negative errno on failure. errno is not set.
 *  Arguments  the handle first, then outputs, a length right after its buffer, the timeout last. A NULL handle, a NULL
 *             output or a NULL buffer with a length is -EINVAL; bool calls answer as for an empty queue, uint64_t calls
 *             0. Buffers need no alignment. Outputs are written only on success, unless the call says otherwise.
 *  Times      relative nanoseconds on the monotonic clock; they bound the whole call, however often it wakes inside.
 *             RINGQ_NOWAIT never waits, RINGQ_FOREVER never gives up; other negative values are -EINVAL. Signals do not
 *             end a call; -EINTR is returned only because of ringq_interrupt(), ringq_queue_interruptible() and
 *             ringq_array_interruptible().
 *  Handles    opaque, of one process, usable from any number of its threads at once. fork() carries them over: the child
 *             may use them at once, as a participant of its own. Do not use them between vfork() and exec().
 *  Release    ringq_queue_release(), ringq_pipe_close() and ringq_region_detach() may run while other threads are inside
 *             calls on the same handle: those calls end with -EBADF. A call that begins after the release has returned is
 *             a use after free; so is one that began before, but whose thread was held up before it had looked at the handle.
 *             ringq_array_release() is as free(): nobody else may be using the handle.
 *  Signals    no call is async-signal-safe except ringq_interrupt(). To stop a wait: a time-out, ringq_close(), a release, or that
 *             call. Do not leave a call by longjmp(), an exception or pthread_exit() out of a handler: what the thread put
 *             by the handle later could be lost, so it would have to release that before any other call; and a release by
 *             another thread would wait until the thread's next call (docs/limits.md). No call is a cancellation point: a
 *             thread that is cancelled ends the call first, and a wait continues. A process may be killed or stopped at any
 *             instruction of any call without harm to other participants.
 *  Progress   each call says whether it is wait-free, lock-free or blocking. Blocking calls wait only
 *             for room or for a record; ringq_lock() waits for the lock's holder. -EAGAIN and -ETIMEDOUT may also be
 *             returned when about a million attempts lost against other participants.
 *
 * Errors that any call can return: -EINVAL, a bad argument; -EBADF, the handle was released meanwhile; -EBADMSG, a word
 * in the shared region failed its check, so some participant has corrupted it; -EUSERS, the region's table of
 * members is full (see ringq_region_create()); -ENOMEM; -ENOSYS, a sandbox that was entered after the region was
 * attached refuses a system call that docs/limits.md says must stay allowed.
 */

#include <ringq/region.h>
#include <ringq/queue.h>
#include <ringq/pipe.h>
#include <ringq/array.h>
#include <ringq/look.h>
#include <ringq/version.h>

#endif
