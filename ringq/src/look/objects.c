/* SPDX-License-Identifier: MIT */

/* What a region has in it: the list of its objects. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <ringq/look.h>

#include "region/objects.h"
#include "region/things.h"

struct list {
	struct ringq_object *out;
	size_t n;
	ssize_t found;
};

/* What is said of a thing beyond what all objects have: where that lies depends on its kind. */
static int describe(const struct ringq_region *region, const struct rq_thing *thing, struct ringq_object *out)
{
	uint64_t at = rq_unit_offset(region, thing->first);
	*out = (struct ringq_object){.id = rq_object_id(thing->owner, thing->first)};
	memcpy(out->name, thing->shared.name, sizeof out->name);
	if (thing->shared.kind == RQ_OBJECT_ARRAY) {
		struct rq_array_shared array;
		int r = rq_glance_read(region, at + sizeof(struct rq_object_shared), &array, sizeof array);
		out->kind = RINGQ_OBJECT_ARRAY;
		out->flags = array.type;
		out->created = array.created;
		return r;
	}
	struct rq_queue_shared queue;
	int r = rq_glance_read(region, at, &queue, offsetof(struct rq_queue_shared, not_full));
	out->kind = rq_owner_is_pipe(thing->owner) ? RINGQ_OBJECT_PIPE : RINGQ_OBJECT_QUEUE;
	out->flags = queue.flags;
	out->created = queue.created;
	return r;
}

static int see_listed(const struct ringq_region *region, const struct rq_thing *thing, void *arg)
{
	struct list *list = arg;
	if (thing->shared.kind != RQ_OBJECT_QUEUE && thing->shared.kind != RQ_OBJECT_ARRAY)
		return 0; /* corrupt */
	int r = (size_t)list->found < list->n ? describe(region, thing, &list->out[list->found]) : 0;
	list->found++;
	return r;
}

static int by_id(const void *a, const void *b)
{
	const struct ringq_object *x = a, *y = b;
	return (x->id > y->id) - (x->id < y->id);
}

ssize_t ringq_region_objects(const ringq_region *region, struct ringq_object *out, size_t n)
{
	struct list list = {.out = out, .n = n};
	if (!region || (!out && n))
		return -EINVAL;
	int r = rq_thing_each(region, see_listed, &list);
	if (r)
		return r;
	if (out)
		qsort(out, (size_t)list.found < n ? (size_t)list.found : n, sizeof *out, by_id);
	return list.found;
}
