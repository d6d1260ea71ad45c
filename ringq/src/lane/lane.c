/* SPDX-License-Identifier: MIT */

/* What both sides of a lane need, and what can be said of a lane from outside. */

#include "lane/lane.h"

/* A size is 8 to 15 eighths of a power of two. */
#define EIGHTHS (1u << RQ_CODE_EIGHTHS_BITS)
uint64_t rq_size_units(unsigned code)
{
	unsigned c = code - 1, power = c / EIGHTHS;
	return code == 0 || power > RQ_OWNER_UNIT_BITS
	               ? 0
	               : (uint64_t)(EIGHTHS + c % EIGHTHS) << power >> RQ_CODE_EIGHTHS_BITS;
}

unsigned rq_size_code(uint64_t units)
{
	unsigned e = 63 - (unsigned)__builtin_clzll(units);
	uint64_t power = UINT64_C(1) << e, eighths = ((units - power) * EIGHTHS + power - 1) >> e;
	return 1 + e * EIGHTHS + (unsigned)eighths;
}

bool rq_ring_of(const struct rq_lane_set *set, uint64_t entry, struct rq_ring *ring)
{
	uint64_t unit = rq_entry_unit(entry), n = rq_entry_units(entry);
	const struct rq_geometry *at = &set->region->at;
	if (n == 0 || unit >= at->unit_count || at->unit_count - unit < n)
		return false;
	ring->base = rq_unit_at(set->region, unit);
	ring->size = n * at->page;
	ring->mask = rq_ring_mask(ring->size);
	return true;
}

bool rq_lane_unit_is_garbage(const struct rq_lane_set *set, uint64_t unit, uint64_t owner)
{
	uint32_t index = rq_owner_lane_index(owner);
	if (index >= set->max)
		return false;
	struct rq_lane *lane = rq_lane_at(set, index);
	uint32_t head = rq_head_chunk(rq_load_acquire(&lane->head)); /* T7: before the entry */
	int32_t ahead = rq_owner_chunk_ahead(owner, head);
	if (ahead >= 0)
		return false; /* in use, or about to be; if its producer is dead, the lane's next owner sees to it */
	uint64_t entry = rq_load_acquire(rq_entry_at(set, lane, head + (uint32_t)ahead)); /* as T2: a value */
	if (entry && rq_owner_chunk_ahead(owner, rq_entry_chunk(entry)) == 0 &&
		unit - rq_entry_unit(entry) < rq_entry_units(entry))
		return false;
	return true;
}

uint64_t rq_lane_count_from(
	const struct rq_lane_set *set, struct rq_lane *lane, uint64_t head, uint64_t sequence, uint64_t puts)
{
	uint32_t next = rq_head_chunk(head) + 1;
	uint64_t behind = 0, last = puts;
	uint64_t entry = rq_load_acquire(rq_entry_at(set, lane, next)); /* T2 */
	if (entry && rq_entry_chunk(entry) == next)
		last = rq_load(rq_puts_before(set, lane, next));
	if ((int64_t)(puts - last) > 0)
		behind = puts - last;
	else
		last = puts;
	uint64_t here = (last - sequence) & RQ_SEQUENCE_MASK;
	return behind + (here == 0 || here > RQ_SEQUENCE_MASK / 2 ? 1 : here);
}
