/* SPDX-License-Identifier: MIT */
#include "queue/drained.h"

#include <errno.h>

#include "lane/hand.h"
#include "order/next.h"
#include "queue/block.h"
#include "queue/enter.h"

#define LOOKS_MOST 16u

/* The sum of the heads of n lanes. */
static uint64_t heads(const struct rq_lane_set *set, uint32_t n)
{
	uint64_t sum = 0;
	for (uint32_t i = 0; i < n; i++)
		sum += rq_load_acquire(&rq_lane_at(set, i)->head); /* G7 */
	return sum;
}

/* The first look at the lanes takes each head to the end of what is no record: a lane that goes on in another chunk, say. */
bool rq_is_drained(struct rq_port *b)
{
	const struct rq_lane_set *set = &b->queue->set;
	for (unsigned looks = 0; looks < LOOKS_MOST; looks++) {
		if (!rq_was_empty(&b->order))
			return false;
		uint32_t n = rq_order_lanes(&b->order);
		uint64_t before = heads(set, n); /* before the books and the lanes */
		struct rq_hand_count count = rq_hand_count(set);
		if (count.held || count.returned || !rq_was_empty(&b->order))
			return false;
		if (heads(set, n) == before && rq_order_lanes(&b->order) == n) /* behind them */
			return true;
	}
	return false; /* so much has been taken meanwhile */
}

static ssize_t attempt_join(struct rq_op *op)
{
	if (rq_load_acquire(&op->queue->shared->closed) == RQ_CLOSED_DELETED) /* E2 */
		return -EPIPE;
	struct rq_patience patience = op->port->order.patience; /* a look whether a queue is empty has none */
	bool drained = rq_is_drained(op->port);
	op->port->order.patience = patience;
	return drained ? 0 : -EAGAIN;
}

int ringq_join(ringq_queue *queue, int64_t timeout)
{
	struct rq_port *b;
	if (!queue || !rq_timeout_is_good(timeout) || !queue->set.hands)
		return -EINVAL;
	int r = rq_enter(queue, &b);
	if (r)
		return r;
	struct rq_op op = {
		.queue = queue,
		.port = b,
		.attempt = attempt_join,
		.event = &queue->shared->drained,
		.spin = &b->spin_get,
		.disarm = &b->disarm_get,
		.rarely = true,
		.activity = RINGQ_ASLEEP_JOIN,
	};
	b->order.patience = (struct rq_patience){.timeout = timeout};
	r = (int)attempt_join(&op);
	if (r == -EAGAIN)
		return (int)rq_block(&op, timeout);
	rq_leave();
	return r;
}
