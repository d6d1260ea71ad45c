/* SPDX-License-Identifier: MIT */
#ifndef RQ_ORDER_H
#define RQ_ORDER_H

/* What a thread's part in a queue knows of the order of its records: of those that it gets, and of its own stamps. */

#include "base/clock.h"
#include "base/patience.h"
#include "lane/get.h"

/*
 * What a consumer in total order knows of the lanes, and will for good: merge.h says how. The lanes of `live` have had a
 * record, and have none older than `bound`; all others have none that must come before a record of `rest`.
 */
#define RQ_LIVE 16u
struct rq_merge {
	uint64_t rest;
	uint64_t watermark; /* the same of all lanes but `lane`, which it chose from last */
	struct rq_lane *lane;
	uint64_t peeked; /* the queue's word for what was peeked, which is taken meanwhile */
	uint32_t n;
	struct rq_live {
		uint64_t bound;
		uint32_t lane;
	} live[RQ_LIVE];
};

struct rq_order {
	struct rq_reader reader;
	struct rq_queue_shared *shared;
	const struct rq_clock *clock;
	struct rq_patience patience; /* of the call at hand, set by those that may wait or repeat themselves */
	uint32_t quantum;            /* records left before a consumer goes round */
	uint32_t quanta;             /* over, in this lane */
	int64_t quantum_ended;       /* when the last one was over */
	uint32_t missed;             /* quantum at the last get that found nothing at once */
	uint32_t lane_at;            /* where the next get looks first */
	bool total;                  /* gets must merge the lanes by stamp */
	uint64_t bias;               /* the producer's id, once it has had the bias: stamp.h */
	uint64_t stamp;              /* of its puts while it does */
	uint32_t bias_in;            /* how often, of 1024 puts each, until it tries to take the bias, */
	uint32_t bias_wait;          /* and until the next time, if that is in vain */
	uint32_t until_dismissal;    /* gets in total order */
	uint32_t until_refresh;
	uint32_t *idle; /* lanes that the last look for dismissal found empty, as in the roster's words; total order */
	struct rq_merge merge;
};

/* Lanes that may have been owned: what consumers look at. */
static inline uint32_t rq_lanes_used(const struct rq_queue_shared *shared, const struct rq_lane_set *set)
{
	uint32_t n = rq_load_acquire(&shared->lanes_used); /* U4 */
	return rq_likely(n <= set->max) ? n : set->max;
}

static inline uint32_t rq_order_lanes(const struct rq_order *order)
{
	return rq_lanes_used(order->shared, order->reader.set);
}

#endif
