/* SPDX-License-Identifier: MIT */
#include "region/things.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "region/objects.h"

#define BLOCK 4096u /* owner words that are read at once */

static bool is_object(uint64_t owner)
{
	return rq_owner_is_object(owner) || rq_owner_is_pipe(owner);
}

/* What is read between two equal looks at the owner word was the object's: a word never comes back. */
static int read_thing(const struct ringq_region *region, uint64_t first, uint64_t owner, struct rq_thing *out)
{
	uint64_t again;
	int r = rq_glance_read(region, rq_unit_offset(region, first), &out->shared, sizeof out->shared);
	if (r == 0)
		r = rq_glance_owner(region, first, &again);
	if (r)
		return r;
	out->shared.name[RQ_NAME_MAX - 1] = 0;
	out->first = first;
	out->units = rq_owner_object_units(owner);
	out->owner = owner;
	return again == owner && out->units && out->units <= region->at.unit_count - first;
}

int rq_thing_at(const struct ringq_region *region, uint64_t first, struct rq_thing *out)
{
	uint64_t owner, frontier;
	int r = rq_glance_frontier(region, &frontier);
	if (r || first >= frontier)
		return r;
	r = rq_glance_owner(region, first, &owner);
	if (r || !is_object(owner))
		return r;
	return read_thing(region, first, owner, out);
}

/* ---- names ---- */

/* The object that has the name: 1, 0, or an error. */
static int holder_of(
	const struct ringq_region *region, const uint64_t *words, uint64_t n, const char *name, struct rq_thing *out)
{
	uint64_t hash = rq_name_hash(name);
	for (uint64_t i = 0; i < n; i++) {
		uint64_t word = words[(hash + i) % n], id = word & RQ_NAME_ID_MASK;
		if (word == 0)
			return 0;
		if (word >> RQ_NAME_HASH_SHIFT != (hash & RQ_NAME_HASH_MASK))
			continue;
		int r = rq_thing_at(region, word & RQ_NAME_UNIT_MASK, out);
		if (r < 0 || (r == 1 && rq_owner_kind(out->owner) == RQ_OWNER_OBJECT &&
				     rq_object_id(out->owner, out->first) == id && strcmp(out->shared.name, name) == 0))
			return r;
	}
	return 0;
}

/* ---- all of them ---- */

static int see_unit(const struct ringq_region *region, uint64_t unit, uint64_t owner, rq_thing_see *see, void *arg)
{
	struct rq_thing thing;
	if (!is_object(owner))
		return 0;
	int r = read_thing(region, unit, owner, &thing);
	return r == 1 ? see(region, &thing, arg) : r;
}

int rq_thing_each(const struct ringq_region *region, rq_thing_see *see, void *arg)
{
	uint64_t frontier, words[BLOCK];
	int r = rq_glance_frontier(region, &frontier);
	for (uint64_t u = 0; r == 0 && u < frontier; u += BLOCK) {
		uint64_t n = frontier - u < BLOCK ? frontier - u : BLOCK;
		r = rq_glance_read(region, region->at.owners + u * sizeof *words, words, n * sizeof *words);
		for (uint64_t i = 0; r == 0 && i < n; i++)
			r = see_unit(region, u + i, words[i], see, arg);
	}
	return r;
}

/* ---- one of them ---- */

struct oldest {
	struct rq_thing *thing;
	uint64_t number;
};

static int see_first(const struct ringq_region *region, const struct rq_thing *thing, void *arg)
{
	struct oldest *oldest = arg;
	uint64_t creations;
	if (thing->shared.kind != oldest->thing->shared.kind || rq_owner_kind(thing->owner) != RQ_OWNER_OBJECT)
		return 0;
	int r = rq_glance_word(region, offsetof(struct rq_header, creations), &creations);
	if (r)
		return r;
	uint64_t number = rq_object_number(creations, thing->owner);
	if (!oldest->thing->units || number < oldest->number) {
		*oldest->thing = *thing;
		oldest->number = number;
	}
	return 0;
}

int rq_thing_find(const struct ringq_region *region, uint32_t kind, const char *name, struct rq_thing *out)
{
	if (!name) {
		struct oldest oldest = {out, 0};
		*out = (struct rq_thing){.shared = {.kind = kind}};
		int r = rq_thing_each(region, see_first, &oldest);
		return r ? r : out->units ? 0 : -ENOENT;
	}
	uint64_t n = region->at.name_count, *words = malloc(n * sizeof *words);
	int r = words ? rq_glance_read(region, region->at.names, words, n * sizeof *words) : -ENOMEM;
	if (r == 0)
		r = holder_of(region, words, n, name, out);
	free(words);
	return r < 0 ? r : r == 1 && out->shared.kind == kind ? 0 : -ENOENT;
}

int rq_thing_of_id(const struct ringq_region *region, uint64_t id, uint32_t kind, struct rq_thing *out)
{
	uint64_t first = id & RQ_NAME_UNIT_MASK;
	int r = rq_thing_at(region, first, out);
	if (r < 1)
		return r ? r : -ENOENT;
	return rq_object_id(out->owner, first) == id && out->shared.kind == kind ? 0 : -ENOENT;
}
