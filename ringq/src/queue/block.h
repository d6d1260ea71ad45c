/* SPDX-License-Identifier: MIT */
#ifndef RQ_BLOCK_H
#define RQ_BLOCK_H

/* Waiting for an attempt to succeed: spin for as long as that has paid off lately, then sleep on an event. */

#include <sys/types.h>

#include "base/event.h"
#include "queue/enter.h"

struct rq_op {
	struct ringq_queue *queue;
	struct rq_port *port;
	ssize_t (*attempt)(struct rq_op *op); /* -EAGAIN: not now, and event is set */
	bool (*poll)(struct rq_op *op);       /* whether an attempt is worth it; cheap; NULL: always */
	rq_u32 *event;
	uint32_t *spin;    /* in the port */
	uint32_t *disarm;  /* in the port */
	rq_u64 *guard;     /* left with the call */
	uint32_t activity; /* what its sleeper is said to do, enum ringq_activity; 0: put or get, as the event says */
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
 * Goes on with an operation whose attempt just said -EAGAIN. The port's patience has been set for this call, to the timeout.
 * The caller is inside a call (rq_enter) and is not any more
 * when this returns. -EAGAIN if timeout is RINGQ_NOWAIT, -ETIMEDOUT, -EBADF, or what an attempt says.
 */
ssize_t rq_block(struct rq_op *op, int64_t timeout);

#endif
