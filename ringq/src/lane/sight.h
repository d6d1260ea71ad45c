/* SPDX-License-Identifier: MIT */
#ifndef RQ_SIGHT_H
#define RQ_SIGHT_H

/*
 * A lane as a look at the region's file shows it (glance.h), which takes no part in its protocol (lane.h): it names no hazard,
 * and moves no head.
 *
 * What lies at a position of the lane is a record, whole, for as long as head has not passed it: the producer writes there
 * again only then, and the memory of its chunk goes only then. So whoever looks reads what it wants, and then head (S3):
 * what was read of positions that head has not come to is true, and was in the lane at that instant. All else is thrown
 * away.
 */

#include "lane/lane.h"
#include "region/glance.h"

/* A chunk's ring in the file. */
struct rq_span {
	uint64_t offset;
	uint64_t size;
	uint64_t mask; /* as in struct rq_ring */
};

static inline uint64_t rq_lane_offset(const struct rq_lane_set *set, uint32_t index)
{
	return set->lanes + (uint64_t)index * set->stride;
}

/* Where a lane's head is. */
int rq_sight_head(const struct rq_lane_set *set, uint32_t index, uint64_t *head);

/* The ring of a chunk: 1; 0: it has no memory, or its entry is another's by now; or an error. */
int rq_sight_span(const struct rq_lane_set *set, uint32_t index, uint32_t chunk, struct rq_span *span);

/* What a header means that lies at a position of the ring: a record kind without its stamp bit, or -EBADMSG. */
int rq_sight_parse(const struct rq_span *span, uint64_t at, uint64_t header, uint64_t *next);

/*
 * Reads n lanes with their tables, `stride` bytes each, into *lanes. rq_sight_waiting() then says how many records wait in one
 * of these, reading it anew where others take meanwhile.
 */
int rq_sight_lanes(const struct rq_lane_set *set, uint32_t index, uint32_t n, void *lanes);
int rq_sight_waiting(const struct rq_lane_set *set, uint32_t index, struct rq_lane *lane, uint64_t *waiting);

/* The same without memory to read a lane to, and without its table: right up to 2^27 records; 0 where that cannot be told. */
uint64_t rq_sight_count(const struct rq_lane_set *set, uint32_t index);

/* How much memory a lane that was read holds. */
uint64_t rq_sight_bytes_held(const struct rq_lane_set *set, const struct rq_lane *lane);

/* The count of all puts of the lane that its header's 28 bits are of, as others nearby count `near`. */
static inline uint64_t rq_sight_sequence(uint64_t header, uint64_t near)
{
	uint64_t ahead = (rq_record_sequence(header) - near) & RQ_SEQUENCE_MASK;
	return ahead > RQ_SEQUENCE_MASK / 2 ? near + ahead - RQ_SEQUENCE_MASK - 1 : near + ahead;
}

#endif
