/* SPDX-License-Identifier: MIT */
#ifndef RQ_ROSTER_H
#define RQ_ROSTER_H

/*
 * The roster: which lanes a get in total order must look at, so that idle ones cost nothing.
 *
 * One word for 16 lanes: version:32 | (SURE:1 | IN:1) for each. Every change adds one to the version.
 *
 *   producer   publishes; light barrier; if its lane is not IN and SURE, makes it so (R1). Only then is its put over.
 *   consumer   looks at the lanes that are IN, and only at those, unless none of them has a record.
 *   consumer   that has found a lane empty for long dismisses it: takes SURE away, keeping IN (D1); makes everybody pass
 *              a barrier (D2); looks at the lane; if it is empty, takes IN away by a CAS that fails if the word has
 *              changed since D1 (D3).
 *
 * A producer that saw SURE before D1 published before D2, so the dismisser's look sees that. One that comes later finds
 * SURE gone and makes R1: before D3, which then fails, or after it. So whenever a put is over and its record not taken,
 * its lane is IN. A dismisser that dies or stops anywhere leaves a lane IN, or out and empty.
 *
 * A producer that dies or stops before R1 has a record in a lane that is not IN: whoever finds nothing in the lanes that
 * are looks at all, and puts such a lane IN itself.
 */

#include "bond.h"

#define RQ_ROSTER_IN 1u
#define RQ_ROSTER_SURE 2u
#define RQ_ROSTER_BITS (RQ_ROSTER_IN | RQ_ROSTER_SURE)

static inline unsigned rq_roster_shift(uint32_t lane)
{
	return lane % RQ_ROSTER_LANES * 2;
}

/* The lanes of a word that are IN, as a mask with one bit each, at twice the lane's number. */
static inline uint32_t rq_roster_in(uint64_t word)
{
	return (uint32_t)word & 0x55555555u;
}

void rq_roster_add(struct rq_queue_shared *shared, uint32_t lane);

/* Whether a lane is IN and SURE. Behind a light barrier that is behind the publish. */
static inline bool rq_roster_is_sure(const struct rq_queue_shared *shared, uint32_t lane)
{
	uint64_t word = rq_load(&shared->roster[lane / RQ_ROSTER_LANES]);
	return (word >> rq_roster_shift(lane) & RQ_ROSTER_BITS) == RQ_ROSTER_BITS;
}

/* R1, of a producer that has just published. */
static inline void rq_roster_published(struct rq_queue_shared *shared, uint32_t lane)
{
	rq_light_barrier();
	if (rq_unlikely(!rq_roster_is_sure(shared, lane)))
		rq_roster_add(shared, lane);
}

/* Dismisses those lanes of a word that `idle` has a bit for, as rq_roster_in() gives them, if they are empty. */
void rq_roster_dismiss(struct rq_bond *bond, uint32_t word, uint32_t idle);

#endif
