/* SPDX-License-Identifier: MIT */

/*
 * Arrays: making, finding and releasing them.
 *
 * A named one is an object, as a queue is, and lives as long as the region. An anonymous one is owned by a family of
 * processes (family.h): the owner words of its cells (cells.h), or of its units where it is larger, say so. There is no
 * list of arrays, and none of handles in shared memory: an array whose family has died is found by the sweep that reads
 * owner words where memory runs short, and costs nothing until then.
 *
 * Creation makes the memory zero and writes type and count before the owner words can outlive the creator: for cells,
 * nobody but the family ever looks inside, so their order does not matter; a named one shows by its name, last.
 *
 * lock.c has the lock, access.c what is done to one element, snapshot.c to all, look.c what is seen from outside.
 */

#include "array/array.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <ringq/look.h>

#include "region/cells.h"
#include "region/family.h"
#include "region/create.h"
#include "region/map.h"
#include "region/objects.h"
#include "region/things.h"

size_t rq_array_width(enum ringq_type type)
{
	static const unsigned char widths[] = {1, 1, 1, 2, 2, 4, 4, 8, 8, 4, 8};
	return (unsigned)type < sizeof widths ? widths[type] : 0;
}

uint64_t rq_array_size(enum ringq_type type, uint64_t count)
{
	uint64_t width = rq_array_width(type);
	if (width == 0 || count == 0 || count > RQ_REGION_MAX / width)
		return 0;
	uint64_t bytes = width * count;
	return bytes <= RQ_ARRAY_WORD ? RQ_CELL : RQ_ARRAY_DATA + 2 * rq_round_up(bytes, RQ_CELL);
}

/* ---- handles ---- */

/* Type and count are the caller's, who has checked that they fit behind `shared`. */
static int new_handle(struct ringq_array **out, struct ringq_region *region, struct rq_array_shared *shared,
	enum ringq_type type, uint64_t count)
{
	struct ringq_array *a = malloc(sizeof *a);
	if (!a)
		return -ENOMEM;
	size_t bytes = rq_array_width(type) * count;
	bool one_word = bytes <= RQ_ARRAY_WORD;
	char *data = (char *)shared + (one_word ? sizeof *shared : RQ_ARRAY_DATA);
	*a = (struct ringq_array){
		.shared = shared,
		.data = data,
		.shadow = one_word ? NULL : data + rq_round_up(bytes, RQ_CELL),
		.bytes = bytes,
		.count = count,
		.type = type,
		.region = region,
	};
	rq_region_ref(region);
	*out = a;
	return 0;
}

/* A handle of the object at a unit, which was found to be an array. */
static int open_at(ringq_array **out, struct ringq_region *region, uint64_t first, uint64_t owner)
{
	uint64_t page = region->at.page, units = rq_owner_object_units(owner);
	char *at = rq_region_at(region, region->at.units + first * page, units * page);
	if (!at || units == 0)
		return -EBADMSG;
	struct rq_array_shared *s = (struct rq_array_shared *)(at + sizeof(struct rq_object_shared));
	uint32_t type = *(const volatile uint32_t *)&s->type;
	uint64_t count = *(const volatile uint64_t *)&s->count, size = rq_array_size((enum ringq_type)type, count);
	if (size == 0 || size > units * page - sizeof(struct rq_object_shared))
		return -EBADMSG;
	int r = new_handle(out, region, s, (enum ringq_type)type, count);
	if (r == 0)
		(*out)->object = rq_object_id(owner, first);
	return r;
}

int ringq_array_open(ringq_array **out, ringq_region *region, const char *name)
{
	uint64_t first, owner;
	if (!out || !region || !name || !*name || strlen(name) >= RQ_NAME_MAX)
		return -EINVAL;
	if (rq_region_is_observed(region))
		return -EROFS;
	int r = rq_object_find(region, RQ_OBJECT_ARRAY, name, &first, &owner);
	return r ? r : open_at(out, region, first, owner);
}

int ringq_array_open_id(ringq_array **out, ringq_region *region, uint64_t id)
{
	struct rq_thing thing;
	if (!out || !region)
		return -EINVAL;
	if (rq_region_is_observed(region))
		return -EROFS;
	int r = rq_thing_of_id(region, id, RQ_OBJECT_ARRAY, &thing);
	return r ? r : open_at(out, region, thing.first, thing.owner);
}

uint64_t ringq_array_id(const ringq_array *array)
{
	return array ? array->object : 0;
}

static void free_memory(struct rq_membership *membership, uint64_t at, uint64_t size, uint64_t units, uint64_t owner)
{
	const struct rq_geometry *g = &rq_load(&membership->region)->at;
	if (units)
		rq_units_give_back(membership, (at - g->units) / g->page, units, owner);
	else
		rq_cells_release(membership, at, size / RQ_CELL, owner);
}

/* The same by a thread that cannot become a member: the memory stays behind what is free, for whoever claims it next. */
static void free_words(struct ringq_region *region, uint64_t at, uint64_t size, uint64_t units, uint64_t owner)
{
	if (units)
		rq_units_release(region, (at - region->at.units) / region->at.page, units, owner);
	else
		rq_cells_free(region, at, size / RQ_CELL, owner);
}

void ringq_array_release(ringq_array *array)
{
	struct rq_membership *membership;
	if (!array)
		return;
	struct ringq_region *region = array->region;
	uint64_t at = (uint64_t)((char *)array->shared - region->base), size = rq_array_size(array->type, array->count);
	/* The membership first: it notices a child that was made without the fork handlers, and then the family is another. */
	int r = array->owner ? rq_membership_of(&membership, region) : 0;
	if (array->owner && array->owner == rq_load(&region->family)) {
		if (r == 0)
			free_memory(membership, at, size, array->units, array->owner);
		else
			free_words(region, at, size, array->units, array->owner);
	}
	free(array);
	ringq_region_detach(region);
}

ringq_region *ringq_array_region(const ringq_array *array)
{
	return array ? array->region : NULL;
}

void *ringq_array_data(ringq_array *array)
{
	return array ? array->data : NULL;
}

size_t ringq_array_count(const ringq_array *array)
{
	return array ? array->count : 0;
}

int ringq_array_type(const ringq_array *array)
{
	return array ? (int)array->type : -EINVAL;
}

/* ---- creation ---- */

static uint64_t units_for(const struct ringq_region *region, uint64_t size)
{
	return rq_round_up(size, region->at.page) / region->at.page;
}

/* The handle first, so that nothing can fail once others see the name. */
static int create_named(struct ringq_array **out, struct rq_membership *membership, const char *name,
	enum ringq_type type, uint64_t count)
{
	struct ringq_region *region = rq_load(&membership->region);
	uint64_t size = sizeof(struct rq_object_shared) + rq_array_size(type, count), units = units_for(region, size);
	int64_t first = rq_object_claim(membership, units, units * region->at.page);
	if (first < 0)
		return (int)first;
	struct rq_object_shared *o = (struct rq_object_shared *)rq_unit_at(region, (uint64_t)first);
	struct rq_array_shared *s = (struct rq_array_shared *)(o + 1);
	struct ringq_array *array;
	int r = new_handle(&array, region, s, type, count);
	if (r) {
		rq_object_drop(membership, (uint64_t)first, units);
		return r;
	}
	o->kind = RQ_OBJECT_ARRAY;
	o->creator = membership->id;
	memcpy(o->name, name, strlen(name) + 1);
	s->type = type;
	s->count = count;
	s->created = rq_sys_calendar();
	uint64_t owner;
	r = rq_object_publish(membership, (uint64_t)first, units, o->name, &owner);
	if (r) {
		ringq_array_release(array);
		return r;
	}
	array->object = rq_object_id(owner, (uint64_t)first);
	*out = array;
	return 0;
}

/* Zeroed memory in units of the family's own. Their offset. */
static int64_t claim_units(struct rq_membership *membership, uint64_t units, uint64_t owner)
{
	struct ringq_region *region = rq_load(&membership->region);
	int64_t first = rq_object_claim(membership, units, units * region->at.page);
	if (first < 0)
		return first;
	if (!rq_units_move(region, (uint64_t)first, units, rq_owner_member(membership->id), owner))
		return -EBADMSG;
	return (int64_t)(region->at.units + (uint64_t)first * region->at.page);
}

static int create_anonymous(
	struct ringq_array **out, struct rq_membership *membership, enum ringq_type type, uint64_t count)
{
	struct ringq_region *region = rq_load(&membership->region);
	uint64_t size = rq_array_size(type, count), owner;
	uint64_t units = size <= RQ_CELLS_MOST * RQ_CELL ? 0 : units_for(region, size);
	int r = rq_family_of(region, &owner);
	if (r)
		return r;
	int64_t at = units ? claim_units(membership, units, owner) : rq_cells_claim(membership, size / RQ_CELL, owner);
	if (at < 0)
		return (int)at;
	struct rq_array_shared *s = (struct rq_array_shared *)(region->base + at);
	s->type = type;
	s->count = count;
	r = new_handle(out, region, s, type, count);
	if (r) {
		free_memory(membership, (uint64_t)at, size, units, owner);
		return r;
	}
	(*out)->owner = owner;
	(*out)->units = units;
	return 0;
}

int ringq_array_create(ringq_array **out, ringq_region *region, const char *name, enum ringq_type type, size_t count)
{
	struct rq_membership *membership;
	int r;
	if (!out || rq_array_width(type) == 0 || count == 0 || (name && (!*name || strlen(name) >= RQ_NAME_MAX)))
		return -EINVAL;
	if (rq_array_size(type, count) == 0)
		return -ENOMEM;
	r = rq_region_or_own(&region);
	if (r)
		return r;
	r = rq_membership_of(&membership, region);
	if (r == 0)
		r = name ? create_named(out, membership, name, type, count)
		         : create_anonymous(out, membership, type, count);
	ringq_region_detach(region); /* the handle holds it now */
	return r;
}
