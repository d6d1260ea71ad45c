/* SPDX-License-Identifier: MIT */

/* Who takes part in a region, and what they do. */

#include <errno.h>
#include <string.h>

#include <ringq/look.h>

#include "region/member.h"
#include "region/objects.h"
#include "region/things.h"

/* The id of the object that starts at a unit, or 0. */
static uint64_t id_of(const struct ringq_region *region, uint64_t first)
{
	uint64_t owner;
	if (rq_glance_owner(region, first, &owner))
		return 0;
	return rq_owner_is_object(owner) || rq_owner_is_pipe(owner) ? rq_object_id(owner, first) : 0;
}

static void describe(
	const struct ringq_region *region, const struct rq_person *p, uint32_t index, struct ringq_member *out)
{
	*out = (struct ringq_member){
		.process = p->process,
		.thread = p->thread,
		.activity = p->activity,
		.index = index,
		.object = p->activity ? p->object : 0,
		.since = p->activity ? p->since : 0,
		/* The chunk that it has named last says of which queue it was. */
		.took = rq_owner_kind(p->hazard) == RQ_OWNER_LANE ? id_of(region, rq_owner_first(p->hazard)) : 0,
	};
	memcpy(out->name, p->name, sizeof out->name);
	out->name[sizeof out->name - 1] = 0;
}

ssize_t ringq_region_members(const ringq_region *region, struct ringq_member *out, size_t n)
{
	struct rq_person people[RQ_MEMBERS_A_PAGE];
	ssize_t found = 0;
	uint32_t count;
	if (!region || (!out && n))
		return -EINVAL;
	int r = rq_glance_members(region, &count);
	for (uint32_t i = 0; r >= 0 && i < count; i += RQ_MEMBERS_A_PAGE) {
		r = rq_glance_people(region, i, people, RQ_MEMBERS_A_PAGE);
		for (int k = 0; k < r; k++) {
			if (!rq_lease_held(people[k].lease))
				continue;
			if ((size_t)found < n)
				describe(region, &people[k], i + (uint32_t)k, &out[found]);
			found++;
		}
	}
	return r < 0 ? r : found;
}
