/* SPDX-License-Identifier: MIT */
#include "queue/taker.h"

#include <errno.h>
#include <stdlib.h>

#include "base/event.h"
#include "order/next.h"
#include "region/objects.h"

#define DISARM_EVERY 256u

/*
 * What the number's former members have left undecided in its book is judged before the new one makes its first claim, of
 * whichever queue it is.
 */
static void inherit(struct rq_membership *membership, uint32_t member)
{
	struct ringq_region *region = rq_load(&membership->region);
	struct rq_book_walk book;
	struct rq_entry *entry;
	rq_book_walk(&book, region, member);
	while ((entry = rq_book_next(&book))) {
		struct rq_lane_set set;
		uint64_t first = rq_owner_first(rq_load(&entry->key));
		if (rq_load_acquire(&entry->state) == 0 || first >= rq_units_frontier(region)) /* as Z6: M4 is before */
			continue;
		uint64_t of = rq_load_acquire(rq_owner_at(region, first)); /* as N4 */
		if (!rq_owner_is_object(of) || !rq_object_visit(membership, first, of))
			continue;
		if (rq_lane_set_load(&set, region, first, rq_owner_object_units(of),
			    (const struct rq_queue_shared *)rq_unit_at(region, first)) &&
			set.hands)
			rq_hand_settle(&set, entry);
		rq_object_leave(membership);
	}
}

int rq_taker_make(struct rq_port *b)
{
	struct rq_membership *m = b->membership;
	uint32_t member = ((uint32_t)m->id & RQ_ID_INDEX_MASK) - 1;
	if (!m->book) {
		inherit(m, member);
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
	t->who = rq_killer(rq_load(&m->member->process), rq_load(&m->member->thread));
	t->at = RQ_NOWHERE;
	t->returned = RQ_RETURNED_SOME;
	rq_hand_enlist(&b->queue->set, b->queue->shared, member);
	b->taker = t;
	return 0;
}

void rq_taker_watch_others(struct rq_port *b)
{
	struct rq_taker *t = b->taker;
	uint32_t self = ((uint32_t)b->id & RQ_ID_INDEX_MASK) - 1;
	int64_t i = -1;
	t->others = 0;
	while (t->others < RQ_OTHERS_MOST && (i = rq_hand_next_taker(&b->queue->set, (uint32_t)(i + 1), self)) >= 0) {
		rq_u64 *lease = rq_lease_at(b->queue->region, (uint32_t)i);
		if (!lease)
			break;
		uint64_t word = rq_load_acquire(lease); /* as M3 */
		if (!rq_lease_held(word))
			continue;
		t->other[t->others].lease = lease;
		t->other[t->others++].word = word;
	}
}

void rq_taker_follow(struct rq_port *b, const struct rq_lane *lane, uint64_t next, uint64_t claim)
{
	struct rq_taker *t = b->taker;
	t->reader = b->order.reader;
	rq_reader_forget(&t->reader);
	t->at = RQ_NOWHERE;
	if (b->order.reader.lane != lane || !rq_ring_is_round(&b->order.reader.ring))
		return;
	t->reader.quick = rq_head_chunk(next);
	if (!rq_reader_follow(&t->reader, next))
		return;
	t->at = next;
	t->claim = claim;
}

void rq_taker_claimed(struct rq_port *b, uint32_t index, uint32_t n)
{
	rq_choose_took(&b->order, n);
	if (rq_unlikely(!rq_ring_is_round(&b->order.reader.ring))) {
		struct rq_view unused; /* a chunk for one large record: step into the next now, so that its memory goes */
		rq_lane_look(&b->order.reader, index, &unused);
	}
	if (rq_unlikely(++b->disarm_get % DISARM_EVERY == 0))
		rq_event_disarm(&b->queue->shared->not_empty);
}
