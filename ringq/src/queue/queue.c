/* SPDX-License-Identifier: MIT */

/* Queues: making, finding, releasing and closing them. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "queue/port.h"
#include "queue/watch.h"
#include "pipe/liveness.h"
#include "region/objects.h"
#include "base/sys.h"
#include "base/event.h"

#define MAX_RECORDS_MOST (UINT64_C(1) << 24)
#define MAX_BYTES (UINT64_C(8) << 20)
#define MAX_PRODUCERS 256u

/* ---- holding and releasing ---- */

#define YIELDS 16u
#define NAP_FIRST INT64_C(50000)
#define NAP_MOST INT64_C(2000000)

/*
 * Returns when every call on the handle, which had this id and is gone, has been left, or sleeps. Who is inside may have a
 * lower priority than the caller, and then gets this processor only while the caller sleeps.
 */
static void wait_for_calls(uint64_t id)
{
	int64_t nap = NAP_FIRST;
	rq_process_barrier();
	for (unsigned i = 0; rq_process_names(id); i++) {
		if (i < YIELDS) {
			rq_sys.yield();
			continue;
		}
		rq_sys_sleep(nap);
		nap = nap < NAP_MOST / 2 ? 2 * nap : NAP_MOST;
	}
	rq_process_barrier(); /* behind Y4, also where Y3 saw what a thread has named since */
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
	if (queue->side)
		rq_hold_end(queue);
	ringq_region_detach(queue->region);
	free(queue);
}

static void unlist(struct ringq_queue *queue)
{
	struct ringq_queue **link = &rq_process_queues;
	while (*link != queue)
		link = &(*link)->next;
	*link = queue->next;
}

void rq_queue_wake(struct ringq_queue *queue)
{
	rq_event_wake_all(&queue->shared->not_empty);
	rq_event_wake_all(&queue->shared->not_full);
	uint32_t used = rq_lanes_used(queue->shared, &queue->set);
	for (uint32_t i = 0; i < used; i++)
		rq_event_wake_all(&rq_lane_at(&queue->set, i)->not_full);
}

void ringq_queue_release(ringq_queue *queue)
{
	if (!queue)
		return;
	uint64_t id = rq_load(&queue->id);
	rq_store_release(&queue->id, RQ_HANDLE_GONE); /* Q1 */
	rq_watch_end(queue);
	rq_queue_wake(queue);
	wait_for_calls(id); /* whoever is inside a call now has left it, or sleeps and holds the handle */
	rq_process_lock();
	unlist(queue); /* not before: a child of a fork meanwhile ends its copy of what it finds in the list */
	rq_ports_drop_queue(queue);
	rq_process_unlock();
	rq_handle_unref(queue);
}

/* ---- handles ---- */

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

static bool places_load(struct ringq_queue *q, uint64_t units)
{
	uint64_t page = q->region->at.page, from = q->region->at.units + q->set.first * page, end = from + units * page;
	uint64_t at = rq_load_once(&q->shared->permits), n = q->max_records;
	q->permits = (struct rq_permits){.hint = &q->shared->permit_hint, .count = n};
	if (n == 0)
		return true;
	if (n > MAX_RECORDS_MOST || at % sizeof(rq_u64) || at < from || at > end || (end - at) / sizeof(rq_u64) < n)
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
		!places_load(q, units)) {
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

int ringq_queue_open(ringq_queue **out, ringq_region *region, const char *name)
{
	uint64_t first, units;
	if (!out || !region || (name && (!*name || strlen(name) >= RQ_NAME_MAX)))
		return -EINVAL;
	int r = rq_object_find(region, RQ_OBJECT_QUEUE, name, &first, &units);
	return r ? r : rq_queue_handle(out, region, first, units);
}

ringq_region *ringq_queue_region(const ringq_queue *queue)
{
	return queue ? queue->region : NULL;
}

/* ---- creation ---- */

static bool options_are_good(const struct ringq_queue_options *o)
{
	return o->order <= RINGQ_ORDER_PRODUCER && o->flags <= (RINGQ_SINGLE_PRODUCER | RINGQ_SINGLE_CONSUMER) &&
	       o->max_records <= MAX_RECORDS_MOST && o->max_producers <= RQ_LANES_MAX &&
	       (!o->name || (*o->name && strlen(o->name) < RQ_NAME_MAX));
}

/* Chunks that a lane can have at once: what may wait in the largest rings, the smaller ones on the way there, spares. */
static uint32_t table_for(const struct ringq_region *region, uint64_t max_bytes)
{
	uint64_t most = max_bytes < region->at.size ? max_bytes : region->at.size, n = 32;
	while (n < most / RQ_SPARE_LARGEST + 16 && n < RQ_TABLE_MOST)
		n *= 2;
	return (uint32_t)n;
}

int rq_queue_build(
	struct rq_membership *membership, const struct ringq_queue_options *o, uint64_t *out, uint64_t *out_units)
{
	struct ringq_region *region = membership->region;
	uint64_t page = region->at.page, max_bytes = o->max_bytes ? o->max_bytes : MAX_BYTES;
	uint32_t lanes_max = o->flags & RINGQ_SINGLE_PRODUCER ? 1 : o->max_producers ? o->max_producers : MAX_PRODUCERS;
	uint32_t table = table_for(region, max_bytes);
	uint32_t stride = (uint32_t)rq_round_up(rq_lane_size(table), RQ_FALSE_SHARING);
	uint64_t lanes = rq_round_up(sizeof(struct rq_queue_shared), RQ_FALSE_SHARING);
	uint64_t places = rq_round_up(lanes + (uint64_t)lanes_max * stride, page),
		 end = places + o->max_records * sizeof(rq_u64);
	uint64_t units = rq_round_up(end, page) / page;

	int64_t first = rq_object_claim(membership, units, page);
	if (first < 0)
		return (int)first;
	uint64_t at = region->at.units + (uint64_t)first * page;
	int r = o->max_records ? rq_region_back(region, at + places, end - places) : 0;
	if (r) {
		rq_object_drop(membership, (uint64_t)first, units);
		return r;
	}
	struct rq_queue_shared *s = (struct rq_queue_shared *)(region->base + at);
	s->kind = RQ_OBJECT_QUEUE;
	s->order = o->order;
	s->flags = o->flags;
	s->lanes_max = lanes_max;
	s->max_records = o->max_records;
	s->max_bytes = max_bytes;
	s->table = table;
	s->stride = stride;
	s->lanes = at + lanes;
	s->permits = o->max_records ? at + places : 0;
	s->creator = membership->id;
	rq_store(&s->not_empty, rq_region_event(region));
	rq_store(&s->not_full, rq_region_event(region));
	memcpy(s->name, o->name ? o->name : "", o->name ? strlen(o->name) + 1 : 1);
	*out = (uint64_t)first;
	*out_units = units;
	return 0;
}

static int create_in(struct ringq_queue **out, struct rq_membership *membership, const struct ringq_queue_options *o)
{
	uint64_t first, units;
	int r = rq_queue_build(membership, o, &first, &units);
	if (r == 0)
		r = rq_object_publish(membership, first, units, o->name ? o->name : "");
	return r ? r : rq_queue_handle(out, membership->region, first, units);
}

int ringq_queue_create(ringq_queue **out, ringq_region *region, const struct ringq_queue_options *options)
{
	struct ringq_queue_options o = options ? *options : (struct ringq_queue_options){0};
	struct rq_membership *membership;
	int r = 0;
	if (!out || !options_are_good(&o))
		return -EINVAL;
	if (region)
		rq_region_ref(region);
	else
		r = ringq_region_create(&region, NULL);
	if (r)
		return r;
	r = rq_membership_of(&membership, region);
	if (r == 0)
		r = create_in(out, membership, &o);
	ringq_region_detach(region); /* the handle holds it now */
	return r;
}

/* ---- closing ---- */

void rq_queue_close(struct ringq_queue *queue)
{
	rq_store_release(&queue->shared->closed, 1); /* E1 */
	rq_queue_wake(queue);
}

int ringq_close(ringq_queue *queue)
{
	struct rq_port *port;
	if (!queue)
		return -EINVAL;
	int r = rq_enter(queue, &port);
	if (r)
		return r;
	rq_queue_close(queue);
	rq_leave();
	return 0;
}
