/* SPDX-License-Identifier: MIT */
#ifndef RQ_TAKER_H
#define RQ_TAKER_H

/* What a thread knows of an acknowledged queue from which it has taken, and of the others that take. take.h says what for. */

#include <ringq/queue.h>

#include "lane/hand.h"
#include "queue/port.h"

#define RQ_OTHERS_MOST 16u

struct rq_taker {
	struct rq_book *book;
	struct rq_reader reader; /* of the fast path; the port's own is of whoever chooses a lane */
	uint64_t who;            /* as an entry says it: rq_killer() */
	uint64_t at;             /* where its last claim has left head, or RQ_NOWHERE; */
	uint64_t claim;          /* and that claim: while head is there, it is the lane's last one */
	int64_t looked;          /* when it last looked for what is back */
	uint64_t returned; /* the queue's word then, if there was none: while it says this, none has been given back */
	/* The leases of others that take, as they were then: each take sees a death at once. Of more, looks do. */
	uint32_t others;
	struct {
		rq_u64 *lease;
		uint64_t word;
	} other[RQ_OTHERS_MOST];
};

/* -ENOMEM. */
int rq_taker_make(struct rq_port *port);

static inline int rq_taker_of(struct rq_port *port)
{
	return rq_likely(port->taker != NULL) ? 0 : rq_taker_make(port);
}

/* Remembers the leases of those that may die with something in hand. Before it looks at what they have. */
void rq_taker_watch_others(struct rq_port *port);

/* Whether all of them live. */
static rq_always_inline bool rq_taker_others_live(const struct rq_taker *t)
{
	for (uint32_t i = 0; i < t->others; i++)
		if (rq_unlikely(rq_load_acquire(t->other[i].lease) != t->other[i].word)) /* as M3 */
			return false;
	return true;
}

/*
 * Whether nothing may have come back since `returned` was read, before a look at the books, as far as is known without
 * another. Asked behind the look that has found what would be taken: what came back before that was put comes before it.
 */
static rq_always_inline bool rq_taker_nothing_back(const struct rq_port *port, uint64_t returned, uint64_t mask)
{
	return rq_likely(((rq_load_acquire(&port->queue->shared->returned) ^ returned) & mask) == 0) && /* D7 */
	       rq_likely(rq_taker_others_live(port->taker));
}

/* The port's reader has claimed n records of this lane, and knows the chunk that they were in. */
void rq_taker_claimed(struct rq_port *port, uint32_t index, uint32_t n);

/* The port's reader has just claimed up to `next`: the fast path may go on from there. */
void rq_taker_follow(struct rq_port *port, const struct rq_lane *lane, uint64_t next, uint64_t claim);

#endif
