/* SPDX-License-Identifier: MIT */
#include "queue/port.h"

#include <errno.h>
#include <stdlib.h>

#include "queue/block.h"
#include "pipe/liveness.h"
#include "base/event.h"

#define SPIN_FIRST 200

struct ringq_queue *rq_process_queues;

/* A thread may hold several handles of one queue, and is a producer of its own with each. */
static uint64_t port_id(uint64_t membership, uint64_t handle)
{
	return membership | (handle & 0x7ffff) << RQ_ID_INDEX_BITS;
}

static struct rq_port *find_bond(const struct rq_thread *t, const struct ringq_queue *queue)
{
	for (struct rq_port *b = t->ports; b; b = b->thread_next)
		if (b->queue == queue)
			return b;
	return NULL;
}

static void list_bond(struct rq_port *b, struct rq_thread *t, struct ringq_queue *queue)
{
	b->thread = t;
	b->thread_next = t->ports;
	t->ports = b;
	b->queue_next = queue->ports;
	queue->ports = b;
}

static struct rq_port *new_bond(const struct ringq_queue *queue)
{
	size_t words = queue->total ? (queue->set.max + RQ_ROSTER_LANES - 1) / RQ_ROSTER_LANES : 0;
	struct rq_port *b = calloc(1, sizeof *b + words * sizeof *b->idle);
	if (!b)
		return NULL;
	b->batch = 1;
	b->order.bias = UINT64_MAX;
	b->order.shared = queue->shared;
	b->order.clock = &queue->region->clock;
	b->order.total = queue->total;
	b->order.idle = b->idle;
	b->spin_get = b->spin_put = SPIN_FIRST;
	return b;
}

int rq_port_make(struct rq_port **out, struct ringq_queue *queue, uint64_t id)
{
	struct rq_thread *t = rq_thread_current;
	struct rq_membership *membership;
	rq_process_lock();
	struct rq_port *b = find_bond(t, queue);
	rq_process_unlock();
	if (!b) {
		int r = rq_membership_of(&membership, queue->region);
		if (r)
			return r;
		b = new_bond(queue);
		if (!b)
			return -ENOMEM;
		b->queue = queue;
		b->membership = membership;
		b->id = port_id(membership->id, id);
		b->order.reader = (struct rq_reader){.set = &queue->set,
			.membership = membership,
			.hazard = &membership->member->hazard,
			.lane = &rq_no_lane,
			.single = queue->set.single_consumer,
			.stamps = queue->set.stamps,
			.plain = queue->set.single_consumer && !queue->set.stamps && !rq_guard_get(queue)};
		rq_reader_forget(&b->order.reader);
		b->order.lane_at = (uint32_t)membership->id; /* consumers start at different lanes */
		if (queue->side)
			rq_hold_witness(b);
		rq_process_lock();
		list_bond(b, t, queue);
		rq_process_unlock();
	}
	*rq_cached_at(t, queue) = (struct rq_cached){id, b};
	*out = b;
	return 0;
}

/* ---- lanes ---- */

/* Makes sure that lane i may be touched, and that consumers will look at it once it is used. */
static int back_lane(struct ringq_queue *queue, uint32_t i)
{
	struct rq_queue_shared *s = queue->shared;
	uint64_t page = queue->region->at.page;
	uint32_t have = rq_load_acquire(&s->lanes_backed); /* B2 */
	if (i < have)
		return 0;
	/* To the end of the page that the lane ends in: the next lanes there cost nothing. */
	uint64_t end = queue->set.lanes + (uint64_t)(i + 1) * queue->set.stride;
	end = (end + page - 1) / page * page;
	uint64_t want = (end - queue->set.lanes) / queue->set.stride;
	if (want > queue->set.max)
		want = queue->set.max;
	int r = rq_region_back(queue->region, queue->set.lanes, end - queue->set.lanes);
	while (r == 0 && have < want && !rq_cas(&s->lanes_backed, &have, (uint32_t)want)) /* B1 */
		;
	return r;
}

static void show_lane(struct rq_queue_shared *s, uint32_t i)
{
	uint32_t used = rq_load(&s->lanes_used);
	while (used <= i && !rq_cas(&s->lanes_used, &used, i + 1)) /* U1 */
		;
}

/* Makes the caller the owner of lane i if it has none, or a dead one. 1; 0: it has one. *died: whether it was dead. */
static bool own_lane(struct rq_port *port, uint32_t i, bool *died)
{
	struct ringq_queue *queue = port->queue;
	struct rq_lane *lane = rq_lane_at(&queue->set, i);
	uint64_t owner = rq_load_acquire(&lane->owner); /* O2 */
	*died = owner != 0;
	if (owner && rq_member_alive(queue->region, owner))
		return false;
	return rq_cas(&lane->owner, &owner, port->id); /* O1 */
}

/* The lane has no owner any more, unless it is another's by now. */
static void let_go(const struct rq_port *port, struct rq_lane *lane)
{
	uint64_t mine = port->id;
	rq_cas(&lane->owner, &mine, 0); /* O3 */
}

static struct rq_producer *new_producer(const struct ringq_queue *queue)
{
	return calloc(1, sizeof(struct rq_producer) + queue->set.table * sizeof(struct rq_sent));
}

static int adopt(struct rq_port *port, struct rq_producer *p, uint32_t i, bool died)
{
	struct ringq_queue *queue = port->queue;
	unsigned freed = 0;
	bool all = queue->flags & RINGQ_SINGLE_PRODUCER; /* those who take turns are one producer */
	if (queue->region->fences)
		rq_event_fence(&rq_lane_at(&queue->set, i)->not_full); /* before anybody can take a record there */
	int r = rq_producer_adopt(p, &queue->set, port->membership, i, all, died);
	if (r == 0 && died)
		freed = rq_permits_drop(&queue->permits, i, rq_producer_end(p));
	if (freed) /* the caller takes one at most */
		rq_event_notify(&queue->shared->not_full, (int)freed);
	if (r)
		let_go(port, rq_lane_at(&queue->set, i));
	return r;
}

/* A lane that is free, then one that is new, then the lane of a dead producer. */
static int find_lane(struct rq_port *port, struct rq_producer *p)
{
	struct ringq_queue *queue = port->queue;
	uint32_t used = rq_lanes_used(queue->shared, &queue->set);
	bool died;
	int r = -EUSERS;
	for (uint32_t i = 0; i < used; i++) {
		if (!own_lane(port, i, &died))
			continue;
		r = adopt(port, p, i, died);
		if (r != -EBADMSG)
			return r;
	}
	for (uint32_t i = used; i < queue->set.max; i++) {
		int backed = back_lane(queue, i);
		if (backed)
			return backed;
		bool mine = own_lane(port, i, &died);
		show_lane(queue->shared, i);
		if (mine)
			return adopt(port, p, i, died);
	}
	return r;
}

/*
 * The one lane of a queue with a single producer goes to whoever puts now. Who had the last turn may be alive, and just
 * about to end: so an end writes nothing into the lane, and its O3 fails if this store was first.
 */
static int take_only_lane(struct rq_port *port, struct rq_producer *p)
{
	struct ringq_queue *queue = port->queue;
	int r = back_lane(queue, 0);
	if (r)
		return r;
	struct rq_lane *lane = rq_lane_at(&queue->set, 0);
	uint64_t owner = rq_load_acquire(&lane->owner); /* O2 */
	bool died = owner && !rq_member_alive(queue->region, owner);
	rq_store_release(&lane->owner, port->id); /* O4 */
	show_lane(queue->shared, 0);
	return adopt(port, p, 0, died);
}

int rq_port_produce(struct rq_port *port)
{
	const struct ringq_queue *queue = port->queue;
	struct rq_producer *p = port->producer ? port->producer : new_producer(queue);
	if (!p)
		return -ENOMEM;
	port->producer = NULL;
	port->put_kind = RQ_PUT_ANY;
	int r = queue->flags & RINGQ_SINGLE_PRODUCER ? take_only_lane(port, p) : find_lane(port, p);
	if (r) {
		free(p);
		return r;
	}
	port->producer = p;
	if (!queue->total && !rq_guard_put(queue))
		port->put_kind = queue->side ? RQ_PUT_PLAIN_ASKING : RQ_PUT_PLAIN;
	return 0;
}

bool rq_port_reap(struct rq_port *port)
{
	struct ringq_queue *queue = port->queue;
	uint32_t used = rq_lanes_used(queue->shared, &queue->set);
	bool found = false, died;
	if (queue->flags & RINGQ_SINGLE_PRODUCER) /* only the next turn may write there, and takes over what is left */
		return false;
	for (uint32_t i = 0; i < used; i++) {
		struct rq_lane *lane = rq_lane_at(&queue->set, i);
		if (!rq_load(&lane->owner) || !own_lane(port, i, &died))
			continue;
		struct rq_producer *p = new_producer(queue);
		if (p && adopt(port, p, i, true) == 0) {
			struct rq_view unused;
			rq_producer_vacate(p);
			rq_lane_look(&port->order.reader, i, &unused); /* steps over the LINK if that is what is next */
			found = true;
		}
		let_go(port, lane);
		free(p);
	}
	return found;
}

bool rq_port_turn_died(const struct rq_port *port)
{
	const struct ringq_queue *queue = port->queue;
	if (!(queue->flags & RINGQ_SINGLE_PRODUCER) || rq_lanes_used(queue->shared, &queue->set) == 0)
		return false;
	uint64_t owner = rq_load_acquire(&rq_lane_at(&queue->set, 0)->owner); /* O2 */
	return owner && !rq_member_alive(queue->region, owner);
}

struct rq_producer *rq_port_look_ahead(struct rq_port *port)
{
	struct ringq_queue *queue = port->queue;
	struct rq_producer *p = rq_lanes_used(queue->shared, &queue->set) ? new_producer(queue) : NULL;
	if (!p || rq_producer_find(p, &queue->set, port->membership, 0, true) == 0)
		return p;
	free(p);
	return NULL;
}

/* ---- the end of ports ---- */

/*
 * The lane is free for the next producer, and its memory goes when it is drained. But with a single producer the next turn
 * may have begun, so that nothing may be written there: what the lane has is the next turn's.
 */
static void leave_lane(struct rq_port *b)
{
	struct rq_lane *lane = b->producer->lane;
	if (!(b->queue->flags & RINGQ_SINGLE_PRODUCER) && rq_load(&lane->owner) == b->id) {
		struct rq_view unused;
		rq_producer_vacate(b->producer);
		/* Another thread may be reading in another queue, by the same hazard word: then nothing is looked at. */
		if (b->thread == rq_thread_current)
			rq_lane_look(&b->order.reader, b->producer->index, &unused); /* as above */
	}
	let_go(b, lane);
}

void rq_port_unreserve(struct rq_port *b)
{
	if (b->reserved_permit)
		rq_permit_return(b->queue->shared, b->producer, b->reserved_permit);
	b->reserved = NULL;
	b->reserved_permit = NULL;
	rq_guard_leave(rq_guard_put(b->queue));
}

/*
 * A reservation never was. If the thread has ended without a word, all that was the port's may be somebody else's by now,
 * or is to be taken over as from any dead.
 */
static void end_port(struct rq_port *b)
{
	bool alive = rq_member_alive(b->queue->region, b->membership->id);
	if (b->queue->side)
		rq_hold_leave(b);
	if (b->reserved && alive)
		rq_port_unreserve(b);
	if (b->producer && alive)
		leave_lane(b);
	free(b->producer);
	free(b);
}

void rq_ports_drop_thread(struct rq_thread *thread)
{
	while (thread->ports) {
		struct rq_port *b = thread->ports, **link = &b->queue->ports;
		thread->ports = b->thread_next;
		while (*link != b)
			link = &(*link)->queue_next;
		*link = b->queue_next;
		end_port(b);
	}
}

void rq_ports_drop_queue(struct ringq_queue *queue)
{
	while (queue->ports) {
		struct rq_port *b = queue->ports, **link = &b->thread->ports;
		queue->ports = b->queue_next;
		while (*link != b)
			link = &(*link)->thread_next;
		*link = b->thread_next;
		end_port(b);
	}
}

void rq_ports_forget_parent(void)
{
	for (struct ringq_queue *q = rq_process_queues; q; q = q->next) {
		while (q->ports) {
			struct rq_port *b = q->ports;
			q->ports = b->queue_next;
			free(b->producer);
			free(b);
		}
		rq_store(&q->refs, 1);
	}
}
