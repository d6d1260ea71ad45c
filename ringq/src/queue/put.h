/* SPDX-License-Identifier: MIT */
#ifndef RQ_PUT_H
#define RQ_PUT_H

/* What all ways to put share. Each makes room, takes a permit if the queue counts, writes, publishes. */

#include <errno.h>

#include "base/event.h"
#include "lane/put.h"
#include "order/stamp.h"
#include "queue/block.h"
#include "queue/ownership.h"
#include "queue/single.h"
#include "queue/watch.h"

#define RQ_PUT_DISARM_EVERY 1024u /* puts */

static inline rq_u32 *rq_put_room_event(const struct rq_port *b)
{
	return &b->producer->lane->not_full;
}

/* Room for a record at the tail of the caller's lane. *event: what a wait is for. */
static rq_always_inline int rq_put_find_lane_room(struct rq_port *b, size_t len, rq_u32 **event)
{
	struct rq_producer *p = b->producer;
	int r = rq_producer_room(p, len, &b->order.patience);
	if (rq_unlikely(r == -ENOMEM && rq_port_reap(b)))
		r = rq_producer_room(p, len, &b->order.patience);
	if (rq_unlikely(r))
		*event = rq_put_room_event(b);
	return r;
}

/* A permit for the record at the tail, in a queue that counts. */
static inline int rq_put_find_permit(struct rq_port *b, rq_u64 **permit, rq_u32 **event)
{
	struct ringq_queue *q = b->queue;
	struct rq_producer *p = b->producer;
	if (rq_unlikely(rq_permits_era(p->chunk) != rq_load(&p->lane->era)))
		rq_permits_renew(&q->permits, &q->set, p->index, p->chunk);
	int r = rq_permit_take(&q->permits, b->producer, &b->order.patience, permit);
	if (r == -EAGAIN && rq_port_reap(b))
		r = rq_permit_take(&q->permits, b->producer, &b->order.patience, permit);
	*event = &q->shared->not_full;
	return r;
}

/* Room, and a permit if the queue counts. */
static rq_always_inline int rq_put_find_room(struct rq_port *b, size_t len, rq_u64 **permit, rq_u32 **event)
{
	int r = rq_put_find_lane_room(b, len, event);
	if (rq_unlikely(r))
		return r;
	*permit = NULL;
	return rq_likely(b->queue->permits.count == 0) ? 0 : rq_put_find_permit(b, permit, event);
}

/* The same, for the record with its stamp if it needs one. It is known whether it does when all else is there. */
static rq_always_inline int rq_put_make_room(struct rq_port *b, size_t len, rq_u64 **permit, rq_u32 **event)
{
	struct rq_producer *p = b->producer;
	p->stamped = rq_stamp_needed(b->queue->shared, b->queue->total);
	int r = rq_put_find_room(b, len, permit, event);
	if (rq_likely(r || p->stamped || !rq_stamp_needed(b->queue->shared, b->queue->total)))
		return r;
	if (*permit)
		rq_permit_return(b->queue->shared, p, *permit);
	p->stamped = true;
	return rq_put_find_room(b, len, permit, event);
}

/* By a caller inside a call, which is left if this fails. */
static inline int rq_put_guard(const struct rq_port *b)
{
	int r = rq_guard_enter(rq_guard_put(b->queue), b->queue->region, b->id);
	if (rq_unlikely(r))
		rq_leave();
	return r;
}

static inline int rq_put_enter(struct ringq_queue *q, struct rq_port **b)
{
	int r = rq_enter(q, b);
	return rq_unlikely(r) ? r : rq_put_guard(*b);
}

static inline void rq_put_leave(const struct rq_port *b)
{
	rq_guard_leave(rq_guard_put(b->queue));
	rq_leave();
}

/* What is open to puts: 0, or -EPIPE, -EBUSY, -EUSERS, ... */
static inline int rq_put_allowed(struct rq_port *b)
{
	if (rq_unlikely(rq_load_acquire(&b->queue->shared->closed))) /* E3 */
		return -EPIPE;
	if (rq_unlikely(b->queue->side) && !rq_peer_is_sure(b->queue->side, b->queue->shared->witness, &b->peer)) {
		int r = b->queue->peer->ask(b);
		if (rq_unlikely(r))
			return r;
	}
	if (rq_unlikely(b->reserved != NULL))
		return -EBUSY;
	return rq_port_producer(b);
}

/* Whether a put at once may be made, by a thread that has put before: with room behind the tail. *next: where it will end. */
static rq_always_inline bool rq_put_is_quick(const struct rq_queue_shared *s, const struct rq_port *b, uint64_t len,
	uint64_t most, bool stamped, uint64_t *next)
{
	const struct rq_producer *p = b->producer;
	return rq_producer_may_put(p, len, most, stamped, next) && !rq_load_acquire(&s->closed) && /* E3 */
	       rq_load(&p->lane->owner) == b->id;
}

/* If this thread has not slept since the last time, its sleeper's marks can go. */
void rq_put_disarm(struct rq_port *b);

static inline void rq_put_published(struct rq_port *b, unsigned n)
{
	if (b->queue->total)
		rq_total_published(b->queue->shared, b->producer->index, b->id);
	rq_event_notify(&b->queue->shared->not_empty, (int)n);
	if (rq_unlikely(b->producer->puts - b->disarmed >= RQ_PUT_DISARM_EVERY)) {
		rq_put_disarm(b);
		if (rq_stamp_needed(b->queue->shared, b->queue->total))
			rq_stamp_bias(&b->order, b->id);
	}
	if (rq_unlikely(b->writable != NULL))
		rq_watch_put(b);
}

/* Says at which head this lane's producer wants to be woken, for whom it sleeps now. */
void rq_put_want_room(struct rq_op *op, size_t len);

/* Whether an attempt is worth it for one who waits for room. */
bool rq_put_room_is_likely(struct rq_op *op);

static inline struct rq_op rq_put_op(struct rq_port *b, ssize_t (*attempt)(struct rq_op *), int64_t timeout)
{
	b->order.patience = (struct rq_patience){.timeout = timeout};
	return (struct rq_op){.queue = b->queue,
		.port = b,
		.attempt = attempt,
		.poll = rq_put_room_is_likely,
		.spin = &b->spin_put,
		.disarm = &b->disarm_put,
		.guard = rq_guard_put(b->queue)};
}

#endif
