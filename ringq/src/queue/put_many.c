/* SPDX-License-Identifier: MIT */

/* Putting many records by one call, and in place. */

#include "queue/put.h"

#define PUT_MANY_MOST ((size_t)1 << 20)

/*
 * Records of a queue that counts, in the lane's ring as it is: first they are copied, then each gets its permit and is
 * published, as a put of its own. So who stops in between holds one permit at most, and none while it reads what is the
 * caller's. 0: some are done, or the stamps must be asked for again.
 */
static int put_counted(struct rq_op *op)
{
	struct rq_port *b = op->port;
	struct rq_producer *p = b->producer;
	const struct iovec *records = op->records + op->done;
	rq_u64 *permit;
	p->stamped = rq_stamp_needed(b->queue->shared, b->queue->total);
	int r = !records->iov_base && records->iov_len ? -EINVAL
	                                               : rq_put_find_lane_room(b, records->iov_len, &op->event);
	size_t n = r ? 0 : rq_producer_copy_run(p, records, op->len - op->done);
	for (size_t i = 0; i < n && r == 0; i++) {
		r = rq_put_find_permit(b, &permit, &op->event);
		if (r)
			break;
		if (!p->stamped && rq_stamp_needed(b->queue->shared, b->queue->total)) {
			rq_permit_return(b->queue->shared, p, permit);
			break;
		}
		rq_producer_append(p, records[i].iov_len, rq_stamp_if(&b->order, p->stamped));
		rq_producer_publish(p);
		rq_put_published(b, 1);
		op->done++;
	}
	if (r)
		rq_producer_flush(p);
	return r;
}

static int put_some(struct rq_op *op)
{
	struct rq_port *b = op->port;
	size_t before = op->done;
	rq_u64 *none;
	int r = rq_put_allowed(b);
	while (b->queue->permits.count && r == 0 && op->done < op->len)
		r = put_counted(op);
	if (r || op->done == op->len)
		return r;
	struct rq_producer *p = b->producer;
	p->stamped = rq_stamp_needed(b->queue->shared, b->queue->total);
	bool stamped = p->stamped;
	uint64_t stamp = rq_stamp_if(&b->order, stamped), room = p->room;
	uint32_t chunk = p->chunk;
	while (op->done < op->len) {
		op->done += rq_producer_append_run(p, op->records + op->done, op->len - op->done, stamp);
		if (op->done == op->len)
			break;
		const struct iovec *record = &op->records[op->done];
		r = !record->iov_base && record->iov_len ? -EINVAL
		                                         : rq_put_make_room(b, record->iov_len, &none, &op->event);
		if (r)
			break;
		/* A turn taken before there was room would be before those that came while there was none. */
		if (p->room != room || p->chunk != chunk || p->stamped != stamped) {
			stamped = p->stamped;
			stamp = rq_stamp_if(&b->order, stamped);
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
		rq_put_published(b, (unsigned)(op->done - before));
	} else {
		rq_producer_flush(p);
	}
	return r;
}

static ssize_t attempt_put_many(struct rq_op *op)
{
	int r = put_some(op);
	if (r == -EAGAIN)
		rq_put_want_room(op, op->records[op->done].iov_len);
	return r;
}

ssize_t ringq_put_many(ringq_queue *queue, const struct iovec *records, size_t n, int64_t timeout)
{
	struct rq_port *b;
	if (!queue || !records || n == 0 || n > PUT_MANY_MOST || !rq_timeout_is_good(timeout))
		return -EINVAL;
	int r = rq_put_enter(queue, &b);
	if (r)
		return r;
	struct rq_op op = rq_put_op(b, attempt_put_many, timeout);
	op.records = (struct iovec *)(uintptr_t)records;
	op.len = n;
	ssize_t result = attempt_put_many(&op);
	if (result == -EAGAIN)
		result = rq_block(&op, timeout);
	else
		rq_put_leave(b);
	return op.done ? (ssize_t)op.done : result;
}

/* ---- reserve, commit, abort ---- */

/*
 * There is room at the tail: it is the caller's until commit or abort, and no put is quick meanwhile. Lines of short records,
 * which are written one behind the other, are asked for as a put asks for them.
 */
static rq_always_inline void *open_reservation(struct rq_port *b, size_t len, rq_u64 *permit)
{
	struct rq_producer *p = b->producer;
	if (len <= RQ_WRITE_STEP)
		rq_producer_ask(p, p->tail, len + RQ_GRANULE, rq_producer_free_end(p));
	p->limit = 0;
	b->reserved = rq_producer_payload(p);
	b->reserved_len = len;
	b->reserved_permit = permit;
	return b->reserved;
}

static ssize_t attempt_reserve(struct rq_op *op)
{
	struct rq_port *b = op->port;
	rq_u64 *permit;
	int r = rq_put_allowed(b);
	if (r)
		return r;
	/* Whether it will need a stamp is not known before it is committed. */
	b->producer->stamped = b->queue->total;
	r = rq_put_find_room(b, op->len, &permit, &op->event);
	if (r) {
		rq_producer_flush(b->producer);
		if (r == -EAGAIN)
			rq_put_want_room(op, op->len);
		return r;
	}
	*op->out = open_reservation(b, op->len, permit);
	op->guard = NULL; /* held until it is committed or dropped */
	return 0;
}

/* The reserve that most often succeeds, as a put at once. Not of a pipe, whose other end is to be asked. */
static rq_always_inline bool reserve_again(struct rq_port *b, void **out, size_t len)
{
	const struct ringq_queue *queue = b->queue;
	uint64_t next;
	if (rq_unlikely(b->put_kind != RQ_PUT_PLAIN && b->put_kind != RQ_PUT_TOTAL) ||
		rq_unlikely(!rq_put_is_quick(queue->shared, b, len, RQ_RECORD_MAX, queue->total, &next)))
		return false;
	b->producer->stamped = queue->total;
	*out = open_reservation(b, len, NULL);
	return true;
}

int ringq_reserve(ringq_queue *queue, void **out, size_t len, int64_t timeout)
{
	struct rq_port *b;
	if (!queue || !out || !rq_timeout_is_good(timeout))
		return -EINVAL;
	if (rq_likely(rq_enter_again(queue, &b))) {
		bool reserved = reserve_again(b, out, len);
		rq_leave_again(b);
		if (rq_likely(reserved))
			return 0;
	}
	int r = rq_put_enter(queue, &b);
	if (r)
		return r;
	struct rq_op op = rq_put_op(b, attempt_reserve, timeout);
	op.out = out;
	op.len = len;
	r = (int)attempt_reserve(&op);
	if (r == -EAGAIN)
		return (int)rq_block(&op, timeout);
	rq_guard_leave(op.guard);
	rq_leave();
	return r;
}

/* By a caller inside the call. */
static rq_always_inline int commit_inside(struct rq_port *b, const void *reserved, size_t len)
{
	struct ringq_queue *queue = b->queue;
	if (rq_unlikely(b->reserved != reserved) || rq_unlikely(len > b->reserved_len))
		return -EINVAL;
	if (rq_unlikely(!rq_port_owns_lane(b))) {
		rq_port_unreserve(b);
		return -EBUSY;
	}
	b->reserved = NULL;
	b->reserved_permit = NULL;
	rq_producer_append(b->producer, len, rq_stamp_if(&b->order, rq_stamp_needed(queue->shared, queue->total)));
	rq_producer_publish(b->producer);
	rq_put_published(b, 1);
	rq_guard_leave(rq_guard_put(queue));
	return 0;
}

static rq_noinline int commit_slowly(ringq_queue *queue, const void *reserved, size_t len)
{
	struct rq_port *b;
	if (!queue || !reserved)
		return -EINVAL;
	int r = rq_enter(queue, &b);
	if (r)
		return r;
	r = commit_inside(b, reserved, len);
	rq_leave();
	return r;
}

int ringq_commit(ringq_queue *queue, void *reserved, size_t len)
{
	struct rq_port *b;
	if (rq_unlikely(!queue) || rq_unlikely(!reserved) || rq_unlikely(!rq_enter_again(queue, &b)))
		return commit_slowly(queue, reserved, len);
	int r = commit_inside(b, reserved, len);
	rq_leave_again(b);
	return r;
}

void ringq_abort(ringq_queue *queue, void *reserved)
{
	struct rq_port *entered;
	if (!queue || !reserved || rq_enter(queue, &entered))
		return;
	struct rq_port *b = entered; /* else GCC 12 takes it for a pointer to itself */
	if (b->reserved == reserved) {
		if (rq_port_owns_lane(b)) {
			rq_producer_flush(b->producer);
			rq_producer_set_limit(b->producer);
		}
		rq_port_unreserve(b);
	}
	rq_leave();
}
