/* SPDX-License-Identifier: MIT */

/* Getting one record: the quick ways, and the one that waits. */

#include "queue/get.h"

#include <errno.h>

#include "base/sys.h"

#define RQ_GET_DISARM_EVERY 256u /* claims, of which the quick path counts one in RQ_QUANTUM */
#define BACK_OFF_MOST 64u        /* pauses: about a microsecond */

void rq_get_claimed(struct rq_port *b, const struct rq_view *view, uint64_t next, int n)
{
	struct rq_queue_shared *s = b->queue->shared;
	rq_get_wake_producer(&b->order.reader, view->lane, next);
	rq_choose_took(&b->order, (uint32_t)n);
	if (b->queue->permits.count)
		rq_event_notify(&s->not_full, n);
	if (rq_unlikely(!rq_ring_is_round(&b->order.reader.ring))) {
		/* A chunk for one large record: step into the next now, so that its memory goes. */
		struct rq_view unused;
		rq_lane_look(&b->order.reader, view->index, &unused);
	}
	/* Where the witness of this side has ended, the other side's puts must ask the kernel until there is another. */
	if (rq_unlikely(b->queue->side))
		b->queue->peer->joined(b);
	if (rq_unlikely(++b->disarm_get % RQ_GET_DISARM_EVERY == 0) && !b->queue->region->fences)
		rq_event_disarm(&s->not_empty);
}

rq_cold int rq_get_special(struct rq_port *b)
{
	if (b->queue->side)
		return -EINVAL;
	if (b->queue->set.hands)
		return RQ_GET_ACKNOWLEDGED;
	if (rq_load(&b->open))
		return -EBUSY;
	b->special = b->order.reader.taken = false; /* another thread has finished it */
	return 0;
}

rq_cold int rq_get_find_or_end(struct rq_port *b, struct rq_view *view)
{
	if (!b->queue->peer->gone(b))
		return -EAGAIN;
	int r = rq_choose(&b->order, view);
	return r ? r : -EPIPE;
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
}

/* Two that keep losing to each other may keep the producers from running, too. Whoever may not wait does not yield. */
static inline void back_off_or_yield(struct rq_port *b)
{
	back_off_claim(b);
	if (b->back_off == BACK_OFF_MOST && rq_patience_may_yield(&b->order.patience))
		rq_patience_yield(&b->order.patience);
}

static rq_always_inline ssize_t get_one(struct rq_port *b, void *buf, size_t size)
{
	struct rq_view view;
	uint64_t lost = 0;
	do {
		int r = rq_get_find(b, &view);
		if (rq_unlikely(r < 0))
			return r;
		if (rq_unlikely(view.len > size)) {
			if (rq_view_is_current(&view))
				return -EMSGSIZE;
			continue;
		}
		rq_copy_out(buf, view.payload, view.len);
		if (rq_likely(rq_lane_claim(&view, view.next, b->order.reader.single))) {
			rq_get_claimed(b, &view, view.next, 1);
			b->back_off /= 2;
			return (ssize_t)view.len;
		}
		back_off_or_yield(b);
	} while (rq_get_may_retry(b, &lost, &view));
	return -EAGAIN;
}

ssize_t rq_get_one(struct rq_port *b, void *buf, size_t size)
{
	return get_one(b, buf, size);
}

/* ---- attempts ---- */

ssize_t rq_get_arming(struct rq_op *op, ssize_t (*get)(struct rq_op *))
{
	ssize_t r = get(op);
	if (r == -EAGAIN && rq_unlikely(rq_load(&op->queue->watch) != NULL) && rq_watch_emptied(op->port))
		r = get(op);
	return r;
}

bool rq_get_something_came(struct rq_op *op)
{
	return !rq_choose_nothing_yet(&op->port->order);
}

/*
 * The get that most often succeeds: one more record of the same lane, of no more than `most`, if that is what is next. Its
 * length. -EAGAIN: it is not, or somebody took it; whoever gives up then sets reader.uncontended to 0. plain: as the reader
 * is, where that is known; of a queue that may have all that a plain one has not, false will do as well.
 */
static rq_always_inline ssize_t get_at_once(
	struct rq_port *b, void *buf, size_t size, uint64_t most, bool plain, struct rq_view *view)
{
	struct rq_reader *reader = &b->order.reader;
	if (rq_unlikely(!rq_choose_quick(&b->order, most, plain, view)) || rq_unlikely(view->len > size))
		return -EAGAIN;
	if (most == RQ_SHORT)
		rq_copy_out_short(buf, view->payload, view->len);
	else
		rq_copy_out(buf, view->payload, view->len);
	if (rq_likely(rq_lane_claim(view, view->next, plain || reader->single))) {
		rq_reader_advance(reader, view);
		b->order.quantum--;
		return (ssize_t)view->len;
	}
	reader->uncontended = 0;
	back_off_claim(b);
	return -EAGAIN;
}

static ssize_t get_into(struct rq_op *op)
{
	struct rq_view view;
	struct rq_port *b = op->port;
	ssize_t n = get_at_once(b, op->buf, op->len, RQ_LONG, false, &view);
	if (n >= 0) {
		rq_get_wake_producer(&b->order.reader, view.lane, view.next);
		return n;
	}
	b->order.reader.uncontended = 0;
	return get_one(b, op->buf, op->len);
}

static ssize_t attempt_get(struct rq_op *op)
{
	return rq_get_arming(op, get_into);
}

/* ---- calls ---- */

/* Waits, by a caller inside the call whose patience is set. */
static rq_cold ssize_t get_waiting(struct rq_port *b, void *buf, size_t size, int64_t timeout)
{
	int r = rq_get_guard(b);
	if (r)
		return r;
	struct rq_op op = rq_get_op(b, attempt_get, b->order.patience);
	op.buf = buf;
	op.len = size;
	return rq_get_run(&op, timeout);
}

/* What is left to do after a get at once, if anything is. */
static rq_cold ssize_t get_end(const struct rq_port *b, struct rq_lane *lane, uint64_t next, ssize_t len)
{
	rq_get_wake_producer(&b->order.reader, lane, next);
	rq_leave_again(b);
	return len;
}

/*
 * The whole of a get, by a caller inside the call who has no short record to take at once: the lane is empty, or another's
 * turn has come, or the record is long. All but waiting is done here.
 */
static rq_noinline ssize_t get_inside(struct rq_port *b, void *buf, size_t size, int64_t timeout)
{
	struct ringq_queue *queue = b->queue;
	int r = rq_likely(!b->special) ? 0 : queue->set.hands ? RQ_GET_ACKNOWLEDGED : rq_get_special(b);
	if (rq_unlikely(r)) {
		rq_leave_again(b);
		return r == RQ_GET_ACKNOWLEDGED ? rq_take_get(queue, buf, size, timeout) : r;
	}
	bool nothing = rq_choose_nothing_yet(&b->order), may_try = !rq_guard_get(queue);
	if (!nothing && may_try && size > RQ_SHORT) {
		struct rq_view view;
		ssize_t len = get_at_once(b, buf, size, RQ_LONG, false, &view);
		if (len >= 0)
			return get_end(b, view.lane, view.next, len);
	}
	b->order.reader.uncontended = 0;
	b->order.patience = (struct rq_patience){.timeout = timeout};
	if (timeout != RINGQ_NOWAIT && (nothing || rq_lane_nothing_yet(&b->order.reader)))
		rq_choose_let_backlog_build(&b->order);
	ssize_t n = nothing || !may_try ? -EAGAIN : get_one(b, buf, size);
	bool known = may_try && !(nothing && queue->side); /* a pipe's end may be gone */
	if (n != -EAGAIN || (known && timeout == RINGQ_NOWAIT && !rq_load(&queue->watch))) {
		rq_leave_again(b);
		return n;
	}
	return get_waiting(b, buf, size, timeout);
}

static rq_cold ssize_t get_slowly(ringq_queue *queue, void *buf, size_t size, int64_t timeout)
{
	struct rq_port *b;
	if (!queue || (!buf && size) || !rq_timeout_is_good(timeout))
		return -EINVAL;
	int r = rq_enter(queue, &b);
	return r ? r : get_inside(b, buf, size, timeout);
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
	if (rq_unlikely(!queue) || rq_unlikely(!buf) || rq_unlikely(!rq_timeout_is_good(timeout)) ||
		rq_unlikely(!rq_enter_again(queue, &b)))
		return get_slowly(queue, buf, size, timeout);
	if (b->order.reader.plain) {
		if (rq_likely(get_at_once(b, buf, size, RQ_SHORT, true, &view) >= 0))
			return got(b, &view);
	} else if (rq_likely(!rq_guard_get(queue) && get_at_once(b, buf, size, RQ_SHORT, false, &view) >= 0)) {
		return got(b, &view);
	}
	return get_inside(b, buf, size, timeout);
}
