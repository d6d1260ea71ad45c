/* SPDX-License-Identifier: MIT */
#ifndef RQ_FAMILY_H
#define RQ_FAMILY_H

/*
 * Families: whose an anonymous array is. A thread's lease would not do, as an array outlives the thread that made it, and
 * is used by processes forked later. A family is a process, from its first array on, and all that are forked from it then.
 *
 * The proof of life is an open-file-description lock: for each region where it makes arrays a process opens the region's
 * file once more, and locks one byte far behind its end. fork() gives the child the same description, so the lock stays
 * until the last of the family has ended or called exec; the kernel sees to that, however they end, and in whatever PID
 * namespace. A child that makes arrays is the first of a family of its own, beside the ones that it was born into.
 *
 * Which byte is the family's number, and that number's incarnation counts the families that have had it: who has locked
 * the byte raises the count before it makes anything, so that what a dead family left is never taken for the next one's.
 */

#include "region/region.h"

/* Answers for the numbers that one sweep has met. A family that it says lives may die meanwhile: the next sweep's. */
#define RQ_FAMILY_CACHE 64u
struct rq_family_cache {
	uint64_t owner[RQ_FAMILY_CACHE];
	bool alive[RQ_FAMILY_CACHE];
};

/* The owner word of what this process makes in the region. 0, -EUSERS, -ENOMEM, or what open says. */
int rq_family_of(struct ringq_region *region, uint64_t *owner);

bool rq_family_alive(struct ringq_region *region, uint64_t owner, struct rq_family_cache *cache);

/* The process detaches: it is in no family of the region any more. */
void rq_family_leave(struct ringq_region *region);

/* In a child of fork: what it makes is its own, but it keeps its parent's families alive. */
void rq_families_forget_parent(void);

#endif
