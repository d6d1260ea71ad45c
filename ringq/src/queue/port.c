/* SPDX-License-Identifier: MIT */
#include "queue/port.h"

#include <errno.h>
#include <stdlib.h>

#include "queue/expire.h"
#include "queue/single.h"
#include "queue/interrupt.h"
#include "base/upcalls.h"
#include "lane/hand.h"
#include "base/event.h"

#define SPIN_FIRST 200

/* A thread may hold several handles of one queue, and is a producer of its own with each. */
static uint64_t port_id(uint64_t membership, const struct ringq_queue *queue)
{
	return membership | (uint64_t)queue->number << RQ_ID_INDEX_BITS;
}

static struct rq_port *find_port(const struct rq_thread *t, const struct ringq_queue *queue)
{
	for (struct rq_port *b = t->ports; b; b = b->thread_next)
		if (b->queue == queue)
			return b;
	return NULL;
}

static void list_port(struct rq_port *b, struct rq_thread *t, struct ringq_queue *queue)
{
	b->thread = t;
	b->thread_next = t->ports;
	t->ports = b;
	b->queue_next = queue->ports;
	queue->ports = b;
}

static struct rq_port *new_port(const struct ringq_queue *queue)
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
	b->special = queue->special;
	return b;
}

int rq_port_make(struct rq_port **out, struct ringq_queue *queue, uint64_t id)
{
	struct rq_thread *t = rq_thread_current;
	struct rq_membership *membership;
	rq_process_lock();
	struct rq_port *b = find_port(t, queue);
	rq_process_unlock();
	if (!b) {
		int r = rq_membership_of(&membership, queue->region);
		if (r)
			return r;
		b = new_port(queue);
		if (!b)
			return -ENOMEM;
		b->queue = queue;
		b->membership = membership;
		b->id = port_id(membership->id, queue);
		b->order.reader = (struct rq_reader){.set = &queue->set,
			.membership = membership,
			.hazard = &membership->member->hazard,
			.lane = &rq_no_lane,
			.single = queue->set.single_consumer,
			.stamps = queue->set.stamps,
			.plain = queue->set.single_consumer && !queue->set.stamps && !rq_guard_get(queue)};
		rq_reader_forget(&b->order.reader);
		b->order.lane_at = (uint32_t)membership->id; /* consumers start at different lanes */
		rq_process_lock();
		bool there = queue->side || rq_use_begin(membership, queue->shared, queue->set.first, queue->owner);
		if (there)
			list_port(b, t, queue);
		rq_process_unlock();
		if (!there) {
			free(b);
			return -EPIPE;
		}
		if (queue->peer)
			queue->peer->joined(b);
	}
	*rq_cached_at(t, queue) = (struct rq_cached){id, b};
	if (rq_unlikely(rq_load(&queue->watches) != NULL))
		rq_upcalls.port_made(b);
	*out = b;
	return 0;
}

/* ---- the end of ports ---- */

void rq_port_let_go(struct rq_lane *lane, uint64_t id)
{
	rq_cas(&lane->owner, &id, 0); /* O3 */
}

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
	rq_port_let_go(lane, b->id);
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
static void end_use(const struct rq_port *b)
{
	const struct ringq_queue *queue = b->queue;
	for (const struct rq_port *other = b->thread->ports; other; other = other->thread_next)
		if (other->queue->shared == queue->shared)
			return; /* by another handle */
	rq_use_end(b->membership, queue->shared);
}

void rq_port_was_left(struct ringq_queue *queue, uint64_t id)
{
	struct rq_thread *t = rq_thread_current;
	if (rq_likely(rq_load(&t->handle_hazard) != id))
		return;
	rq_process_lock();
	struct rq_port *b = find_port(t, queue);
	if (b)
		b->left = true;
	if (b && b->membership->book)
		rq_book_was_left(b->membership->book);
	rq_process_unlock();
	rq_store_release(&t->handle_hazard, 0); /* Y4 */
}

static void end_port(struct rq_port *b)
{
	rq_upcalls.port_ends(b);
	bool alive = rq_member_alive(b->queue->region, b->membership->id) && !b->left;
	if (b->queue->peer)
		b->queue->peer->left(b);
	if (b->taker && alive)
		rq_hand_drop(&b->queue->set, b->queue->shared, ((uint32_t)b->id & RQ_ID_INDEX_MASK) - 1, b->id);
	if (b->reserved && alive)
		rq_port_unreserve(b);
	if (rq_load(&b->open) && alive)
		rq_guard_leave(rq_guard_get(b->queue)); /* what it had in hand is the next one's */
	if (b->producer && alive)
		leave_lane(b);
	if (!b->queue->side && alive)
		end_use(b);
	free(b->taker);
	free(b->producer);
	free(b);
}

void rq_ports_drop_thread(struct rq_thread *thread)
{
	while (thread->ports) {
		struct rq_port *b = thread->ports, **link = &b->queue->ports;
		uint64_t in = rq_load(&thread->handle_hazard), id = rq_load(&b->queue->id);
		b->left |= in && (in == id || id == RQ_HANDLE_GONE);
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
			free(b->taker);
			free(b->producer);
			free(b);
		}
		rq_store(&q->refs, 1);
		rq_waits_forget_parent(q);
	}
}
