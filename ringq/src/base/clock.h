/* SPDX-License-Identifier: MIT */
#ifndef RQ_CLOCK_H
#define RQ_CLOCK_H

/*
 * The clock of total order. What it must give: when one stamp is taken after another's taker has published, here or on
 * any other processor, it is the greater one.
 *
 * The time stamp counter gives that where the kernel uses it itself as its clock: then it is invariant and agrees across
 * processors to less than a cache line takes to cross. The fence keeps the read behind the loads that told the caller
 * what came before. Elsewhere, a shared ticket.
 */

#include "base/layout.h"

struct rq_clock {
	enum rq_clock_kind kind;
	rq_u64 *ticket;
};

enum rq_clock_kind rq_clock_choose(void);

/*
 * A time no later than now, and no earlier than any stamp that was taken before: what is loaded after this is as new as
 * the time says.
 */
static inline uint64_t rq_clock_now(const struct rq_clock *clock)
{
#if defined(__x86_64__)
	if (clock->kind == RQ_CLOCK_TSC) {
		uint64_t now = __builtin_ia32_rdtsc();
		__builtin_ia32_lfence();
		return now;
	}
#endif
	return rq_load_acquire(clock->ticket); /* K2 */
}

static inline uint64_t rq_clock_stamp(const struct rq_clock *clock)
{
#if defined(__x86_64__)
	if (clock->kind == RQ_CLOCK_TSC) {
		__builtin_ia32_lfence();
		return __builtin_ia32_rdtsc();
	}
#endif
	return rq_add(clock->ticket, 1) + 1; /* K1 */
}

#endif
