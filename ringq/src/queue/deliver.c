/* SPDX-License-Identifier: MIT */

/* The public calls that hand out records in place, and end that. */

#include <errno.h>

#include "queue/drained.h"
#include "queue/finish.h"
#include "queue/take.h"

#define MANY_MOST ((size_t)1 << 20)

int ringq_take(ringq_queue *queue, struct ringq_delivery *out, int64_t timeout)
{
	if (rq_unlikely(!queue) || rq_unlikely(!out) || rq_unlikely(!rq_timeout_is_good(timeout)) ||
		rq_unlikely(!queue->set.hands))
		return -EINVAL;
	return rq_take(queue, out, UINT64_MAX, timeout);
}

ssize_t ringq_take_many(ringq_queue *queue, struct ringq_delivery *out, size_t n, int64_t timeout)
{
	if (!queue || !out || n == 0 || n > MANY_MOST || !rq_timeout_is_good(timeout) || !queue->set.hands)
		return -EINVAL;
	int r = rq_take(queue, out, UINT64_MAX, timeout);
	if (r)
		return r;
	size_t taken = 1;
	while (taken < n && rq_take(queue, out + taken, UINT64_MAX, RINGQ_NOWAIT) == 0)
		taken++;
	return (ssize_t)taken;
}

int ringq_ack(ringq_queue *queue, struct ringq_delivery *delivery)
{
	if (rq_unlikely(!queue) || rq_unlikely(!delivery) || rq_unlikely(!queue->set.hands))
		return -EINVAL;
	return rq_ack(queue, delivery);
}

int ringq_requeue(ringq_queue *queue, struct ringq_delivery *delivery)
{
	if (!queue || !delivery || !queue->set.hands)
		return -EINVAL;
	return rq_requeue(queue, delivery);
}

int ringq_ack_many(ringq_queue *queue, struct ringq_delivery *deliveries, size_t n)
{
	if (!queue || (!deliveries && n) || !queue->set.hands)
		return -EINVAL;
	return rq_ack_many(queue, deliveries, n);
}
