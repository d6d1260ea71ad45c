/* SPDX-License-Identifier: MIT */
#ifndef RQ_SINGLE_H
#define RQ_SINGLE_H

#include "queue/handle.h"

/*
 * Debug builds check the promises RINGQ_SINGLE_PRODUCER and RINGQ_SINGLE_CONSUMER: -EBUSY if another's turn
 * is not over. A guard is held from the call's begin to its end, by reserve until commit or abort, and by
 * the dead no more. A NULL guard guards nothing.
 */
#ifdef RQ_CHECKS
#define RQ_GUARDS 1
int rq_guard_enter(rq_u64 *guard, const struct ringq_region *region, uint64_t id);
#else
#define RQ_GUARDS 0
static inline int rq_guard_enter(rq_u64 *guard, const struct ringq_region *region, uint64_t id)
{
	(void)guard, (void)region, (void)id;
	return 0;
}
#endif

/* What guards a queue's puts and gets: each is a promise about whole calls, asleep or not. */
static inline rq_u64 *rq_guard_put(const struct ringq_queue *queue)
{
	return RQ_GUARDS && queue->flags & RINGQ_SINGLE_PRODUCER ? &queue->shared->guard_put : NULL;
}

static inline rq_u64 *rq_guard_get(const struct ringq_queue *queue)
{
	return RQ_GUARDS && queue->set.single_consumer ? &queue->shared->guard_get : NULL;
}

static inline void rq_guard_leave(rq_u64 *guard)
{
	if (RQ_GUARDS && guard)
		rq_store_release(guard, 0); /* O5 */
}

#endif
