/* SPDX-License-Identifier: MIT */
#ifndef RQ_BOND_H
#define RQ_BOND_H

/*
 * A bond: what one thread has with one queue. Its lane if it has put, its reader if it has looked, its habits of
 * waiting. The thread alone uses it; thread and queue both list it under rq_process_lock, so that either may end it.
 */

#include "handle.h"
#include "process.h"

struct rq_bond {
	struct ringq_queue *queue;
	struct rq_producer *producer; /* NULL before the first put */
	struct rq_reader reader;
	struct rq_seat *seat;
	uint32_t lane_at;  /* where the next get looks first */
	uint32_t stay;     /* gets left before it goes round */
	uint32_t spin_get; /* how often to look before sleeping: more where that has paid */
	uint32_t spin_put;
	uint32_t awake_get; /* gets since the last sleep */
	uint32_t awake_put;
	void *reserved; /* open reservation, or NULL */
	size_t reserved_len;
	rq_u64 *reserved_place;
	struct rq_thread *thread;
	struct rq_bond *thread_next;
	struct rq_bond *queue_next;
};

/* The calling thread's bond with a queue, made if there is none. */
int rq_bond_make(struct rq_bond **out, struct ringq_queue *queue);

static inline int rq_bond_of(struct rq_bond **out, struct ringq_queue *queue)
{
	struct rq_thread *t = rq_thread_current;
	if (rq_likely(t && *rq_process_is_parent)) {
		unsigned i = queue->id % RQ_THREAD_CACHE;
		if (rq_likely(t->cache[i].queue == queue->id)) {
			*out = t->cache[i].bond;
			return 0;
		}
	}
	return rq_bond_make(out, queue);
}

/* Makes sure that the bond has a lane of its own. 0, -EUSERS, -ENOMEM, -EBADMSG. */
int rq_bond_produce(struct rq_bond *bond);

/* With RINGQ_SINGLE_PRODUCER all threads share one lane, one after the other: takes it over if another was there. */
static inline int rq_bond_producer(struct rq_bond *bond)
{
	if (rq_likely(bond->producer && rq_load(&bond->producer->lane->owner) == bond->seat->id))
		return 0;
	return rq_bond_produce(bond);
}

/* Takes over lanes whose owners are dead, for what these hold: places, memory. True if there was one. */
bool rq_bond_reap(struct rq_bond *bond);

/* All under rq_process_lock. */
void rq_bonds_drop_thread(struct rq_thread *thread);
void rq_bonds_drop_queue(struct ringq_queue *queue);
void rq_bonds_forget_parent(void);

#endif
