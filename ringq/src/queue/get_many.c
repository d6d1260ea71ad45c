/* SPDX-License-Identifier: MIT */

/* Getting a record of any length, many by one call, and looking at the next without taking it. */

#include "queue/get.h"
#include "queue/returned.h"

#include <errno.h>
#include <stdlib.h>

#include "order/merge.h"

#define GET_MANY_MOST ((size_t)1 << 20)
#define BATCH 64u
#define PEEKS_MOST 65536u        /* in a row that something came back beside: a hostile peer could go on for ever */
#define BATCHES_LOST_MOST 16384u /* as RQ_LOSSES_MOST */

/* ---- memory of the record's size ---- */

/* Memory of the record's size, then as rq_get_one(). op->len is the size of what is there already. */
static ssize_t get_one_alloc(struct rq_op *op)
{
	struct rq_view view;
	uint64_t lost = 0;
	do {
		ssize_t r = op->buf ? rq_get_one(op->port, op->buf, op->len) : -EMSGSIZE;
		if (r != -EMSGSIZE)
			return r;
		int found = rq_get_find(op->port, &view);
		if (found < 0)
			return found;
		if (!rq_view_is_current(&view) && !op->queue->set.single_consumer)
			continue;
		void *buf = realloc(op->buf, view.len ? view.len : 1);
		if (!buf)
			return -ENOMEM;
		op->buf = buf;
		op->len = view.len;
	} while (rq_get_may_retry(op->port, &lost, &view));
	return -EAGAIN;
}

static ssize_t attempt_get_alloc(struct rq_op *op)
{
	return rq_get_arming(op, get_one_alloc);
}

ssize_t ringq_get_alloc(ringq_queue *queue, void **out, int64_t timeout)
{
	struct rq_port *b;
	if (!queue || !out || !rq_timeout_is_good(timeout))
		return -EINVAL;
	int r = rq_get_enter(queue, &b);
	if (r)
		return r == RQ_GET_ACKNOWLEDGED ? rq_take_get_alloc(queue, out, timeout) : r;
	struct rq_op op = rq_get_op(b, attempt_get_alloc, (struct rq_patience){.timeout = timeout});
	ssize_t n = rq_get_run(&op, timeout);
	if (n < 0)
		free(op.buf);
	else
		*out = op.buf;
	return n;
}

/* ---- many ---- */

static inline ssize_t take_lens(
	struct rq_op *op, const struct rq_view *first, uint64_t next, const size_t *lens, size_t n)
{
	uint32_t *batch = &op->port->batch;
	if (!rq_lane_claim(first, next, op->port->order.reader.single)) {
		*batch = (*batch + 1) / 2; /* what was copied is lost: with rivals, risk less */
		return 0;
	}
	*batch = *batch < BATCH / 2 ? *batch * 2 : BATCH;
	for (size_t i = 0; i < n; i++)
		op->records[op->done + i].iov_len = lens[i];
	rq_get_claimed(op->port, first, next, (int)n);
	return (ssize_t)n;
}

/* Copies a record into one of the caller's. False if it does not fit. */
static inline bool take_copy(const struct iovec *to, const struct rq_view *view)
{
	if (rq_unlikely(view->len > to->iov_len || (!to->iov_base && to->iov_len)))
		return false;
	rq_copy_record(to->iov_base, view->payload, view->len);
	return true;
}

/* Up to BATCH records of one lane by one claim. How many; 0: a claim failed; or as rq_get_find(). */
static ssize_t get_batch(struct rq_op *op)
{
	struct rq_port *b = op->port;
	struct rq_view first, view;
	uint64_t next;
	size_t lens[BATCH], n = 0, most = op->len - op->done;
	const struct iovec *records = op->records + op->done;
	int r = rq_get_find(b, &first);
	if (r < 0)
		return r;
	if (most > b->batch)
		most = b->batch;
	if (most > b->order.quantum &&
		rq_lanes_used(b->queue->shared, &b->queue->set) > 1) /* else it would only cost claims */
		most = b->order.quantum;
	next = first.head;
	view = first;
	while (take_copy(&records[n], &view)) {
		lens[n++] = view.len;
		if (n < most && rq_choose_may_stay(&b->order, &view))
			n += rq_reader_copy_run(&b->order.reader, &view, rq_choose_watermark(&b->order), records + n,
				lens + n, most - n);
		next = view.next;
		if (n == most || !rq_choose_behind(&b->order, &view))
			break;
	}
	if (n == 0 && !records->iov_base && records->iov_len)
		return -EINVAL;
	if (n == 0)
		return rq_view_is_current(&first) ? -EMSGSIZE : 0;
	return take_lens(op, &first, next, lens, n);
}

/*
 * Fewer than were asked for means that the queue was empty at an instant, so a claim that was lost is no reason to end,
 * whatever the time: only so many in a row are, which is quick, as nobody yields once the time is over.
 */
static ssize_t get_some(struct rq_op *op)
{
	ssize_t r = 0;
	for (unsigned lost = 0; op->done < op->len && lost < BATCHES_LOST_MOST; lost += r == 0) {
		r = get_batch(op);
		if (r < 0)
			break;
		op->done += (size_t)r;
	}
	return op->done ? (ssize_t)op->done : r ? r : -EAGAIN;
}

static ssize_t attempt_get_many(struct rq_op *op)
{
	ssize_t r = rq_get_arming(op, get_some);
	/* Fewer than were asked for: who polls need not ask again to know that there are no more. */
	if (r > 0 && op->done < op->len && rq_unlikely(rq_load(&op->queue->watch) != NULL))
		rq_watch_emptied(op->port);
	return r;
}

ssize_t ringq_get_many(ringq_queue *queue, struct iovec *records, size_t n, int64_t timeout)
{
	struct rq_port *b;
	if (!queue || !records || n == 0 || n > GET_MANY_MOST || !rq_timeout_is_good(timeout))
		return -EINVAL;
	int r = rq_get_enter(queue, &b);
	if (r)
		return r == RQ_GET_ACKNOWLEDGED ? rq_take_get_many(queue, records, n, timeout) : r;
	struct rq_op op = rq_get_op(b, attempt_get_many, (struct rq_patience){.timeout = timeout});
	op.records = records;
	op.len = n;
	return rq_get_run(&op, timeout);
}

/* ---- peek ---- */

static ssize_t peek(struct rq_op *op)
{
	struct rq_view view;
	uint64_t lost = 0;
	do {
		uint64_t peeked = rq_load_acquire(&op->queue->shared->peeked); /* L3 */
		int r = rq_get_find(op->port, &view);
		if (r < 0)
			return r;
		bool fits = view.len <= op->len;
		if (fits)
			rq_copy_out(op->buf, view.payload, view.len);
		/* Still at the head after the copy: so it was not overwritten in between. */
		rq_acquire_fence(); /* G4 */
		if (rq_choose_pin(&op->port->order, peeked, &view))
			return fits ? (ssize_t)view.len : -EMSGSIZE;
	} while (rq_get_may_retry(op->port, &lost, &view));
	return -EAGAIN;
}

/* What is back comes first, also if it came back while this looked at the lanes. */
static ssize_t peek_acknowledged(struct rq_op *op)
{
	const rq_u64 *returned = &op->queue->shared->returned;
	ssize_t n = -EAGAIN;
	for (unsigned looks = 0; looks < PEEKS_MOST; looks++) {
		uint64_t word = rq_load_acquire(returned); /* D7 */
		n = rq_take_peek(op->port, op->buf, op->len);
		if (n != -EAGAIN)
			break;
		n = rq_get_arming(op, peek);
		if (rq_load_acquire(returned) == word) /* D7 */
			break;
	}
	return n;
}

ssize_t ringq_peek(ringq_queue *queue, void *buf, size_t size)
{
	struct rq_port *b;
	if (!queue || (!buf && size) || queue->side == RQ_SIDE_WRITER)
		return -EINVAL;
	int r = rq_enter(queue, &b);
	if (r)
		return r;
	struct rq_op op = rq_get_op(b, NULL, (struct rq_patience){.timeout = RINGQ_NOWAIT});
	op.buf = buf;
	op.len = size;
	ssize_t n = rq_unlikely(queue->set.hands) ? peek_acknowledged(&op) : rq_get_arming(&op, peek);
	rq_leave();
	return n;
}
