/* SPDX-License-Identifier: MIT */

/* Looks at acknowledged queues that take nothing: at what waits in the lanes, and at what is back. See take.h. */

#include "queue/returned.h"

#include <errno.h>

#include "base/copy.h"
#include "lane/hand.h"
#include "order/next.h"

#define LOOKS_MOST 65536u /* in a row that something came between: a hostile peer could go on for ever */

/* What came back to a queue that was deleted is not there for anybody. */
static bool is_deleted(const struct rq_port *b)
{
	return rq_load_acquire(&b->queue->shared->closed) == RQ_CLOSED_DELETED; /* E2 */
}

/*
 * The first of what is back. Who gives something back has not said so yet between two instructions; and who is told here that
 * it is back must not see others take what is younger.
 */
static uint64_t find(struct rq_port *b, struct rq_hand *hand)
{
	struct rq_queue_shared *s = b->queue->shared;
	uint64_t n = rq_hand_returned(&b->queue->set, UINT32_MAX, hand);
	if (n && !(rq_load(&s->returned) & RQ_RETURNED_SOME))
		rq_hand_say_returned(s);
	return n;
}

ssize_t rq_take_peek(struct rq_port *b, void *buf, size_t size)
{
	const struct rq_lane_set *set = &b->queue->set;
	struct rq_hand hand;
	if (is_deleted(b))
		return -EPIPE;
	for (unsigned looks = 0; looks < LOOKS_MOST && find(b, &hand); looks++) {
		uint64_t header = rq_hand_header(set->region, hand.record), len = rq_record_len(header);
		bool fits = header && len <= size;
		if (fits)
			rq_copy_out(buf, set->region->base + hand.record + rq_record_offset(header), len);
		/* Nobody has taken it meanwhile: so nobody has written there. */
		rq_acquire_fence(); /* G4 */
		if (rq_load(&hand.entry->state) == hand.state)
			return fits ? (ssize_t)len : -EMSGSIZE;
	}
	return -EAGAIN;
}

bool rq_take_empty(struct rq_port *b)
{
	const rq_u64 *returned = &b->queue->shared->returned;
	for (unsigned looks = 0; looks < LOOKS_MOST; looks++) {
		uint64_t word = rq_load_acquire(returned); /* D7 */
		struct rq_hand hand;
		if (is_deleted(b))
			return rq_was_empty(&b->order);
		if (find(b, &hand) || !rq_was_empty(&b->order))
			return false;
		if (rq_load_acquire(returned) == word) /* D7 */
			return true;
	}
	return false;
}

uint64_t rq_take_waiting(struct rq_port *b, uint64_t least)
{
	const struct rq_hands *h = b->queue->set.hands;
	uint64_t moves, word, n;
	unsigned counts = 0;
	if (is_deleted(b))
		return rq_records_waiting(&b->order, least);
	do {
		moves = rq_load_acquire(&h->moves);                  /* as Z9 */
		word = rq_load_acquire(&b->queue->shared->returned); /* D7 */
		n = rq_hand_count(&b->queue->set).returned + rq_records_waiting(&b->order, least);
		/* As Z9, and D7, behind both counts. */
	} while ((rq_load_acquire(&h->moves) != moves || rq_load_acquire(&b->queue->shared->returned) != word) &&
		 ++counts < 16);
	return n;
}

bool rq_take_is_ready(struct rq_port *b)
{
	struct rq_view view;
	struct rq_hand hand;
	bool closed = rq_load_acquire(&b->queue->shared->closed); /* E2 */
	if (rq_choose(&b->order, &view) != 0 || rq_hand_returned(&b->queue->set, UINT32_MAX, &hand))
		return true;
	return closed && rq_hand_count(&b->queue->set).held == 0;
}
