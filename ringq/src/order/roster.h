/* SPDX-License-Identifier: MIT */
#ifndef RQ_ROSTER_H
#define RQ_ROSTER_H

/*
 * The roster: which lanes a get in total order must look at, so that idle ones cost nothing.
 *
 * One word for 16 lanes: version:32 | (CONFIRMED:1 | ACTIVE:1) for each. Every change adds one to the version.
 *
 *   producer   publishes; light barrier; if its lane is not ACTIVE and CONFIRMED, makes it so (R1). Only then is its put over.
 *   consumer   looks at the lanes that are ACTIVE, and only at those, unless none of them has a record.
 *   consumer   that has found a lane empty for long dismisses it: takes CONFIRMED away, keeping ACTIVE (D1); makes everybody pass
 *              a barrier (D2); looks at the lane; if it is empty, takes ACTIVE away by a CAS that fails if the word has
 *              changed since D1 (D3).
 *
 * A producer that saw CONFIRMED before D1 published before D2, so the dismisser's look sees that. One that comes later finds
 * CONFIRMED gone and makes R1: before D3, which then fails, or after it. So whenever a put is over and its record not taken,
 * its lane is ACTIVE. A dismisser that dies or stops anywhere leaves a lane ACTIVE, or out and empty.
 *
 * A producer that dies or stops before R1 has a record in a lane that is not ACTIVE: whoever finds nothing in the lanes that
 * are looks at all, and puts such a lane ACTIVE itself.
 */

#include "order/order.h"

#define RQ_ROSTER_ACTIVE 1u
#define RQ_ROSTER_CONFIRMED 2u
#define RQ_ROSTER_BITS (RQ_ROSTER_ACTIVE | RQ_ROSTER_CONFIRMED)

static inline unsigned rq_roster_shift(uint32_t lane)
{
	return lane % RQ_ROSTER_LANES * RQ_ROSTER_LANE_BITS;
}

/* The lanes of a word that are ACTIVE, as a mask with one bit each, at twice the lane's number. */
static inline uint32_t rq_roster_active(uint64_t word)
{
	return (uint32_t)word & 0x55555555u;
}

void rq_roster_add(struct rq_queue_shared *shared, uint32_t lane);

/* Whether a lane is ACTIVE and CONFIRMED. Behind a light barrier that is behind the publish. */
static inline bool rq_roster_is_confirmed(const struct rq_queue_shared *shared, uint32_t lane)
{
	uint64_t word = rq_load(&shared->roster[lane / RQ_ROSTER_LANES]);
	return (word >> rq_roster_shift(lane) & RQ_ROSTER_BITS) == RQ_ROSTER_BITS;
}

/* R1, of a producer that has just published. */
static inline void rq_roster_published(struct rq_queue_shared *shared, uint32_t lane)
{
	rq_light_barrier();
	if (rq_unlikely(!rq_roster_is_confirmed(shared, lane)))
		rq_roster_add(shared, lane);
}

/* Dismisses those lanes of a word that `idle` has a bit for, as rq_roster_active() gives them, if they are empty. */
void rq_roster_dismiss(struct rq_order *o, uint32_t word, uint32_t idle);

#endif
