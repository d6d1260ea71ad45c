/* SPDX-License-Identifier: MIT */

/*
 * Adoption: the next owner of a lane finds its tail by following the headers from head, and frees what the last one took
 * and did not publish. The protocol is in lane.h.
 */

#include <errno.h>

#include "lane/hand.h"
#include "lane/chunks.h"
#include "lane/put.h"

struct walk {
	struct rq_ring ring;
	uint32_t chunk;
	uint64_t bytes;
	uint64_t from; /* where the walk came into the chunk */
	uint64_t last; /* header of the last record seen, or 0 */
};

/* The ring of the walk's chunk, named as a hazard; size 0 if it has none. False too if consumers have left it. */
static bool walk_into(const struct rq_producer *p, struct walk *w)
{
	uint64_t entry = rq_load_acquire(rq_entry_at(p->set, p->lane, w->chunk)); /* as T2 */
	w->from = w->bytes;
	if (entry == 0 || rq_entry_chunk(entry) != w->chunk) {
		w->ring = (struct rq_ring){0};
		return w->bytes == 0;
	}
	rq_store_release(&p->membership->member->hazard, rq_chunk_owner(p->set, p->index, w->chunk)); /* H1 */
	rq_region_light_barrier(p->set->region);
	uint64_t head = rq_load_acquire(&p->lane->head); /* H2 */
	return !rq_chunk_is_before(w->chunk, rq_head_chunk(head)) && rq_ring_of(p->set, entry, &w->ring);
}

/* One header further. 1, 0 at the tail, or -EBADMSG for what no producer writes. */
static int walk_on(struct rq_producer *p, struct walk *w)
{
	uint64_t offset = w->bytes & w->ring.mask;
	if (w->ring.size == 0)
		return 0;
	if (offset + RQ_GRANULE > w->ring.size || w->bytes - w->from >= w->ring.size)
		return -EBADMSG;
	uint64_t header = rq_load_acquire((rq_u64 *)(w->ring.base + offset)), len = rq_record_len(header); /* as G2 */
	switch (header & 7) {
	case RQ_RECORD_NONE:
		return 0;
	case RQ_RECORD_DATA:
	case RQ_RECORD_DATA_STAMPED:
		w->last = header;
		w->bytes += rq_record_footprint(header);
		return w->bytes <= RQ_CHUNK_BYTES ? 1 : -EBADMSG;
	case RQ_RECORD_PAD:
		w->bytes += len;
		rq_producer_note_pad(p, w->chunk, w->bytes, len);
		return offset && offset + len == w->ring.size ? 1 : -EBADMSG;
	case RQ_RECORD_LINK:
		*rq_producer_sent_at(p, w->chunk + 1) =
			(struct rq_sent){.before = rq_producer_records_before(p, w->chunk, w->bytes)};
		w->chunk++;
		w->bytes = 0;
		return walk_into(p, w) ? 1 : -EBADMSG;
	default:
		return -EBADMSG;
	}
}

/*
 * Follows the headers from a place that head has not passed to the first that is not published. What consumers have passed
 * may be gone from under the walk, so each step counts only if head has not passed it: else -EAGAIN, begin again. Nobody
 * adds, so that ends.
 * In a corrupt region none of this need hold. So a head that no consumer has moved is no reason to begin again, a walk is no
 * longer than the region, and the walker gives up after so many beginnings.
 */
#define WALKS_MOST 4096

static int walk_to_tail(struct rq_producer *p, struct walk *w, uint64_t start, uint64_t from)
{
	uint64_t walked = 0;
	*w = (struct walk){.chunk = rq_head_chunk(from), .bytes = rq_head_bytes(from)};
	int r = walk_into(p, w) ? 1 : -EBADMSG;
	while (r == 1) {
		uint64_t here = rq_head(w->chunk, w->bytes);
		walked += RQ_GRANULE; /* the least that a header stands for */
		bool possible = w->chunk - rq_head_chunk(start) < p->set->table && walked <= p->set->region->at.size;
		r = possible ? walk_on(p, w) : -EBADMSG;
		uint64_t head = rq_load_acquire(&p->lane->head); /* P1 */
		if (head != start && head != here && rq_head_reached(head, here))
			return -EAGAIN;
	}
	return r == -EBADMSG && rq_load_acquire(&p->lane->head) != start ? -EAGAIN : r; /* as P1 */
}

/* Whether a place where the tail once was is one that head has not passed. */
static bool is_ahead(const struct rq_producer *p, uint64_t at, uint64_t head)
{
	return rq_head_chunk(at) - rq_head_chunk(head) < p->set->table && rq_head_reached(at, head);
}

static int find_tail(struct rq_producer *p, struct walk *w, bool knows, bool all)
{
	uint64_t start = rq_load_acquire(&p->lane->head); /* as G1: before all headers */
	uint64_t mine = rq_head(p->chunk, p->tail), hint = rq_load(&p->lane->tail);
	if (knows && is_ahead(p, mine, start))
		return walk_to_tail(p, w, start, mine);
	if (all || !is_ahead(p, hint, start))
		hint = start;
	*rq_producer_sent_at(p, rq_head_chunk(hint)) = (struct rq_sent){0};
	return walk_to_tail(p, w, start, hint);
}

/* Frees chunks that were taken but never came to be published. */
static void drop_unpublished(struct rq_producer *p, bool owner_died)
{
	struct ringq_region *region = p->set->region;
	struct rq_ring ring;
	for (uint32_t i = 0; i < p->set->table; i++) {
		uint64_t entry = rq_load_acquire(&p->lane->table[i]); /* as T3: compared by its CAS */
		uint64_t owner = rq_chunk_owner(p->set, p->index, rq_entry_chunk(entry));
		if (entry && rq_chunk_is_before(p->chunk, rq_entry_chunk(entry)) &&
			/* As T3: no P led there. */
			rq_cas(&p->lane->table[i], &entry, 0) && rq_ring_of(p->set, entry, &ring))
			rq_units_give_back(p->membership, rq_entry_unit(entry), rq_entry_units(entry), owner);
	}
	if (!owner_died)
		return;
	uint64_t frontier = rq_units_frontier(region), mine = rq_chunk_owner(p->set, p->index, 0);
	uint64_t entry = rq_load(rq_entry_at(p->set, p->lane, p->chunk));
	uint64_t from = rq_entry_unit(entry), n = rq_entry_chunk(entry) == p->chunk ? rq_entry_units(entry) : 0;
	for (uint64_t u = 0; u < frontier; u++) {
		uint64_t owner = rq_load(rq_owner_at(region, u));
		if (!rq_owner_is_same_lane(owner, mine))
			continue;
		int32_t ahead = rq_owner_chunk_ahead(owner, p->chunk);
		if ((ahead > 0 || (ahead == 0 && u - from >= n)) && !rq_hand_has_chunk(p->set, owner))
			rq_cas(rq_owner_at(region, u), &owner, 0); /* as A2, for the dead */
	}
}

/* The count that the records themselves carry on from, whatever a death kept the last owner from counting. */
static uint64_t count_on(uint64_t puts, const struct walk *w)
{
	uint64_t missed = (rq_record_sequence(w->last) + 1 - puts) & RQ_SEQUENCE_MASK;
	return w->last && missed < RQ_SEQUENCE_MASK / 2 ? puts + missed : puts;
}

int rq_producer_find(struct rq_producer *p, const struct rq_lane_set *set, struct rq_membership *membership,
	uint32_t index, bool all)
{
	struct walk w;
	int r = -EAGAIN;
	bool knows = all && p->lane && !p->first;
	p->set = set;
	p->membership = membership;
	p->index = index;
	p->lane = rq_lane_at(set, index);
	for (unsigned walks = 0; r == -EAGAIN && walks < WALKS_MOST; walks++) {
		r = find_tail(p, &w, knows, all);
		knows = false; /* it has noted PADs that it may note again */
	}
	rq_store_release(&membership->member->hazard, 0); /* as H1: after all that was read of the chunk */
	p->lane = r ? NULL : p->lane;
	if (r)
		return r == -EAGAIN ? -EBADMSG : r;
	p->ring = w.ring;
	p->chunk = w.chunk;
	p->tail = p->room = w.bytes;
	p->skipped = UINT64_MAX;
	p->limit = 0;
	p->puts = count_on(rq_load(&p->lane->puts), &w);
	p->first = NULL;
	p->one_shot = w.ring.size && !rq_ring_is_round(&w.ring);
	p->one_shot_end = 0;
	p->adopted = rq_head(w.chunk, w.bytes);
	p->inherited = !all;
	return 0;
}

/*
 * Who the lane's records are of, from now on, for people. In place of the older of the two that are there: each look at the
 * lane finds the newer one whole. Not for an owner that comes back.
 */
static void sign(struct rq_producer *p)
{
	struct rq_author *a = p->lane->authors, *old = a;
	const struct rq_member *m = p->membership->member;
	uint64_t owner = rq_load(&p->lane->owner);
	if (rq_load(&a[0].id) && (!rq_load(&a[1].id) || rq_load(&a[1].since) < rq_load(&a[0].since)))
		old = &a[1];
	if (rq_load(&a[old == a].id) == owner)
		return;
	rq_store(&old->id, 0);
	rq_release_fence(); /* S5 */
	rq_store(&old->since, p->puts);
	rq_store(&old->process, rq_load(&m->process));
	rq_store(&old->thread, rq_load(&m->thread));
	rq_store(&old->name[0], rq_load(&m->name[0]));
	rq_store(&old->name[1], rq_load(&m->name[1]));
	rq_store_release(&old->id, owner); /* S6 */
}

int rq_producer_adopt(struct rq_producer *p, const struct rq_lane_set *set, struct rq_membership *membership,
	uint32_t index, bool all, bool owner_died)
{
	int r = rq_producer_find(p, set, membership, index, all);
	if (r)
		return r;
	p->drained_rounds = RQ_DRAINED_ROUNDS_MOST; /* if it is drained, its memory was for somebody else's needs */
	drop_unpublished(p, owner_died);
	rq_lane_trim(set, membership, index);         /* what it kept for the backlog of somebody else */
	rq_store_release(&p->lane->newest, p->chunk); /* a hint, as behind T1 */
	rq_store(&p->lane->tail, p->adopted);
	rq_store(&p->lane->puts, p->puts);
	sign(p);
	return 0;
}
