/* SPDX-License-Identifier: MIT */

/* The end of a delivery. What others may wait for when it has ended: room, a permit, memory, or that all is done. */

#include "queue/finish.h"

#include <errno.h>

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
	if (somebody_waits(&s->drained) && rq_is_drained(b))
		rq_event_wake_all(&s->drained);
}

static rq_always_inline bool nobody_cares(const struct ringq_queue *queue, uint64_t pos, uint64_t key)
{
	const struct rq_lane *lane = rq_lane_at(&queue->set, rq_hand_lane(key));
	rq_light_barrier();
	return !somebody_waits(&lane->not_full) && !somebody_waits(&queue->shared->drained) &&
	       (rq_load(&lane->head) ^ pos) >> 32 == 0 && !queue->permits.count;
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
	if (r == 0 && !rq_cas_full(&entry->state, &state, kind ? rq_state_claim(state) | kind : 0))
		r = -ESTALE;
	if (r == 0) {
		d->own[RQ_OWN_STATE] = 0;
		d->data = NULL;
		if (kind == RQ_ENTRY_BACK) {
			rq_hand_say_returned(queue->shared);
		} else {
			if (own)
				rq_book_spare(b->taker->book, entry);
			ended(b, d->own[RQ_OWN_POS], d->own[RQ_OWN_KEY], record, bytes);
		}
	}
	rq_leave();
	return r;
}

int rq_ack(struct ringq_queue *queue, struct ringq_delivery *d)
{
	struct rq_port *b;
	if (rq_unlikely(!rq_enter_again(queue, &b)))
		return end_slowly(queue, d, RQ_ENTRY_FREE);
	struct rq_entry *entry = rq_delivery_entry(queue, d);
	uint64_t state = d->own[RQ_OWN_STATE], pos = d->own[RQ_OWN_POS], key = d->own[RQ_OWN_KEY];
	if (rq_unlikely(!entry) || rq_unlikely(d->own[RQ_OWN_PORT] != b->id) || rq_unlikely(!b->taker) ||
		rq_unlikely(rq_load(&b->taker->book->is_shared)) || /* V1 */
		rq_unlikely(!state) || rq_unlikely(rq_load(&entry->state) != state)) {
		rq_leave_again(b);
		return end_slowly(queue, d, RQ_ENTRY_FREE);
	}
	uint64_t record = rq_load(&entry->record);
	rq_store_release(&entry->state, 0); /* Z0 */
	rq_book_spare(b->taker->book, entry);
	d->own[RQ_OWN_STATE] = 0;
	d->data = NULL;
	if (rq_unlikely(!nobody_cares(queue, pos, key)))
		ended(b, pos, key, record, d->len + 2 * RQ_GRANULE);
	rq_leave_again(b);
	return 0;
}

int rq_requeue(struct ringq_queue *queue, struct ringq_delivery *d)
{
	return end_slowly(queue, d, RQ_ENTRY_BACK);
}

int rq_ack_many(struct ringq_queue *queue, struct ringq_delivery *deliveries, size_t n)
{
	int first = 0;
	for (size_t i = 0; i < n; i++) {
		int r = rq_ack(queue, &deliveries[i]);
		if (first == 0)
			first = r;
	}
	return first;
}
