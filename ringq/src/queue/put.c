/* SPDX-License-Identifier: MIT */

/* Putting one record: the quick ways, and the one that waits. */

#include "queue/put.h"

#include <errno.h>

static int put_once(struct rq_port *b, const void *data, size_t len, rq_u32 **event)
{
	rq_u64 *permit;
	int r = rq_put_allowed(b);
	if (rq_unlikely(r))
		return r;
	struct rq_producer *p = b->producer;
	r = rq_put_make_room(b, len, &permit, event);
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

/* The operands of a put in the order of ringq_put(), and behind them what is found on the way: so nothing is moved. */
#define PUT ringq_queue *queue, const void *data, size_t len, int64_t timeout, struct rq_port *b

/* The whole of a put, by a caller inside the call. */
static rq_cold int put_inside(PUT)
{
	(void)queue;
	int r = rq_put_guard(b);
	if (r)
		return r;
	struct rq_op op = rq_put_op(b, attempt_put, timeout);
	op.data = data;
	op.len = len;
	r = (int)attempt_put(&op);
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
	int r = rq_enter(queue, &b);
	return r ? r : put_inside(queue, data, len, timeout, b);
}

/* What is left to do after a put at once, if anything is. */
static rq_cold int put_end(struct rq_port *b)
{
	rq_put_published(b, 1);
	rq_leave_again(b);
	return 0;
}

/*
 * Whether the put that was just published leaves nothing to do, as rq_put_published() would. To disarm the event can wait
 * for a put that takes the slow path, as one does in each round of a ring; to take the bias cannot wait that long.
 */
static rq_always_inline bool is_quiet(
	const struct rq_queue_shared *s, const struct rq_port *b, const struct rq_producer *p, bool total, bool stamped)
{
	rq_light_barrier();
	return !(rq_load(&s->not_empty) & (RQ_EVENT_WAITERS | RQ_EVENT_FENCED)) &&
	       !(stamped && rq_unlikely(p->puts % RQ_PUT_DISARM_EVERY == 0)) &&
	       (!total || rq_total_is_quiet(s, p->index, b->id));
}

/* What is known of a put where it is compiled: of each kind there is a copy that does not ask. */
struct known {
	bool total;    /* records may need a stamp */
	bool pipe;     /* the other end may be gone */
	uint64_t most; /* the longest record */
};

/*
 * The put that most often succeeds: by a thread that has put before, with room behind the tail, and nothing else to do.
 * For all else there is put_inside(). Nothing is called here that returns, so that no registers need be saved.
 */
static rq_always_inline int put_stamped_or_not(PUT, struct known known, bool stamped)
{
	struct rq_queue_shared *s = queue->shared;
	struct rq_producer *p = b->producer;
	uint64_t next;
	if (rq_unlikely(!rq_put_is_quick(s, b, len, known.most, stamped, &next)))
		return put_inside(queue, data, len, timeout, b);
	rq_producer_put(p, data, len, known.most, stamped, rq_stamp_if(&b->order, stamped), next);
	if (rq_unlikely(!is_quiet(s, b, p, known.total, stamped)))
		return put_end(b);
	rq_leave_again(b);
	return 0;
}

static rq_always_inline int put_at_once(PUT, struct known known)
{
	if (known.pipe && rq_unlikely(!rq_peer_is_sure(queue->side, queue->shared->witness, &b->peer)))
		return put_inside(queue, data, len, timeout, b);
	if (rq_stamp_needed(queue->shared, known.total))
		return put_stamped_or_not(queue, data, len, timeout, b, known, true);
	return put_stamped_or_not(queue, data, len, timeout, b, known, false);
}

static rq_noinline int put_total(PUT)
{
	return put_at_once(queue, data, len, timeout, b, (struct known){.total = true, .most = RQ_SHORT});
}

static rq_noinline int put_pipe(PUT)
{
	return put_at_once(queue, data, len, timeout, b, (struct known){.pipe = true, .most = RQ_SHORT});
}

static rq_noinline int put_pipe_total(PUT)
{
	return put_at_once(queue, data, len, timeout, b, (struct known){true, true, RQ_SHORT});
}

/* Of every kind and length: beside the copy of a long record, to ask is little. */
static rq_noinline int put_long(PUT)
{
	return put_at_once(queue, data, len, timeout, b, (struct known){queue->total, queue->side, RQ_LONG});
}

/* By what is known of the port's puts, and whether the record is long. */
static int (*const put_by_kind[RQ_PUT_KINDS][2])(PUT) = {
	[RQ_PUT_WHOLE] = {put_inside, put_inside},
	[RQ_PUT_PLAIN] = {put_long, put_long}, /* ringq_put() has the short ones itself */
	[RQ_PUT_TOTAL] = {put_total, put_long},
	[RQ_PUT_PIPE] = {put_pipe, put_long},
	[RQ_PUT_PIPE_TOTAL] = {put_pipe_total, put_long},
};

int ringq_put(ringq_queue *queue, const void *data, size_t len, int64_t timeout)
{
	struct rq_port *b;
	if (rq_unlikely(!queue) || rq_unlikely(!data) || rq_unlikely(!rq_timeout_is_good(timeout)) ||
		rq_unlikely(!rq_enter_again(queue, &b)))
		return put_slowly(queue, data, len, timeout);
	if (b->put_kind == RQ_PUT_PLAIN && len <= RQ_SHORT)
		return put_at_once(queue, data, len, timeout, b, (struct known){.most = RQ_SHORT});
	return put_by_kind[b->put_kind][len > RQ_SHORT](queue, data, len, timeout, b);
}
