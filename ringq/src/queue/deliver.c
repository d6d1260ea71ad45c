/* SPDX-License-Identifier: MIT */

/* The public calls that hand out records in place, and end that: of acknowledged queues, or of a single consumer. */

#include <errno.h>

#include "lane/sight.h"
#include "queue/enter.h"
#include "queue/finish.h"
#include "queue/in_place.h"
#include "queue/take.h"

#define MANY_MOST ((size_t)1 << 20)

int ringq_take(ringq_queue *queue, struct ringq_delivery *out, int64_t timeout)
{
	if (rq_unlikely(!queue) || rq_unlikely(!out) || rq_unlikely(!rq_timeout_is_good(timeout)))
		return -EINVAL;
	if (queue->set.hands)
		return rq_take(queue, out, UINT64_MAX, timeout);
	return rq_in_place_is_possible(queue) ? rq_in_place_take(queue, out, timeout) : -EINVAL;
}

ssize_t ringq_take_many(ringq_queue *queue, struct ringq_delivery *out, size_t n, int64_t timeout)
{
	if (!queue || !out || n == 0 || n > MANY_MOST || !rq_timeout_is_good(timeout))
		return -EINVAL;
	if (!queue->set.hands) {
		int r = ringq_take(queue, out, timeout);
		return r ? r : 1;
	}
	return rq_take_many(queue, out, n, timeout);
}

int ringq_ack(ringq_queue *queue, struct ringq_delivery *delivery)
{
	if (rq_unlikely(!queue) || rq_unlikely(!delivery))
		return -EINVAL;
	if (queue->set.hands)
		return rq_ack(queue, delivery);
	return rq_in_place_is_possible(queue) ? rq_in_place_ack(queue, delivery) : -EINVAL;
}

int ringq_requeue(ringq_queue *queue, struct ringq_delivery *delivery)
{
	if (!queue || !delivery || !queue->set.hands)
		return -EINVAL;
	return rq_requeue(queue, delivery);
}

int ringq_delivery_id(ringq_queue *queue, const struct ringq_delivery *delivery, uint32_t *lane, uint64_t *sequence)
{
	struct rq_port *b;
	if (!queue || !delivery || !lane || !sequence || !queue->set.hands)
		return -EINVAL;
	int r = rq_enter(queue, &b);
	if (r)
		return r;
	const struct rq_entry *entry = rq_delivery_entry(queue, delivery);
	uint64_t state = delivery->own[RQ_OWN_STATE], header = 0;
	if (entry && state && rq_load_acquire(&entry->state) == state) /* as Z6 */
		header = rq_hand_header(queue->region, rq_load(&entry->record));
	if (header) {
		*lane = rq_owner_lane_index(delivery->own[RQ_OWN_KEY]);
		*sequence = rq_sight_sequence(header, rq_load(&rq_lane_at(&queue->set, *lane)->puts));
	}
	rq_leave();
	return header ? 0 : -ESTALE;
}

int ringq_ack_many(ringq_queue *queue, struct ringq_delivery *deliveries, size_t n)
{
	if (!queue || (!deliveries && n) || (!queue->set.hands && !rq_in_place_is_possible(queue)))
		return -EINVAL;
	if (queue->set.hands)
		return rq_ack_many(queue, deliveries, n);
	int first = 0;
	for (size_t i = 0; i < n; i++) {
		int r = rq_in_place_ack(queue, &deliveries[i]);
		first = first ? first : r;
	}
	return first;
}
