/* SPDX-License-Identifier: MIT */
#include "region/things.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "region/objects.h"

#define UNIT_MASK ((UINT64_C(1) << RQ_NAME_UNIT_BITS) - 1)
#define BLOCK 4096u /* owner words that are read at once */

static bool is_object(uint64_t owner)
{
	return rq_owner_kind(owner) == RQ_OWNER_OBJECT || rq_owner_kind(owner) == RQ_OWNER_PIPE;
}

static bool is_unplaced(uint64_t owner)
{
	return rq_owner_kind(owner) == RQ_OWNER_OBJECT && rq_owner_object_is_unplaced(owner);
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

/* The name table as it was when a look began. */
struct names {
	uint64_t n;
	uint64_t *words;
};

static int read_names(const struct ringq_region *region, struct names *names)
{
	names->n = region->at.name_count;
	names->words = malloc(names->n * sizeof *names->words);
	if (!names->words)
		return -ENOMEM;
	int r = rq_glance_read(region, region->at.names, names->words, names->n * sizeof *names->words);
	if (r)
		free(names->words);
	return r;
}

/* The object that has the name: 1, 0, or an error. *probes counts down. One that is known is not read again. */
static int holder_of(const struct ringq_region *region, const struct names *names, const char *name,
	const struct rq_thing *known, uint64_t *probes, struct rq_thing *out)
{
	uint64_t hash = rq_name_hash(name);
	for (uint64_t i = 0; i < names->n && *probes; i++, --*probes) {
		uint64_t word = names->words[(hash + i) % names->n];
		if (word == 0)
			return 0;
		if (word >> RQ_NAME_UNIT_BITS != hash)
			continue;
		if (known && known->first == (word & UNIT_MASK)) {
			*out = *known;
			return 1;
		}
		int r = rq_thing_at(region, word & UNIT_MASK, out);
		if (r < 0 ||
			(r == 1 && rq_owner_kind(out->owner) == RQ_OWNER_OBJECT && strcmp(out->shared.name, name) == 0))
			return r;
	}
	return 0;
}

/* Whether a thing is one: a named object is none before it has its name. */
static int is_placed(
	const struct ringq_region *region, const struct names *names, const struct rq_thing *thing, uint64_t *probes)
{
	struct rq_thing holder;
	if (!is_unplaced(thing->owner))
		return 1;
	int r = holder_of(region, names, thing->shared.name, thing, probes, &holder);
	return r == 1 ? holder.first == thing->first && holder.owner == thing->owner : r;
}

/* ---- all of them ---- */

struct walk {
	const struct ringq_region *region;
	struct names names;
	uint64_t probes;
	rq_thing_see *see;
	void *arg;
};

static int see_unit(struct walk *walk, uint64_t unit, uint64_t owner)
{
	struct rq_thing thing;
	if (!is_object(owner))
		return 0;
	int r = read_thing(walk->region, unit, owner, &thing);
	if (r == 1)
		r = is_placed(walk->region, &walk->names, &thing, &walk->probes);
	return r == 1 ? walk->see(walk->region, &thing, walk->arg) : r;
}

static int walk_words(struct walk *walk)
{
	uint64_t frontier, words[BLOCK];
	int r = rq_glance_frontier(walk->region, &frontier);
	for (uint64_t u = 0; r == 0 && u < frontier; u += BLOCK) {
		uint64_t n = frontier - u < BLOCK ? frontier - u : BLOCK;
		r = rq_glance_read(walk->region, walk->region->at.owners + u * sizeof *words, words, n * sizeof *words);
		for (uint64_t i = 0; r == 0 && i < n; i++)
			r = see_unit(walk, u + i, words[i]);
	}
	return r;
}

int rq_thing_each(const struct ringq_region *region, rq_thing_see *see, void *arg)
{
	struct walk walk = {.region = region, .see = see, .arg = arg, .probes = RQ_PROBES_MOST};
	int r = read_names(region, &walk.names);
	if (r)
		return r;
	r = walk_words(&walk);
	free(walk.names.words);
	return r;
}

/* ---- one of them ---- */

static int see_first(const struct ringq_region *region, const struct rq_thing *thing, void *arg)
{
	struct rq_thing *oldest = arg;
	(void)region;
	if (thing->shared.kind != oldest->shared.kind || rq_owner_kind(thing->owner) != RQ_OWNER_OBJECT)
		return 0;
	if (!oldest->units || rq_owner_created(thing->owner) < rq_owner_created(oldest->owner))
		*oldest = *thing;
	return 0;
}

int rq_thing_find(const struct ringq_region *region, uint32_t kind, const char *name, struct rq_thing *out)
{
	struct names names;
	uint64_t probes = RQ_PROBES_MOST;
	if (!name) {
		*out = (struct rq_thing){.shared = {.kind = kind}};
		int r = rq_thing_each(region, see_first, out);
		return r ? r : out->units ? 0 : -ENOENT;
	}
	int r = read_names(region, &names);
	if (r)
		return r;
	r = holder_of(region, &names, name, NULL, &probes, out);
	free(names.words);
	return r < 0 ? r : r == 1 && out->shared.kind == kind ? 0 : -ENOENT;
}

int rq_thing_of_id(const struct ringq_region *region, uint64_t id, uint32_t kind, struct rq_thing *out)
{
	struct names names;
	uint64_t first = id & UNIT_MASK, probes = RQ_PROBES_MOST;
	int r = rq_thing_at(region, first, out);
	if (r < 1)
		return r ? r : -ENOENT;
	if (rq_object_id(out->owner, first) != id || out->shared.kind != kind)
		return -ENOENT;
	if (!is_unplaced(out->owner))
		return 0;
	r = read_names(region, &names);
	if (r)
		return r;
	r = is_placed(region, &names, out, &probes);
	free(names.words);
	return r < 0 ? r : r == 1 ? 0 : -ENOENT;
}
