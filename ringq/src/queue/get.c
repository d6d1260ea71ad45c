/* SPDX-License-Identifier: MIT */

/* Getting: choosing a lane, then taking its first record, or several. */

#include <errno.h>
#include <stdlib.h>

#include "queue/block.h"
#include "order/choose.h"
#include "queue/watch.h"
#include "pipe/liveness.h"
#include "lane/run.h"
#include "base/sys.h"
#include "base/event.h"

#define DISARM_EVERY 256u /* claims, of which the quick path counts one in RQ_QUANTUM */
#define STREAM_PAUSES 8u  /* some 15 ns each on x86 */
#define STREAM_PAUSES_MOST 128u
#define STREAM_SHARE 4u   /* records of the run before, for each pause */
#define STREAM_RUN 2u     /* records taken at once since the last miss: fewer is no stream */
#define BACK_OFF_MOST 64u /* pauses: about a microsecond */
#define GET_MANY_MOST ((size_t)1 << 20)
#define BATCH 64u
#define BATCHES_LOST_MOST 16384u /* as RQ_LOSSES_MOST */

/* The lane's producer may wait for the room that a claim up to `next` has made. */
static rq_always_inline void wake_producer(const struct rq_reader *reader, struct rq_lane *lane, uint64_t next)
{
	rq_light_barrier();
	if (rq_likely(!(rq_load(&lane->not_full) & (RQ_EVENT_WAITERS | RQ_EVENT_FENCED))))
		return;
	if (reader->single)
		rq_fence();
	else
		rq_fence_behind_cas();
	if (rq_head_reached(next, rq_load_acquire(&lane->wake_at))) /* W4 */
		rq_event_wake(&lane->not_full, 1);
}

/* What a claim owes to producers: one may wait for the lane's memory, one for one of max_records. */
static void claimed(struct rq_port *b, const struct rq_view *view, uint64_t next, int n)
{
	struct rq_queue_shared *s = b->queue->shared;
	wake_producer(&b->reader, view->lane, next);
	rq_choose_took(b, (uint32_t)n);
	if (b->queue->permits.count)
		rq_event_notify(&s->not_full, n);
	if (rq_unlikely(!rq_ring_is_round(&b->reader.ring))) {
		/* A chunk for one large record: step into the next now, so that its memory goes. */
		struct rq_view unused;
		rq_lane_look(&b->reader, view->index, &unused);
	}
	if (rq_unlikely(++b->disarm_get % DISARM_EVERY == 0))
		rq_event_disarm(&s->not_empty);
}

/* A pipe's queue where nothing was found. Who has gone meanwhile may have put before. */
static rq_cold int find_or_end(struct rq_port *b, struct rq_view *view)
{
	if (!rq_hold_peer_gone(b))
		return -EAGAIN;
	int r = rq_choose(b, view);
	return r ? r : -EPIPE;
}

/* The next record, if the caller can have it: 1, -EAGAIN, -EPIPE, or an error. */
static rq_always_inline int find(struct rq_port *b, struct rq_view *view)
{
	/* Looked at first: whatever was put before the close is seen after it. */
	bool closed = rq_load_acquire(&b->queue->shared->closed); /* E2 */
	int r = rq_choose(b, view);
	return rq_likely(r) ? r : closed ? -EPIPE : rq_unlikely(b->queue->side) ? find_or_end(b, view) : -EAGAIN;
}

/* Another has taken the record, or scribbles. Whether to go on at once: however long records are, some dozen times. */
static inline bool may_retry(uint64_t *lost, const struct rq_view *view)
{
	uint64_t kib = view->len >> 10;
	*lost += 1 + (kib < RQ_LOSSES_MOST / 64 ? kib : RQ_LOSSES_MOST / 64);
	return *lost < RQ_LOSSES_MOST;
}

/*
 * Another consumer was faster. Two that go for the same lane's records lose claims to each other, and pass its lines to and
 * fro: apart for a moment, each takes many in a row.
 */
static rq_cold void back_off_claim(struct rq_port *b)
{
	b->back_off = b->back_off < BACK_OFF_MOST / 2 ? 2 * b->back_off + 2 : BACK_OFF_MOST;
	for (uint32_t i = 0; i < b->back_off; i++)
		rq_pause();
	if (b->back_off == BACK_OFF_MOST)
		rq_sys.yield(); /* two that keep losing to each other may keep the producers from running, too */
}

static rq_always_inline ssize_t get_one(struct rq_port *b, void *buf, size_t size)
{
	struct rq_view view;
	uint64_t lost = 0;
	do {
		int r = find(b, &view);
		if (rq_unlikely(r < 0))
			return r;
		if (rq_unlikely(view.len > size)) {
			if (rq_view_is_current(&view))
				return -EMSGSIZE;
			continue;
		}
		rq_copy_out(buf, view.payload, view.len);
		if (rq_likely(rq_lane_claim(&b->reader, &view, view.next))) {
			claimed(b, &view, view.next, 1);
			b->back_off /= 2;
			return (ssize_t)view.len;
		}
		back_off_claim(b);
	} while (may_retry(&lost, &view));
	return -EAGAIN;
}

/* Memory of the record's size, then as get_one(). op->len is the size of what is there already. */
static ssize_t get_one_alloc(struct rq_op *op)
{
	struct rq_view view;
	uint64_t lost = 0;
	do {
		ssize_t r = op->buf ? get_one(op->port, op->buf, op->len) : -EMSGSIZE;
		if (r != -EMSGSIZE)
			return r;
		int found = find(op->port, &view);
		if (found < 0)
			return found;
		if (!rq_view_is_current(&view) && !op->queue->set.single_consumer)
			continue;
		void *buf = realloc(op->buf, view.len ? view.len : 1);
		if (!buf)
			return -ENOMEM;
		op->buf = buf;
		op->len = view.len;
	} while (may_retry(&lost, &view));
	return -EAGAIN;
}

static inline ssize_t take_lens(
	struct rq_op *op, const struct rq_view *first, uint64_t next, const size_t *lens, size_t n)
{
	uint32_t *batch = &op->port->batch;
	if (!rq_lane_claim(&op->port->reader, first, next)) {
		*batch = (*batch + 1) / 2; /* what was copied is lost: with rivals, risk less */
		return 0;
	}
	*batch = *batch < BATCH / 2 ? *batch * 2 : BATCH;
	for (size_t i = 0; i < n; i++)
		op->records[op->done + i].iov_len = lens[i];
	claimed(op->port, first, next, (int)n);
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

/* The record at view->next, behind one that is not claimed yet, if it may go with that in one claim. */
static rq_always_inline bool next_of_batch(const struct rq_port *b, struct rq_view *view)
{
	struct rq_view last = *view;
	return rq_lane_look_behind(&b->reader, &last, view) > 0 && rq_choose_may_stay(b, view);
}

/* Up to BATCH records of one lane by one claim. How many; 0: a claim failed; or as find(). */
static ssize_t get_batch(struct rq_op *op)
{
	struct rq_port *b = op->port;
	struct rq_view first, view;
	uint64_t next;
	size_t lens[BATCH], n = 0, most = op->len - op->done;
	const struct iovec *records = op->records + op->done;
	int r = find(b, &first);
	if (r < 0)
		return r;
	if (most > b->batch)
		most = b->batch;
	if (most > b->quantum && rq_lanes_used(b->queue) > 1) /* else it would only cost claims */
		most = b->quantum;
	next = first.head;
	view = first;
	while (take_copy(&records[n], &view)) {
		lens[n++] = view.len;
		if (n < most && rq_choose_may_stay(b, &view))
			n += rq_reader_copy_run(
				&b->reader, &view, rq_choose_watermark(b), records + n, lens + n, most - n);
		next = view.next;
		if (n == most || !next_of_batch(b, &view))
			break;
	}
	if (n == 0 && !records->iov_base && records->iov_len)
		return -EINVAL;
	if (n == 0)
		return rq_view_is_current(&first) ? -EMSGSIZE : 0;
	return take_lens(op, &first, next, lens, n);
}

/* ---- attempts ---- */

/* With an event fd, the get that finds nothing arms it, and looks again at what came before that. */
static ssize_t arming(struct rq_op *op, ssize_t (*get)(struct rq_op *))
{
	ssize_t r = get(op);
	if (r == -EAGAIN && op->queue->watch && rq_watch_arm(op->queue, op->port))
		r = get(op);
	return r;
}

/*
 * One more record of the same lane, of no more than `most`, if that is what is next: its length. -EAGAIN: it is not, or
 * somebody took it; whoever gives up then sets reader.uncontended to 0.
 */
static rq_always_inline ssize_t get_again(struct rq_port *b, void *buf, size_t size, uint64_t most, struct rq_view *view)
{
	if (rq_unlikely(!rq_choose_again(b, size < most ? size : most, view)))
		return -EAGAIN;
	if (most == RQ_SHORT)
		rq_copy_out_short(buf, view->payload, view->len);
	else
		rq_copy_out(buf, view->payload, view->len);
	if (rq_likely(rq_lane_claim(&b->reader, view, view->next))) {
		rq_reader_advance(&b->reader, view);
		b->quantum--;
		return (ssize_t)view->len;
	}
	b->reader.uncontended = 0;
	back_off_claim(b);
	return -EAGAIN;
}

static ssize_t get_into(struct rq_op *op)
{
	struct rq_view view;
	struct rq_port *b = op->port;
	ssize_t n = get_again(b, op->buf, op->len, RQ_LONG, &view);
	if (n >= 0) {
		wake_producer(&b->reader, view.lane, view.next);
		return n;
	}
	b->reader.uncontended = 0;
	return get_one(b, op->buf, op->len);
}

static ssize_t attempt_get(struct rq_op *op)
{
	return arming(op, get_into);
}

static ssize_t attempt_get_alloc(struct rq_op *op)
{
	return arming(op, get_one_alloc);
}

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
	return arming(op, get_some);
}

static inline int enter_get(struct ringq_queue *q, struct rq_port **b)
{
	int r = rq_unlikely(q->side == RQ_SIDE_WRITER) ? -EINVAL : rq_enter(q, b);
	return rq_likely(r == 0) ? rq_guard_enter(rq_guard_get(q), *b) : r;
}

static bool something_came(struct rq_op *op)
{
	return !rq_choose_nothing_yet(op->port);
}

static struct rq_op get_op(struct rq_port *b, ssize_t (*attempt)(struct rq_op *))
{
	return (struct rq_op){
		.queue = b->queue,
		.port = b,
		.attempt = attempt,
		.poll = something_came,
		.event = &b->queue->shared->not_empty,
		.spin = &b->spin_get,
		.disarm = &b->disarm_get,
		.guard = rq_guard_get(b->queue),
	};
}

static ssize_t run(struct rq_op *op, int64_t timeout)
{
	ssize_t r = op->attempt(op);
	if (rq_unlikely(r == -EAGAIN))
		return rq_block(op, timeout);
	rq_guard_leave(op->guard);
	rq_leave();
	return r;
}

/* ---- calls ---- */

/* The whole of a get, by a caller that has entered the long way, and may get. */
static ssize_t get_inside(struct rq_port *b, void *buf, size_t size, int64_t timeout)
{
	struct rq_op op = get_op(b, attempt_get);
	op.buf = buf;
	op.len = size;
	return run(&op, timeout);
}

static rq_cold ssize_t get_slowly(ringq_queue *queue, void *buf, size_t size, int64_t timeout)
{
	struct rq_port *b;
	if (!queue || (!buf && size) || !rq_timeout_is_good(timeout))
		return -EINVAL;
	int r = enter_get(queue, &b);
	return r ? r : get_inside(b, buf, size, timeout);
}

/*
 * A consumer that has caught up with a producer at work: the line where the next record will be is the one that is being
 * written now, and each look at it there and then takes it from the producer. A moment later there are several. And where
 * it is the faster of the two, all that it takes right behind the producer holds that up, as its processor fetches lines
 * ahead, too: the longer the run that has ended, the longer it stays behind.
 */
static inline void let_backlog_build(struct rq_port *b)
{
	uint32_t run = b->missed - b->quantum;
	b->missed = b->quantum;
	if (run < STREAM_RUN || !b->quantum)
		return;
	uint32_t pauses = run / STREAM_SHARE;
	pauses = pauses < STREAM_PAUSES ? STREAM_PAUSES : pauses > STREAM_PAUSES_MOST ? STREAM_PAUSES_MOST : pauses;
	for (uint32_t i = 0; i < pauses; i++)
		rq_pause();
}

/* What is left to do after a get at once, if anything is. */
static rq_cold ssize_t get_end(const struct rq_port *b, struct rq_lane *lane, uint64_t next, ssize_t len)
{
	wake_producer(&b->reader, lane, next);
	rq_leave_again(b);
	return len;
}

/*
 * The same, by a caller inside a call who has no short record to take at once: the lane is empty, or another's turn has
 * come, or the record is long. All but waiting is done here.
 */
static rq_noinline ssize_t get_more(struct rq_port *b, void *buf, size_t size, int64_t timeout)
{
	struct ringq_queue *queue = b->queue;
	if (rq_unlikely(queue->side == RQ_SIDE_WRITER)) {
		rq_leave_again(b);
		return -EINVAL;
	}
	bool nothing = rq_choose_nothing_yet(b), may_try = !rq_guard_get(queue);
	if (!nothing && may_try && size > RQ_SHORT) {
		struct rq_view view;
		ssize_t len = get_again(b, buf, size, RQ_LONG, &view);
		if (len >= 0)
			return get_end(b, view.lane, view.next, len);
	}
	b->reader.uncontended = 0;
	if (timeout != RINGQ_NOWAIT && (nothing || rq_lane_nothing_yet(&b->reader)))
		let_backlog_build(b);
	ssize_t n = nothing || !may_try ? -EAGAIN : get_one(b, buf, size);
	bool known = may_try && !(nothing && queue->side); /* a pipe's end may be gone */
	if (n != -EAGAIN || (known && timeout == RINGQ_NOWAIT && !queue->watch)) {
		rq_leave_again(b);
		return n;
	}
	rq_enter_the_long_way(b);
	int r = rq_guard_enter(rq_guard_get(queue), b);
	return r ? r : get_inside(b, buf, size, timeout);
}

/* One more short record, as get_again(), by the only consumer of a queue without stamps. */
static rq_always_inline bool get_plain(struct rq_port *b, void *buf, size_t size, struct rq_view *view)
{
	if (rq_unlikely(!b->quantum) || rq_unlikely(!rq_lane_look_plain(&b->reader, RQ_SHORT, view)) ||
		rq_unlikely(view->len > size))
		return false;
	rq_copy_out_short(buf, view->payload, view->len);
	rq_lane_claim_single(view, view->next);
	rq_reader_advance(&b->reader, view);
	b->quantum--;
	return true;
}

/* A get at once has succeeded. */
static rq_always_inline ssize_t got(const struct rq_port *b, const struct rq_view *view)
{
	rq_light_barrier();
	if (rq_unlikely(rq_load(&view->lane->not_full) & (RQ_EVENT_WAITERS | RQ_EVENT_FENCED)))
		return get_end(b, view->lane, view->next, (ssize_t)view->len);
	rq_leave_again(b);
	return (ssize_t)view->len;
}

/* Nothing is called here that returns, unless it is all that is left to do, so that no registers need be saved. */
ssize_t ringq_get(ringq_queue *queue, void *buf, size_t size, int64_t timeout)
{
	struct rq_port *b;
	struct rq_view view;
	if (rq_unlikely(!queue) || rq_unlikely(!buf) || rq_unlikely(!rq_timeout_is_good(timeout)))
		return get_slowly(queue, buf, size, timeout);
	if (rq_unlikely(!rq_enter_again(queue, &b)))
		return get_slowly(queue, buf, size, timeout);
	if (b->reader.plain) {
		if (rq_likely(get_plain(b, buf, size, &view)))
			return got(b, &view);
	} else if (rq_likely(!rq_guard_get(queue) && get_again(b, buf, size, RQ_SHORT, &view) >= 0)) {
		return got(b, &view);
	}
	return get_more(b, buf, size, timeout);
}

ssize_t ringq_get_alloc(ringq_queue *queue, void **out, int64_t timeout)
{
	struct rq_port *b;
	if (!queue || !out || !rq_timeout_is_good(timeout))
		return -EINVAL;
	int r = enter_get(queue, &b);
	if (r)
		return r;
	struct rq_op op = get_op(b, attempt_get_alloc);
	ssize_t n = run(&op, timeout);
	if (n < 0)
		free(op.buf);
	else
		*out = op.buf;
	return n;
}

ssize_t ringq_get_many(ringq_queue *queue, struct iovec *records, size_t n, int64_t timeout)
{
	struct rq_port *b;
	if (!queue || !records || n == 0 || n > GET_MANY_MOST || !rq_timeout_is_good(timeout))
		return -EINVAL;
	int r = enter_get(queue, &b);
	if (r)
		return r;
	struct rq_op op = get_op(b, attempt_get_many);
	op.records = records;
	op.len = n;
	return run(&op, timeout);
}

static ssize_t peek(struct rq_op *op)
{
	struct rq_view view;
	uint64_t lost = 0;
	do {
		uint64_t peeked = rq_load_acquire(&op->queue->shared->peeked); /* L3 */
		int r = find(op->port, &view);
		if (r < 0)
			return r;
		bool fits = view.len <= op->len;
		if (fits)
			rq_copy_out(op->buf, view.payload, view.len);
		/* Still at the head after the copy: so it was not overwritten in between. */
		rq_acquire_fence(); /* G4 */
		if (rq_choose_pin(op->port, peeked, &view))
			return fits ? (ssize_t)view.len : -EMSGSIZE;
	} while (may_retry(&lost, &view));
	return -EAGAIN;
}

ssize_t ringq_peek(ringq_queue *queue, void *buf, size_t size)
{
	struct rq_port *b;
	if (!queue || (!buf && size) || queue->side == RQ_SIDE_WRITER)
		return -EINVAL;
	int r = rq_enter(queue, &b);
	if (r)
		return r;
	struct rq_op op = get_op(b, NULL);
	op.buf = buf;
	op.len = size;
	ssize_t n = peek(&op);
	rq_leave();
	return n;
}

bool ringq_empty(const ringq_queue *queue)
{
	struct rq_port *b;
	if (!queue || rq_enter((struct ringq_queue *)(uintptr_t)queue, &b))
		return true;
	bool empty = rq_was_empty(b);
	rq_leave();
	return empty;
}

uint64_t ringq_size(const ringq_queue *queue)
{
	struct rq_port *b;
	if (!queue || rq_enter((struct ringq_queue *)(uintptr_t)queue, &b))
		return 0;
	rq_port_reap(b); /* who died right behind a publish has not counted it */
	uint64_t n = rq_records_waiting(b);
	rq_leave();
	return n;
}
