/* SPDX-License-Identifier: MIT */

/* Whether a queue is full or empty, and how many records wait: asked by who takes part. look/ has what is asked from outside. */

#include <errno.h>
#include <stdlib.h>

#include "base/sys.h"
#include "lane/hand.h"
#include "lane/sight.h"
#include "order/next.h"
#include "queue/returned.h"
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

/*
 * A thread that could not join the region, or of which the library cannot even keep a note, asks without: under the process
 * lock, so that no release of the handle gets through. Nothing keeps the queue's memory for it, so it reads the region's
 * file, and what it has read counts if the queue is there still. Of a region that is only observed nothing is counted.
 */
static uint64_t count_outside(const struct ringq_queue *q)
{
	const struct ringq_region *region = q->region;
	uint64_t n = 0, owner, at = rq_unit_offset(region, q->set.first);
	uint32_t used = 0;
	rq_process_lock();
	bool there = !rq_handle_is_gone(q) && !rq_region_is_observed(region) &&
	             rq_glance_read(region, at + offsetof(struct rq_queue_shared, lanes_used), &used, sizeof used) == 0;
	for (uint32_t i = 0; there && i < used && i < q->set.max; i++)
		n += rq_sight_count(&q->set, i);
	/* The ends of a pipe are held by its handles. */
	there = there && (q->side || (rq_glance_owner(region, q->set.first, &owner) == 0 && owner == q->owner));
	rq_process_unlock();
	return there ? n : 0;
}

bool ringq_full(const ringq_queue *queue)
{
	struct ringq_queue *q = (struct ringq_queue *)(uintptr_t)queue;
	struct rq_port *b;
	if (!q)
		return false;
	int r = rq_enter(q, &b);
	if (r) /* who is no member for want of something puts nothing */
		return r != -EPIPE && r != -EBADF && r != -EROFS;
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

/* A descriptor of the handle is not readable any more where the caller is told that nothing is there. */
static void found_empty(struct rq_port *b)
{
	if (rq_unlikely(rq_load(&b->queue->watch) != NULL))
		rq_watch_emptied(b);
}

bool ringq_empty(const ringq_queue *queue)
{
	struct ringq_queue *q = (struct ringq_queue *)(uintptr_t)queue;
	struct rq_port *b;
	if (!q)
		return true;
	int r = rq_enter(q, &b);
	if (r)
		return r == -EPIPE || count_outside(q) == 0;
	bool empty = rq_unlikely(q->set.hands) ? rq_take_empty(b) : rq_was_empty(&b->order);
	if (empty)
		found_empty(b);
	rq_leave();
	return empty;
}

uint64_t ringq_size(const ringq_queue *queue)
{
	struct ringq_queue *q = (struct ringq_queue *)(uintptr_t)queue;
	struct rq_port *b;
	if (!q)
		return 0;
	int r = rq_enter(q, &b);
	if (r)
		return r == -EPIPE ? 0 : count_outside(q);
	uint64_t least = 0;
	rq_port_reap(b);            /* who died right behind a publish has not counted it */
	if (rq_port_turn_died(b)) { /* the same, where that is the next turn's to mend */
		struct rq_producer *p = rq_port_look_ahead(b);
		least = p ? p->puts : 0;
		free(p);
	}
	uint64_t n = rq_unlikely(q->set.hands) ? rq_take_waiting(b, least) : rq_records_waiting(&b->order, least);
	if (n == 0)
		found_empty(b);
	rq_leave();
	return n;
}
