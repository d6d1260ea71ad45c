/* SPDX-License-Identifier: MIT */
#include "names.h"

#include <errno.h>
#include <string.h>

#include "sys.h"

/* ---- objects ---- */

/* Units that others had are not clean: give the whole run back first, then take what is needed. */
int64_t rq_object_claim(struct rq_seat *seat, uint64_t units, uint64_t bytes)
{
	struct ringq_region *region = seat->region;
	int64_t first = rq_slots_claim(region, units, rq_owner_member(seat->id), 1);
	if (first < 0)
		return first;
	uint64_t at = region->at.units + (uint64_t)first * region->at.page;
	int r = rq_sys.give_back(region->fd, at, units * region->at.page);
	if (r == 0)
		r = rq_region_back(region, at, bytes);
	if (r) {
		rq_object_drop(seat, (uint64_t)first, units);
		return r;
	}
	return first;
}

void rq_object_drop(struct rq_seat *seat, uint64_t first, uint64_t units)
{
	struct ringq_region *region = seat->region;
	rq_sys.give_back(region->fd, region->at.units + first * region->at.page, units * region->at.page);
	rq_slots_release(region, first, units, rq_owner_member(seat->id));
}

/* ---- names ---- */

#define UNIT_BITS 24
#define UNIT_MASK ((UINT64_C(1) << UNIT_BITS) - 1)

/* FNV-1a, folded to 40 bits, never 0. */
static uint64_t hash_of(const char *name)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);
	for (; *name; name++)
		h = (h ^ (unsigned char)*name) * UINT64_C(0x100000001b3);
	h = (h ^ h >> 40) & ((UINT64_C(1) << 40) - 1);
	return h ? h : 1;
}

/* A place of the table, with memory behind it. NULL if there is none to be had. */
static rq_u64 *place_at(struct ringq_region *region, uint64_t i)
{
	uint64_t at = region->at.names + i % region->at.name_count * sizeof(rq_u64);
	return rq_region_back(region, at / region->at.page * region->at.page, region->at.page) ?
		       NULL : (rq_u64 *)(region->base + at);
}

static bool has_name(struct ringq_region *region, uint64_t first, const char *name)
{
	const struct rq_queue_shared *s = (const void *)rq_unit_at(region, first);
	return strncmp(s->name, name, sizeof s->name) == 0;
}

/* Whose units a place names: what the table can say of a name that it has. */
enum standing { STRANGER, TAKEN, ABANDONED };

static enum standing standing_of(struct ringq_region *region, uint64_t word, const char *name)
{
	uint64_t first = word & UNIT_MASK;
	if (first >= rq_slots_frontier(region))
		return ABANDONED;
	uint64_t owner = rq_load_acquire(rq_owner_at(region, first));
	switch (rq_owner_kind(owner)) {
	case RQ_OWNER_OBJECT:
		return has_name(region, first, name) ? TAKEN : STRANGER;
	case RQ_OWNER_MEMBER:
		if (!rq_member_alive(region, rq_owner_member_id(owner)))
			return ABANDONED;
		return has_name(region, first, name) ? TAKEN : STRANGER;
	default:
		return ABANDONED;
	}
}

/* Gives the name to the object at `first`, or says why not. */
static int take_name(struct ringq_region *region, const char *name, uint64_t first)
{
	uint64_t hash = hash_of(name), mine = hash << UNIT_BITS | first;
	for (uint64_t i = 0; i < region->at.name_count; i++) {
		rq_u64 *place = place_at(region, hash + i);
		if (!place)
			return -ENOMEM;
		uint64_t word = rq_load_acquire(place);
		while (word == 0 || word >> UNIT_BITS == hash) {
			enum standing s = word ? standing_of(region, word, name) : ABANDONED;
			if (s == TAKEN)
				return -EEXIST;
			if (s == STRANGER)
				break;
			if (rq_cas(place, &word, mine))
				return 0;
		}
	}
	return -ENOSPC;
}

int rq_object_publish(struct rq_seat *seat, uint64_t first, uint64_t units, const char *name)
{
	struct ringq_region *region = seat->region;
	uint64_t created = rq_add(&region->header->creations, 1) + 1;
	int r = *name ? take_name(region, name, first) : 0;
	if (r) {
		rq_object_drop(seat, first, units);
		return r;
	}
	for (uint64_t u = 1; u < units; u++)
		rq_store(rq_owner_at(region, first + u), rq_owner_body(created, first));
	rq_store_release(rq_owner_at(region, first), rq_owner_object(created, units));
	return 0;
}

static int find_by_name(struct ringq_region *region, const char *name, uint64_t *first)
{
	uint64_t hash = hash_of(name);
	for (uint64_t i = 0; i < region->at.name_count; i++) {
		rq_u64 *place = place_at(region, hash + i);
		uint64_t word = place ? rq_load_acquire(place) : 0;
		if (word == 0)
			return place ? -ENOENT : -ENOMEM;
		*first = word & UNIT_MASK;
		if (word >> UNIT_BITS == hash && standing_of(region, word, name) == TAKEN)
			return 0;
	}
	return -ENOENT;
}

static int find_first(struct ringq_region *region, uint64_t *first)
{
	uint64_t frontier = rq_slots_frontier(region), oldest = UINT64_MAX;
	for (uint64_t u = 0; u < frontier; u++) {
		uint64_t owner = rq_load_acquire(rq_owner_at(region, u));
		if (rq_owner_kind(owner) != RQ_OWNER_OBJECT || rq_owner_created(owner) >= oldest)
			continue;
		oldest = rq_owner_created(owner);
		*first = u;
	}
	return oldest == UINT64_MAX ? -ENOENT : 0;
}

int rq_object_find(struct ringq_region *region, const char *name, uint64_t *first, uint64_t *units)
{
	int r = name ? find_by_name(region, name, first) : find_first(region, first);
	if (r)
		return r;
	uint64_t owner = rq_load_acquire(rq_owner_at(region, *first));
	if (rq_owner_kind(owner) != RQ_OWNER_OBJECT)
		return -ENOENT; /* its creator is about to show it */
	*units = rq_owner_object_units(owner);
	return 0;
}
