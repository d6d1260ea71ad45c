/* SPDX-License-Identifier: MIT */
#ifndef RQ_BLOCK_H
#define RQ_BLOCK_H

/* Waiting for an attempt to succeed: spin for as long as that has paid off lately, then sleep on an event. */

#include <sys/types.h>

#include "queue/port.h"

struct rq_op {
	struct ringq_queue *queue;
	struct rq_port *port;
	ssize_t (*attempt)(struct rq_op *op); /* -EAGAIN: not now, and event is set */
	bool (*poll)(struct rq_op *op);       /* whether an attempt is worth it; cheap; NULL: always */
	rq_u32 *event;
	uint32_t *spin;   /* in the port */
	uint32_t *disarm; /* in the port */
	rq_u64 *guard;    /* left with the call */
	/* operands */
	const void *data;
	void *buf;
	void **out;
	struct iovec *records;
	size_t len;
	size_t done;
	uint64_t wake_at;
	bool slept;  /* has slept, and so is woken for all that it needs, be it ever so little */
	bool brief;  /* is woken for more than it needs, and so sleeps for a moment only */
	bool rarely; /* looks rarely: at a word that those who are waited for keep writing */
};

/*
 * Goes on with an operation whose attempt just said -EAGAIN. port->order.patience has been set for this call, to the timeout. The caller is inside a call (rq_enter) and is not any more
 * when this returns. -EAGAIN if timeout is RINGQ_NOWAIT, -ETIMEDOUT, -EBADF, or what an attempt says.
 */
ssize_t rq_block(struct rq_op *op, int64_t timeout);

static inline bool rq_timeout_is_good(int64_t timeout)
{
	return timeout >= RINGQ_FOREVER;
}

/*
 * Debug builds check the promises RINGQ_SINGLE_PRODUCER and RINGQ_SINGLE_CONSUMER: -EBUSY, and the call is left, if
 * another's turn is not over. A guard is held from the call's begin to its end, by reserve until commit or abort, and by
 * the dead no more. A NULL guard guards nothing.
 */
#ifdef RQ_CHECKS
#define RQ_GUARDS 1
int rq_guard_enter(rq_u64 *guard, const struct rq_port *port);
#else
#define RQ_GUARDS 0
static inline int rq_guard_enter(rq_u64 *guard, const struct rq_port *port)
{
	(void)guard, (void)port;
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
		rq_store_release(guard, 0);
}

#endif
