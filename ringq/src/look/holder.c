/* SPDX-License-Identifier: MIT */

/* Who holds the lock of a named array. */

#include <errno.h>
#include <string.h>

#include <ringq/look.h>

#include "region/objects.h"
#include "region/things.h"

int ringq_region_lock_holder(const ringq_region *region, uint64_t array, struct ringq_producer *out)
{
	struct rq_array_shared words;
	struct rq_person person = {0};
	struct rq_thing thing;
	uint64_t owner;
	if (!region || !out)
		return -EINVAL;
	int r = rq_thing_of_id(region, array, RQ_OBJECT_ARRAY, &thing);
	if (r == 0)
		r = rq_glance_read(region, rq_unit_offset(region, thing.first) + sizeof(struct rq_object_shared),
			&words, sizeof words);
	if (r == 0)
		r = rq_glance_owner(region, thing.first, &owner);
	if (r || owner != thing.owner)
		return r ? r : -ENOENT;
	uint64_t id = rq_load(&words.lock) & ~RQ_LOCK_WAITERS;
	if (!id)
		return 0;
	r = rq_glance_person(region, id, &person);
	if (r < 0)
		return r;
	*out = (struct ringq_producer){.state = r ? RINGQ_ALIVE : RINGQ_DEAD};
	if (r == 0)
		return 1; /* its entry may be another's by now */
	out->process = person.process;
	out->thread = person.thread;
	memcpy(out->name, person.name, sizeof out->name);
	out->name[sizeof out->name - 1] = 0;
	return 1;
}
