/* SPDX-License-Identifier: MIT */

/* The elements of a named array, as who takes no part sees them. */

#include <errno.h>

#include <ringq/look.h>

#include "array/array.h"
#include "region/objects.h"
#include "region/things.h"

ssize_t ringq_region_elements(
	const ringq_region *region, uint64_t array, enum ringq_type type, size_t first, void *out, size_t n)
{
	struct rq_array_shared words;
	struct rq_thing thing;
	uint64_t owner, width = rq_array_width(type);
	if (!region || !width || (!out && n))
		return -EINVAL;
	int r = rq_thing_of_id(region, array, RQ_OBJECT_ARRAY, &thing);
	if (r)
		return r;
	uint64_t at = rq_unit_offset(region, thing.first) + sizeof(struct rq_object_shared);
	r = rq_glance_read(region, at, &words, sizeof words);
	if (r)
		return r;
	uint64_t size = rq_array_size((enum ringq_type)words.type, words.count);
	if (size == 0 || size > thing.units * region->at.page - sizeof(struct rq_object_shared))
		return -EBADMSG;
	if (words.type != (uint32_t)type)
		return -EINVAL;
	uint64_t there = first < words.count ? words.count - first : 0, take = n < there ? n : there;
	at += words.count * width <= RQ_ARRAY_WORD ? sizeof words : RQ_ARRAY_DATA;
	if (take)
		r = rq_glance_read(region, at + first * width, out, take * width);
	if (r == 0)
		r = rq_glance_owner(region, thing.first, &owner);
	if (r || owner != thing.owner)
		return r ? r : -ENOENT;
	return (ssize_t)words.count;
}
