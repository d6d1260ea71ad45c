/* SPDX-License-Identifier: MIT */
#ifndef RQ_PERMITS_H
#define RQ_PERMITS_H

/*
 * Exact max_records: as many permits, each one word, and no count that a death could leave wrong.
 *
 * A permit is 0, or names a record by its lane and position: lane + 1:13 | position:51. A producer takes one by CAS before
 * it publishes the record there. Nobody gives permits back: a permit is free once its record has been taken, which the
 * lane's head tells. So there are never more records in the queue than permits, whoever dies when. What a dead producer
 * took and did not publish is found by whoever takes over its lane.
 *
 * Full means that at one instant every permit was taken: two looks at all of them, in between which no word changed; a
 * word never comes back, as positions do not. That takes a time that grows with max_records; a hint where the next free
 * permit should be makes it short while there is one.
 *
 * A word says only how a position compares with head as long as the two are less than half of what 51 bits hold apart. So
 * whoever has brought a lane a small part of that on makes all its words 0 whose records have been taken.
 *
 * A producer stopped between taking its permit and publishing holds that one permit until it resumes or dies.
 */

#include "base/patience.h"
#include "lane/lane.h"

struct rq_producer;

#define RQ_PERMIT_ERA_BITS (RQ_PERMIT_CHUNK_BITS - 3)

struct rq_permits {
	rq_u64 *words;
	uint64_t count; /* 0: the queue has no such bound */
	rq_u64 *hint;
};

/* Changes each time that the lane is an eighth of the way on that its words can tell. */
static inline uint32_t rq_permits_era(uint32_t chunk)
{
	return chunk >> RQ_PERMIT_ERA_BITS;
}

/* Makes the permits 0 that the lane has left. For its owner, whose tail is in the chunk, in a new era. */
void rq_permits_renew(const struct rq_permits *permits, const struct rq_lane_set *set, uint32_t lane, uint32_t chunk);

/* Takes a permit for the record at the producer's tail. 0, or -EAGAIN: full. */
int rq_permit_take(const struct rq_permits *permits, const struct rq_producer *producer, struct rq_patience *patience,
	rq_u64 **permit);

/* Frees the permit that the producer took for a record at its tail, which will not be, and wakes a sleeper for one. */
void rq_permit_return(struct rq_queue_shared *shared, const struct rq_producer *producer, rq_u64 *permit);

/* Frees the permits that a lane's dead owner took for records at or behind `end`, which it did not publish. How many. */
unsigned rq_permits_drop(const struct rq_permits *permits, uint32_t lane, uint64_t end);

bool rq_permits_full(const struct rq_permits *permits, const struct rq_lane_set *set);

/* Whether one is taken that rq_permits_drop() would free. */
bool rq_permits_left(const struct rq_permits *permits, uint32_t lane, uint64_t end);

#endif
