/* SPDX-License-Identifier: MIT */
#include "queue/handle.h"

#include <errno.h>
#include <stdlib.h>

#include "base/event.h"
#include "order/order.h"
#include "queue/peer.h"
#include "region/glance.h"
#include "region/objects.h"
#include "base/upcalls.h"

struct ringq_queue *rq_process_queues;

bool rq_lane_set_load(struct rq_lane_set *set, struct ringq_region *region, uint64_t first, uint64_t units,
	const struct rq_queue_shared *s)
{
	uint64_t from = region->at.units + first * region->at.page, len = units * region->at.page;
	if (from > region->at.size || region->at.size - from < len || len < sizeof *s)
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
	uint64_t hands = rq_load_once(&s->hands);
	if (hands) {
		if (hands % RQ_FALSE_SHARING || hands < from || hands > from + len ||
			from + len - hands < sizeof(struct rq_hands))
			return false;
		if (!rq_region_is_observed(region))
			set->hands = (struct rq_hands *)(region->base + hands);
	}
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

static bool permits_load(struct ringq_queue *q, uint64_t units, const struct rq_queue_shared *s)
{
	uint64_t page = q->region->at.page, from = q->region->at.units + q->set.first * page, end = from + units * page;
	uint64_t at = rq_load_once(&s->permits), n = q->max_records;
	q->permits.count = n;
	if (n == 0)
		return true;
	if (n > RQ_RECORDS_MOST || at % sizeof(rq_u64) || at < from || at > end || (end - at) / sizeof(rq_u64) < n)
		return false;
	if (!rq_region_is_observed(q->region))
		q->permits.words = (rq_u64 *)(q->region->base + at);
	return true;
}

/*
 * Numbers of handles, all under the process lock: the lowest that is free, so that few pages of a thread's cache are used,
 * and so that a thread's ports, whose ids have it, are all different.
 */
static uint64_t numbers_used[RQ_HANDLES_MAX / 64];
static uint32_t numbers_full; /* words in front that have no free one */

static int number_handle(struct ringq_queue *q)
{
	while (numbers_full < RQ_HANDLES_MAX / 64 && numbers_used[numbers_full] == UINT64_MAX)
		numbers_full++;
	if (numbers_full == RQ_HANDLES_MAX / 64)
		return -ENOMEM;
	uint32_t bit = (uint32_t)__builtin_ctzll(~numbers_used[numbers_full]);
	numbers_used[numbers_full] |= UINT64_C(1) << bit;
	q->number = 64 * numbers_full + bit;
	q->cached = (uint32_t)(q->number % RQ_THREAD_CACHE * sizeof(struct rq_cached));
	return 0;
}

static void free_number(const struct ringq_queue *q)
{
	uint32_t word = q->number / 64;
	numbers_used[word] &= ~(UINT64_C(1) << q->number % 64);
	if (word < numbers_full)
		numbers_full = word;
}

/* Checks the constants, which are at s: in the region, or in a copy. */
static bool constants_load(struct ringq_queue *q, uint64_t first, uint64_t units, const struct rq_queue_shared *s)
{
	if (!rq_lane_set_load(&q->set, q->region, first, units, s))
		return false;
	q->order = rq_load_once(&s->order);
	q->flags = rq_load_once(&s->flags);
	q->max_records = rq_load_once(&s->max_records);
	q->total = q->order == RINGQ_ORDER_TOTAL && !(q->flags & RINGQ_SINGLE_PRODUCER);
	q->set.stamps = q->total;
	q->set.counted = q->max_records != 0;
	/* What is acknowledged is claimed in one way, however many do. */
	q->set.single_consumer = q->flags & RINGQ_SINGLE_CONSUMER && !(q->flags & RINGQ_ACKNOWLEDGED);
	q->special = q->flags & RINGQ_ACKNOWLEDGED;
	return q->order <= RINGQ_ORDER_PRODUCER && !(q->flags & ~RQ_QUEUE_FLAGS) &&
	       !(q->flags & RINGQ_ACKNOWLEDGED) == !rq_load_once(&s->hands) && permits_load(q, units, s);
}

/* Of a region that is mapped. */
static int load_mapped(struct ringq_queue *q, uint64_t first, uint64_t units, uint64_t owner)
{
	struct rq_queue_shared *s = (struct rq_queue_shared *)rq_unit_at(q->region, first);
	q->shared = s;
	q->permits.hint = &s->permit_hint;
	bool good = constants_load(q, first, units, s);
	rq_acquire_fence(); /* G6 */
	if (rq_load(rq_owner_at(q->region, first)) != owner)
		return -ENOENT;
	if (!good)
		return -EBADMSG;
	return q->set.hands && !RQ_HAVE_PAIR ? -ENOTSUP : 0;
}

/* Of one that is only looked at: nothing but the constants. */
static int load_observed(struct ringq_queue *q, uint64_t first, uint64_t units, uint64_t owner)
{
	struct rq_queue_shared copy;
	uint64_t now;
	int r = rq_glance_read(q->region, rq_unit_offset(q->region, first), &copy, sizeof copy);
	if (r == 0)
		r = rq_glance_owner(q->region, first, &now);
	if (r || now != owner)
		return r ? r : -ENOENT;
	return constants_load(q, first, units, &copy) ? 0 : -EBADMSG;
}

/* Under the process lock. Nobody sleeps on what is only observed, or has a port with it: no list need have it. */
static int list_handle(struct ringq_queue *q)
{
	static uint64_t handles;
	int r = rq_region_is_observed(q->region) ? 0 : number_handle(q);
	if (r)
		return r;
	rq_store(&q->id, ++handles);
	q->region->refs++;
	if (rq_region_is_observed(q->region))
		return 0;
	q->next = rq_process_queues;
	rq_process_queues = q;
	return 0;
}

int rq_queue_handle(
	struct ringq_queue **out, struct ringq_region *region, uint64_t first, uint64_t units, uint64_t owner)
{
	struct ringq_queue *q = calloc(1, sizeof *q);
	if (!q)
		return -ENOMEM;
	q->region = region;
	q->refs = 1;
	q->owner = owner;
	q->object = rq_object_id(owner, first);
	int r = rq_region_is_observed(region) ? load_observed(q, first, units, owner)
	                                      : load_mapped(q, first, units, owner);
	if (r) {
		free(q);
		return r;
	}
	rq_process_lock();
	r = list_handle(q);
	rq_process_unlock();
	if (r)
		free(q);
	else
		*out = q;
	return r;
}

void rq_handle_unlist(struct ringq_queue *queue)
{
	struct ringq_queue **link = &rq_process_queues;
	while (*link != queue)
		link = &(*link)->next;
	*link = queue->next;
	free_number(queue);
}

void rq_handle_discard(struct ringq_queue *queue)
{
	rq_process_lock();
	rq_handle_unlist(queue);
	rq_process_unlock();
	ringq_region_detach(queue->region);
	free(queue);
}

void rq_handle_ref(struct ringq_queue *queue)
{
	rq_add(&queue->refs, 1); /* Q5 */
}

/* The last one out, be it the releaser or a sleeper that the release has woken, frees the handle. */
void rq_handle_unref(struct ringq_queue *queue)
{
	if (rq_add(&queue->refs, -1u) != 1) /* Q5 */
		return;
	if (queue->peer)
		queue->peer->ended(queue);
	ringq_region_detach(queue->region);
	rq_upcalls.handle_ends(queue);
	free(queue);
}

void rq_queue_wake(struct ringq_queue *queue)
{
	rq_event_wake_all(&queue->shared->not_empty);
	rq_event_wake_all(&queue->shared->not_full);
	rq_event_wake_all(&queue->shared->drained);
	uint32_t used = rq_lanes_used(queue->shared, &queue->set);
	for (uint32_t i = 0; i < used; i++)
		rq_event_wake_all(&rq_lane_at(&queue->set, i)->not_full);
}

void rq_queue_close(struct ringq_queue *queue)
{
	uint32_t open = RQ_OPEN;
	rq_cas(&queue->shared->closed, &open, RQ_CLOSED); /* E1 */
	rq_queue_wake(queue);
}
