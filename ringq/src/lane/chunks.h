/* SPDX-License-Identifier: MIT */
#ifndef RQ_CHUNKS_H
#define RQ_CHUNKS_H

/* The memory of chunks: who takes a spare one, and when it is given back. MEMORY and HAZARD in lane.h say why. */

#include "lane/lane.h"

/*
 * The caller, a consumer, has moved head from `left` into the next chunk. Spare chunks stay for the producer, who takes one
 * when its ring is full again: as many as it may fill, if that is little, so that a lane whose backlog comes and goes does
 * not take and give back memory each time; else, once consumers have caught up, one. None that is larger than what the
 * producer uses now, as that is not what it will want; of large ones no more than one, if it is of just that size
 * and not for one record.
 */
void rq_chunk_left(const struct rq_lane_set *set, struct rq_membership *membership, const struct rq_ring *ring,
	uint32_t index, uint32_t left);

/* Gives back the spare chunks of a lane that nobody has put to for a while. The caller reads no chunk after it. */
void rq_lane_trim(const struct rq_lane_set *set, struct rq_membership *membership, uint32_t index);

/* For the producer: makes sure that the table has a place for a chunk: one that head has not left stands in the way. */
bool rq_chunk_clear_entry(const struct rq_lane_set *set, uint32_t index, uint32_t chunk, uint64_t head);

/* For the producer: takes the memory of a spare chunk of the same size. Its first unit, or -ENOMEM. */
int64_t rq_chunk_reuse(const struct rq_lane_set *set, uint32_t index, uint32_t chunk, unsigned code, uint64_t head);

#endif
