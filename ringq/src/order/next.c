/* SPDX-License-Identifier: MIT */
#include "order/next.h"

#include <errno.h>

#include "base/sys.h"
#include "order/merge.h"

#define QUANTUM_FAST 4000 /* ns in which a fast consumer takes RQ_QUANTUM records */
#define LONG_WAY 16u      /* lanes without a record, which take a part of that to look at */

bool rq_was_empty(struct rq_order *o)
{
	struct rq_view view;
	o->patience = (struct rq_patience){0};
	for (unsigned round = 0; round < RQ_CHOOSE_ROUNDS_MOST; round++) {
		int r = rq_choose(o, &view);
		if (r == 1 || r == -EAGAIN)
			return false;
		if (r < 0 || rq_lanes_were_empty(o)) /* of what fails validation nothing can be had */
			return true;
	}
	return false;
}

/* Who counts in vain takes lines from those who put and get: not for long. */
#define COUNTS_MOST 16

static struct rq_count count_all(struct rq_order *o, uint64_t least)
{
	uint32_t n = rq_order_lanes(o);
	struct rq_count count = {.moves = n};
	for (uint32_t i = 0; i < n; i++)
		rq_lane_count(&o->reader, i, least, &count);
	return count;
}

uint64_t rq_records_waiting(struct rq_order *o, uint64_t least)
{
	struct rq_count last, count = count_all(o, least);
	unsigned counts = 1;
	do {
		last = count;
		count = count_all(o, least);
	} while ((count.moves != last.moves || count.waiting != last.waiting) && ++counts < COUNTS_MOST);
	return count.waiting;
}

static void begin_stay(struct rq_order *o)
{
	o->missed += RQ_QUANTUM - o->quantum;
	o->quantum = RQ_QUANTUM;
}

/* A stay is over: whether another may follow in the same lane. */
static bool may_stay_on(struct rq_order *o)
{
	int64_t now = rq_sys.now(), took = now - o->quantum_ended;
	o->quantum_ended = now;
	return took < QUANTUM_FAST && ++o->quanta < RQ_QUANTA_MOST;
}

static void next_lane(struct rq_order *o)
{
	o->lane_at++;
	o->quanta = 0;
}

static int choose_any(struct rq_order *o, struct rq_view *view)
{
	uint32_t n = rq_order_lanes(o);
	if (o->quantum == 0) {
		if (n > 1 && !may_stay_on(o))
			next_lane(o);
		begin_stay(o);
	}
	for (uint32_t i = 0; i < n; i++) {
		if (rq_unlikely(o->lane_at >= n))
			o->lane_at %= n;
		int r = rq_lane_look(&o->reader, o->lane_at, view);
		if (rq_likely(r)) {
			if (rq_unlikely(i >= LONG_WAY)) /* the way is not the lane's: it may be fast */
				o->quantum_ended = rq_sys.now();
			return r;
		}
		next_lane(o);
		begin_stay(o);
	}
	return 0;
}

int rq_choose(struct rq_order *o, struct rq_view *view)
{
	if (!o->total)
		return choose_any(o, view);
	begin_stay(o);
	return rq_merge_choose(o, view);
}
