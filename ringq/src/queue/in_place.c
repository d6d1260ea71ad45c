/* SPDX-License-Identifier: MIT */

#include "queue/in_place.h"

#include "order/merge.h"
#include "order/stamp.h"
#include "queue/finish.h"
#include "queue/get.h"

/* What is in view is in the caller's hands. */
static rq_always_inline void hold(struct rq_port *b, const struct rq_view *view, struct ringq_delivery *out)
{
	struct rq_reader *reader = &b->order.reader;
	bool quick = reader->lane == view->lane && reader->quick == rq_head_chunk(view->head);
	b->open_entry = quick ? reader->entry : 0;
	b->open_at = view->head;
	b->open_lane = view->lane;
	rq_store(&b->open, view->next);
	b->special = reader->taken = true;
	reader->entry = 0;
	rq_reader_forget(reader);
	*out = (struct ringq_delivery){.data = view->payload, .len = view->len, .attempt = 1};
	out->own[RQ_OWN_STATE] = view->next;
	out->own[RQ_OWN_PORT] = b->id;
	out->own[RQ_OWN_POS] = view->head;
}

/* The take that most often succeeds, as a get at once. */
static rq_always_inline bool take_again(struct rq_port *b, struct ringq_delivery *out)
{
	struct rq_order *o = &b->order;
	struct rq_view view;
	if (rq_likely(o->reader.plain)) {
		if (!rq_choose_quick(o, RQ_RECORD_MAX, true, &view))
			return false;
	} else if (rq_guard_get(b->queue) || !rq_choose_quick(o, RQ_RECORD_MAX, false, &view) ||
		   rq_stamp_needed(o->shared, o->total)) {
		return false;
	}
	hold(b, &view, out);
	return true;
}

static ssize_t take_one(struct rq_op *op)
{
	struct rq_port *b = op->port;
	struct rq_view view;
	uint64_t lost = 0;
	do {
		uint64_t peeked = rq_load_acquire(&b->queue->shared->peeked); /* L3 */
		int r = rq_get_find(b, &view);
		if (r < 0)
			return r;
		if (rq_choose_pin(&b->order, peeked, &view)) {
			hold(b, &view, op->buf);
			op->guard = NULL; /* the turn goes on */
			return 0;
		}
	} while (rq_get_may_retry(b, &lost, &view));
	return -EAGAIN;
}

static ssize_t attempt_take(struct rq_op *op)
{
	return rq_get_arming(op, take_one);
}

static rq_noinline int take_slowly(struct ringq_queue *queue, struct ringq_delivery *out, int64_t timeout)
{
	struct rq_port *b;
	int r = rq_get_enter(queue, &b);
	if (r)
		return r;
	struct rq_op op = rq_get_op(b, attempt_take, (struct rq_patience){.timeout = timeout});
	op.buf = out;
	op.activity = RINGQ_ASLEEP_TAKE;
	return (int)rq_get_run(&op, timeout);
}

int rq_in_place_take(struct ringq_queue *queue, struct ringq_delivery *out, int64_t timeout)
{
	struct rq_port *b;
	if (rq_likely(rq_enter_again(queue, &b))) {
		bool taken = take_again(b, out);
		rq_leave_again(b);
		if (rq_likely(taken))
			return 0;
	}
	return take_slowly(queue, out, timeout);
}

/* ---- the end of a delivery ---- */

static inline void forget(struct ringq_delivery *d)
{
	d->own[RQ_OWN_STATE] = 0;
	d->data = NULL;
}

/* The end that most often is: by the thread that took it, which has not looked at another lane since. */
static rq_always_inline bool ack_again(struct rq_port *b, struct ringq_delivery *d)
{
	struct rq_reader *reader = &b->order.reader;
	struct rq_view view = {.lane = b->open_lane};
	uint64_t next = rq_load(&b->open);
	if (rq_unlikely(!next) || rq_unlikely(d->own[RQ_OWN_STATE] != next) ||
		rq_unlikely(d->own[RQ_OWN_PORT] != b->id) || rq_unlikely(!b->open_entry) ||
		rq_unlikely(reader->lane != view.lane) || rq_unlikely(rq_load(&view.lane->head) != b->open_at))
		return false;
	rq_lane_claim(&view, next, true);
	rq_store(&b->open, 0);
	b->special = reader->taken = false;
	reader->entry = b->open_entry;
	reader->quick = rq_head_chunk(next);
	rq_reader_follow(reader, next);
	rq_choose_took(&b->order, 1);
	forget(d);
	rq_guard_leave(rq_guard_get(b->queue));
	rq_get_wake_producer(reader, view.lane, next);
	return true;
}

/* Head goes past what is in the port's hands, if that is this delivery. */
static int move_head(struct rq_port *taker, const struct ringq_delivery *d, struct rq_view *view)
{
	uint64_t next = rq_load_acquire(&taker->open), head = taker->open_at; /* O6 */
	if (!next || next != d->own[RQ_OWN_STATE] || head != d->own[RQ_OWN_POS])
		return -ESTALE;
	*view = (struct rq_view){.lane = taker->open_lane, .head = head, .next = next};
	bool done = rq_cas(&view->lane->head, &head, next); /* G3 */
	rq_store_release(&taker->open, 0);                  /* O6 */
	return done ? 0 : -ESTALE;                          /* the word is corrupt, or another got beside this turn */
}

static int finish_of(struct ringq_queue *queue, const struct ringq_delivery *d, struct rq_view *view)
{
	int r = -ESTALE;
	rq_process_lock();
	for (struct rq_port *b = queue->ports; b; b = b->queue_next)
		if (b->id == d->own[RQ_OWN_PORT])
			r = move_head(b, d, view);
	rq_process_unlock();
	return r;
}

static rq_noinline int ack_slowly(struct ringq_queue *queue, struct ringq_delivery *d)
{
	struct rq_port *b;
	struct rq_view view;
	int r = rq_enter(queue, &b);
	if (r)
		return r;
	r = finish_of(queue, d, &view);
	if (b->special && !rq_load(&b->open))
		b->special = b->order.reader.taken = false;
	if (r == 0) {
		const struct rq_lane_set *set = &queue->set;
		uint64_t index = ((uint64_t)((char *)view.lane - set->region->base) - set->lanes) / set->stride;
		forget(d);
		rq_guard_leave(rq_guard_get(queue));
		rq_get_wake_producer(&b->order.reader, view.lane, view.next);
		if (queue->permits.count)
			rq_event_notify(&queue->shared->not_full, 1);
		/* Of a chunk for one large record: step into the next now, so that its memory goes. */
		rq_lane_look(&b->order.reader, (uint32_t)index, &view);
	}
	rq_leave();
	return r;
}

int rq_in_place_ack(struct ringq_queue *queue, struct ringq_delivery *d)
{
	struct rq_port *b;
	if (rq_likely(rq_enter_again(queue, &b))) {
		bool done = ack_again(b, d);
		rq_leave_again(b);
		if (rq_likely(done))
			return 0;
	}
	return ack_slowly(queue, d);
}
