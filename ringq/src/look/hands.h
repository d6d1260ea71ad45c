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

/* What is in hand: where its record is, has not been looked at. */
struct rq_held {
	uint64_t entry;
	uint64_t claim; /* of its state, until it is let go */
	uint64_t key;
	uint64_t pos;
	uint64_t record;
	uint64_t taken; /* when, as struct rq_entry has it */
	uint32_t attempt;
	struct rq_person holder;
};

struct rq_look_hands {
	struct rq_held *held; /* what is in hand */
	size_t held_count;
	uint32_t max_attempts;
	uint64_t dead_letters; /* as struct rq_hands has it, */
	uint64_t dead_first;   /* as that has it */
	uint64_t redelivered;
	uint64_t dead_lettered;
	/* What has come back, in the order in which takes will have it. */
	struct rq_back *back;
	size_t returned;
};

/* 0: then it is to be freed; or an error. All zero if the queue is not acknowledged. */
int rq_look_at_hands(const struct rq_lane_set *set, struct rq_look_hands *out);
void rq_look_hands_free(struct rq_look_hands *hands);

/* Orders what is in hand: the longest first. 0 or -ENOMEM. */
int rq_look_order_held(struct rq_look_hands *hands);

/* Whether it still waits: then what was read of the record, before this, was the record. 1, 0 or an error. */
int rq_look_is_back(const struct rq_lane_set *set, const struct rq_back *back);

/* The header of a record in hand: 1; 0: it is in hand no more, or there is no record; or an error. */
int rq_look_header(const struct rq_lane_set *set, const struct rq_held *held, uint64_t *header);
/* Whether it is in hand still: then what was read of the record, before this, was the record. 1, 0 or an error. */
int rq_look_is_held(const struct rq_lane_set *set, const struct rq_held *held);

#endif
