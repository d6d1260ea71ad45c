/* SPDX-License-Identifier: MIT */
#include "queue/expire.h"

#include "base/sys.h"
#include "lane/hand.h"
#include "region/objects.h"

static struct rq_queue_shared *queue_at(const struct ringq_region *region, uint64_t first)
{
	return (struct rq_queue_shared *)rq_unit_at(region, first);
}

static uint32_t index_of(const struct rq_membership *membership)
{
	return ((uint32_t)membership->id & RQ_ID_INDEX_MASK) - 1;
}

/* ---- use ---- */

bool rq_use_begin(struct rq_membership *membership, struct rq_queue_shared *shared, uint64_t first, uint64_t owner)
{
	uint32_t i = index_of(membership);
	rq_u64 *word = &shared->users[i / 64];
	if (!rq_object_visit(membership, first, owner))
		return false;
	uint64_t bits = rq_load(word);
	rq_store(&membership->member->uses, rq_load(&membership->member->uses) + 1);
	while (!rq_cas(word, &bits, bits | UINT64_C(1) << i % 64)) /* X7 */
		;
	rq_object_leave(membership);
	return true;
}

void rq_use_end(const struct rq_membership *membership, struct rq_queue_shared *shared)
{
	uint32_t i = index_of(membership);
	rq_u64 *word = &shared->users[i / 64];
	uint64_t bits = rq_load(word);
	while (!rq_cas(word, &bits, bits & ~(UINT64_C(1) << i % 64))) /* X8 */
		;
	rq_store(&membership->member->uses, rq_load(&membership->member->uses) - 1);
}

/* Of each object that it looks at it has the memory mapped: so it looks until it has found as many as there may be. */
void rq_use_inherit(struct rq_membership *membership)
{
	const struct ringq_region *region = rq_load(&membership->region);
	uint64_t frontier = rq_units_frontier(region);
	uint32_t i = index_of(membership);
	for (uint64_t u = 0; u < frontier && rq_load(&membership->member->uses); u++) {
		uint64_t owner = rq_load_acquire(rq_owner_at(region, u)); /* A5 */
		if (!rq_owner_is_object(owner) || !rq_object_visit(membership, u, owner))
			continue;
		if (queue_at(region, u)->kind == RQ_OBJECT_QUEUE &&
			rq_load(&queue_at(region, u)->users[i / 64]) >> i % 64 & 1)
			rq_use_end(membership, queue_at(region, u));
		rq_object_leave(membership);
	}
	rq_store(&membership->member->uses, 0); /* the others were deleted, or died in between */
}

/* Whether the member of this number lives, and may have had a port before the queue was deleted. */
static bool is_user(const struct ringq_region *region, uint32_t index, uint64_t deleted)
{
	const struct rq_member *m = rq_member_known(region, index);
	if (!m || !rq_lease_held(rq_load_acquire(rq_lease_at(region, index)))) /* M3 */
		return false;
	return !deleted || (int64_t)(rq_load_acquire(&m->joined) - deleted) < 0; /* M7 */
}

static bool has_users(const struct ringq_region *region, const struct rq_queue_shared *shared)
{
	uint64_t deleted = rq_load_acquire(&shared->deleted); /* M7 */
	for (uint32_t w = 0; w < RQ_MEMBERS_MAX / 64; w++)
		for (uint64_t bits = rq_load_acquire(&shared->users[w]); bits; bits &= bits - 1) /* X7 */
			if (is_user(region, 64 * w + (uint32_t)__builtin_ctzll(bits), deleted))
				return true;
	return false;
}

/* ---- the end ---- */

bool rq_expire_delete(struct ringq_region *region, struct rq_queue_shared *shared, uint64_t first, uint64_t owner)
{
	if (!rq_cas(rq_owner_at(region, first), &owner, rq_owner_deleted(owner))) /* X9 */
		return false;
	rq_store_release(&shared->deleted, rq_add(&region->header->creations, 1) + 1); /* M7, behind X9 */
	return true;
}

/* The run of units from u on that have the same owner word. */
static uint64_t run_of(struct ringq_region *region, uint64_t u, uint64_t end, uint64_t owner)
{
	uint64_t n = 1;
	while (u + n < end && rq_load(rq_owner_at(region, u + n)) == owner)
		n++;
	return n;
}

/* All units that say to be of a lane of the object, in its lanes' tables or left by a death. */
static void free_lanes(struct rq_membership *membership, uint64_t first)
{
	struct ringq_region *region = rq_load(&membership->region);
	uint64_t frontier = rq_units_frontier(region);
	for (uint64_t u = 0; u < frontier;) {
		uint64_t owner = rq_load(rq_owner_at(region, u)), n = 1;
		if (rq_owner_kind(owner) == RQ_OWNER_LANE && rq_owner_first(owner) == first) {
			n = run_of(region, u, frontier, owner);
			rq_units_give_back(membership, u, n, owner);
		}
		u += n;
	}
}

/* Bodies that are left without a first unit are garbage by themselves; here they go at once. */
void rq_expire_free(struct rq_membership *membership, uint64_t first, uint64_t owner, uint64_t mine, bool first_stays)
{
	struct ringq_region *region = rq_load(&membership->region);
	uint64_t units = rq_owner_object_units(owner);
	free_lanes(membership, first);
	if (units > 1 && units <= region->at.unit_count - first) /* the frontier may have been corrupted since */
		rq_units_give_back(membership, first + 1, units - 1, rq_owner_body(rq_owner_created(owner), first));
	if (first_stays)
		rq_units_release(region, first, 1, mine);
	else
		rq_units_give_back(membership, first, 1, mine);
}

/* Whether what was deleted is nobody's, or the one who was freeing it is dead. */
static bool is_nobodys(const struct ringq_region *region, uint64_t first, uint64_t owner)
{
	if (rq_owner_is_reaping(owner))
		return !rq_member_alive(region, rq_owner_member_id(owner));
	if (!rq_owner_is_deleted(owner))
		return false;
	rq_fence(); /* X6: behind the look at the word, before the names */
	return !rq_members_visit(region, rq_owner_before_deletion(owner)) && !has_users(region, queue_at(region, first));
}

bool rq_expire_take(
	struct ringq_region *region, uint64_t first, uint64_t owner, struct rq_membership **membership, uint64_t *mine)
{
	if (rq_membership_of(membership, region))
		return false;
	*mine = rq_owner_reaping((*membership)->id);
	/* As A3: one of those who see that it is nobody's frees it. */
	return rq_cas(rq_owner_at(region, first), &owner, *mine);
}

bool rq_expire_reap(struct ringq_region *region, uint64_t first, uint64_t owner)
{
	struct rq_membership *membership;
	uint64_t mine;
	if (!is_nobodys(region, first, owner) || !rq_expire_take(region, first, owner, &membership, &mine))
		return false;
	rq_hand_forget(region, first);
	rq_expire_free(membership, first, rq_owner_is_deleted(owner) ? owner : 0, mine, true);
	return true;
}
