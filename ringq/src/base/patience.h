/* SPDX-License-Identifier: MIT */
#ifndef RQ_PATIENCE_H
#define RQ_PATIENCE_H

/*
 * How long a call may take. A time-out bounds the whole call, and a yield may take the time slices of all others who want
 * the processor: so whatever may take long looks at the clock behind it. A call that comes to nothing of the kind does
 * not: the clock is read for the first time before something that may take long, and the time-out counts from there.
 */

#include <stdint.h>

#include <ringq/region.h>

#include "base/sys.h"

struct rq_patience {
	int64_t timeout; /* the caller's: 0, it may not wait; negative, for as long as it takes */
	int64_t until;   /* its end; 0: the clock has not been looked at; negative: none */
};

static inline bool rq_timeout_is_good(int64_t timeout)
{
	return timeout >= RINGQ_FOREVER;
}

/* The end of a wait that begins now. */
static inline int64_t rq_deadline(int64_t timeout)
{
	int64_t now = rq_sys.now();
	return timeout < 0 ? -1 : timeout > INT64_MAX - now ? INT64_MAX : now + timeout;
}

static inline int64_t rq_patience_until(struct rq_patience *p)
{
	if (p->until == 0)
		p->until = rq_deadline(p->timeout);
	return p->until;
}

/* Whether the call may yield its processor. */
static inline bool rq_patience_may_yield(const struct rq_patience *p)
{
	return p->timeout != 0;
}

/* Whether the time is over, of a call that has some: one that may not wait has nothing to look at the clock for. */
static inline bool rq_patience_is_over(struct rq_patience *p)
{
	return p->timeout > 0 && rq_patience_until(p) <= rq_sys.now();
}

/* Yields the processor. Whether the time is over now. */
static inline bool rq_patience_yield(struct rq_patience *p)
{
	if (p->timeout > 0)
		rq_patience_until(p);
	rq_sys.yield();
	return rq_patience_is_over(p);
}

#endif
