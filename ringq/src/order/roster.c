/* SPDX-License-Identifier: MIT */
#include "order/roster.h"

#include "base/sys.h"

#define VERSION (UINT64_C(1) << RQ_ROSTER_VERSION_SHIFT)

void rq_roster_add(struct rq_queue_shared *shared, uint32_t lane)
{
	rq_u64 *at = &shared->roster[lane / RQ_ROSTER_LANES];
	uint64_t bits = (uint64_t)RQ_ROSTER_BITS << rq_roster_shift(lane), word = rq_load(at);
	/* As R1: the change that D3 and R3 must see. */
	while ((word & bits) != bits && !rq_cas_full(at, &word, (word | bits) + VERSION))
		;
}

/* The lanes of `idle` that are empty. */
static uint32_t empty_ones(struct rq_order *o, uint32_t word, uint32_t idle)
{
	struct rq_view view;
	uint32_t empty = 0;
	for (uint32_t left = idle; left; left &= left - 1) {
		uint32_t lane = word * RQ_ROSTER_LANES + (uint32_t)__builtin_ctz(left) / RQ_ROSTER_LANE_BITS;
		if (rq_lane_look(&o->reader, lane, &view) == 0)
			empty |= left & -left;
	}
	return empty;
}

void rq_roster_dismiss(struct rq_order *o, uint32_t word, uint32_t idle)
{
	rq_u64 *at = &o->shared->roster[word];
	uint64_t was = rq_load(at), marked;
	idle &= rq_roster_active(was);
	marked = (was & ~(uint64_t)(idle * RQ_ROSTER_CONFIRMED)) + VERSION;
	if (o->reader.set->region->fences) /* producers have none at R1 */
		return;
	if (!idle || !rq_cas_full(at, &was, marked)) /* D1 */
		return;
	if (rq_sys.barrier()) /* D2 */
		return;
	uint64_t out = empty_ones(o, word, idle);
	rq_cas_full(at, &marked, (marked & ~out) + VERSION); /* D3 */
}
