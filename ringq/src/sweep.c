/* SPDX-License-Identifier: MIT */
#include "sweep.h"

#include "base/probe.h"
#include "lane/hand.h"
#include "pipe/liveness.h"
#include "queue/expire.h"
#include "queue/handle.h"
#include "region/cells.h"
#include "region/family.h"
#include "region/objects.h"

/* What one sweep has found out. */
struct sweep {
	struct rq_membership *membership; /* of who sweeps, or NULL */
	struct rq_family_cache cache;
};

/*
 * Frees a lane's unit that is of no chunk. Not of a pipe's queue, nor of one that was deleted: all their lanes' units go with
 * them. The queue stays until the unit's word has changed: such words would come again with one that is made in its place.
 */
static bool free_lane_unit(struct ringq_region *region, uint64_t unit, uint64_t owner, const struct sweep *sweep)
{
	uint64_t first = rq_owner_first(owner);
	struct rq_lane_set set;
	if (first >= rq_units_frontier(region) || !sweep->membership)
		return false;
	uint64_t of = rq_load_acquire(rq_owner_at(region, first)); /* as N4 */
	if (!rq_owner_is_object(of) || !rq_object_visit(sweep->membership, first, of))
		return false;
	bool freed = rq_load(rq_owner_at(region, unit)) == owner &&
	             rq_lane_set_load(&set, region, first, rq_owner_object_units(of),
			     (const struct rq_queue_shared *)rq_unit_at(region, first)) &&
	             rq_lane_unit_is_garbage(&set, unit, owner) && !rq_hand_has_chunk(&set, owner) &&
	             rq_cas(rq_owner_at(region, unit), &owner, 0); /* as A2 */
	rq_object_leave(sweep->membership);
	return freed;
}

/*
 * Whether nobody has this unit. Once true of a word, it stays true until the word changes, and a word never comes back:
 * members' and families' have an incarnation, objects' and cells' a creation number. So a slow sweeper's CAS harms nobody.
 */
static bool is_garbage(struct ringq_region *region, uint64_t unit, uint64_t owner, struct sweep *sweep)
{
	switch (rq_owner_kind(owner)) {
	case RQ_OWNER_MEMBER:
		if (rq_member_alive(region, rq_owner_member_id(owner)))
			return false;
		return !rq_owner_is_book(owner) || !rq_member_has_page(region, rq_owner_member_index(owner), unit);
	case RQ_OWNER_OBJECT:
		return rq_owner_object_is_unplaced(owner) && rq_object_is_garbage(region, unit, owner);
	case RQ_OWNER_BODY: {
		uint64_t first = rq_owner_first(owner);
		if (first >= rq_units_frontier(region))
			return true;
		uint64_t of = rq_load_acquire(rq_owner_at(region, first)); /* as A5: the word that is judged */
		if (rq_owner_kind(of) == RQ_OWNER_MEMBER)
			return is_garbage(region, first, of, sweep);
		bool whole = rq_owner_kind(of) == RQ_OWNER_OBJECT || rq_owner_kind(of) == RQ_OWNER_PIPE;
		return !whole || rq_owner_created(of) != rq_owner_created(owner);
	}
	case RQ_OWNER_FAMILY:
		return !rq_family_alive(region, owner, &sweep->cache);
	case RQ_OWNER_CELLS:
		return rq_cells_sweep(region, unit, &sweep->cache);
	default:
		return true;
	}
}

/* Frees a unit if it is nobody's. With the first unit of a pipe's or a deleted object goes all that belongs to it. */
static bool free_garbage(struct ringq_region *region, uint64_t unit, uint64_t owner, struct sweep *sweep)
{
	if (rq_owner_is_pipe(owner))
		return rq_hold_reap(region, unit, owner);
	if (rq_owner_is_deleted(owner) || rq_owner_is_reaping(owner))
		return rq_expire_reap(region, unit, owner);
	if (rq_owner_kind(owner) == RQ_OWNER_LANE)
		return free_lane_unit(region, unit, owner, sweep);
	return is_garbage(region, unit, owner, sweep) && rq_cas(rq_owner_at(region, unit), &owner, 0); /* as A2 */
}

uint64_t rq_sweep(struct ringq_region *region)
{
	uint64_t frontier = rq_units_frontier(region), freed = 0;
	struct sweep sweep = {0};
	if (rq_membership_of(&sweep.membership, region))
		sweep.membership = NULL;
	for (uint64_t u = 0; u < frontier; u++) {
		uint64_t owner = rq_load_acquire(rq_owner_at(region, u)); /* A5 */
		if (owner && free_garbage(region, u, owner, &sweep))
			freed++;
	}
	if (freed)
		rq_store(&region->free_hint, 0);
	rq_probe_sweep(region->base, freed);
	return freed;
}
