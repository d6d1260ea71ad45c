/* SPDX-License-Identifier: MIT */

/* Deleting a queue. When its memory goes is told in expire.h. */

#include <errno.h>

#include "base/event.h"
#include "lane/chunks.h"
#include "queue/expire.h"
#include "queue/get.h"
#include "queue/ownership.h"

/*
 * What waits is taken, so that whoever gets finds the queue closed and drained, and its memory goes at once. A single
 * consumer is the only one who may: its own gets do that.
 */
static void drop_waiting(struct rq_port *port)
{
	struct rq_view view;
	int r = 1;
	port->order.patience = (struct rq_patience){0};
	for (uint64_t lost = 0; (r == 1 || r == -EAGAIN) && lost < RQ_LOSSES_MOST;) {
		r = rq_choose(&port->order, &view);
		if (r == 1 && rq_lane_claim(&view, view.next, port->order.reader.single))
			rq_get_claimed(port, &view, view.next, 1);
		else
			lost++;
	}
}

/* The same of an acknowledged queue. What others have in hand is theirs until they have finished it. */
static void drop_takes(struct ringq_queue *queue)
{
	struct ringq_delivery delivery;
	while (ringq_take(queue, &delivery, RINGQ_NOWAIT) == 0)
		ringq_ack(queue, &delivery);
}

/* What the lanes keep for later, and what the dead have left. */
static void trim_lanes(struct rq_port *port)
{
	const struct ringq_queue *queue = port->queue;
	rq_port_reap(port);
	uint32_t used = rq_lanes_used(queue->shared, &queue->set);
	for (uint32_t i = 0; i < used; i++)
		rq_lane_trim(&queue->set, port->membership, i);
}

/* Closed first: who dies in between has closed the queue. */
static int begin(struct ringq_queue *queue)
{
	struct rq_port *port;
	int r = rq_enter(queue, &port);
	if (r)
		return r;
	rq_queue_close(queue);
	if (!rq_expire_delete(queue->region, queue->shared, queue->set.first, queue->owner))
		r = -EPIPE;
	else if (!queue->set.hands && !queue->set.single_consumer)
		drop_waiting(port);
	rq_leave();
	return r;
}

static void end(struct ringq_queue *queue)
{
	struct rq_port *port;
	if (rq_enter(queue, &port))
		return;                                              /* another thread has released the handle */
	rq_store_release(&queue->shared->closed, RQ_CLOSED_DELETED); /* E4 */
	rq_queue_wake(queue);
	trim_lanes(port);
	rq_leave();
}

int ringq_queue_delete(ringq_queue *queue)
{
	if (!queue || queue->side)
		return -EINVAL;
	int r = begin(queue);
	if (r)
		return r;
	if (queue->set.hands)
		drop_takes(queue);
	end(queue);
	return 0;
}
