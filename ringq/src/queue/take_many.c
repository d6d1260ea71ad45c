/* SPDX-License-Identifier: MIT */

/*
 * Many takes by one call: records that lie one behind the other in a lane are taken by one claim. Each has an entry of
 * its own, all with the same ticket, so that they are in hand together or not at all, and are finished in any order.
 */

#include <errno.h>
#include <sys/uio.h>

#include "base/sys.h"
#include "order/next.h"
#include "queue/enter.h"
#include "queue/finish.h"
#include "queue/take.h"
#include "queue/taker.h"

#define BATCH 64u

/* Whether nothing has come back that would have to be taken first, and it is not time to look at the books. */
static bool nothing_is_back(const struct rq_port *b, int64_t now)
{
	const struct rq_taker *t = b->taker;
	return t && now - t->looked < RQ_LOOK_EVERY && rq_taker_nothing_back(b, t->returned, UINT64_MAX);
}

/* How many records one claim may take: as there are entries for, and as the order lets one lane have. */
static size_t most_at_once(struct rq_port *b, size_t n)
{
	size_t most = n < BATCH ? n : BATCH;
	if (!rq_book_is_ready(b->taker->book) && rq_book_refill(b->taker->book))
		return 0;
	if (most > b->taker->book->spares)
		most = b->taker->book->spares;
	if (most > b->order.quantum && rq_lanes_used(b->queue->shared, &b->queue->set) > 1)
		most = b->order.quantum;
	return most;
}

/* The spare entry of the record i of a batch. */
static inline struct rq_entry *entry_for(const struct rq_book *book, size_t i)
{
	return book->spare[book->spares - 1 - i];
}

/* The most bytes that the record i of a batch may have. */
static rq_always_inline uint64_t room_for(const struct iovec *into, size_t i)
{
	return into ? into[i].iov_len : UINT64_MAX;
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
	} while (++n < most && rq_choose_behind(&b->order, &view) && view.len <= room_for(into, n));
	return n;
}

/* Records of one lane by one claim. How many; 0: take one, and see why. */
static rq_always_inline size_t take_batch(
	struct rq_port *b, struct ringq_delivery *out, const struct iovec *into, size_t n)
{
	struct rq_view first;
	uint64_t next;
	int64_t now = rq_sys.tick();
	if (!nothing_is_back(b, now) || rq_load_acquire(&b->queue->shared->closed) == RQ_CLOSED_DELETED) /* E2 */
		return 0;
	b->order.patience = (struct rq_patience){.timeout = RINGQ_NOWAIT};
	/* Looked again: what came back before the first was put comes before it. */
	if (rq_choose(&b->order, &first) != 1 || !nothing_is_back(b, now) || (n = most_at_once(b, n)) == 0)
		return 0;
	struct rq_book *book = b->taker->book;
	uint64_t claim = rq_book_claim(book);
	n = write_entries(b, first, claim, now, out, into, n, &next);
	if (n == 0)
		return 0;
	if (!rq_hand_claim(&b->queue->set, first.lane, first.head, next, claim)) {
		for (size_t i = 0; i < n; i++)
			rq_store_release(&entry_for(book, i)->state, 0); /* as Z0: it was lost */
		return 0;
	}
	for (size_t i = 0; i < n; i++)
		rq_hand_hold(entry_for(book, i), claim);
	book->spares -= (uint32_t)n;
	rq_taker_follow(b, first.lane, next, claim);
	rq_taker_claimed(b, first.index, (uint32_t)n);
	return n;
}

/* Compiled for each kind: takes that fit anything have nothing to compare. */
static rq_always_inline ssize_t take_some(
	struct ringq_queue *queue, struct ringq_delivery *out, const struct iovec *into, size_t n, int64_t timeout)
{
	struct rq_port *b;
	size_t taken = 0;
	while (taken < n) {
		const struct iovec *rest = into ? into + taken : NULL;
		size_t more = 0;
		if (n - taken > 1 && rq_enter_again(queue, &b)) {
			more = take_batch(b, out + taken, rest, n - taken);
			rq_leave_again(b);
		}
		if (more == 0) {
			int r = rq_take(queue, out + taken, room_for(rest, 0), taken ? RINGQ_NOWAIT : timeout);
			if (r)
				return taken ? (ssize_t)taken : r;
			more = 1;
		}
		taken += more;
	}
	return (ssize_t)taken;
}

ssize_t rq_take_many(struct ringq_queue *queue, struct ringq_delivery *out, size_t n, int64_t timeout)
{
	return take_some(queue, out, NULL, n, timeout);
}

ssize_t rq_take_fitting(
	struct ringq_queue *queue, struct ringq_delivery *out, const struct iovec *into, size_t n, int64_t timeout)
{
	return take_some(queue, out, into, n, timeout);
}
