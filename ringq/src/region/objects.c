/* SPDX-License-Identifier: MIT */
#include "region/objects.h"

#include <errno.h>
#include <string.h>

#include "base/sys.h"

/* ---- objects ---- */

/*
 * Units that others had are not clean. The first page keeps its memory and is cleared: a sweep that has read the word of
 * an object that was withdrawn there may be about to read of it. The others are given back, then taken as needed.
 */
int64_t rq_object_claim(struct rq_membership *membership, uint64_t units, uint64_t bytes)
{
	struct ringq_region *region = membership->region;
	uint64_t page = region->at.page;
	int64_t first = rq_units_claim(region, units, rq_owner_member(membership->id), page);
	if (first < 0)
		return first;
	uint64_t at = region->at.units + (uint64_t)first * page;
	int r = units > 1 ? rq_sys.give_back(&region->file, at + page, (units - 1) * page) : 0;
	if (r == 0 && bytes > page)
		r = rq_region_back(region, at + page, bytes - page);
	if (r) {
		rq_object_drop(membership, (uint64_t)first, units);
		return r;
	}
	memset(region->base + at, 0, page);
	return first;
}

/* Where the memory cannot be given back it stays behind the free units, for whoever claims them next. */
void rq_object_drop(struct rq_membership *membership, uint64_t first, uint64_t units)
{
	struct ringq_region *region = membership->region;
	uint64_t page = region->at.page;
	if (units > 1)
		rq_sys.give_back(&region->file, region->at.units + (first + 1) * page, (units - 1) * page);
	rq_units_release(region, first, units, rq_owner_member(membership->id));
}

/* ---- names ---- */

#define UNIT_BITS RQ_NAME_UNIT_BITS
#define UNIT_MASK ((UINT64_C(1) << UNIT_BITS) - 1)

/*
 * A place of the table, with memory behind it. NULL if there is none to be had. To ask the kernel for each place would
 * make a walk through a table full of names take a second.
 */
static rq_u64 *place_at(struct ringq_region *region, uint64_t i)
{
	uint64_t offset = i % region->at.name_count * sizeof(rq_u64), page = region->at.page;
	uint64_t at = region->at.names + offset, bit = UINT64_C(1) << offset / page,
		 backed = rq_load(&region->names_backed);
	_Static_assert(RQ_NAMES_MOST * sizeof(rq_u64) / 4096 <= 64, "a bit for each page of the name table");
	if (rq_unlikely(!(backed & bit))) {
		if (rq_region_back(region, region->at.names + offset / page * page, page))
			return NULL;
		while (!rq_cas(&region->names_backed, &backed, backed | bit))
			;
	}
	return (rq_u64 *)(region->base + at);
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

/* Whether any place of the table names this unit: 1, 0; -ENOMEM: it cannot be told, as when the probes run out. */
static int is_placed(struct ringq_region *region, uint64_t first, uint64_t *probes)
{
	for (uint64_t i = 0; i < region->at.name_count; i++) {
		const rq_u64 *place = *probes ? place_at(region, i) : NULL;
		if (!place)
			return -ENOMEM;
		--*probes;
		uint64_t word = rq_load_acquire(place); /* N2 */
		if (word && (word & UNIT_MASK) == first)
			return 1;
	}
	return 0;
}

/* The creator of an object that may be withdrawn meanwhile. False if it was, or there is no memory to read from. */
static bool creator_of(struct ringq_region *region, uint64_t first, uint64_t owner, uint64_t *creator)
{
	uint64_t page = region->at.page;
	if (rq_region_back(region, region->at.units + first * page, page))
		return false;
	*creator = rq_load_once(&object_at(region, first)->creator);
	rq_acquire_fence();
	return rq_load(rq_owner_at(region, first)) == owner;
}

bool rq_object_is_garbage(struct ringq_region *region, uint64_t first, uint64_t owner, uint64_t *probes)
{
	uint64_t creator;
	if (!creator_of(region, first, owner, &creator) || rq_member_alive(region, creator))
		return false;
	int placed = is_placed(region, first, probes);
	if (placed == 1)                                                                   /* it died right behind N1 */
		rq_cas(rq_owner_at(region, first), &owner, rq_owner_object_placed(owner)); /* N5 */
	return placed == 0;
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
	uint64_t word = rq_owner_object(created, units, *name);
	put_words(region, first, units, word);
	if (!*name)
		return 0;
	int r = find_or_take(region, name, rq_name_hash(name) << UNIT_BITS | first, &holder, &probes);
	if (r == 0 && holder == first) {
		rq_cas(rq_owner_at(region, first), &word, rq_owner_object_placed(word)); /* N5 */
		return 0;
	}
	withdraw(membership, first, units, created);
	return r ? r : -EEXIST;
}

static int find_first(struct ringq_region *region, uint32_t kind, uint64_t *first)
{
	uint64_t frontier = rq_units_frontier(region), oldest = UINT64_MAX, probes = RQ_PROBES_MOST;
	for (uint64_t u = 0; u < frontier; u++) {
		uint64_t owner = rq_load_acquire(rq_owner_at(region, u)); /* N4 */
		if (rq_owner_kind(owner) != RQ_OWNER_OBJECT || rq_owner_created(owner) >= oldest ||
			(rq_owner_object_is_unplaced(owner) && is_placed(region, u, &probes) != 1) ||
			object_at(region, u)->kind != kind)
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
