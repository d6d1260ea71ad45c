/* SPDX-License-Identifier: MIT */

/* Takes from acknowledged queues. What each does is told in take.h. */

#include "queue/take.h"

#include <errno.h>

#include "base/probe.h"
#include "base/sys.h"
#include "order/next.h"
#include "queue/block.h"
#include "queue/dead_letter.h"
#include "queue/enter.h"
#include "queue/finish.h"
#include "queue/taker.h"
#include "queue/watch.h"

#define SET_ASIDE 1 /* of take_call(): what is out was delivered too often */
#define NONE_BACK 2

/* ---- what a claim is written into ---- */

/* An entry and a ticket: mostly they are there. 0, -ENOMEM. */
static rq_always_inline int make_ready(struct rq_book *book)
{
	return rq_book_is_ready(book) ? 0 : rq_book_refill(book);
}

/* The spare entry of the record i of a claim. */
static rq_always_inline struct rq_entry *entry_for(const struct rq_book *book, size_t i)
{
	return book->spare[book->spares - 1 - i];
}

/* ---- taking what waits ---- */

/*
 * The take that most often succeeds, as a get by rq_choose_quick(): the lane's last claim was the caller's own, and nothing
 * may be back.
 */
static rq_always_inline bool take_again(struct rq_port *b, uint64_t most, struct ringq_delivery *out)
{
	struct rq_taker *t = b->taker;
	struct rq_view view;
	if (rq_unlikely(!t) || rq_unlikely(!b->order.quantum) || !rq_book_is_ready(t->book) ||
		rq_unlikely(!rq_lane_look_quick(&t->reader, most < RQ_LONG ? most : RQ_LONG, false, &view)) ||
		rq_unlikely(view.head != t->at) || rq_unlikely(!rq_choose_may_stay(&b->order, &view)) ||
		rq_unlikely(!rq_taker_nothing_back(b, t->returned, UINT64_MAX)))
		return false;
	int64_t now = rq_sys.tick();
	if (rq_unlikely(now - t->looked >= RQ_LOOK_EVERY))
		return false;
	const struct ringq_region *region = b->queue->region;
	struct rq_entry *entry = entry_for(t->book, 0);
	uint64_t claim = rq_book_claim(t->book);
	rq_hand_write(entry, claim, t->reader.key, view.head, (uint64_t)(t->reader.record - region->base), b->id,
		t->who, (uint64_t)now);
	if (rq_unlikely(!rq_hand_claim_again(view.lane, view.head, t->claim, view.next, claim))) {
		rq_store_release(&entry->state, 0); /* as Z0: it was lost */
		t->reader.uncontended = 0;
		t->at = RQ_NOWHERE;
		return false;
	}
	rq_hand_hold(entry, claim);
	t->book->spares--;
	t->claim = claim;
	t->at = view.next;
	rq_reader_advance(&t->reader, &view);
	b->order.quantum--;
	rq_deliver_view(out, region, entry, claim, b->id, t->reader.key, &view);
	return true;
}

/* The most bytes that the record i of a claim may have. */
static rq_always_inline uint64_t room_for(const struct iovec *into, size_t i)
{
	return into ? into[i].iov_len : UINT64_MAX;
}

/* The record behind the one in view, if it may go with it in one claim: mostly it lies right there. */
static rq_always_inline bool go_on(const struct rq_order *o, struct rq_view *view)
{
	if (rq_likely(rq_head_bytes(view->next) != 0) && rq_likely(rq_record_at(&o->reader, view->next, view)))
		return rq_choose_may_stay(o, view);
	return rq_choose_behind(o, view);
}

/*
 * Writes an entry for the record in view, and for each that may go with it, up to one that is too long. How many; *next: where
 * the last one ends.
 */
static rq_always_inline size_t write_entries(struct rq_port *b, struct rq_view view, uint64_t claim, int64_t now,
	struct ringq_delivery *out, const struct iovec *into, size_t most, uint64_t *next)
{
	const struct ringq_region *region = b->queue->region;
	const struct rq_book *book = b->taker->book;
	size_t n = 0;
	if (view.len > room_for(into, 0))
		return 0;
	do {
		struct rq_entry *entry = entry_for(book, n);
		rq_hand_write(entry, claim, b->order.reader.key, view.head, rq_record_of_payload(region, view.payload),
			b->id, b->taker->who, (uint64_t)now);
		rq_deliver_view(&out[n], region, entry, claim, b->id, b->order.reader.key, &view);
		*next = view.next;
		if (n >= RQ_RUN_LONG && view.len <= RQ_SHORT)
			__builtin_prefetch(view.payload + RQ_RUN_AHEAD); /* as where a run is copied: get.h */
	} while (++n < most && go_on(&b->order, &view) && view.len <= room_for(into, n));
	return n;
}

/* Compiled for each kind: where any record fits there is nothing to compare, and a claim of one goes through no loop. */
static rq_always_inline ssize_t claim(struct rq_port *b, const struct rq_view *first, int64_t now,
	struct ringq_delivery *out, const struct iovec *into, size_t n)
{
	struct rq_book *book = b->taker->book;
	uint64_t next;
	int r = make_ready(book);
	if (r)
		return r;
	if (n > book->spares)
		n = book->spares;
	uint64_t ticket = rq_book_claim(book);
	n = write_entries(b, *first, ticket, now, out, into, n, &next);
	if (n == 0)
		return -EMSGSIZE;
	if (!rq_hand_claim(&b->queue->set, first->lane, first->head, next, ticket)) {
		for (size_t i = 0; i < n; i++)
			rq_store_release(&entry_for(book, i)->state, 0); /* as Z0: it was lost */
		return -EAGAIN;
	}
	for (size_t i = 0; i < n; i++)
		rq_hand_hold(entry_for(book, i), ticket);
	book->spares -= (uint32_t)n;
	rq_taker_follow(b, first->lane, next, ticket);
	rq_taker_claimed(b, first->index, (uint32_t)n);
	return (ssize_t)n;
}

/* How many records one claim may take, as the order lets one lane have. */
static size_t most_at_once(const struct rq_port *b, size_t n)
{
	size_t most = n < RQ_CLAIM_MOST ? n : RQ_CLAIM_MOST;
	return most > b->order.quantum && rq_lanes_used(b->queue->shared, &b->queue->set) > 1 ? b->order.quantum : most;
}

ssize_t rq_take_claim(struct rq_port *b, const struct rq_view *first, int64_t now, struct ringq_delivery *out, size_t n)
{
	return claim(b, first, now, out, NULL, most_at_once(b, n));
}

ssize_t rq_take_claim_fitting(struct rq_port *b, const struct rq_view *first, int64_t now, struct ringq_delivery *out,
	const struct iovec *into, size_t n)
{
	return claim(b, first, now, out, into, most_at_once(b, n));
}

/* ---- taking what is back ---- */

/* What is back, and whether it may not be delivered any more. How many there are. */
static uint64_t find_returned(struct rq_op *op, uint64_t returned, struct rq_hand *hand, bool *aside)
{
	const struct rq_lane_set *set = &op->queue->set;
	uint32_t attempts = rq_load_once(&set->hands->max_attempts);
	uint64_t n = rq_hand_returned(set, op->done && attempts ? attempts : UINT32_MAX, hand);
	if (n == 0 && !op->done) {
		rq_hand_none_returned(op->queue->shared, returned);
		op->port->taker->returned = returned & ~RQ_RETURNED_SOME;
	} else if (n > 1 && !(returned & RQ_RETURNED_SOME)) {
		rq_hand_say_returned(op->queue->shared); /* deaths do not */
	} else if (n > 1) {
		rq_event_notify(&op->queue->shared->not_empty, 1);
	}
	*aside = n && attempts && rq_hand_attempt(hand->from) >= attempts;
	return n;
}

/* The first of what is back. 0, SET_ASIDE; NONE_BACK; -EAGAIN: others were faster; -EMSGSIZE, -ENOMEM. */
static int take_returned(struct rq_op *op, int64_t now, uint64_t returned)
{
	struct rq_port *b = op->port;
	const struct rq_lane_set *set = &b->queue->set;
	struct ringq_delivery *out = op->buf;
	struct rq_taker *t = b->taker;
	struct rq_hand hand;
	uint64_t most = op->len;
	bool aside;
	t->looked = now;
	rq_taker_watch_others(b);
	if (find_returned(op, returned, &hand, &aside) == 0)
		return NONE_BACK;
	uint64_t header = rq_hand_header(set->region, hand.record);
	if (!aside && rq_record_len(header) > most)
		return -EMSGSIZE;
	int r = make_ready(t->book);
	if (r)
		return r;
	struct rq_entry *entry = entry_for(t->book, 0);
	uint64_t claim = rq_book_claim(t->book);
	/* To be set aside is no delivery, and whoever dies meanwhile has not been killed by it: it is told of who had it before. */
	uint32_t attempt = rq_hand_attempt(hand.from) + !aside;
	if (!rq_hand_move(set, &hand, entry, claim, b->id, attempt, aside ? hand.killer : t->who, (uint64_t)now))
		return -EAGAIN;
	t->book->spares--;
	if (rq_state_kind(hand.state) != RQ_ENTRY_BACK)
		rq_probe_dead_taker(b->queue->object, rq_killer_process(hand.killer), rq_killer_thread(hand.killer),
			rq_hand_attempt(hand.from) + 1);
	rq_deliver(out, set->region, entry, claim, b->id, hand.key, hand.pos);
	out->data = set->region->base + hand.record + rq_record_offset(header);
	out->len = rq_record_len(header);
	out->attempt = attempt;
	if (!aside)
		rq_add(&set->hands->redelivered, 1); /* a figure, as P2 */
	return aside ? SET_ASIDE : 0;
}

/* ---- attempts ---- */

/* Nothing waits. -EAGAIN: it may come, and op->event tells of it; -EPIPE. */
static int nothing(struct rq_op *op, bool closed)
{
	struct rq_queue_shared *s = op->queue->shared;
	op->event = &s->not_empty;
	if (!closed)
		return -EAGAIN;
	struct rq_hand_count count = rq_hand_count(&op->queue->set);
	if (count.held == 0 && count.returned == 0)
		return -EPIPE;
	op->event = &s->drained;
	return -EAGAIN;
}

/* A round of a take: 0, SET_ASIDE, or an error; -EAGAIN with *again: others have changed something. */
static int take_round(struct rq_op *op, bool *again)
{
	struct rq_port *b = op->port;
	struct rq_queue_shared *s = b->queue->shared;
	struct rq_view view;
	*again = true;
	uint64_t returned = rq_load_acquire(&s->returned); /* D7 */
	uint32_t closed = rq_load_acquire(&s->closed);     /* E2 */
	if (rq_unlikely(closed == RQ_CLOSED_DELETED))
		return -EPIPE;
	int64_t now = rq_sys.tick();
	bool looked = now - b->taker->looked >= RQ_LOOK_EVERY || !rq_taker_others_live(b->taker);
	if (looked || returned != b->taker->returned) {
		int r = take_returned(op, now, returned);
		if (r != NONE_BACK)
			return r;
	}
	int r = rq_choose(&b->order, &view);
	if (r < 0)
		return r;
	if (r == 1 && !rq_taker_nothing_back(b, returned, ~RQ_RETURNED_SOME))
		return -EAGAIN;
	if (r == 1 && view.len > op->len)
		return rq_view_is_current(&view) ? -EMSGSIZE : -EAGAIN;
	if (r == 1) {
		ssize_t n = claim(b, &view, now, op->buf, NULL, 1);
		return n == 1 ? 0 : (int)n;
	}
	if (rq_load_acquire(&s->returned) != returned) /* D7 */
		return -EAGAIN;
	/* Before it sleeps, and where a call does not wait: what the dead had, since the last look. */
	if (!looked && !b->spinning) {
		r = take_returned(op, now, returned);
		if (r != NONE_BACK)
			return r;
	}
	*again = false;
	return nothing(op, closed);
}

#define ROUNDS_MOST 65536u

static ssize_t take_once(struct rq_op *op)
{
	bool again = true;
	int r = -EAGAIN;
	for (unsigned rounds = 0; r == -EAGAIN && again && rounds < ROUNDS_MOST; rounds++) {
		if (rounds % 64 == 63 && rq_patience_is_over(&op->port->order.patience))
			break;
		r = take_round(op, &again);
		for (unsigned i = 0; r == -EAGAIN && again && i < (rounds < 64 ? rounds : 64); i++)
			rq_pause();
	}
	return r;
}

/* With an event fd, the take that finds nothing arms it, and looks again at what came before that. */
static ssize_t attempt_take(struct rq_op *op)
{
	if (take_again(op->port, op->len, op->buf))
		return 0;
	ssize_t r = take_once(op);
	if (r == -EAGAIN && rq_load(&op->queue->watch) && rq_watch_emptied(op->port))
		r = take_once(op);
	return r;
}

/* Whether an attempt is worth it, for who polls. */
static bool something_came(struct rq_op *op)
{
	const struct rq_port *b = op->port;
	const struct rq_queue_shared *s = b->queue->shared;
	return !rq_lane_nothing_yet(&b->taker->reader) || rq_load_acquire(&s->lanes_used) != 1 || /* U3 */
	       rq_load_acquire(&s->closed) || rq_load_acquire(&s->returned) != b->taker->returned;
}

static int enter_take(struct ringq_queue *queue, struct rq_port **b)
{
	int r = rq_enter(queue, b);
	if (r == 0 && (r = rq_taker_of(*b)))
		rq_leave();
	return r;
}

/*
 * The attempts of a call that may wait, before it goes to sleep. While there is just nothing, it spins at once, as a get does:
 * what others' deaths have left is looked for now and then, and before the sleep.
 */
static ssize_t attempt_first(struct rq_op *op, int64_t timeout)
{
	struct rq_port *b = op->port;
	if (timeout == RINGQ_NOWAIT)
		return attempt_take(op);
	if (rq_lane_nothing_yet(&b->taker->reader))
		rq_choose_let_backlog_build(&b->order);
	if (!something_came(op) && rq_taker_others_live(b->taker))
		return -EAGAIN;
	b->spinning = true;
	ssize_t r = attempt_take(op);
	b->spinning = false;
	return r;
}

/* One take, by a caller outside any call; with `leave`, of nothing that would be set aside. 0, SET_ASIDE, or an error. */
static int take_call(struct ringq_queue *queue, struct ringq_delivery *out, uint64_t most, bool leave, int64_t timeout)
{
	struct rq_port *b;
	int r = enter_take(queue, &b);
	if (r)
		return r;
	struct rq_op op = {
		.queue = queue,
		.port = b,
		.attempt = attempt_take,
		.poll = something_came,
		.event = &queue->shared->not_empty,
		.spin = &b->spin_get,
		.disarm = &b->disarm_get,
		.buf = out,
		.len = most,
		.activity = RINGQ_ASLEEP_TAKE,
		.done = leave,
	};
	b->order.patience = (struct rq_patience){.timeout = timeout};
	r = (int)attempt_first(&op, timeout);
	if (r == -EAGAIN)
		return (int)rq_block(&op, timeout);
	rq_book_narrow(b->taker->book);
	rq_leave();
	return r;
}

/* What is left of a time-out that ends at `until`. */
static int64_t time_left(int64_t timeout, int64_t until)
{
	if (timeout <= 0)
		return timeout;
	int64_t now = rq_sys.now();
	return until > now ? until - now : RINGQ_NOWAIT;
}

static rq_noinline int take_slowly(struct ringq_queue *queue, struct ringq_delivery *out, uint64_t most, int64_t timeout)
{
	int64_t until = timeout > 0 ? rq_deadline(timeout) : timeout;
	for (bool leave = false;;) {
		int r = take_call(queue, out, most, leave, time_left(timeout, until));
		if (r != SET_ASIDE)
			return r == -EAGAIN && timeout != RINGQ_NOWAIT ? -ETIMEDOUT : r;
		leave = rq_set_aside(queue, out) != 0;
	}
}

int rq_take(struct ringq_queue *queue, struct ringq_delivery *out, uint64_t most, int64_t timeout)
{
	struct rq_port *b;
	if (rq_likely(rq_enter_again(queue, &b))) {
		bool taken = take_again(b, most, out);
		rq_leave_again(b);
		if (rq_likely(taken))
			return 0;
	}
	return take_slowly(queue, out, most, timeout);
}
