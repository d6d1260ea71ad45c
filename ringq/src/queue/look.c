/* SPDX-License-Identifier: MIT */

/* Whether a queue is full or empty, and how many records wait: asked by who takes part. look/ has what is asked from outside. */

#include <stdlib.h>

#include "order/next.h"
#include "queue/put.h"

/* Whether it is full for the next turn of a single producer, whoever has that. */
static bool is_full_ahead(struct rq_port *b, bool places_full)
{
	struct ringq_queue *q = b->queue;
	if (places_full && !rq_port_turn_died(b))
		return true;
	struct rq_producer *p = rq_port_look_ahead(b);
	if (places_full)
		places_full = !p || !rq_permits_left(&q->permits, 0, rq_producer_end(p));
	bool full = places_full || (p && rq_producer_full(p, false));
	free(p);
	return full;
}

bool ringq_full(const ringq_queue *queue)
{
	struct ringq_queue *q = (struct ringq_queue *)(uintptr_t)queue;
	struct rq_port *b;
	if (!q || rq_enter(q, &b))
		return false;
	bool full = rq_permits_full(&q->permits, &q->set);
	if (q->flags & RINGQ_SINGLE_PRODUCER && !rq_port_owns_lane(b)) {
		full = is_full_ahead(b, full);
	} else {
		if (full && rq_port_reap(b))
			full = rq_permits_full(&q->permits, &q->set);
		if (!full && b->producer)
			full = rq_producer_full(b->producer, rq_stamp_needed(q->shared, q->total));
	}
	rq_leave();
	return full;
}

bool ringq_empty(const ringq_queue *queue)
{
	struct rq_port *b;
	if (!queue || rq_enter((struct ringq_queue *)(uintptr_t)queue, &b))
		return true;
	bool empty = rq_was_empty(&b->order);
	rq_leave();
	return empty;
}

uint64_t ringq_size(const ringq_queue *queue)
{
	struct rq_port *b;
	if (!queue || rq_enter((struct ringq_queue *)(uintptr_t)queue, &b))
		return 0;
	uint64_t least = 0;
	rq_port_reap(b);            /* who died right behind a publish has not counted it */
	if (rq_port_turn_died(b)) { /* the same, where that is the next turn's to mend */
		struct rq_producer *p = rq_port_look_ahead(b);
		least = p ? p->puts : 0;
		free(p);
	}
	uint64_t n = rq_records_waiting(&b->order, least);
	rq_leave();
	return n;
}
