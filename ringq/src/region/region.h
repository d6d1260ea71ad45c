/* SPDX-License-Identifier: MIT */
#ifndef RQ_REGION_H
#define RQ_REGION_H

/* A region as this process sees it: one mapping, and the one way to follow an offset found in it. */

#include <sys/types.h>

#include <ringq/region.h>

#include "base/clock.h"
#include "base/event.h"
#include "base/file.h"
#include "base/words.h"

/* Where things are. Follows from three numbers of the header; see layout.h. */
struct rq_geometry {
	uint64_t size;
	uint64_t page; /* also the size of a unit */
	uint64_t names;
	uint64_t owners;
	uint64_t members;
	uint64_t cells;
	uint64_t units;
	uint64_t unit_count;
	uint32_t member_count;
	uint32_t name_count; /* a power of two */
};

struct ringq_region {
	char *base;               /* NULL if it is observed: then nothing is mapped, and glance.h reads it */
	struct rq_header *header; /* NULL, too */
	struct rq_geometry at;
	struct rq_file file;
	struct rq_clock clock;
	bool fences;                /* header.barrier is RQ_BARRIER_FENCES */
	unsigned refs;              /* under the process lock */
	rq_u64 free_hint;           /* a unit below which little is free, as far as this process knows */
	rq_u64 names_backed;        /* pages of the name table that have memory, a bit each, as far as it knows */
	rq_u64 family;              /* owner word of what this process makes, or 0; see family.h */
	struct rq_family *families; /* under the process lock */
	struct ringq_region *next;  /* under the process lock */
};

extern struct ringq_region *rq_process_regions; /* under the process lock */

#define RQ_REGION_SIZE (UINT64_C(1) << 30)
#define RQ_REGION_MIN (UINT64_C(1) << 20)
#define RQ_REGION_MAX (UINT64_C(64) << 30)
_Static_assert(RQ_REGION_MAX / 4096 <= RQ_UNITS_MAX, "a unit is a page, of at least 4096 bytes");

static inline uint64_t rq_round_up(uint64_t n, uint64_t to)
{
	return (n + to - 1) / to * to;
}

void rq_geometry_of(struct rq_geometry *at, uint64_t size, uint64_t page);

/* The bytes [offset, offset + len) of the region, or NULL if they are not all in it. */
static inline void *rq_region_at(const struct ringq_region *region, uint64_t offset, uint64_t len)
{
	if (rq_unlikely(offset > region->at.size || region->at.size - offset < len))
		return NULL;
	return region->base + offset;
}

static inline char *rq_unit_at(const struct ringq_region *region, uint64_t unit)
{
	return region->base + region->at.units + unit * region->at.page;
}

static inline rq_u64 *rq_owner_at(const struct ringq_region *region, uint64_t unit)
{
	return (rq_u64 *)(region->base + region->at.owners) + unit;
}

/* The first of the owner words of a unit's cells. */
static inline rq_u64 *rq_cells_at(const struct ringq_region *region, uint64_t unit)
{
	return (rq_u64 *)(region->base + region->at.cells) + unit * (region->at.page / RQ_CELL);
}

/* Memory behind a range of the region. 0 or -ENOMEM. */
int rq_region_back(struct ringq_region *region, uint64_t offset, uint64_t len);

/*
 * A region is one of fences where its creator asks for it, or may not use membarrier. All who attach follow.
 *
 *   events    are FENCED from the start, for good: so wakers have a full fence, and quick calls go their slower way
 *   hazards   a reader has a full fence between the name and its look
 *   stamps    nobody goes on with its last one; no lane is dismissed from the roster
 */
static inline void rq_region_light_barrier(const struct ringq_region *region)
{
	if (rq_unlikely(region->fences))
		rq_fence(); /* H1, in a region of fences */
	else
		rq_light_barrier();
}

/* What an event of the region is when it is made. */
static inline uint32_t rq_region_event(const struct ringq_region *region)
{
	return region->fences ? RQ_EVENT_FENCED : 0;
}

/* Whether the region is only looked at: most calls are -EROFS then. */
static inline bool rq_region_is_observed(const struct ringq_region *region)
{
	return !region->base;
}

#endif
