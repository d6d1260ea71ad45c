/* SPDX-License-Identifier: MIT */
#include "look/author.h"

#include <string.h>

#include "region/glance.h"

/* The author with the newest entry that is not newer than the record. */
static const struct rq_author *find_author(const struct rq_lane *words, uint64_t sequence)
{
	const struct rq_author *found = NULL;
	for (unsigned i = 0; i < 2; i++) {
		const struct rq_author *a = &words->authors[i];
		if (!rq_load(&a->id) || rq_load(&a->since) > sequence)
			continue;
		if (!found || rq_load(&a->since) >= rq_load(&found->since))
			found = a;
	}
	return found;
}

static void name(struct ringq_producer *out, uint32_t process, uint32_t thread, const uint64_t text[2])
{
	out->process = process;
	out->thread = thread;
	memcpy(out->name, text, sizeof out->name);
	out->name[sizeof out->name - 1] = 0;
}

int rq_author_of(
	const struct rq_lane_set *set, const struct rq_lane *words, uint64_t sequence, struct ringq_producer *out)
{
	const struct rq_author *a = find_author(words, sequence);
	uint64_t owner = rq_load(&words->owner), id = a ? rq_load(&a->id) : 0;
	struct rq_person person;
	*out = (struct ringq_producer){0};
	if (sequence == RQ_AUTHOR_LAST && owner && owner != id) {
		a = NULL; /* it has the lane, and has not signed yet */
		id = owner;
	}
	if (!id)
		return 0;
	int r = rq_glance_person(set->region, id, &person);
	if (r < 0)
		return r;
	out->state = id != owner ? RINGQ_LEFT : r == 1 ? RINGQ_ALIVE : RINGQ_DEAD;
	if (a)
		name(out, rq_load(&a->process), rq_load(&a->thread),
			(const uint64_t[2]){rq_load(&a->name[0]), rq_load(&a->name[1])});
	else if (r == 1)
		name(out, person.process, person.thread, person.name);
	return 0;
}
