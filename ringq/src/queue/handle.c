/* SPDX-License-Identifier: MIT */
#include "queue/handle.h"

#include <errno.h>
#include <stdlib.h>

#include "base/event.h"
#include "order/order.h"
#include "queue/peer.h"

struct ringq_queue *rq_process_queues;

bool rq_lane_set_load(struct rq_lane_set *set, struct ringq_region *region, uint64_t first, uint64_t units)
{
	uint64_t from = region->at.units + first * region->at.page, len = units * region->at.page;
	const struct rq_queue_shared *s = rq_region_at(region, from, len);
	if (!s || len < sizeof *s)
		return false;
	*set = (struct rq_lane_set){
		.region = region,
		.first = first,
		.lanes = rq_load_once(&s->lanes),
		.max_bytes = rq_load_once(&s->max_bytes),
		.stride = rq_load_once(&s->stride),
		.table = rq_load_once(&s->table),
		.max = rq_load_once(&s->lanes_max),
	};
	set->spares = set->max_bytes > RQ_SPARES_BYTES ? 1 : 1 + (uint32_t)(set->max_bytes / RQ_SPARE_LARGEST);
	/* In this order each difference is known not to wrap. */
	return rq_load_once(&s->kind) == RQ_OBJECT_QUEUE && set->table >= 2 && set->table <= RQ_TABLE_MOST &&
	       !(set->table & (set->table - 1)) &&
	       set->table <= 2 * (region->at.size / RQ_SPARE_LARGEST + 16) && /* not more than queue.c makes */
	       set->stride >= rq_lane_size(set->table) && set->stride % RQ_FALSE_SHARING == 0 &&
	       set->stride <= 2 * rq_lane_size(RQ_TABLE_MOST) && set->max >= 1 && set->max <= RQ_LANES_MAX &&
	       set->lanes % RQ_FALSE_SHARING == 0 && set->lanes >= from && set->lanes <= from + len &&
	       (uint64_t)set->max * set->stride <= from + len - set->lanes;
}

static bool permits_load(struct ringq_queue *q, uint64_t units)
{
	uint64_t page = q->region->at.page, from = q->region->at.units + q->set.first * page, end = from + units * page;
	uint64_t at = rq_load_once(&q->shared->permits), n = q->max_records;
	q->permits = (struct rq_permits){.hint = &q->shared->permit_hint, .count = n};
	if (n == 0)
		return true;
	if (n > RQ_RECORDS_MOST || at % sizeof(rq_u64) || at < from || at > end || (end - at) / sizeof(rq_u64) < n)
		return false;
	q->permits.words = (rq_u64 *)(q->region->base + at);
	return true;
}

int rq_queue_handle(struct ringq_queue **out, struct ringq_region *region, uint64_t first, uint64_t units)
{
	static uint64_t handles; /* under the process lock */
	struct ringq_queue *q = calloc(1, sizeof *q);
	if (!q)
		return -ENOMEM;
	bool good = rq_lane_set_load(&q->set, region, first, units);
	struct rq_queue_shared *s = (struct rq_queue_shared *)rq_unit_at(region, good ? first : 0);
	q->shared = s;
	q->region = region;
	q->order = rq_load_once(&s->order);
	q->flags = rq_load_once(&s->flags);
	q->max_records = rq_load_once(&s->max_records);
	if (!good || q->order > RINGQ_ORDER_PRODUCER || q->flags > (RINGQ_SINGLE_PRODUCER | RINGQ_SINGLE_CONSUMER) ||
		!permits_load(q, units)) {
		free(q);
		return -EBADMSG;
	}
	q->total = q->order == RINGQ_ORDER_TOTAL && !(q->flags & RINGQ_SINGLE_PRODUCER);
	q->set.stamps = q->total;
	q->set.counted = q->max_records != 0;
	q->set.single_consumer = q->flags & RINGQ_SINGLE_CONSUMER;
	q->refs = 1;
	rq_process_lock();
	rq_store(&q->id, ++handles);
	q->cached = (uint32_t)(handles % RQ_THREAD_CACHE * sizeof(struct rq_cached));
	q->next = rq_process_queues;
	rq_process_queues = q;
	region->refs++;
	rq_process_unlock();
	*out = q;
	return 0;
}

void rq_handle_ref(struct ringq_queue *queue)
{
	rq_add(&queue->refs, 1);
}

/* The last one out, be it the releaser or a sleeper that the release has woken, frees the handle. */
void rq_handle_unref(struct ringq_queue *queue)
{
	if (rq_add(&queue->refs, -1u) != 1)
		return;
	if (queue->peer)
		queue->peer->ended(queue);
	ringq_region_detach(queue->region);
	free(queue);
}

void rq_queue_wake(struct ringq_queue *queue)
{
	rq_event_wake_all(&queue->shared->not_empty);
	rq_event_wake_all(&queue->shared->not_full);
	uint32_t used = rq_lanes_used(queue->shared, &queue->set);
	for (uint32_t i = 0; i < used; i++)
		rq_event_wake_all(&rq_lane_at(&queue->set, i)->not_full);
}

void rq_queue_close(struct ringq_queue *queue)
{
	rq_store_release(&queue->shared->closed, 1); /* E1 */
	rq_queue_wake(queue);
}
