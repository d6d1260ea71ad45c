/* SPDX-License-Identifier: MIT */
#ifndef RQ_LOOK_HANDS_H
#define RQ_LOOK_HANDS_H

/*
 * What is in hand of an acknowledged queue, and what has come back, as a look at the region's file shows it (glance.h): all
 * books, whose protocol is in lane/hand.h, without a part in it. A move that is half done is seen as such, and finished by
 * nobody here.
 */

#include "lane/lane.h"
#include "region/glance.h"

/* What has come back and waits, as its entry said at one instant. */
struct rq_back {
	uint64_t entry; /* where that is in the region, in bytes */
	uint64_t state;
	uint64_t key;
	uint64_t pos;
	uint64_t record;
	uint64_t header;
	uint64_t stamp;
	uint32_t attempt; /* deliveries so far */
};

struct rq_look_hands {
	uint64_t held;
	uint64_t oldest;  /* when the oldest of these was taken, */
	uint32_t process; /* and by whom */
	uint32_t thread;
	uint32_t max_attempts;
	uint64_t dead_letters; /* as struct rq_hands has it, */
	uint64_t dead_first;   /* as that has it */
	uint64_t redelivered;
	uint64_t dead_lettered;
	/* What has come back, in the order in which takes will have it. */
	struct rq_back *back;
	size_t returned;
};

/* 0: then out->back is to be freed; or an error. All zero if the queue is not acknowledged. */
int rq_look_at_hands(const struct rq_lane_set *set, struct rq_look_hands *out);

/* Whether it still waits: then what was read of the record, before this, was the record. 1, 0 or an error. */
int rq_look_is_back(const struct rq_lane_set *set, const struct rq_back *back);

#endif
