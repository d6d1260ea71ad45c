/* SPDX-License-Identifier: MIT */
#include "region/objects.h"

#include <errno.h>
#include <string.h>

#include "base/sys.h"

/* ---- objects ---- */

/* Units that others had are not clean: give the whole run back first, then take what is needed. */
int64_t rq_object_claim(struct rq_membership *membership, uint64_t units, uint64_t bytes)
{
	struct ringq_region *region = membership->region;
	int64_t first = rq_units_claim(region, units, rq_owner_member(membership->id), 1);
	if (first < 0)
		return first;
	uint64_t at = region->at.units + (uint64_t)first * region->at.page;
	int r = rq_sys.give_back(&region->file, at, units * region->at.page);
	if (r == 0)
		r = rq_region_back(region, at, bytes);
	if (r) {
		rq_object_drop(membership, (uint64_t)first, units);
		return r;
	}
	return first;
}

void rq_object_drop(struct rq_membership *membership, uint64_t first, uint64_t units)
{
	struct ringq_region *region = membership->region;
	rq_sys.give_back(&region->file, region->at.units + first * region->at.page, units * region->at.page);
	rq_units_release(region, first, units, rq_owner_member(membership->id));
}

/* ---- names ---- */

#define UNIT_BITS RQ_NAME_UNIT_BITS
#define UNIT_MASK ((UINT64_C(1) << UNIT_BITS) - 1)

/* A place of the table, with memory behind it. NULL if there is none to be had. */
static rq_u64 *place_at(struct ringq_region *region, uint64_t i)
{
	uint64_t at = region->at.names + i % region->at.name_count * sizeof(rq_u64);
	return rq_region_back(region, at / region->at.page * region->at.page, region->at.page)
	               ? NULL
	               : (rq_u64 *)(region->base + at);
}

static const struct rq_object_shared *object_at(struct ringq_region *region, uint64_t first)
{
	return (const struct rq_object_shared *)rq_unit_at(region, first);
}

/* Whether the object that a place names has this name: another's may have the same hash. */
static bool has_name(struct ringq_region *region, uint64_t first, const char *name)
{
	return first < rq_units_frontier(region) &&
	       rq_owner_kind(rq_load_acquire(rq_owner_at(region, first))) == RQ_OWNER_OBJECT &&
	       strncmp(object_at(region, first)->name, name, RQ_NAME_MAX) == 0;
}

/*
 * Goes along a name's places to the object that has it: 0 and its first unit. If none has, and `mine` is not 0, puts
 * that word in the first empty place: 0, and *first is its unit. -ENOENT, -ENOSPC, -ENOMEM. *probes counts down.
 */
static int find_or_take(struct ringq_region *region, const char *name, uint64_t mine, uint64_t *first, uint64_t *probes)
{
	uint64_t hash = rq_name_hash(name);
	for (uint64_t i = 0; i < region->at.name_count && *probes; i++, --*probes) {
		rq_u64 *place = place_at(region, hash + i);
		if (!place)
			return -ENOMEM;
		uint64_t word = rq_load_acquire(place); /* N2 */
		if (word == 0 && mine == 0)
			return -ENOENT;
		if (word == 0 && rq_cas(place, &word, mine)) /* N1 */
			word = mine;
		*first = word & UNIT_MASK;
		if (word == mine || (word >> UNIT_BITS == hash && has_name(region, *first, name)))
			return 0;
	}
	return mine ? -ENOSPC : -ENOENT;
}

/* Whether the table has the object, whose name is read from a region that others write. */
static bool is_placed(struct ringq_region *region, uint64_t first, uint64_t *probes)
{
	char name[RQ_NAME_MAX];
	uint64_t holder;
	memcpy(name, object_at(region, first)->name, sizeof name);
	name[sizeof name - 1] = 0;
	return find_or_take(region, name, 0, &holder, probes) == 0 && holder == first;
}

bool rq_object_is_garbage(struct ringq_region *region, uint64_t first, uint64_t *probes)
{
	return !rq_member_alive(region, rq_load_once(&object_at(region, first)->creator)) &&
	       !is_placed(region, first, probes) && *probes;
}

/* Takes an object that did not get its name back into its creator's hands, and drops it. */
static void withdraw(struct rq_membership *membership, uint64_t first, uint64_t units, uint64_t created)
{
	struct ringq_region *region = membership->region;
	uint64_t mine = rq_owner_member(membership->id);
	rq_store_release(rq_owner_at(region, first), mine);
	rq_units_move(region, first + 1, units - 1, rq_owner_body(created, first), mine);
	rq_object_drop(membership, first, units);
}

/* Makes the run an object's, the first unit last. */
static void put_words(struct ringq_region *region, uint64_t first, uint64_t units, uint64_t word)
{
	for (uint64_t u = 1; u < units; u++)
		rq_store(rq_owner_at(region, first + u), rq_owner_body(rq_owner_created(word), first));
	rq_store_release(rq_owner_at(region, first), word); /* N3 */
}

static uint64_t next_created(struct ringq_region *region)
{
	return (rq_add(&region->header->creations, 1) + 1) & RQ_OWNER_CREATED_MASK;
}

void rq_object_publish_pipe(struct rq_membership *membership, uint64_t first, uint64_t units)
{
	put_words(membership->region, first, units, rq_owner_pipe(next_created(membership->region), units));
}

int rq_object_publish(struct rq_membership *membership, uint64_t first, uint64_t units, const char *name)
{
	struct ringq_region *region = membership->region;
	uint64_t created = next_created(region), probes = RQ_PROBES_MOST, holder;
	put_words(region, first, units, rq_owner_object(created, units, *name));
	if (!*name)
		return 0;
	int r = find_or_take(region, name, rq_name_hash(name) << UNIT_BITS | first, &holder, &probes);
	if (r == 0 && holder == first)
		return 0;
	withdraw(membership, first, units, created);
	return r ? r : -EEXIST;
}

static int find_first(struct ringq_region *region, uint32_t kind, uint64_t *first)
{
	uint64_t frontier = rq_units_frontier(region), oldest = UINT64_MAX, probes = RQ_PROBES_MOST;
	for (uint64_t u = 0; u < frontier; u++) {
		uint64_t owner = rq_load_acquire(rq_owner_at(region, u)); /* N4 */
		if (rq_owner_kind(owner) != RQ_OWNER_OBJECT || rq_owner_created(owner) >= oldest ||
			object_at(region, u)->kind != kind ||
			(rq_owner_object_is_named(owner) && !is_placed(region, u, &probes)))
			continue;
		oldest = rq_owner_created(owner);
		*first = u;
	}
	return oldest == UINT64_MAX ? -ENOENT : 0;
}

int rq_object_find(struct ringq_region *region, uint32_t kind, const char *name, uint64_t *first, uint64_t *units)
{
	uint64_t probes = RQ_PROBES_MOST;
	int r = name ? find_or_take(region, name, 0, first, &probes) : find_first(region, kind, first);
	if (r)
		return r;
	uint64_t owner = rq_load_acquire(rq_owner_at(region, *first));
	if (rq_owner_kind(owner) != RQ_OWNER_OBJECT || object_at(region, *first)->kind != kind)
		return -ENOENT; /* of another kind, or scribbled over: objects that a place has, stay */
	*units = rq_owner_object_units(owner);
	return 0;
}
