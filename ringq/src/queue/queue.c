/* SPDX-License-Identifier: MIT */

/* Queues: making, finding, releasing and closing them. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <ringq/look.h>

#include "base/event.h"
#include "base/sys.h"
#include "lane/hand.h"
#include "queue/enter.h"
#include "queue/expire.h"
#include "queue/watch.h"
#include "region/create.h"
#include "region/objects.h"
#include "region/things.h"

#define MAX_BYTES (UINT64_C(8) << 20)
#define MAX_PRODUCERS 256u
_Static_assert(sizeof(struct rq_queue_shared) % RQ_FALSE_SHARING == 0 &&
		       sizeof(struct rq_queue_shared) + sizeof(struct rq_hands) <= 4096,
	"the first unit is backed");

static void release_observed(struct ringq_queue *queue)
{
	uint64_t id = rq_load(&queue->id);
	rq_port_was_left(queue, id);
	rq_store_release(&queue->id, RQ_HANDLE_GONE); /* Q1 */
	rq_wait_for_calls(id);
	rq_handle_unref(queue);
}

/* This process's sleepers: they have ports. Where none lives, the object may be gone. */
static void wake_own(struct ringq_queue *queue)
{
	rq_process_lock();
	const struct rq_port *port = queue->ports;
	while (port && !rq_member_alive(queue->region, port->membership->id))
		port = port->queue_next;
	if (port)
		rq_queue_wake(queue);
	rq_process_unlock();
}

void ringq_queue_release(ringq_queue *queue)
{
	if (!queue)
		return;
	if (rq_region_is_observed(queue->region)) {
		release_observed(queue);
		return;
	}
	uint64_t id = rq_load(&queue->id);
	rq_port_was_left(queue, id);
	rq_store_release(&queue->id, RQ_HANDLE_GONE); /* Q1 */
	wake_own(queue);
	rq_wait_for_calls(id); /* whoever is inside a call now has left it, or sleeps and holds the handle */
	rq_watches_end(queue);
	rq_process_lock();
	rq_ports_drop_queue(queue);
	rq_handle_unlist(queue); /* not before: a child of a fork meanwhile ends its copy of what it finds in the list */
	rq_process_unlock();
	uint64_t owner = rq_load_acquire(rq_owner_at(queue->region, queue->set.first)); /* as N4: X9 */
	if (owner == rq_owner_deleted(queue->owner))
		rq_expire_reap(queue->region, queue->set.first, owner);
	rq_handle_unref(queue);
}

int ringq_queue_open(ringq_queue **out, ringq_region *region, const char *name)
{
	uint64_t first, owner;
	if (!out || !region || (name && (!*name || strlen(name) >= RQ_NAME_MAX)))
		return -EINVAL;
	if (rq_region_is_observed(region)) {
		struct rq_thing thing;
		int r = rq_thing_find(region, RQ_OBJECT_QUEUE, name, &thing);
		return r ? r : rq_queue_handle(out, region, thing.first, thing.units, thing.owner);
	}
	int r = rq_object_find(region, RQ_OBJECT_QUEUE, name, &first, &owner);
	return r ? r : rq_queue_handle(out, region, first, rq_owner_object_units(owner), owner);
}

int ringq_queue_open_id(ringq_queue **out, ringq_region *region, uint64_t id)
{
	struct rq_thing thing;
	if (!out || !region)
		return -EINVAL;
	int r = rq_thing_of_id(region, id, RQ_OBJECT_QUEUE, &thing);
	if (r)
		return r;
	if (rq_owner_is_pipe(thing.owner) && !rq_region_is_observed(region))
		return -EINVAL; /* whose holders do not know of this one */
	return rq_queue_handle(out, region, thing.first, thing.units, thing.owner);
}

uint64_t ringq_queue_id(const ringq_queue *queue)
{
	return queue ? queue->object : 0;
}

ringq_region *ringq_queue_region(const ringq_queue *queue)
{
	return queue ? queue->region : NULL;
}

/* ---- creation ---- */

static bool options_are_good(const struct ringq_queue_options *o)
{
	return o->order <= RINGQ_ORDER_PRODUCER && !(o->flags & ~RQ_QUEUE_FLAGS) && o->max_records <= RQ_RECORDS_MOST &&
	       o->max_producers <= RQ_LANES_MAX && (!o->name || (*o->name && strlen(o->name) < RQ_NAME_MAX)) &&
	       o->max_attempts < RQ_ATTEMPTS_MOST &&
	       (o->flags & RINGQ_ACKNOWLEDGED || !(o->max_attempts || o->dead_letters)) &&
	       (o->max_attempts || !o->dead_letters);
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
	struct ringq_region *region = rq_load(&membership->region);
	uint64_t page = region->at.page, max_bytes = o->max_bytes ? o->max_bytes : MAX_BYTES;
	uint32_t lanes_max = o->flags & RINGQ_SINGLE_PRODUCER ? 1 : o->max_producers ? o->max_producers : MAX_PRODUCERS;
	uint32_t table = table_for(region, max_bytes);
	uint32_t stride = (uint32_t)rq_round_up(rq_lane_size(table), RQ_FALSE_SHARING);
	uint64_t hands = rq_round_up(sizeof(struct rq_queue_shared), RQ_FALSE_SHARING);
	uint64_t lanes =
		hands + (o->flags & RINGQ_ACKNOWLEDGED ? rq_round_up(sizeof(struct rq_hands), RQ_FALSE_SHARING) : 0);
	uint64_t permits = rq_round_up(lanes + (uint64_t)lanes_max * stride, page),
		 end = permits + o->max_records * sizeof(rq_u64);
	uint64_t units = rq_round_up(end, page) / page;

	uint64_t dead_first = 0, dead_owner = 0;
	if (o->dead_letters) {
		int r = rq_object_find(region, RQ_OBJECT_QUEUE, o->dead_letters, &dead_first, &dead_owner);
		if (r)
			return r;
	}
	int64_t first = rq_object_claim(membership, units, page);
	if (first < 0)
		return (int)first;
	uint64_t at = region->at.units + (uint64_t)first * page;
	int r = o->max_records ? rq_region_back(region, at + permits, end - permits) : 0;
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
	s->permits = o->max_records ? at + permits : 0;
	s->creator = membership->id;
	s->created = rq_sys_calendar();
	rq_store(&s->not_empty, rq_region_event(region));
	rq_store(&s->not_full, rq_region_event(region));
	rq_store(&s->drained, rq_region_event(region));
	if (o->flags & RINGQ_ACKNOWLEDGED) {
		struct rq_hands *h = (struct rq_hands *)(region->base + at + hands);
		s->hands = at + hands;
		h->max_attempts = o->max_attempts;
		h->dead_first = dead_first;
		h->dead_letters = dead_owner;
	}
	memcpy(s->name, o->name ? o->name : "", o->name ? strlen(o->name) + 1 : 1);
	*out = (uint64_t)first;
	*out_units = units;
	return 0;
}

/* The handle first, so that nothing can fail once others see the queue. */
static int create_in(struct ringq_queue **out, struct rq_membership *membership, const struct ringq_queue_options *o)
{
	uint64_t first, units;
	struct ringq_queue *queue;
	int r = rq_queue_build(membership, o, &first, &units);
	if (r)
		return r;
	r = rq_queue_handle(&queue, rq_load(&membership->region), first, units, rq_owner_member(membership->id));
	if (r) {
		rq_object_drop(membership, first, units);
		return r;
	}
	r = rq_object_publish(membership, first, units, o->name ? o->name : "", &queue->owner);
	if (r) {
		rq_handle_discard(queue);
		return r;
	}
	queue->object = rq_object_id(queue->owner, first);
	*out = queue;
	return 0;
}

int ringq_queue_create(ringq_queue **out, ringq_region *region, const struct ringq_queue_options *options)
{
	struct ringq_queue_options o = options ? *options : (struct ringq_queue_options){0};
	struct rq_membership *membership;
	int r;
	if (!out || !options_are_good(&o))
		return -EINVAL;
	if (o.flags & RINGQ_ACKNOWLEDGED && !RQ_HAVE_PAIR)
		return -ENOTSUP;
	r = rq_region_or_own(&region);
	if (r)
		return r;
	r = rq_membership_of(&membership, region);
	if (r == 0)
		r = create_in(out, membership, &o);
	ringq_region_detach(region); /* the handle holds it now */
	return r;
}

/* ---- closing ---- */

int ringq_close(ringq_queue *queue)
{
	struct rq_port *port;
	if (!queue)
		return -EINVAL;
	int r = rq_enter(queue, &port);
	if (r)
		return r;
	if (rq_load(&queue->shared->closed) == RQ_CLOSED_DELETED)
		r = -EPIPE;
	else
		rq_queue_close(queue);
	rq_leave();
	return r;
}
