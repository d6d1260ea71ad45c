/* SPDX-License-Identifier: MIT */
#ifndef RQ_THINGS_H
#define RQ_THINGS_H

/* Objects of a region as a look at its file finds them. Beside those who make and delete them: each was there. */

#include "region/glance.h"

struct rq_thing {
	uint64_t first;
	uint64_t units;
	uint64_t owner; /* the word of its first unit */
	struct rq_object_shared shared;
};

/* The object that starts at a unit: 1; 0: none does. Or an error. */
int rq_thing_at(const struct ringq_region *region, uint64_t first, struct rq_thing *out);

/* The object of this id, if it is one of the kind: 0, -ENOENT. */
int rq_thing_of_id(const struct ringq_region *region, uint64_t id, uint32_t kind, struct rq_thing *out);

/* The one of this name, or the one that was created first: as rq_object_find(). */
int rq_thing_find(const struct ringq_region *region, uint32_t kind, const char *name, struct rq_thing *out);

/* Has `see` look at each object of the region, until it does not return 0; returns that, 0, or an error. */
typedef int rq_thing_see(const struct ringq_region *region, const struct rq_thing *thing, void *arg);
int rq_thing_each(const struct ringq_region *region, rq_thing_see *see, void *arg);

#endif
