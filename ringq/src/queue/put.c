/* SPDX-License-Identifier: MIT */

/* Putting one record: the quick ways, and the one that waits. */

#include "queue/put.h"

#include <errno.h>

static int put_once(struct rq_port *b, const void *data, size_t len, rq_u32 **event)
{
	rq_u64 *place;
	int r = rq_put_allowed(b);
	if (rq_unlikely(r))
		return r;
	struct rq_producer *p = b->producer;
	r = rq_put_make_room(b, len, &place, event);
	if (rq_unlikely(r)) {
		rq_producer_flush(p);
		return r;
	}
	uint64_t stamp = rq_stamp_if(&b->order, p->stamped);
	rq_producer_copy_in(p, rq_producer_payload(p), data, len);
	rq_producer_append(p, len, stamp);
	rq_producer_publish(p);
	rq_put_published(b, 1);
	return 0;
}

/* ---- waiting for room ---- */

rq_cold void rq_put_disarm(struct rq_port *b)
{
	b->disarmed = b->producer->puts;
	if (++b->disarm_put == 1 || b->queue->region->fences)
		return;
	rq_event_disarm(rq_put_room_event(b));
	if (b->queue->permits.count)
		rq_event_disarm(&b->queue->shared->not_full);
}

void rq_put_want_room(struct rq_op *op, size_t len)
{
	struct rq_producer *p = op->port->producer;
	op->wake_at = 0;
	op->rarely = op->event == rq_put_room_event(op->port);
	op->brief = op->rarely && !op->slept;
	if (op->rarely) {
		op->wake_at = rq_producer_wake_at(p, len, op->slept || op->port->writable);
		rq_store_release(&p->lane->wake_at, op->wake_at); /* W3 */
	}
	if (rq_unlikely(op->port->writable != NULL))
		rq_watch_refused(op->port, op->wake_at);
}

bool rq_put_room_is_likely(struct rq_op *op)
{
	if (op->event != rq_put_room_event(op->port) || op->queue->set.hands)
		return true;
	return rq_head_reached(rq_load(&op->port->producer->lane->head), op->wake_at);
}

/* ---- put ---- */

static ssize_t attempt_put(struct rq_op *op)
{
	int r = put_once(op->port, op->data, op->len, &op->event);
	if (r == -EAGAIN)
		rq_put_want_room(op, op->len);
	return r;
}

/* The whole of a put, by a caller that has entered the long way, and may put. */
static int put_inside(struct rq_port *b, const void *data, size_t len, int64_t timeout)
{
	struct rq_op op = rq_put_op(b, attempt_put, timeout);
	op.data = data;
	op.len = len;
	int r = (int)attempt_put(&op);
	if (r == -EAGAIN)
		return (int)rq_block(&op, timeout);
	rq_put_leave(b);
	return r;
}

static rq_cold int put_slowly(ringq_queue *queue, const void *data, size_t len, int64_t timeout)
{
	struct rq_port *b;
	if (!queue || (!data && len) || !rq_timeout_is_good(timeout))
		return -EINVAL;
	int r = rq_put_enter(queue, &b);
	return r ? r : put_inside(b, data, len, timeout);
}

/* The same, by a caller that has entered the short way. */
static rq_cold int put_after_all(struct rq_port *b, const void *data, size_t len, int64_t timeout)
{
	int r = rq_guard_enter(rq_guard_put(b->queue), b->queue->region, b->id);
	if (r) {
		rq_leave();
		return r;
	}
	return put_inside(b, data, len, timeout);
}

/* What is left to do after a put at once, if anything is. */
static rq_cold int put_end(struct rq_port *b)
{
	rq_put_published(b, 1);
	rq_leave_again(b);
	return 0;
}

/*
 * Whether the put that was just published leaves nothing to do, as rq_put_published() would. Calm can wait for a put that goes
 * the long way, as one does in each round of a ring; to stand alone may not wait that long.
 */
static rq_always_inline bool is_quiet(
	const struct rq_queue_shared *s, const struct rq_port *b, const struct rq_producer *p, bool total, bool stamped)
{
	rq_light_barrier();
	return !(rq_load(&s->not_empty) & (RQ_EVENT_WAITERS | RQ_EVENT_FENCED)) &&
	       !(stamped && rq_unlikely(p->puts % RQ_PUT_DISARM_EVERY == 0)) &&
	       (!total || rq_total_is_quiet(s, p->index, b->id));
}

/*
 * The put that most often succeeds: by a thread that has put before, with room behind the tail, and nothing else to do.
 * For all else there is put_slowly(). Nothing is called here that returns, so that no registers need be saved. What is
 * known of `most`, `total` and `stamped` where this is used need not be looked at.
 */
static rq_always_inline int put_again(ringq_queue *queue, struct rq_port *b, const void *data, size_t len,
	uint64_t most, bool total, bool stamped, int64_t timeout)
{
	struct rq_queue_shared *s = queue->shared;
	struct rq_producer *p = b->producer;
	uint64_t next;
	if (rq_unlikely(!rq_producer_may_put(p, len, most, stamped, &next) || rq_load_acquire(&s->closed) || /* E3 */
			rq_load(&p->lane->owner) != b->id))
		return put_after_all(b, data, len, timeout);
	rq_producer_put(p, data, len, most, stamped, rq_stamp_if(&b->order, stamped), next);
	if (rq_unlikely(!is_quiet(s, b, p, total, stamped)))
		return put_end(b);
	rq_leave_again(b);
	return 0;
}

static rq_noinline int put_long(ringq_queue *queue, struct rq_port *b, const void *data, size_t len, int64_t timeout)
{
	return put_again(
		queue, b, data, len, RQ_LONG, queue->total, rq_stamp_needed(queue->shared, queue->total), timeout);
}

/* A short record of a queue that may stamp: of all others they are plain, or guarded. */
static rq_noinline int put_short(ringq_queue *queue, struct rq_port *b, const void *data, size_t len, int64_t timeout)
{
	if (!rq_stamp_needed(queue->shared, queue->total))
		return put_again(queue, b, data, len, RQ_SHORT, true, false, timeout);
	return put_again(queue, b, data, len, RQ_SHORT, true, true, timeout);
}

/* The same where a pipe's other end may be gone, or another thread be inside. */
static rq_noinline int put_asking(ringq_queue *queue, struct rq_port *b, const void *data, size_t len, int64_t timeout)
{
	if (rq_guard_put(queue) || !rq_peer_is_sure(queue->side, queue->shared->witness, &b->peer))
		return put_after_all(b, data, len, timeout);
	if (len > RQ_SHORT)
		return put_long(queue, b, data, len, timeout);
	return put_short(queue, b, data, len, timeout);
}

static rq_noinline int put_plain_asking(
	ringq_queue *queue, struct rq_port *b, const void *data, size_t len, int64_t timeout)
{
	if (rq_unlikely(!rq_peer_is_sure(queue->side, queue->shared->witness, &b->peer)))
		return put_after_all(b, data, len, timeout);
	return put_again(queue, b, data, len, RQ_SHORT, false, false, timeout);
}

int ringq_put(ringq_queue *queue, const void *data, size_t len, int64_t timeout)
{
	struct rq_port *b;
	if (rq_unlikely(!queue) || rq_unlikely(!data) || rq_unlikely(!rq_timeout_is_good(timeout)))
		return put_slowly(queue, data, len, timeout);
	if (rq_unlikely(!rq_enter_again(queue, &b)))
		return put_slowly(queue, data, len, timeout);
	if (b->put_kind == RQ_PUT_PLAIN && len <= RQ_SHORT)
		return put_again(queue, b, data, len, RQ_SHORT, false, false, timeout);
	if (b->put_kind == RQ_PUT_PLAIN_ASKING && len <= RQ_SHORT)
		return put_plain_asking(queue, b, data, len, timeout);
	if (rq_unlikely(!b->producer))
		return put_after_all(b, data, len, timeout);
	if (rq_unlikely(queue->side) || rq_guard_put(queue))
		return put_asking(queue, b, data, len, timeout);
	if (len > RQ_SHORT)
		return put_long(queue, b, data, len, timeout);
	return put_short(queue, b, data, len, timeout);
}
