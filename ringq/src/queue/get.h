/* SPDX-License-Identifier: MIT */
#ifndef RQ_QUEUE_GET_H
#define RQ_QUEUE_GET_H

/* What all ways to get share. Each chooses a lane, copies its first record, or several, and claims. */

#include "base/event.h"
#include "lane/get.h"
#include "order/next.h"
#include "queue/block.h"
#include "queue/single.h"
#include "queue/take.h"
#include "queue/watch.h"

/* The lane's producer may wait for the room that a claim up to `next` has made. */
static rq_always_inline void rq_get_wake_producer(const struct rq_reader *reader, struct rq_lane *lane, uint64_t next)
{
	rq_light_barrier();
	if (rq_likely(!(rq_load(&lane->not_full) & (RQ_EVENT_WAITERS | RQ_EVENT_FENCED))))
		return;
	if (reader->single)
		rq_fence(); /* after G3, before W4 */
	else
		rq_fence_behind_cas();                              /* as above: W4 */
	if (rq_head_reached(next, rq_load_acquire(&lane->wake_at))) /* W4 */
		rq_event_wake(&lane->not_full, 1);
}

/* What a claim owes to producers: one may wait for the lane's memory, one for one of max_records. */
void rq_get_claimed(struct rq_port *b, const struct rq_view *view, uint64_t next, int n);

/* A pipe's queue where nothing was found. Who has gone meanwhile may have put before. */
int rq_get_find_or_end(struct rq_port *b, struct rq_view *view);

/* The next record, if the caller can have it: 1, -EAGAIN, -EPIPE, or an error. */
static rq_always_inline int rq_get_find(struct rq_port *b, struct rq_view *view)
{
	/* Looked at first: whatever was put before the close is seen after it. */
	bool closed = rq_load_acquire(&b->queue->shared->closed); /* E2 */
	int r = rq_choose(&b->order, view);
	return rq_likely(r) ? r : closed ? -EPIPE : rq_unlikely(b->queue->side) ? rq_get_find_or_end(b, view) : -EAGAIN;
}

/*
 * Another has taken the record, or a hostile peer changes the lane. Whether to retry at once: some dozen times, however long
 * records are. The time-out ends that only where a copy may take long: -ETIMEDOUT says that the queue was empty at an instant.
 */
#define RQ_LOSS_LONG (UINT64_C(64) << 10)
static inline bool rq_get_may_retry(struct rq_port *b, uint64_t *lost, const struct rq_view *view)
{
	uint64_t kib = view->len / 1024;
	*lost += 1 + (kib < RQ_LOSSES_MOST / 64 ? kib : RQ_LOSSES_MOST / 64);
	return *lost < RQ_LOSSES_MOST && (view->len < RQ_LOSS_LONG || !rq_patience_is_over(&b->order.patience));
}

/* The length of the next record, copied out and taken: -EMSGSIZE, or as rq_get_find(). */
ssize_t rq_get_one(struct rq_port *b, void *buf, size_t size);

/* With an event fd, the get that finds nothing lowers it, and looks again at what came before that. */
ssize_t rq_get_arming(struct rq_op *op, ssize_t (*get)(struct rq_op *));

/* Whether an attempt is worth it for one who waits for a record. */
bool rq_get_something_came(struct rq_op *op);

/* What rq_get_enter() says where a get is a take, a copy and an acknowledgement: take.h. No call is entered then. */
#define RQ_GET_ACKNOWLEDGED 1

/* What is special about gets by a port that is: RQ_GET_ACKNOWLEDGED, or an error, or nothing any more: 0. */
int rq_get_special(struct rq_port *port);

/* By a caller inside a call, which is left if this fails. */
static inline int rq_get_guard(const struct rq_port *b)
{
	int r = rq_guard_enter(rq_guard_get(b->queue), b->queue->region, b->id);
	if (rq_unlikely(r))
		rq_leave();
	return r;
}

static inline int rq_get_enter(struct ringq_queue *q, struct rq_port **b)
{
	int r = rq_enter(q, b);
	if (rq_unlikely(r))
		return r;
	r = rq_unlikely((*b)->special) ? rq_get_special(*b) : 0;
	if (rq_likely(r == 0))
		return rq_get_guard(*b);
	rq_leave();
	return r;
}

static inline struct rq_op rq_get_op(struct rq_port *b, ssize_t (*attempt)(struct rq_op *), struct rq_patience patience)
{
	b->order.patience = patience;
	return (struct rq_op){
		.queue = b->queue,
		.port = b,
		.attempt = attempt,
		.poll = rq_get_something_came,
		.event = &b->queue->shared->not_empty,
		.spin = &b->spin_get,
		.disarm = &b->disarm_get,
		.guard = rq_guard_get(b->queue),
	};
}

static inline ssize_t rq_get_run(struct rq_op *op, int64_t timeout)
{
	ssize_t r = op->attempt(op);
	if (rq_unlikely(r == -EAGAIN))
		return rq_block(op, timeout);
	rq_guard_leave(op->guard);
	rq_leave();
	return r;
}

#endif
