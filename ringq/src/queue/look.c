/* SPDX-License-Identifier: MIT */

/* Looking at a queue from outside: its figures, and whether it is full or empty. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "order/next.h"
#include "queue/put.h"

static void look_at_lane(struct rq_port *b, uint32_t i, struct ringq_queue_stat *out)
{
	struct rq_lane *lane = rq_lane_at(&b->queue->set, i);
	uint64_t owner = rq_load_acquire(&lane->owner);
	struct rq_count count = {0};
	rq_lane_count(&b->order.reader, i, 0, &count);
	uint64_t in = rq_load_acquire(&lane->puts), waiting = count.waiting;
	out->records_in += in;
	out->records_out += in > waiting ? in - waiting : 0;
	out->bytes_held += rq_lane_bytes_held(&b->queue->set, i);
	out->producers += owner && rq_member_alive(b->queue->region, owner);
	out->producers_asleep |= rq_load(&lane->not_full) & RQ_EVENT_WAITERS;
}

int ringq_queue_stat(const ringq_queue *queue, struct ringq_queue_stat *out)
{
	struct ringq_queue *q = (struct ringq_queue *)(uintptr_t)queue;
	struct rq_port *b;
	if (!q || !out)
		return -EINVAL;
	int r = rq_enter(q, &b);
	if (r)
		return r;
	struct rq_queue_shared *s = q->shared;
	*out = (struct ringq_queue_stat){
		.max_records = q->max_records,
		.max_bytes = q->set.max_bytes,
		.order = q->order,
		.flags = q->flags,
		.lanes = rq_lanes_used(q->shared, &q->set),
		.closed = rq_load(&s->closed) != 0,
		.consumers_asleep = rq_load(&s->not_empty) & RQ_EVENT_WAITERS,
		.producers_asleep = rq_load(&s->not_full) & RQ_EVENT_WAITERS,
	};
	memcpy(out->name, s->name, sizeof out->name - 1);
	for (uint32_t i = 0; i < out->lanes; i++)
		look_at_lane(b, i, out);
	rq_leave();
	return 0;
}

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
