/* SPDX-License-Identifier: MIT */

/* What both sides of a lane need, and what can be said of a lane from outside. */

#include "lane/get.h"

#include <errno.h>

/* A size is 8 to 15 eighths of a power of two. */
uint64_t rq_size_units(unsigned code)
{
	unsigned c = code - 1;
	return code == 0 || c >> 3 > 24 ? 0 : (uint64_t)(8 + (c & 7)) << (c >> 3) >> 3;
}

unsigned rq_size_code(uint64_t units)
{
	unsigned e = 63 - (unsigned)__builtin_clzll(units);
	uint64_t power = UINT64_C(1) << e, eighths = ((units - power) * 8 + power - 1) >> e;
	return 1 + (e << 3) + (unsigned)eighths;
}

bool rq_ring_of(const struct rq_lane_set *set, uint64_t entry, struct rq_ring *ring)
{
	uint64_t unit = rq_entry_unit(entry), n = rq_size_units(entry & 0xff);
	const struct rq_geometry *at = &set->region->at;
	if (n == 0 || unit >= at->unit_count || at->unit_count - unit < n)
		return false;
	ring->base = rq_unit_at(set->region, unit);
	ring->size = n * at->page;
	ring->mask = ring->size & (ring->size - 1) ? (UINT64_C(2) << (63 - __builtin_clzll(ring->size))) - 1
	                                           : ring->size - 1;
	return true;
}

bool rq_lane_set_load(struct rq_lane_set *set, struct ringq_region *region, uint64_t first, uint64_t units)
{
	uint64_t from = region->at.units + first * region->at.page, len = units * region->at.page;
	const struct rq_queue_shared *s = rq_region_at(region, from, len);
	if (!s || len < sizeof *s)
		return false;
	*set = (struct rq_lane_set){
		.region = region,
		.first = first,
		.lanes = rq_load_once(&s->lanes),
		.max_bytes = rq_load_once(&s->max_bytes),
		.stride = rq_load_once(&s->stride),
		.table = rq_load_once(&s->table),
		.max = rq_load_once(&s->lanes_max),
	};
	set->spares = set->max_bytes > RQ_SPARES_BYTES ? 1 : 1 + (uint32_t)(set->max_bytes / RQ_SPARE_LARGEST);
	/* In this order each difference is known not to wrap. */
	return rq_load_once(&s->kind) == RQ_OBJECT_QUEUE && set->table >= 2 && set->table <= RQ_TABLE_MOST &&
	       !(set->table & (set->table - 1)) &&
	       set->table <= 2 * (region->at.size / RQ_SPARE_LARGEST + 16) && /* not more than queue.c makes */
	       set->stride >= rq_lane_size(set->table) && set->stride % RQ_FALSE_SHARING == 0 &&
	       set->stride <= 2 * rq_lane_size(RQ_TABLE_MOST) && set->max >= 1 && set->max <= RQ_LANES_MAX &&
	       set->lanes % RQ_FALSE_SHARING == 0 && set->lanes >= from && set->lanes <= from + len &&
	       (uint64_t)set->max * set->stride <= from + len - set->lanes;
}

/* -2^24 to 2^24 - 1: how far chunk a, of which 25 bits are known, is ahead of b. */
static int32_t chunk_ahead(uint32_t a25, uint32_t b)
{
	return (int32_t)((a25 - b) << 7) >> 7;
}

bool rq_lane_unit_is_garbage(struct ringq_region *region, uint64_t unit, uint64_t owner)
{
	uint64_t first = rq_owner_first(owner);
	uint32_t index = owner >> 27 & 0xfff, chunk = (uint32_t)(owner >> 39);
	struct rq_lane_set set;

	if (first >= rq_units_frontier(region))
		return false;
	/* Not of a pipe's, which may be deleted meanwhile, and all its lanes' units with it: liveness.h. */
	uint64_t of = rq_load_acquire(rq_owner_at(region, first));
	if (rq_owner_kind(of) != RQ_OWNER_OBJECT || !rq_lane_set_load(&set, region, first, rq_owner_object_units(of)) ||
		index >= set.max)
		return false;
	struct rq_lane *lane = rq_lane_at(&set, index);
	int32_t ahead = chunk_ahead(chunk, rq_head_chunk(rq_load_acquire(&lane->head)));
	if (ahead >= 0)
		return false; /* in use, or about to be; if its producer is dead, the lane's next owner sees to it */
	uint64_t entry = rq_load_acquire(rq_entry_at(&set, lane, chunk));
	if (entry == 0 || chunk_ahead(chunk, rq_entry_chunk(entry)) != 0)
		return true;
	return unit - rq_entry_unit(entry) >= rq_size_units(entry & 0xff);
}

/*
 * How many records wait from the one with this sequence on, which is at head: the sequences of a chunk, which has no more
 * than a ring at a time, are all different, and where the next chunk begins says puts_before. The count of puts is stored
 * after the record is published: what is at head is there, counted or not.
 */
static uint64_t count_from(
	const struct rq_lane_set *set, struct rq_lane *lane, const struct rq_view *view, uint64_t puts)
{
	uint32_t next = rq_head_chunk(view->head) + 1;
	uint64_t behind = 0, last = puts;
	if (rq_entry_chunk(rq_load_acquire(rq_entry_at(set, lane, next))) == next) /* T2 */
		last = rq_load(rq_puts_before(set, lane, next));
	if ((int64_t)(puts - last) > 0)
		behind = puts - last;
	else
		last = puts;
	uint64_t here = (last - view->sequence) & RQ_SEQUENCE_MASK;
	return behind + (here == 0 || here > RQ_SEQUENCE_MASK / 2 ? 1 : here);
}

void rq_lane_count(struct rq_reader *reader, uint32_t index, uint64_t least, struct rq_count *count)
{
	struct rq_view view;
	int r = rq_lane_look(reader, index, &view);
	uint64_t puts = rq_load_acquire(&view.lane->puts);
	if ((int64_t)(least - puts) > 0)
		puts = least;
	uint64_t n = r == 1 ? count_from(reader->set, view.lane, &view, puts) : 0;
	count->moves += view.head + puts + rq_load_acquire(&view.lane->head); /* N1 */
	count->waiting += n;
}

uint64_t rq_lane_bytes_held(const struct rq_lane_set *set, uint32_t index)
{
	struct rq_lane *lane = rq_lane_at(set, index);
	uint64_t units = 0;
	for (uint32_t i = 0; i < set->table; i++)
		units += rq_size_units(rq_load(&lane->table[i]) & 0xff);
	return units * set->region->at.page;
}
