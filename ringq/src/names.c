/* SPDX-License-Identifier: MIT */
#include "names.h"

#include <errno.h>
#include <string.h>

#include "sys.h"

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

static uint64_t with_state(uint64_t owner, enum rq_object_state state)
{
	return (owner & ~UINT64_C(0x38)) | (uint64_t)state << 3;
}

static bool has_name(struct ringq_region *region, uint64_t first, const char *name)
{
	const struct rq_queue_shared *s = (const void *)rq_unit_at(region, first);
	return strncmp(s->name, name, sizeof s->name) == 0;
}

/* Settles one other object of the same name. True if it has the name. */
static bool other_wins(struct ringq_region *region, uint64_t other, uint64_t first)
{
	uint64_t owner = rq_load_acquire(rq_owner_at(region, other));
	enum rq_object_state verdict = other < first ? RQ_OBJECT_LIVE : RQ_OBJECT_REFUSED;
	while (rq_owner_kind(owner) == RQ_OWNER_OBJECT) {
		if (rq_owner_object_state(owner) == RQ_OBJECT_LIVE)
			return true;
		if (rq_owner_object_state(owner) == RQ_OBJECT_REFUSED)
			return false;
		if (rq_cas_full(rq_owner_at(region, other), &owner, with_state(owner, verdict)))
			return verdict == RQ_OBJECT_LIVE;
	}
	return false;
}

static bool name_is_taken(struct ringq_region *region, uint64_t first, const char *name)
{
	uint64_t frontier = rq_slots_frontier(region);
	for (uint64_t u = 0; u < frontier; u++) {
		uint64_t owner = rq_load_acquire(rq_owner_at(region, u));
		if (u != first && rq_owner_kind(owner) == RQ_OWNER_OBJECT && has_name(region, u, name) &&
		    other_wins(region, u, first))
			return true;
	}
	return false;
}

/* Takes an object that lost its name back into the hands of its creator, and drops it. */
static int withdraw(struct rq_seat *seat, uint64_t first, uint64_t units, uint64_t created)
{
	struct ringq_region *region = seat->region;
	uint64_t mine = rq_owner_member(seat->id);
	rq_store_release(rq_owner_at(region, first), mine);
	for (uint64_t u = 1; u < units; u++) {
		uint64_t body = rq_owner_body(created, first);
		rq_cas(rq_owner_at(region, first + u), &body, mine);
	}
	rq_object_drop(seat, first, units);
	return -EEXIST;
}

int rq_object_publish(struct rq_seat *seat, uint64_t first, uint64_t units, const char *name)
{
	struct ringq_region *region = seat->region;
	uint64_t created = (rq_add(&region->header->creations, 1) + 1) & 0x3ffffffff;
	rq_u64 *word = rq_owner_at(region, first);
	for (uint64_t u = 1; u < units; u++)
		rq_store(rq_owner_at(region, first + u), rq_owner_body(created, first));
	if (!*name) {
		rq_store_release(word, rq_owner_object(created, units, RQ_OBJECT_LIVE));
		return 0;
	}
	uint64_t owner = rq_owner_member(seat->id);
	uint64_t candidate = rq_owner_object(created, units, RQ_OBJECT_CANDIDATE);
	rq_cas_full(word, &owner, candidate);
	rq_fence();
	bool taken = name_is_taken(region, first, name);
	uint64_t verdict = with_state(candidate, taken ? RQ_OBJECT_REFUSED : RQ_OBJECT_LIVE), was = candidate;
	if (!rq_cas_full(word, &was, verdict))
		verdict = was;
	if (rq_owner_object_state(verdict) == RQ_OBJECT_LIVE)
		return 0;
	return withdraw(seat, first, units, created);
}

int rq_object_find(struct ringq_region *region, const char *name, uint64_t *first, uint64_t *units)
{
	uint64_t frontier = rq_slots_frontier(region), oldest = UINT64_MAX;
	for (uint64_t u = 0; u < frontier; u++) {
		uint64_t owner = rq_load_acquire(rq_owner_at(region, u));
		if (rq_owner_kind(owner) != RQ_OWNER_OBJECT || rq_owner_object_state(owner) != RQ_OBJECT_LIVE ||
		    owner >> 30 >= oldest || (name && !has_name(region, u, name)))
			continue;
		oldest = owner >> 30;
		*first = u;
		*units = rq_owner_object_units(owner);
	}
	return oldest == UINT64_MAX ? -ENOENT : 0;
}
