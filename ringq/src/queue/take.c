/* SPDX-License-Identifier: MIT */

/* Taking, and what ends it: acknowledging and giving back. What each call does is told in take.h. */

#include "queue/take.h"

#include <errno.h>
#include <stdlib.h>

#include "base/sys.h"
#include "order/next.h"
#include "queue/block.h"
#include "queue/watch.h"

#define DISARM_EVERY 256u
#define SET_ASIDE 1 /* of take_call(): what is out was delivered too often */
#define NONE_BACK 2

/* ---- deliveries ---- */

/* What own[] says. */
enum own {
	OWN_ENTRY, /* where its entry is, in entries */
	OWN_STATE, /* what that says while it is in hand; 0: it is finished */
	OWN_PORT,  /* who took it */
	OWN_POS,   /* where it lies */
	OWN_KEY,   /* the chunk */
};

static rq_always_inline void deliver(struct ringq_delivery *out, const struct ringq_region *region,
	const struct rq_entry *entry, uint64_t claim, uint64_t port)
{
	out->flags = 0;
	out->own[OWN_ENTRY] = rq_entry_offset(region, entry);
	out->own[OWN_STATE] = claim | RQ_ENTRY_HELD;
	out->own[OWN_PORT] = port;
}

/* ---- the taker ---- */

/*
 * What the number's former members have left undecided in its book is judged before the new one makes its first claim, of
 * whichever queue it is.
 */
static void inherit(struct ringq_region *region, uint32_t member)
{
	struct rq_book_walk book;
	struct rq_entry *entry;
	rq_book_walk(&book, region, member);
	while ((entry = rq_book_next(&book))) {
		struct rq_lane_set set;
		uint64_t first = rq_owner_first(rq_load(&entry->key));
		if (rq_load_acquire(&entry->state) == 0 || first >= rq_units_frontier(region))
			continue;
		uint64_t of = rq_load_acquire(rq_owner_at(region, first));
		if (rq_owner_kind(of) == RQ_OWNER_OBJECT &&
			rq_lane_set_load(&set, region, first, rq_owner_object_units(of),
				(const struct rq_queue_shared *)rq_unit_at(region, first)) &&
			set.hands)
			rq_hand_settle(&set, entry);
	}
}

static int make_taker(struct rq_port *b)
{
	struct rq_membership *m = b->membership;
	uint32_t member = ((uint32_t)m->id & RQ_ID_INDEX_MASK) - 1;
	if (!m->book) {
		inherit(b->queue->region, member);
		int r = rq_book_open(&m->book, m);
		if (r)
			return r;
	}
	struct rq_taker *t = calloc(1, sizeof *t);
	if (!t)
		return -ENOMEM;
	t->book = m->book;
	t->reader = b->order.reader;
	rq_reader_forget(&t->reader);
	t->at = RQ_NOWHERE;
	t->returned = RQ_RETURNED_SOME;
	rq_hand_enlist(&b->queue->set, b->queue->shared, member);
	b->taker = t;
	return 0;
}

static inline int taker_of(struct rq_port *b)
{
	return rq_likely(b->taker != NULL) ? 0 : make_taker(b);
}

/* Remembers the leases of those that may die with something in hand. Before it looks at what they have. */
static void watch_others(struct rq_port *b)
{
	struct rq_taker *t = b->taker;
	uint32_t self = ((uint32_t)b->id & RQ_ID_INDEX_MASK) - 1;
	int64_t i = -1;
	t->others = 0;
	while (t->others < RQ_OTHERS_MOST && (i = rq_hand_next_taker(&b->queue->set, (uint32_t)(i + 1), self)) >= 0) {
		rq_u64 *lease = rq_lease_at(b->queue->region, (uint32_t)i);
		if (!lease)
			break;
		uint64_t word = rq_load_acquire(lease);
		if (!rq_lease_held(word))
			continue;
		t->other[t->others].lease = lease;
		t->other[t->others++].word = word;
	}
}

/* Whether all of them live. */
static rq_always_inline bool others_live(const struct rq_taker *t)
{
	for (uint32_t i = 0; i < t->others; i++)
		if (rq_unlikely(rq_load_acquire(t->other[i].lease) != t->other[i].word))
			return false;
	return true;
}

/* The port's reader has just claimed up to `next`: the fast path may go on from there. */
static void follow(struct rq_port *b, const struct rq_view *view, uint64_t claim)
{
	struct rq_taker *t = b->taker;
	t->reader = b->order.reader;
	rq_reader_forget(&t->reader);
	t->at = RQ_NOWHERE;
	if (b->order.reader.lane != view->lane || !rq_ring_is_round(&b->order.reader.ring))
		return;
	t->reader.quick = view->next >> 32;
	if (!rq_reader_follow(&t->reader, view->next))
		return;
	t->at = view->next;
	t->claim = claim;
}

/* ---- taking what waits ---- */

/*
 * The take that most often succeeds, as a get by rq_choose_again(): the lane's last claim was the caller's own, and nothing
 * may be back.
 */
static rq_always_inline bool take_again(struct rq_port *b, uint64_t most, struct ringq_delivery *out)
{
	struct rq_taker *t = b->taker;
	struct rq_view view;
	if (rq_unlikely(!t) || rq_unlikely(rq_load_acquire(&b->queue->shared->returned) != t->returned) ||
		rq_unlikely(!b->order.quantum) || rq_unlikely(!others_live(t)) || !rq_book_is_ready(t->book) ||
		rq_unlikely(!rq_lane_look_again(&t->reader, most < RQ_LONG ? most : RQ_LONG, &view)) ||
		rq_unlikely(view.head != t->at) || rq_unlikely(!rq_choose_may_stay(&b->order, &view)))
		return false;
	int64_t now = rq_sys_tick();
	if (rq_unlikely(now - t->looked >= RQ_LOOK_EVERY))
		return false;
	const struct ringq_region *region = b->queue->region;
	struct rq_entry *entry = t->book->spare[t->book->spares - 1];
	uint64_t claim = rq_book_claim(t->book);
	rq_hand_write(entry, claim, t->reader.key, view.head, (uint64_t)(t->reader.record - region->base), b->id,
		(uint64_t)now);
	if (rq_unlikely(!rq_hand_claim_again(view.lane, view.head, t->claim, view.next, claim))) {
		rq_store_release(&entry->state, 0);
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
	deliver(out, region, entry, claim, b->id);
	out->data = view.payload;
	out->len = view.len;
	out->attempt = 1;
	out->own[OWN_POS] = view.head;
	out->own[OWN_KEY] = t->reader.key;
	return true;
}

/* Claims what a choice has found. 0; -EAGAIN: somebody else was faster; -ENOMEM. */
static int claim_view(struct rq_port *b, const struct rq_view *view, int64_t now, struct ringq_delivery *out)
{
	struct rq_taker *t = b->taker;
	const struct ringq_region *region = b->queue->region;
	if (!rq_book_is_ready(t->book)) {
		int r = rq_book_refill(t->book);
		if (r)
			return r;
	}
	struct rq_entry *entry = t->book->spare[t->book->spares - 1];
	uint64_t claim = rq_book_claim(t->book);
	/* The payload is 8 or 16 bytes behind the record's start. */
	uint64_t record = (uint64_t)(view->payload - region->base - 8) & ~(uint64_t)(RQ_GRANULE - 1);
	rq_hand_write(entry, claim, b->order.reader.key, view->head, record, b->id, (uint64_t)now);
	if (!rq_hand_claim(&b->queue->set, view->lane, view->head, view->next, claim)) {
		rq_store_release(&entry->state, 0);
		return -EAGAIN;
	}
	rq_hand_hold(entry, claim);
	t->book->spares--;
	follow(b, view, claim);
	deliver(out, region, entry, claim, b->id);
	out->data = view->payload;
	out->len = view->len;
	out->attempt = 1;
	out->own[OWN_POS] = view->head;
	out->own[OWN_KEY] = b->order.reader.key;
	rq_choose_took(&b->order, 1);
	if (rq_unlikely(!rq_ring_is_round(&b->order.reader.ring))) {
		struct rq_view unused; /* a chunk for one large record: step into the next now, so that its memory goes */
		rq_lane_look(&b->order.reader, view->index, &unused);
	}
	if (rq_unlikely(++b->disarm_get % DISARM_EVERY == 0))
		rq_event_disarm(&b->queue->shared->not_empty);
	return 0;
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
	watch_others(b);
	if (find_returned(op, returned, &hand, &aside) == 0)
		return NONE_BACK;
	uint64_t header = rq_hand_header(set->region, hand.record);
	if (!aside && rq_record_len(header) > most)
		return -EMSGSIZE;
	if (!rq_book_is_ready(t->book)) {
		int r = rq_book_refill(t->book);
		if (r)
			return r;
	}
	struct rq_entry *entry = t->book->spare[t->book->spares - 1];
	uint64_t claim = rq_book_claim(t->book);
	if (!rq_hand_move(set, &hand, entry, claim, b->id, (uint64_t)now))
		return -EAGAIN;
	t->book->spares--;
	deliver(out, set->region, entry, claim, b->id);
	out->data = set->region->base + hand.record + rq_record_offset(header);
	out->len = rq_record_len(header);
	out->attempt = rq_hand_attempt(hand.from) + 1;
	out->own[OWN_POS] = hand.pos;
	out->own[OWN_KEY] = hand.key;
	if (!aside)
		rq_add(&set->hands->redelivered, 1);
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
	uint64_t returned = rq_load_acquire(&s->returned);
	bool closed = rq_load_acquire(&s->closed); /* E2 */
	int64_t now = rq_sys_tick();
	bool looked = now - b->taker->looked >= RQ_LOOK_EVERY || !others_live(b->taker);
	if (looked || returned != b->taker->returned) {
		int r = take_returned(op, now, returned);
		if (r != NONE_BACK)
			return r;
	}
	int r = rq_choose(&b->order, &view);
	if (r < 0)
		return r;
	if (r == 1 && view.len > op->len)
		return rq_view_is_current(&view) ? -EMSGSIZE : -EAGAIN;
	if (r == 1)
		return claim_view(b, &view, now, op->buf);
	if (rq_load_acquire(&s->returned) != returned)
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
	if (r == -EAGAIN && op->queue->watch && rq_watch_emptied(op->port))
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
	if (r == 0 && (r = taker_of(*b)))
		rq_leave();
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
	r = (int)attempt_take(&op);
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

/*
 * What was delivered too often goes into the dead-letter queue, and then it is done: who dies in between leaves it to
 * another, who puts it there again. Is there no room for it, it is back, this take leaves it, and the next tries again.
 */
static int set_aside(struct ringq_queue *queue, struct ringq_delivery *d);

static rq_noinline int take_slowly(struct ringq_queue *queue, struct ringq_delivery *out, uint64_t most, int64_t timeout)
{
	int64_t until = timeout > 0 ? rq_deadline(timeout) : timeout;
	for (bool leave = false;;) {
		int r = take_call(queue, out, most, leave, time_left(timeout, until));
		if (r != SET_ASIDE)
			return r == -EAGAIN && timeout != RINGQ_NOWAIT ? -ETIMEDOUT : r;
		leave = set_aside(queue, out) != 0;
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

int ringq_take(ringq_queue *queue, struct ringq_delivery *out, int64_t timeout)
{
	struct rq_port *b;
	if (rq_unlikely(!queue) || rq_unlikely(!out) || rq_unlikely(!rq_timeout_is_good(timeout)) ||
		rq_unlikely(!queue->set.hands))
		return -EINVAL;
	if (rq_likely(rq_enter_again(queue, &b))) {
		bool taken = take_again(b, UINT64_MAX, out);
		rq_leave_again(b);
		if (rq_likely(taken))
			return 0;
	}
	return take_slowly(queue, out, UINT64_MAX, timeout);
}

ssize_t ringq_take_many(ringq_queue *queue, struct ringq_delivery *out, size_t n, int64_t timeout)
{
	if (!queue || !out || n == 0 || n > (size_t)1 << 20 || !rq_timeout_is_good(timeout) || !queue->set.hands)
		return -EINVAL;
	int r = rq_take(queue, out, UINT64_MAX, timeout);
	if (r)
		return r;
	size_t taken = 1;
	while (taken < n && rq_take(queue, out + taken, UINT64_MAX, RINGQ_NOWAIT) == 0)
		taken++;
	return (ssize_t)taken;
}

/* ---- the end of a delivery ---- */

/* Whether nothing waits and nothing is in hand, at one instant: in between the looks at the lanes no head has moved. */
static bool is_drained(struct rq_port *b)
{
	const struct rq_lane_set *set = &b->queue->set;
	uint64_t before = 0, after = 0;
	uint32_t n = rq_order_lanes(&b->order);
	for (uint32_t i = 0; i < n; i++)
		before += rq_load_acquire(&rq_lane_at(set, i)->head);
	if (!rq_was_empty(&b->order))
		return false;
	struct rq_hand_count count = rq_hand_count(set);
	if (count.held || count.returned || !rq_was_empty(&b->order))
		return false;
	for (uint32_t i = 0; i < n; i++)
		after += rq_load_acquire(&rq_lane_at(set, i)->head);
	return before == after && n == rq_order_lanes(&b->order);
}

static inline bool somebody_waits(const rq_u32 *event)
{
	return rq_load(event) & (RQ_EVENT_WAITERS | RQ_EVENT_FENCED);
}

/* What an end owes to others where it is not nothing: room, a permit, memory, or that all is done. */
static rq_cold void ended(struct rq_port *b, uint64_t pos, uint64_t key, uint64_t record, uint64_t bytes)
{
	const struct rq_lane_set *set = &b->queue->set;
	struct rq_queue_shared *s = b->queue->shared;
	struct rq_lane *lane = rq_lane_at(set, rq_hand_lane(key));
	if ((rq_load(&lane->head) ^ pos) >> 32) {
		rq_store_release(b->order.reader.hazard, 0); /* this may be the last to name it */
		rq_hand_left(set, b->membership, key, record);
	}
	rq_fence();
	if (rq_load_acquire(&lane->not_full) & RQ_EVENT_WAITERS &&
		rq_add(&lane->freed, bytes) + bytes >= rq_load_acquire(&lane->wake_at))
		rq_event_wake(&lane->not_full, 1);
	if (b->queue->permits.count)
		rq_event_notify(&s->not_full, 1);
	if (somebody_waits(&s->drained) && is_drained(b))
		rq_event_wake_all(&s->drained);
}

static rq_always_inline bool nobody_cares(const struct ringq_queue *queue, uint64_t pos, uint64_t key)
{
	const struct rq_lane *lane = rq_lane_at(&queue->set, rq_hand_lane(key));
	rq_light_barrier();
	return !somebody_waits(&lane->not_full) && !somebody_waits(&queue->shared->drained) &&
	       (rq_load(&lane->head) ^ pos) >> 32 == 0 && !queue->permits.count;
}

/* The entry of a delivery; NULL if what says so is not a delivery of this queue. */
static rq_always_inline struct rq_entry *entry_of(const struct ringq_queue *queue, const struct ringq_delivery *d)
{
	const struct rq_lane_set *set = &queue->set;
	uint64_t key = d->own[OWN_KEY];
	if (rq_unlikely((key & RQ_KEY_QUEUE) != (set->first << 3 | RQ_OWNER_LANE)) ||
		rq_unlikely(rq_hand_lane(key) >= set->max))
		return NULL;
	return rq_entry_of(set->region, d->own[OWN_ENTRY]);
}

/*
 * Makes sure that the taker ends its deliveries by CAS from now on, as another thread is about to end one: once it has seen
 * that, or is not inside a call that may not have. 0; -ESTALE: this process has no such taker.
 */
static int share(struct ringq_queue *queue, uint64_t id)
{
	bool found = false, inside = true;
	while (inside) {
		inside = found = false;
		rq_process_lock();
		for (struct rq_port *b = queue->ports; b; b = b->queue_next) {
			if (b->id != id || !b->taker)
				continue;
			found = true;
			if (!rq_load_acquire(&b->taker->book->is_shared)) {
				rq_store_release(&b->taker->book->is_shared, 1); /* V2 */
				rq_process_barrier();
				inside = rq_load_acquire(&b->thread->handle_hazard) == rq_load(&queue->id);
				if (inside)
					rq_store(&b->taker->book->is_shared, 0);
			}
		}
		rq_process_unlock();
		if (inside)
			rq_sys.yield();
	}
	return found ? 0 : -ESTALE;
}

/* Ends a delivery in any way and by any thread: kind is what its entry becomes. */
static rq_noinline int end_slowly(struct ringq_queue *queue, struct ringq_delivery *d, enum rq_entry_kind kind)
{
	struct rq_port *b;
	struct rq_entry *entry = entry_of(queue, d);
	uint64_t state = d->own[OWN_STATE];
	if (!entry || !state)
		return -ESTALE;
	int r = rq_enter(queue, &b);
	if (r)
		return r;
	bool own = d->own[OWN_PORT] == b->id && b->taker;
	if (!own)
		r = share(queue, d->own[OWN_PORT]);
	uint64_t record = rq_load(&entry->record), bytes = d->len + 2 * RQ_GRANULE;
	if (r == 0 && !rq_cas_full(&entry->state, &state, kind ? rq_state_claim(state) | kind : 0))
		r = -ESTALE;
	if (r == 0) {
		d->own[OWN_STATE] = 0;
		d->data = NULL;
		if (kind == RQ_ENTRY_BACK) {
			rq_hand_say_returned(queue->shared);
		} else {
			if (own)
				rq_book_spare(b->taker->book, entry);
			ended(b, d->own[OWN_POS], d->own[OWN_KEY], record, bytes);
		}
	}
	rq_leave();
	return r;
}

int ringq_ack(ringq_queue *queue, struct ringq_delivery *delivery)
{
	struct rq_port *b;
	struct ringq_delivery *d = delivery;
	if (rq_unlikely(!queue) || rq_unlikely(!d) || rq_unlikely(!queue->set.hands))
		return -EINVAL;
	if (rq_unlikely(!rq_enter_again(queue, &b)))
		return end_slowly(queue, d, RQ_ENTRY_FREE);
	struct rq_entry *entry = entry_of(queue, d);
	uint64_t state = d->own[OWN_STATE], pos = d->own[OWN_POS], key = d->own[OWN_KEY];
	if (rq_unlikely(!entry) || rq_unlikely(d->own[OWN_PORT] != b->id) || rq_unlikely(!b->taker) ||
		rq_unlikely(rq_load(&b->taker->book->is_shared)) || /* V1 */
		rq_unlikely(!state) || rq_unlikely(rq_load(&entry->state) != state)) {
		rq_leave_again(b);
		return end_slowly(queue, d, RQ_ENTRY_FREE);
	}
	uint64_t record = rq_load(&entry->record);
	rq_store_release(&entry->state, 0); /* Z0 */
	rq_book_spare(b->taker->book, entry);
	d->own[OWN_STATE] = 0;
	d->data = NULL;
	if (rq_unlikely(!nobody_cares(queue, pos, key)))
		ended(b, pos, key, record, d->len + 2 * RQ_GRANULE);
	rq_leave_again(b);
	return 0;
}

int ringq_requeue(ringq_queue *queue, struct ringq_delivery *delivery)
{
	if (!queue || !delivery || !queue->set.hands)
		return -EINVAL;
	return end_slowly(queue, delivery, RQ_ENTRY_BACK);
}

int ringq_ack_many(ringq_queue *queue, struct ringq_delivery *deliveries, size_t n)
{
	int first = 0;
	if (!queue || (!deliveries && n) || !queue->set.hands)
		return -EINVAL;
	for (size_t i = 0; i < n; i++) {
		int r = ringq_ack(queue, &deliveries[i]);
		if (first == 0)
			first = r;
	}
	return first;
}

/* ---- dead letters ---- */

/* The queue that gets them: 0 and its handle, or NULL if there is none; or as ringq_queue_open(). */
static int open_dead_letters(struct ringq_queue *queue, struct ringq_queue **out)
{
	const struct rq_hands *h = queue->set.hands;
	struct ringq_region *region = queue->region;
	uint64_t word = rq_load_once(&h->dead_letters), first = rq_load_once(&h->dead_first);
	*out = NULL;
	if (word == 0 || first >= rq_units_frontier(region) || rq_load_acquire(rq_owner_at(region, first)) != word)
		return 0;
	return rq_queue_handle(out, region, first, rq_owner_object_units(word));
}

static int put_dead_letter(struct ringq_queue *dead, const struct ringq_delivery *d, uint64_t killer)
{
	struct ringq_dead_letter head = {
		.size = sizeof head,
		.attempts = d->attempt - 1,
		.process = (uint32_t)(killer >> 32),
		.thread = (uint32_t)killer,
	};
	void *at;
	int r = ringq_reserve(dead, &at, sizeof head + d->len, RINGQ_NOWAIT);
	if (r)
		return r;
	rq_copy_in(at, &head, sizeof head);
	rq_copy_in((char *)at + sizeof head, d->data, d->len);
	return ringq_commit(dead, at, sizeof head + d->len);
}

static int set_aside(struct ringq_queue *queue, struct ringq_delivery *d)
{
	struct ringq_queue *dead;
	struct rq_entry *entry = entry_of(queue, d);
	int r = open_dead_letters(queue, &dead);
	if (r == 0 && dead) {
		r = put_dead_letter(dead, d, entry ? rq_load(&entry->killer) : 0);
		ringq_queue_release(dead);
	}
	if (r) {
		if (entry)
			rq_store(&entry->from, rq_hand_from(d->attempt - UINT64_C(1), 0)); /* this was none */
		ringq_requeue(queue, d);
		return r;
	}
	rq_add(&queue->set.hands->dead_lettered, 1);
	return ringq_ack(queue, d);
}

/* ---- waiting for the end of all ---- */

static ssize_t attempt_join(struct rq_op *op)
{
	struct rq_patience patience = op->port->order.patience; /* a look whether a queue is empty has none */
	bool drained = is_drained(op->port);
	op->port->order.patience = patience;
	return drained ? 0 : -EAGAIN;
}

int ringq_join(ringq_queue *queue, int64_t timeout)
{
	struct rq_port *b;
	if (!queue || !rq_timeout_is_good(timeout) || !queue->set.hands)
		return -EINVAL;
	int r = rq_enter(queue, &b);
	if (r)
		return r;
	struct rq_op op = {
		.queue = queue,
		.port = b,
		.attempt = attempt_join,
		.event = &queue->shared->drained,
		.spin = &b->spin_get,
		.disarm = &b->disarm_get,
		.rarely = true,
		.activity = RINGQ_ASLEEP_JOIN,
	};
	b->order.patience = (struct rq_patience){.timeout = timeout};
	r = (int)attempt_join(&op);
	if (r == -EAGAIN)
		return (int)rq_block(&op, timeout);
	rq_leave();
	return r;
}
