/* SPDX-License-Identifier: MIT */
#ifndef RQ_LIVENESS_H
#define RQ_LIVENESS_H

/*
 * Holds: who still has an end of a pipe.
 *
 * A pipe is one anonymous queue for each direction, and all that its records do is the queue's. What a queue does not
 * know is that nobody is left who could put, or get. A hold says so: one for each side of each of a pipe's queues, the
 * reader's and the writer's, kept by each handle for as long as it lives.
 *
 * THE TRUTH is the kernel's. A hold is a shared open-file-description lock on one byte, far beyond the end of the
 * region's file, whose number names the queue and the side. Each handle has a descriptor for it. So a hold behaves as
 * an end of a pipe does: a child of fork has a copy of the descriptor, and holds; a descriptor in flight in a socket
 * holds; when the last copy is closed, by close, exec, exit or death in whatever way, in whatever PID namespace, the
 * lock is gone. rq_sys.held() asks whether anybody has it.
 *
 * THE HINT spares that system call. Each queue of a pipe names for each side a witness: a member (member.h) that had
 * a call on a handle of that side. While its lease stands, it holds: a handle's end takes its threads' names out before
 * the lock is given up (`left`). So a put looks at two words that are seldom written, and asks the kernel only
 * where there is no living witness: its side may be held all the same, by other members, who name themselves at their
 * next call that finds no name there, or by somebody who has made no call yet.
 *
 * NOTICING. Who finds that nobody holds the other side closes the queue, for all: puts are -EPIPE, gets drain it first.
 * A put looks before it puts, a get when it has found nothing, a sleeper whenever it wakes. Sleepers are woken by the
 * end of the last handle, if it is ended by a call; if by a death, they watch the leases of all members (region/sleep.h). A
 * lease goes before the descriptors do, and somebody who is no member has none: so where there is no living witness,
 * sleeps are short, from 1 ms on, each twice the last, up to 100 ms.
 *
 * MEMORY. When nobody holds either side of a pipe's queue, it is nobody's, and that stays so: a hold is taken by its
 * creator before the object is visible, and then only ever copied. Whoever finds it so may delete it: the last handle
 * to go, or a sweep. It takes the object's owner word, by CAS, for itself (rq_owner_reaping()), so that one does it;
 * frees the units of its lanes, all of them, then the object's, the first of them last. If it dies in between, the
 * word names a dead member, and the next sweep takes it over and goes on.
 *
 * Nobody can be reading there. A handle gives its hold up with its last reference, and every call has one: whoever is
 * inside, or asleep in it, keeps the handle, and so the hold (rq_handle_unref). One exception: who has just given up its
 * hold must still close the queue and wake its sleepers, if it was the last on its side. It names the object in its
 * member's hazard word before (X1), and takes the name back when it is done (X2). Who wants to delete looks at the
 * hazards (X3) after it has seen that nobody holds: X1 comes before the end of the hold, so X3 sees it. It then leaves
 * the object alone, and whoever takes its name back looks itself: of two at once, the fences at X2 let one see that
 * the other's name is gone.
 *
 *   op          progress
 *   take, end   bounded; system calls
 *   peer gone   wait-free; a system call if there is no living witness
 */

#include "queue/port.h"

/* A descriptor that holds a side of the queue whose object starts there. -EMFILE, ... */
int rq_hold_take(const struct ringq_region *region, uint64_t first, enum rq_side side);

/* The same on a descriptor that somebody gave: it may have held before. */
int rq_hold_keep(const struct ringq_region *region, int hold, uint64_t first, enum rq_side side);

/* What a handle of a side asks for: peer.h. */
extern const struct rq_peer_ops rq_hold_ops;

/* Frees the object at a unit with this owner word if it is a pipe's that nobody holds. Whether it did. */
bool rq_hold_reap(struct ringq_region *region, uint64_t first, uint64_t owner);

#endif
