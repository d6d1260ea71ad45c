/* SPDX-License-Identifier: MIT */

/* Putting: one record, many, and in place. All three make room, take a place if the queue counts, write, publish. */

#include <errno.h>

#include "queue/block.h"
#include "pipe/liveness.h"
#include "lane/run.h"
#include "order/stamp.h"
#include "base/event.h"

#define DISARM_EVERY 1024u
#define PUT_MANY_MOST ((size_t)1 << 20)

static inline rq_u32 *room_event(const struct rq_port *b)
{
	return &b->producer->lane->not_full;
}

/* Room for a record at the tail of the caller's lane, and a place if the queue counts. *event: what a wait is for. */
static rq_always_inline int find_room(struct rq_port *b, size_t len, rq_u64 **place, rq_u32 **event)
{
	struct ringq_queue *q = b->queue;
	struct rq_producer *p = b->producer;
	int r = rq_producer_room(p, len, b->nowait);
	if (rq_unlikely(r == -ENOMEM && rq_port_reap(b)))
		r = rq_producer_room(p, len, b->nowait);
	if (rq_unlikely(r)) {
		*event = room_event(b);
		return r;
	}
	*place = NULL;
	if (rq_likely(q->permits.count == 0))
		return 0;
	r = rq_permit_take(&q->permits, p, place);
	if (r == -EAGAIN && rq_port_reap(b))
		r = rq_permit_take(&q->permits, p, place);
	*event = &q->shared->not_full;
	return r;
}

/* The same, for the record with its stamp if it needs one. It is known whether it does when all else is there. */
static rq_always_inline int make_room(struct rq_port *b, size_t len, rq_u64 **place, rq_u32 **event)
{
	struct rq_producer *p = b->producer;
	p->stamped = rq_stamp_needed(b->queue);
	int r = find_room(b, len, place, event);
	if (rq_likely(r || p->stamped || !rq_stamp_needed(b->queue)))
		return r;
	if (*place)
		rq_permit_return(b->queue->shared, *place);
	p->stamped = true;
	return find_room(b, len, place, event);
}

static inline int enter_put(struct ringq_queue *q, struct rq_port **b)
{
	int r = rq_enter(q, b);
	return rq_likely(r == 0) ? rq_guard_enter(rq_guard_put(q), *b) : r;
}

static inline void leave_put(const struct rq_port *b)
{
	rq_guard_leave(rq_guard_put(b->queue));
	rq_leave();
}

/* What is open to puts: 0, or -EPIPE, -EBUSY, -EUSERS, ... */
static inline int may_put(struct rq_port *b)
{
	if (rq_unlikely(rq_load_acquire(&b->queue->shared->closed))) /* E3 */
		return -EPIPE;
	if (rq_unlikely(b->queue->side) && !rq_hold_is_sure(b)) {
		int r = rq_hold_ask(b);
		if (rq_unlikely(r))
			return r;
	}
	if (rq_unlikely(b->reserved != NULL))
		return -EBUSY;
	return rq_port_producer(b);
}

/* If this thread has not slept since the last time, its sleeper's marks can go. */
static rq_cold void calm(struct rq_port *b)
{
	b->disarmed = b->producer->puts;
	if (++b->disarm_put == 1)
		return;
	rq_event_disarm(room_event(b));
	if (b->queue->permits.count)
		rq_event_disarm(&b->queue->shared->not_full);
}

static inline void published(struct rq_port *b, unsigned n)
{
	if (b->queue->total)
		rq_total_published(b->queue->shared, b->producer->index, b->id);
	rq_event_notify(&b->queue->shared->not_empty, (int)n);
	if (rq_unlikely(b->producer->puts - b->disarmed >= DISARM_EVERY)) {
		calm(b);
		if (rq_stamp_needed(b->queue))
			rq_stamp_bias(b);
	}
}

static int put_once(struct rq_port *b, const void *data, size_t len, rq_u32 **event)
{
	rq_u64 *place;
	int r = may_put(b);
	if (rq_unlikely(r))
		return r;
	struct rq_producer *p = b->producer;
	r = make_room(b, len, &place, event);
	if (rq_unlikely(r)) {
		rq_producer_flush(p);
		return r;
	}
	uint64_t stamp = rq_stamp_if(b, p->stamped);
	rq_producer_copy_in(p, rq_producer_payload(p), data, len);
	rq_producer_append(p, len, stamp);
	rq_producer_publish(p);
	published(b, 1);
	return 0;
}

/* ---- waiting for room ---- */

/* Says at which head this lane's producer wants to be woken, for whom it sleeps now. */
static void want_room(struct rq_op *op, size_t len)
{
	struct rq_producer *p = op->port->producer;
	op->wake_at = 0;
	op->rarely = op->event == room_event(op->port);
	if (!op->rarely)
		return;
	op->wake_at = rq_producer_wake_at(p, len);
	rq_store_release(&p->lane->wake_at, op->wake_at); /* W3 */
}

static bool room_is_likely(struct rq_op *op)
{
	if (op->event != room_event(op->port))
		return true;
	return rq_head_reached(rq_load(&op->port->producer->lane->head), op->wake_at);
}

static struct rq_op put_op(struct rq_port *b, ssize_t (*attempt)(struct rq_op *), int64_t timeout)
{
	b->nowait = timeout == RINGQ_NOWAIT;
	return (struct rq_op){.queue = b->queue,
		.port = b,
		.attempt = attempt,
		.poll = room_is_likely,
		.spin = &b->spin_put,
		.disarm = &b->disarm_put,
		.guard = rq_guard_put(b->queue)};
}

/* ---- put ---- */

static ssize_t attempt_put(struct rq_op *op)
{
	int r = put_once(op->port, op->data, op->len, &op->event);
	if (r == -EAGAIN)
		want_room(op, op->len);
	return r;
}

/* The whole of a put, by a caller that has entered the long way, and may put. */
static int put_inside(struct rq_port *b, const void *data, size_t len, int64_t timeout)
{
	struct rq_op op = put_op(b, attempt_put, timeout);
	op.data = data;
	op.len = len;
	int r = (int)attempt_put(&op);
	if (r == -EAGAIN)
		return (int)rq_block(&op, timeout);
	leave_put(b);
	return r;
}

static rq_cold int put_slowly(ringq_queue *queue, const void *data, size_t len, int64_t timeout)
{
	struct rq_port *b;
	if (!queue || (!data && len) || !rq_timeout_is_good(timeout))
		return -EINVAL;
	int r = enter_put(queue, &b);
	return r ? r : put_inside(b, data, len, timeout);
}

/* The same, by a caller that has entered the short way. */
static rq_cold int put_after_all(struct rq_port *b, const void *data, size_t len, int64_t timeout)
{
	rq_enter_the_long_way(b);
	int r = rq_guard_enter(rq_guard_put(b->queue), b);
	return r ? r : put_inside(b, data, len, timeout);
}

/* What is left to do after a put at once, if anything is. */
static rq_cold int put_end(struct rq_port *b)
{
	published(b, 1);
	rq_leave_again(b);
	return 0;
}

/*
 * Whether the put that was just published leaves nothing to do, as published() would. Calm can wait for a put that goes
 * the long way, as one does in each round of a ring; to stand alone may not wait that long.
 */
static rq_always_inline bool is_quiet(
	const struct rq_queue_shared *s, const struct rq_port *b, const struct rq_producer *p, bool total, bool stamped)
{
	rq_light_barrier();
	return !(rq_load(&s->not_empty) & (RQ_EVENT_WAITERS | RQ_EVENT_FENCED)) &&
	       !(stamped && rq_unlikely(p->puts % DISARM_EVERY == 0)) &&
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
	if (rq_unlikely(!rq_producer_may_put(p, len, most, stamped, &next) || rq_load_acquire(&s->closed) ||
			rq_load(&p->lane->owner) != b->id))
		return put_after_all(b, data, len, timeout);
	rq_producer_put(p, data, len, most, stamped, rq_stamp_if(b, stamped), next);
	if (rq_unlikely(!is_quiet(s, b, p, total, stamped)))
		return put_end(b);
	rq_leave_again(b);
	return 0;
}

static rq_noinline int put_long(ringq_queue *queue, struct rq_port *b, const void *data, size_t len, int64_t timeout)
{
	return put_again(queue, b, data, len, RQ_LONG, queue->total, rq_stamp_needed(queue), timeout);
}

/* A short record of a queue that may stamp: of all others they are plain, or guarded. */
static rq_noinline int put_short(ringq_queue *queue, struct rq_port *b, const void *data, size_t len, int64_t timeout)
{
	if (!rq_stamp_needed(queue))
		return put_again(queue, b, data, len, RQ_SHORT, true, false, timeout);
	return put_again(queue, b, data, len, RQ_SHORT, true, true, timeout);
}

/* The same where a pipe's other end may be gone, or another thread be inside. */
static rq_noinline int put_asking(ringq_queue *queue, struct rq_port *b, const void *data, size_t len, int64_t timeout)
{
	if (rq_guard_put(queue) || !rq_hold_is_sure(b))
		return put_after_all(b, data, len, timeout);
	if (len > RQ_SHORT)
		return put_long(queue, b, data, len, timeout);
	return put_short(queue, b, data, len, timeout);
}

static rq_noinline int put_plain_asking(
	ringq_queue *queue, struct rq_port *b, const void *data, size_t len, int64_t timeout)
{
	if (rq_unlikely(!rq_hold_is_sure(b)))
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

/* ---- put_many ---- */

static int put_some(struct rq_op *op)
{
	struct rq_port *b = op->port;
	size_t before = op->done;
	rq_u64 *place;
	int r = may_put(b);
	if (r)
		return r;
	struct rq_producer *p = b->producer;
	p->stamped = rq_stamp_needed(b->queue);
	bool stamped = p->stamped;
	uint64_t stamp = rq_stamp_if(b, stamped), room = p->room;
	uint32_t chunk = p->chunk;
	while (op->done < op->len) {
		op->done += rq_producer_append_run(p, op->records + op->done, op->len - op->done, stamp);
		if (op->done == op->len)
			break;
		const struct iovec *record = &op->records[op->done];
		r = !record->iov_base && record->iov_len ? -EINVAL : make_room(b, record->iov_len, &place, &op->event);
		if (r)
			break;
		/* A turn taken before there was room, or a place, would be before those that came while there was none. */
		if (b->queue->permits.count || p->room != room || p->chunk != chunk || p->stamped != stamped) {
			stamped = p->stamped;
			stamp = rq_stamp_if(b, stamped);
			room = p->room;
			chunk = p->chunk;
		}
		rq_producer_copy_in(p, rq_producer_payload(p), record->iov_base, record->iov_len);
		rq_producer_append(p, record->iov_len, stamp);
		op->done++;
		if (p->one_shot) /* its memory should go when it is taken */
			rq_producer_publish(p);
	}
	if (op->done > before) {
		if (p->first && r == 0)
			rq_producer_publish(p);
		else
			rq_producer_flush(p);
		rq_store(&p->lane->puts, p->puts);
		published(b, (unsigned)(op->done - before));
	} else {
		rq_producer_flush(p);
	}
	return r;
}

static ssize_t attempt_put_many(struct rq_op *op)
{
	int r = put_some(op);
	if (r == -EAGAIN)
		want_room(op, op->records[op->done].iov_len);
	return r;
}

ssize_t ringq_put_many(ringq_queue *queue, const struct iovec *records, size_t n, int64_t timeout)
{
	struct rq_port *b;
	if (!queue || !records || n == 0 || n > PUT_MANY_MOST || !rq_timeout_is_good(timeout))
		return -EINVAL;
	int r = enter_put(queue, &b);
	if (r)
		return r;
	struct rq_op op = put_op(b, attempt_put_many, timeout);
	op.records = (struct iovec *)(uintptr_t)records;
	op.len = n;
	ssize_t result = attempt_put_many(&op);
	if (result == -EAGAIN)
		result = rq_block(&op, timeout);
	else
		leave_put(b);
	return op.done ? (ssize_t)op.done : result;
}

/* ---- reserve, commit, abort ---- */

static ssize_t attempt_reserve(struct rq_op *op)
{
	struct rq_port *b = op->port;
	rq_u64 *place;
	int r = may_put(b);
	if (r)
		return r;
	/* Whether it will need a stamp is not known before it is committed. */
	b->producer->stamped = b->queue->total;
	r = find_room(b, op->len, &place, &op->event);
	if (r) {
		rq_producer_flush(b->producer);
		if (r == -EAGAIN)
			want_room(op, op->len);
		return r;
	}
	b->producer->limit = 0; /* until it is committed or dropped */
	b->reserved = rq_producer_payload(b->producer);
	b->reserved_len = op->len;
	b->reserved_permit = place;
	*op->out = b->reserved;
	return 0;
}

int ringq_reserve(ringq_queue *queue, void **out, size_t len, int64_t timeout)
{
	struct rq_port *b;
	if (!queue || !out || !rq_timeout_is_good(timeout))
		return -EINVAL;
	int r = enter_put(queue, &b);
	if (r)
		return r;
	struct rq_op op = put_op(b, attempt_reserve, timeout);
	op.out = out;
	op.len = len;
	r = (int)attempt_reserve(&op);
	if (r == -EAGAIN)
		return (int)rq_block(&op, timeout);
	leave_put(b);
	return r;
}

int ringq_commit(ringq_queue *queue, void *reserved, size_t len)
{
	struct rq_port *b;
	if (!queue || !reserved)
		return -EINVAL;
	int r = rq_enter(queue, &b);
	if (r)
		return r;
	if (b->reserved != reserved || len > b->reserved_len) {
		rq_leave();
		return -EINVAL;
	}
	b->reserved = NULL;
	b->reserved_permit = NULL;
	rq_producer_append(b->producer, len, rq_stamp_if(b, rq_stamp_needed(queue)));
	rq_producer_publish(b->producer);
	published(b, 1);
	rq_leave();
	return 0;
}

void ringq_abort(ringq_queue *queue, void *reserved)
{
	struct rq_port *b;
	if (!queue || !reserved || rq_enter(queue, &b))
		return;
	if (b->reserved == reserved) {
		if (b->reserved_permit)
			rq_permit_return(queue->shared, b->reserved_permit);
		b->reserved = NULL;
		b->reserved_permit = NULL;
		rq_producer_flush(b->producer);
		rq_producer_set_limit(b->producer);
	}
	rq_leave();
}

/* ---- full ---- */

bool ringq_full(const ringq_queue *queue)
{
	struct ringq_queue *q = (struct ringq_queue *)(uintptr_t)queue;
	struct rq_port *b;
	if (!q || rq_enter(q, &b))
		return false;
	bool full = rq_permits_full(&q->permits, &q->set);
	if (full && rq_port_reap(b))
		full = rq_permits_full(&q->permits, &q->set);
	if (!full && b->producer)
		full = rq_producer_full(b->producer, rq_stamp_needed(q));
	rq_leave();
	return full;
}
