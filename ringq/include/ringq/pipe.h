/* SPDX-License-Identifier: MIT */
#ifndef RINGQ_PIPE_H
#define RINGQ_PIPE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <ringq/queue.h>
#include <ringq/region.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * One end of a pipe: it receives what the other end sends, record by record. Any number of threads may use an end.
 *
 * An end is held by every process that has it: whoever created it, every child of fork made since, and whoever took it
 * from a socket. When the last holder of an end has closed it, or has ended in whatever way, the other end is told as
 * by a pipe of the system: receives drain what was sent and are then -EPIPE, sends are -EPIPE at once. No signal is
 * sent. So a child that keeps a copy of an end delays that: after a fork, each process should close the end that it
 * does not use. exec gives ends up. A child that is forked while another thread is inside ringq_pipe_create(),
 * ringq_pipe_take() or ringq_pipe_close() may hold copies that it cannot close, until it ends or calls exec.
 *
 * An end keeps a close-on-exec descriptor for each direction, by which the kernel knows who holds it. Do not close it:
 * who closes all descriptors, as with closefrom(), gives the ends up, and must not use or close them any more.
 */
typedef struct ringq_pipe ringq_pipe;

/**
 * Creates a pipe in a region, or in a region of its own if region is NULL: ringq_pipe_region() gives it.
 *
 * flags: 0, or any of RINGQ_SIMPLEX, RINGQ_SINGLE_PRODUCER, RINGQ_SINGLE_CONSUMER; the latter two promise for each
 * direction that no two sends, or receives, overlap in time, whoever makes them, and make them cheaper. In each
 * direction up to 8 MiB from each sending thread wait; at most 64 threads send at once (-EUSERS). Order is total. A pipe is
 * not acknowledged, and not taken from in place: RINGQ_ACKNOWLEDGED is -EINVAL.
 *
 * The memory of a direction is free for others as soon as nobody holds either end of it, or, if its last holders were
 * killed, as soon as the region runs short.
 *
 * Errors: -EINVAL (flags), -ENOMEM, -EMFILE, -ENFILE, -ENOENT (/proc is not mounted), -EACCES (a named region's file is
 * opened anew, with the rights that the process has now: not after it has given up those by which it opened it), -ESTALE
 * (the region's descriptor was closed: ringq_region_fd()), -ENOLCK, and for a region of its own those of
 * ringq_region_create(). Ownership: *a and *b are closed by ringq_pipe_close(), each by itself. Threads:
 * any. Progress: lock-free, and system calls.
 */
RINGQ_API int ringq_pipe_create(ringq_pipe **a, ringq_pipe **b, ringq_region *region, unsigned flags);

/**
 * Sends one record. len may be 0: an empty record is a record.
 *
 * Returns 0: the record is on its way, whole, and comes out as long as the other end is held. Any error: it is not, and
 * never will be. Errors: as ringq_put(); -EPIPE: nobody holds the other end, also while this call waits for room;
 * -EINVAL: this end only receives. Threads and progress: as ringq_put(), and a system call as long as no holder of the
 * other end has used it.
 */
RINGQ_API int ringq_send(ringq_pipe *end, const void *data, size_t len, int64_t timeout);

/**
 * Receives the next record into buf. Returns its length.
 *
 * Errors: as ringq_get(); -EPIPE: nobody holds the other end, and all that was sent has been received; -EMSGSIZE:
 * larger than size, and it stays; -EINVAL: this end only sends. Threads and progress: as ringq_get(), and a system
 * call when empty as long as no holder of the other end has used it.
 */
RINGQ_API ssize_t ringq_receive(ringq_pipe *end, void *buf, size_t size, int64_t timeout);

/**
 * Waits until there is something to receive. Returns 1: a record, or the end of all records; 0: neither in time. With
 * RINGQ_SINGLE_CONSUMER it counts as a receive. Errors: -EINVAL (also: this end only sends).
 */
RINGQ_API int ringq_poll(ringq_pipe *end, int64_t timeout);

/**
 * Gives this process's end up, also while other threads are inside calls on it: those end with -EBADF. What it has sent
 * still comes out. An end that other processes hold too stays open there. NULL is ignored.
 */
RINGQ_API void ringq_pipe_close(ringq_pipe *end);

/**
 * The queue that an end receives from, and the one that it sends to; NULL if it does not. They are the end's: do not
 * release them. By them an end does all that a queue does: ringq_get_many(), ringq_get_alloc(), ringq_peek(),
 * ringq_event_fd(), ringq_wait_any() beside other queues on the input; ringq_put_many(), ringq_reserve() on the output.
 * Those of the wrong side are -EINVAL. The end of the other side's last holder is as a ringq_close(). ringq_close()
 * itself ends that one direction at once, whoever holds it.
 */
RINGQ_API ringq_queue *ringq_pipe_input(const ringq_pipe *end);
RINGQ_API ringq_queue *ringq_pipe_output(const ringq_pipe *end);

/** The region that an end is in. It stays the end's: do not detach it unless you attached it. NULL for NULL. */
RINGQ_API ringq_region *ringq_pipe_region(const ringq_pipe *end);

/**
 * Gives an end, and its region, to whoever takes it from a connected AF_UNIX socket. The giver keeps the end, and may
 * close it at once: on its way an end is held. Errors: -EINVAL, -ESTALE (a descriptor of the end, or the region's, was
 * closed), or what sendmsg says. Blocks as the socket does.
 */
RINGQ_API int ringq_pipe_give(const ringq_pipe *end, int socket);

/**
 * Takes an end given by ringq_pipe_give(). It becomes *out, closed by ringq_pipe_close(); ringq_pipe_region() has its
 * region. Errors: as ringq_region_attach(), -EPIPE (the giver has closed the socket), -EPROTO (another message),
 * -EBADMSG (what it says is no end of a pipe in its region), or what recvmsg says. Nothing is left open on error. It
 * needs four descriptors for a moment: with -EMFILE the end stays in the socket, held, for another try, unless another
 * thread has just taken one; with any other error it is consumed. Blocks as the socket does.
 */
RINGQ_API int ringq_pipe_take(ringq_pipe **out, int socket);

#ifdef __cplusplus
}
#endif
#endif
