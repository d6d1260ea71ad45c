/* SPDX-License-Identifier: MIT */
#ifndef RQ_GLANCE_H
#define RQ_GLANCE_H

/*
 * Reading a region through its file instead of its mapping: how all calls look that take no part (ringq/look.h).
 *
 * A read through the mapping is not harmless. In a hole of the file, where memory has been given back or never was, it
 * takes a page, which then belongs to nobody; on a full file system, or behind the end of a file that somebody has
 * truncated, it is a SIGBUS. A read of the file takes zeros from a hole, and ends early behind the end. It needs no
 * mapping, and a descriptor that may only read.
 *
 * What is read here keeps nobody from changing it: memory may have been given back and be another's by now. So whoever
 * reads first finds out where a thing is, then reads it, then looks whether it still was there, as a consumer does whose
 * claim may fail (lane.h). Each read is behind the ones before it: rq_glance_read() ends with an acquire fence, and the
 * kernel copies an aligned word at once.
 */

#include "region/region.h"

/* Copies len bytes from offset on. 0; -EBADMSG: not all of them are in the region; -ESTALE; or what pread says. */
int rq_glance_read(const struct ringq_region *region, uint64_t offset, void *buf, uint64_t len);

/* The same for one word. */
static inline int rq_glance_word(const struct ringq_region *region, uint64_t offset, uint64_t *word)
{
	return rq_glance_read(region, offset, word, sizeof *word);
}

static inline uint64_t rq_unit_offset(const struct ringq_region *region, uint64_t unit)
{
	return region->at.units + unit * region->at.page;
}

/* How many units have owner words, and how many members have pages, behind them: not more than there can be. */
int rq_glance_frontier(const struct ringq_region *region, uint64_t *units);
int rq_glance_members(const struct ringq_region *region, uint32_t *members);

/* The owner word of a unit; 0 past the frontier. */
int rq_glance_owner(const struct ringq_region *region, uint64_t unit, uint64_t *owner);

/* A member as one read of its page shows it. */
struct rq_person {
	uint64_t lease;
	uint64_t hazard;
	uint32_t process;
	uint32_t thread;
	uint64_t name[2];
	uint32_t activity;
	uint64_t object;
	uint64_t since;
};

/* The members of the page that has member `index`, from that one on, up to `most`: how many, or an error. */
int rq_glance_people(const struct ringq_region *region, uint32_t index, struct rq_person *out, uint32_t most);

/* Whether the member of this id lives, and who it is. 1, 0, or an error; *out is set if it is 1. */
int rq_glance_person(const struct ringq_region *region, uint64_t id, struct rq_person *out);

#endif
