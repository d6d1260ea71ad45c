/* SPDX-License-Identifier: MIT */

/* The consumers' side of a lane, but for what each get does, which is in get.h. The protocol is in lane.h. */

#include <errno.h>

#include "lane/get.h"
#include "base/sys.h"

#define GIVE_BACK_AT_ONCE 32u
#define SPARES_SETTLED 16u /* where each time that memory is given back means to sleep */
#define SPARES_MOST 8u     /* with more, the producer is not using them */

/* ---- giving back the memory of chunks that all consumers have left ---- */

struct rq_lane rq_no_lane;

struct spare {
	uint64_t entries[GIVE_BACK_AT_ONCE];
	uint32_t n;
};

/* After this, whoever reads one of these chunks has named it where it is seen, or will find that head has moved. */
static void give_back(
	const struct rq_lane_set *set, struct rq_membership *membership, uint32_t index, const struct spare *spare)
{
	struct ringq_region *region = set->region;
	if (region->fences)
		rq_fence();
	else if (rq_sys.barrier())
		rq_sys_settle();
	for (uint32_t i = 0; i < spare->n; i++) {
		uint64_t entry = spare->entries[i], unit = rq_entry_unit(entry), n = rq_size_units(entry & 0xff);
		uint64_t owner = rq_owner_lane(set, index, rq_entry_chunk(entry));
		if (unit >= region->at.unit_count || region->at.unit_count - unit < n)
			continue;
		if (!rq_members_name(region, owner))
			rq_units_give_back(membership, unit, n, owner);
		else
			rq_units_release(region, unit, n, owner);
	}
}

/* Takes the entries of chunks that head has left out of the table, but for the chunk `keep`. The caller reads none of them. */
static void take_spares(const struct rq_lane_set *set, struct rq_membership *membership, uint32_t index,
	uint32_t head_chunk, uint32_t keep)
{
	struct rq_lane *lane = rq_lane_at(set, index);
	struct spare spare = {.n = 0};
	rq_store_release(&membership->member->hazard, 0);
	for (uint32_t i = 0; i < set->table; i++) {
		uint64_t entry = rq_load_acquire(&lane->table[i]);
		uint32_t chunk = rq_entry_chunk(entry);
		/* T3 */
		if (entry == 0 || chunk == keep || (int32_t)(chunk - head_chunk) >= 0 ||
			!rq_cas(&lane->table[i], &entry, 0))
			continue;
		spare.entries[spare.n++] = entry;
		if (spare.n == GIVE_BACK_AT_ONCE) {
			give_back(set, membership, index, &spare);
			spare.n = 0;
		}
	}
	if (spare.n)
		give_back(set, membership, index, &spare);
}

static uint32_t count_spares(const struct rq_lane_set *set, struct rq_lane *lane, uint32_t head_chunk)
{
	uint32_t spares = 0;
	for (uint32_t i = 0; i < set->table; i++) {
		uint64_t entry = rq_load(&lane->table[i]);
		spares += entry && (int32_t)(rq_entry_chunk(entry) - head_chunk) < 0;
	}
	return spares;
}

/*
 * This consumer has moved head from `left` into the next chunk. Spare chunks stay for the producer, who takes one when
 * its ring is full again: as many as it may fill, if that is little, so that a lane whose backlog comes and goes does
 * not take and give back memory each time; else, once consumers have caught up, one. None that is larger than what the
 * producer uses now, as that is not what it will want; of large ones no more than one, if it is of just that size
 * and not for one record.
 */
static void left_chunk(const struct rq_reader *reader, struct rq_lane *lane, uint32_t index, uint32_t left)
{
	uint32_t now = left + 1, spares = count_spares(reader->set, lane, now);
	const struct rq_ring *ring = &reader->ring;
	uint64_t next = rq_load_acquire(rq_entry_at(reader->set, lane, now));
	uint64_t used =
		next && rq_entry_chunk(next) == now ? rq_size_units(next & 0xff) * reader->set->region->at.page : 0;
	bool large = ring->size > RQ_SPARE_LARGEST, caught_up = rq_load_acquire(&lane->newest) == now;
	bool keep = large ? ring->size == used && ring->size <= RQ_SPARE_SINGLE && rq_ring_is_round(ring)
	                  : ring->size <= used;
	if (!large && spares <= SPARES_SETTLED && !reader->set->region->fences && !rq_sys_has_barrier())
		return;
	if (keep && (large ? spares == 1 : spares <= reader->set->spares || (spares <= SPARES_MOST && !caught_up)))
		return;
	take_spares(reader->set, reader->membership, index, now, keep ? left : now);
}

void rq_lane_trim(const struct rq_lane_set *set, struct rq_membership *membership, uint32_t index)
{
	struct rq_lane *lane = rq_lane_at(set, index);
	uint32_t now = rq_head_chunk(rq_load_acquire(&lane->head));
	if (count_spares(set, lane, now))
		take_spares(set, membership, index, now, now);
}

/* ---- looking ---- */

/* H1 and H2: names the chunk that is about to be read. False if head has moved. */
static inline bool announce(struct rq_reader *reader, struct rq_lane *lane, uint64_t head, uint64_t key)
{
	if (rq_likely(rq_load(reader->hazard) == key))
		return true;
	rq_store_release(reader->hazard, key); /* H1: what was read of the chunk named before stays before */
	rq_region_light_barrier(reader->set->region);
	return rq_load_acquire(&lane->head) == head; /* H2 */
}

/* Finds the ring that head is in. 1; 0: its chunk has no memory yet; -EAGAIN: head has moved; -EBADMSG. */
static inline int enter(struct rq_reader *reader, struct rq_lane *lane, uint32_t index, uint64_t head)
{
	uint32_t chunk = rq_head_chunk(head);
	uint64_t entry = rq_load_acquire(rq_entry_at(reader->set, lane, chunk)); /* T2 */
	if (rq_unlikely(entry == 0 || rq_entry_chunk(entry) != chunk))
		return rq_load_acquire(&lane->head) == head ? 0 : -EAGAIN;
	uint64_t key = rq_owner_lane(reader->set, index, chunk);
	if (rq_unlikely(!announce(reader, lane, head, key)))
		return -EAGAIN;
	if (rq_unlikely(entry != reader->entry || lane != reader->lane)) {
		reader->entry = 0;
		rq_reader_forget(reader);
		if (!rq_ring_of(reader->set, entry, &reader->ring))
			return rq_load_acquire(&lane->head) == head ? -EBADMSG : -EAGAIN;
		reader->entry = entry;
		reader->end = reader->ring.base + reader->ring.size;
		reader->key = key;
		if (rq_ring_is_round(&reader->ring) && !reader->set->counted)
			reader->quick = chunk;
		reader->lane = lane;
		reader->index = index;
	}
	return 1;
}

/* Reads what lies at a position of the reader's ring: a record kind, or -EBADMSG for what no producer writes. */
static inline int parse(const struct rq_reader *reader, uint64_t at, struct rq_view *view)
{
	const struct rq_ring *ring = &reader->ring;
	uint64_t offset = rq_head_bytes(at) & ring->mask;

	if (rq_record_at(reader, at, view))
		return RQ_RECORD_DATA;
	if (offset + RQ_GRANULE > ring->size)
		return -EBADMSG;
	uint64_t header = rq_load_acquire((rq_u64 *)(ring->base + offset)), len = rq_record_len(header);
	view->head = at;
	switch (header & 7) {
	case RQ_RECORD_PAD:
		view->next = at + (len >> 2);
		return offset && len == ring->size - offset ? RQ_RECORD_PAD : -EBADMSG;
	case RQ_RECORD_LINK:
		view->next = rq_head(rq_head_chunk(at) + 1, 0);
		return RQ_RECORD_LINK;
	case RQ_RECORD_DATA:
	case RQ_RECORD_DATA_STAMPED: /* published since the first look, or too long for the ring */
		return rq_record_at(reader, at, view) ? RQ_RECORD_DATA : -EBADMSG;
	default:
		return header ? -EBADMSG : RQ_RECORD_NONE;
	}
}

/*
 * Moves head over a PAD or a LINK, on behalf of all. By CAS even where a single consumer claims with a store: whoever
 * looks, and the producer that ends, steps over too, and may come late.
 */
static void step_over(struct rq_reader *reader, const struct rq_view *view, int kind)
{
	uint64_t head = view->head;
	if (rq_cas(&view->lane->head, &head, view->next) && kind == RQ_RECORD_LINK)
		left_chunk(reader, view->lane, view->index, rq_head_chunk(view->head));
}

int rq_lane_look(struct rq_reader *reader, uint32_t index, struct rq_view *view)
{
	struct rq_lane *lane = rq_lane_at(reader->set, index);
	view->lane = lane;
	view->index = index;
	for (uint32_t steps = 0; steps < RQ_LOOK_STEPS; steps++) {
		uint64_t head = rq_load_acquire(&lane->head); /* G1 */
		view->head = head;
		int r = enter(reader, lane, index, head);
		if (r == -EAGAIN)
			continue;
		if (r <= 0)
			return r;
		r = parse(reader, head, view);
		if (rq_likely(r == RQ_RECORD_DATA))
			return 1;
		if (rq_load_acquire(&lane->head) != head)
			continue;
		if (r <= 0)
			return r;
		step_over(reader, view, r);
	}
	return -EBADMSG;
}

int rq_lane_look_behind(const struct rq_reader *reader, const struct rq_view *view, struct rq_view *behind)
{
	uint64_t at = view->next;
	behind->lane = view->lane;
	behind->index = view->index;
	for (unsigned pads = 0; pads < 2; pads++) {
		int r = rq_head_bytes(at) == 0 ? RQ_RECORD_NONE : parse(reader, at, behind);
		if (r == RQ_RECORD_DATA)
			return 1;
		if (r != RQ_RECORD_PAD)
			return r < 0 ? -EAGAIN : 0;
		at = behind->next;
	}
	return -EAGAIN;
}
