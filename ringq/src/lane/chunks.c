/* SPDX-License-Identifier: MIT */
#include "lane/chunks.h"

#include "lane/hand.h"

#include <errno.h>

#include "base/sys.h"

#define GIVE_BACK_AT_ONCE 32u
#define SPARES_SETTLED 16u /* where each time that memory is given back means to sleep */
#define SPARES_MOST 8u     /* with more, the producer is not using them */

/* ---- giving back the memory of chunks that all consumers have left ---- */

struct spare {
	uint64_t entries[GIVE_BACK_AT_ONCE];
	uint32_t n;
};

/* After this, whoever reads one of these chunks has named it where it is seen, or will find that head has moved. */
static void give_back(
	const struct rq_lane_set *set, struct rq_membership *membership, uint32_t index, const struct spare *spare)
{
	struct ringq_region *region = set->region;
	/* T8, and before H3. */
	if (region->fences)
		rq_fence();
	else if (rq_sys.barrier())
		rq_sys_settle();
	for (uint32_t i = 0; i < spare->n; i++) {
		uint64_t entry = spare->entries[i], unit = rq_entry_unit(entry), n = rq_entry_units(entry);
		uint64_t owner = rq_chunk_owner(set, index, rq_entry_chunk(entry));
		if (unit >= region->at.unit_count || region->at.unit_count - unit < n)
			continue;
		if (rq_hand_has_chunk(set, owner))
			continue; /* who has the last record of it in hand gives it back */
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
	rq_store_release(&membership->member->hazard, 0); /* as H1: after all that was read of the chunk */
	for (uint32_t i = 0; i < set->table; i++) {
		uint64_t entry = rq_load_acquire(&lane->table[i]); /* as T3: compared by its CAS */
		uint32_t chunk = rq_entry_chunk(entry);
		if (entry == 0 || chunk == keep || !rq_chunk_is_before(chunk, head_chunk) ||
			!rq_cas(&lane->table[i], &entry, 0)) /* T3 */
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
		spares += entry && rq_chunk_is_before(rq_entry_chunk(entry), head_chunk);
	}
	return spares;
}

void rq_chunk_left(const struct rq_lane_set *set, struct rq_membership *membership, const struct rq_ring *ring,
	uint32_t index, uint32_t left)
{
	struct rq_lane *lane = rq_lane_at(set, index);
	uint32_t now = left + 1, spares = count_spares(set, lane, now);
	uint64_t next = rq_load_acquire(rq_entry_at(set, lane, now)); /* as T2: only what it says counts */
	uint64_t used = next && rq_entry_chunk(next) == now ? rq_entry_units(next) * set->region->at.page : 0;
	/* `newest` is a hint: T3 compares the entry itself. */
	bool large = ring->size > RQ_SPARE_LARGEST, caught_up = rq_load_acquire(&lane->newest) == now;
	bool keep = large ? ring->size == used && ring->size <= RQ_SPARE_SINGLE && rq_ring_is_round(ring)
	                  : ring->size <= used;
	if (!large && spares <= SPARES_SETTLED && !set->region->fences && !rq_sys_has_barrier())
		return;
	if (keep && (large ? spares == 1 : spares <= set->spares || (spares <= SPARES_MOST && !caught_up)))
		return;
	take_spares(set, membership, index, now, keep ? left : now);
}

void rq_lane_trim(const struct rq_lane_set *set, struct rq_membership *membership, uint32_t index)
{
	struct rq_lane *lane = rq_lane_at(set, index);
	uint32_t now = rq_head_chunk(rq_load_acquire(&lane->head)); /* as T7: before the entries */
	if (count_spares(set, lane, now))
		take_spares(set, membership, index, now, now);
}

/* ---- what the producer takes ---- */

/* Whether records of the chunk of this entry are in hand. Is it out of the table, the last of them gives it back: hand.h. */
static bool is_in_hand(const struct rq_lane_set *set, uint32_t index, uint64_t entry)
{
	if (rq_likely(!set->hands))
		return false;
	rq_fence(); /* T8 */
	return rq_hand_has_chunk(set, rq_chunk_owner(set, index, rq_entry_chunk(entry)));
}

bool rq_chunk_clear_entry(const struct rq_lane_set *set, uint32_t index, uint32_t chunk, uint64_t head)
{
	rq_u64 *at = rq_entry_at(set, rq_lane_at(set, index), chunk);
	uint64_t entry = rq_load_acquire(at); /* as T5: compared by its CAS */
	struct rq_ring ring;
	if (chunk - rq_head_chunk(head) >= set->table)
		return false;
	if (entry && rq_cas(at, &entry, 0) && rq_ring_of(set, entry, &ring) && !is_in_hand(set, index, entry)) { /* T5 */
		uint64_t owner = rq_chunk_owner(set, index, rq_entry_chunk(entry));
		rq_units_release(set->region, rq_entry_unit(entry), rq_entry_units(entry), owner);
	}
	return true;
}

int64_t rq_chunk_reuse(const struct rq_lane_set *set, uint32_t index, uint32_t chunk, unsigned code, uint64_t head)
{
	struct rq_lane *lane = rq_lane_at(set, index);
	struct rq_ring ring;
	for (uint32_t i = 0; i < set->table; i++) {
		uint64_t entry = rq_load_acquire(&lane->table[i]); /* as T4: compared by its CAS */
		if (entry == 0 || (entry & RQ_ENTRY_CODE_MASK) != code ||
			!rq_chunk_is_before(rq_entry_chunk(entry), rq_head_chunk(head)) || is_in_hand(set, index, entry))
			continue;
		if (!rq_cas(&lane->table[i], &entry, 0) || !rq_ring_of(set, entry, &ring)) /* T4 */
			continue;
		uint64_t from = rq_chunk_owner(set, index, rq_entry_chunk(entry));
		uint64_t to = rq_chunk_owner(set, index, chunk);
		uint64_t n = rq_size_units(code), unit = rq_entry_unit(entry);
		if (rq_units_move(set->region, unit, n, from, to))
			return (int64_t)unit;
	}
	return -ENOMEM;
}
