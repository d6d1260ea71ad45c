/* SPDX-License-Identifier: MIT */

/* The end of a delivery. What others may wait for when it has ended: room, a permit, memory, or that all is done. */

#include "queue/finish.h"

#include <errno.h>
#include <limits.h>

#include "base/event.h"
#include "base/sys.h"
#include "order/next.h"
#include "queue/drained.h"
#include "queue/enter.h"
#include "queue/taker.h"

static inline bool somebody_waits(const rq_u32 *event)
{
	return rq_load(event) & (RQ_EVENT_WAITERS | RQ_EVENT_FENCED);
}

/* What has ended: records of one chunk. */
struct ended {
	uint64_t pos; /* of one of them, which is here: */
	uint64_t key;
	uint64_t record;
	uint64_t bytes;
	int n;
};

/* What an end owes to others where it is not nothing: memory, room, or permits. */
static rq_cold void make_room(struct rq_port *b, const struct ended *e)
{
	const struct rq_lane_set *set = &b->queue->set;
	struct rq_lane *lane = rq_lane_at(set, rq_owner_lane_index(e->key));
	rq_fence(); /* T9: Z0 before the look at head; and, as W2, before the one at who sleeps */
	if (rq_head_chunk(rq_load(&lane->head) ^ e->pos)) {
		rq_store_release(b->order.reader.hazard, 0); /* as H1: this may be the last to name it */
		rq_hand_left(set, b->membership, e->key, e->record);
	}
	/* W4, and how much has been freed since: whose sum comes to it wakes. */
	if (rq_load_acquire(&lane->not_full) & RQ_EVENT_WAITERS &&
		rq_add(&lane->freed, e->bytes) + e->bytes >= rq_load_acquire(&lane->wake_at))
		rq_event_wake(&lane->not_full, 1);
	if (b->queue->permits.count)
		rq_event_notify(&b->queue->shared->not_full, e->n);
}

/* The same, that all may be done. Behind a full fence. */
static void tell_drained(struct rq_port *b)
{
	rq_u32 *drained = &b->queue->shared->drained;
	if (somebody_waits(drained) && rq_is_drained(b))
		rq_event_wake_all(drained);
}

/* Nobody waits for what has ended but, perhaps, for all to end. Behind a barrier. */
static rq_always_inline bool nobody_needs(const struct ringq_queue *queue, const struct ended *e)
{
	const struct rq_lane *lane = rq_lane_at(&queue->set, rq_owner_lane_index(e->key));
	return !somebody_waits(&lane->not_full) && rq_head_chunk(rq_load(&lane->head) ^ e->pos) == 0 &&
	       !queue->permits.count;
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
			/* As Y6: under the process lock, which orders it. */
			if (!rq_load_acquire(&b->taker->book->is_shared)) {
				rq_store_release(&b->taker->book->is_shared, 1); /* Y6 */
				rq_process_barrier();
				inside = rq_load_acquire(&b->thread->handle_hazard) == rq_load(&queue->id); /* as Y3 */
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
	struct rq_entry *entry = rq_delivery_entry(queue, d);
	uint64_t state = d->own[RQ_OWN_STATE];
	if (!entry || !state)
		return -ESTALE;
	int r = rq_enter(queue, &b);
	if (r)
		return r;
	bool own = d->own[RQ_OWN_PORT] == b->id && b->taker;
	if (!own)
		r = share(queue, d->own[RQ_OWN_PORT]);
	uint64_t record = rq_load(&entry->record), bytes = d->len + 2 * RQ_GRANULE;
	if (r == 0 && !rq_cas_full(&entry->state, &state, kind ? rq_state_claim(state) | kind : 0)) /* Z0, or D9 */
		r = -ESTALE;
	if (r == 0) {
		d->own[RQ_OWN_STATE] = 0;
		d->data = NULL;
		if (kind == RQ_ENTRY_BACK) {
			rq_hand_say_returned(queue->shared);
		} else {
			if (own)
				rq_book_spare(b->taker->book, entry);
			make_room(b, &(struct ended){d->own[RQ_OWN_POS], d->own[RQ_OWN_KEY], record, bytes, 1});
			tell_drained(b);
		}
	}
	rq_leave();
	return r;
}

/* Ends a delivery that the caller took and that nobody else may end; adds it to what has ended. False: not so. */
static rq_always_inline bool end_own(struct rq_port *b, struct ringq_delivery *d, struct ended *e)
{
	struct rq_entry *entry = rq_delivery_entry(b->queue, d);
	uint64_t state = d->own[RQ_OWN_STATE];
	if (rq_unlikely(!entry) || rq_unlikely(d->own[RQ_OWN_PORT] != b->id) || rq_unlikely(!b->taker) ||
		rq_unlikely(rq_load(&b->taker->book->is_shared)) || /* Y5 */
		rq_unlikely(!state) || rq_unlikely(rq_load(&entry->state) != state))
		return false;
	e->pos = d->own[RQ_OWN_POS];
	e->key = d->own[RQ_OWN_KEY];
	e->record = rq_load(&entry->record);
	e->bytes += d->len + 2 * RQ_GRANULE;
	e->n++;
	rq_store_release(&entry->state, 0); /* Z0 */
	rq_book_spare(b->taker->book, entry);
	d->own[RQ_OWN_STATE] = 0;
	d->data = NULL;
	return true;
}

int rq_ack(struct ringq_queue *queue, struct ringq_delivery *d)
{
	struct rq_port *b;
	struct ended e = {.n = 0};
	if (rq_unlikely(!rq_enter_again(queue, &b)))
		return end_slowly(queue, d, RQ_ENTRY_FREE);
	if (rq_unlikely(!end_own(b, d, &e))) {
		rq_leave_again(b);
		return end_slowly(queue, d, RQ_ENTRY_FREE);
	}
	rq_light_barrier();
	if (rq_unlikely(!nobody_needs(queue, &e)) || rq_unlikely(somebody_waits(&queue->shared->drained))) {
		make_room(b, &e);
		tell_drained(b);
	}
	rq_leave_again(b);
	return 0;
}

int rq_give_back(struct ringq_queue *queue, struct ringq_delivery *d)
{
	return end_slowly(queue, d, RQ_ENTRY_BACK);
}

int rq_requeue(struct ringq_queue *queue, struct ringq_delivery *d)
{
	struct rq_entry *entry = rq_delivery_entry(queue, d);
	/* For people: of a delivery that another thread ends just now, it may be the next one's. */
	if (entry && rq_load(&entry->state) == d->own[RQ_OWN_STATE])
		rq_store(&entry->killer, 0);
	return rq_give_back(queue, d);
}

void rq_untake(struct ringq_queue *queue, struct ringq_delivery *d)
{
	struct rq_entry *entry = rq_delivery_entry(queue, d);
	if (entry)
		rq_store(&entry->from, rq_hand_from(d->attempt - 1, 0));
	rq_requeue(queue, d);
}

/* Ends the caller's own from the first on, those of each chunk together. How many. */
static size_t end_many(struct rq_port *b, struct ringq_delivery *d, size_t n)
{
	size_t done = 0, before;
	do {
		struct ended e = {.n = 0};
		before = done;
		while (done < n && e.n < INT_MAX && (done == before || d[done].own[RQ_OWN_KEY] == e.key) &&
			end_own(b, &d[done], &e))
			done++;
		rq_light_barrier();
		if (e.n && rq_unlikely(!nobody_needs(b->queue, &e)))
			make_room(b, &e);
	} while (done < n && done != before);
	if (rq_unlikely(somebody_waits(&b->queue->shared->drained))) {
		rq_fence(); /* after Z0, as W2 */
		tell_drained(b);
	}
	return done;
}

int rq_ack_many(struct ringq_queue *queue, struct ringq_delivery *deliveries, size_t n)
{
	struct rq_port *b;
	int first = 0;
	for (size_t i = 0; i < n;) {
		if (rq_likely(rq_enter_again(queue, &b))) {
			i += end_many(b, deliveries + i, n - i);
			rq_leave_again(b);
		}
		if (i == n)
			break;
		int r = end_slowly(queue, &deliveries[i++], RQ_ENTRY_FREE);
		first = first ? first : r;
	}
	return first;
}
