/* SPDX-License-Identifier: MIT */
#ifndef RQ_EXPIRE_H
#define RQ_EXPIRE_H

/*
 * The end of a queue's object, and of a pipe's direction: when its memory goes, and how.
 *
 * DELETED. One CAS makes the word of a queue's object say that it was deleted. From then on nobody finds it, its name is
 * free, and no thread comes to use it. What threads that use it do there is what they do in a queue that is closed, and they
 * harm nobody but each other: its units stay its own.
 *
 * USE. A thread with a port uses the queue: all that reads or writes the object's memory, or claims memory for its lanes,
 * does so by a port, or by a visit (region/objects.h). For each member's number the object has a bit, set while a port is
 * made, in a visit of the object that was not deleted (X7), and cleared when the thread's last port with it has ended
 * (X8). A port ends with its thread, with its handle, or with its process; by death, it is the lease that tells.
 *   A number that passes from a dead member to a new one may bring a bit along. The new one clears those of all queues
 * before it makes a port (rq_use_inherit). Of one that was deleted before, it need not: `deleted` there, and `joined` of the
 * member, are numbers of one count, and who has joined later than the deletion has never had a port.
 *
 * REAPING. What was deleted, or a pipe that nobody holds, and nobody uses, is nobody's, and that stays so. Whoever finds
 * it so may free it: a release, or a sweep. It takes the object's word by CAS for itself (rq_owner_reaping()), so that one does
 * it. It forgets what was in hand, frees all units of the lanes, then the object's, the first of them last. If it dies in
 * between, the word names a dead member, and the next sweep takes it over and goes on. Nothing of the object is in any
 * word of the region then, so what is made in its place begins anew.
 *   Who is about to set a bit has named the object before it looked at its word (X4, X5), and has set the bit before it
 * takes the name back; who reaps has seen that the word says deleted, passes a full fence, reads the names (X6), then the
 * bits. So it sees the name, or the bit, or the other sees that it was deleted.
 *   The memory of the first unit stays behind it when that is free: who searches for names may be reading there.
 *
 *   op            progress
 *   begin, end    lock-free
 *   reap          bounded; it reads all owner words, and system calls give the memory back
 */

#include "region/membership.h"

/* The calling thread's member uses the queue from now on. False: it was deleted. Under the process lock, as the next one. */
bool rq_use_begin(struct rq_membership *membership, struct rq_queue_shared *shared, uint64_t first, uint64_t owner);

/* It does no more. The member is alive. */
void rq_use_end(const struct rq_membership *membership, struct rq_queue_shared *shared);

/* For a new member whose number's last one died: it uses no queue. */
void rq_use_inherit(struct rq_membership *membership);

/* Whether this call has deleted the object with this word. The caller uses it. */
bool rq_expire_delete(struct ringq_region *region, struct rq_queue_shared *shared, uint64_t first, uint64_t owner);

/* Frees the object at a unit with this word if it was deleted and nobody uses it, or goes on where one died. */
bool rq_expire_reap(struct ringq_region *region, uint64_t first, uint64_t owner);

/* Takes what is nobody's, for the caller to free: its word is `mine` then. False: somebody else has it. */
bool rq_expire_take(
	struct ringq_region *region, uint64_t first, uint64_t owner, struct rq_membership **membership, uint64_t *mine);

/*
 * Frees all that an object has that nobody uses: its lanes' units, then its own, if its word was `owner`; 0: their bodies are
 * garbage by themselves. The first unit's word is `mine`.
 */
void rq_expire_free(struct rq_membership *membership, uint64_t first, uint64_t owner, uint64_t mine, bool first_stays);

#endif
