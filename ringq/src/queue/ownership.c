/* SPDX-License-Identifier: MIT */
#include "queue/ownership.h"

#include <errno.h>
#include <stdlib.h>

#include "base/event.h"
#include "base/probe.h"
#include "base/sys.h"
#include "queue/single.h"

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

/* Whether the lane's owner has ended without giving it up. */
static bool is_dead(const struct ringq_queue *queue, const struct rq_lane *lane)
{
	uint64_t owner = rq_load_acquire(&lane->owner); /* O2 */
	return owner && !rq_member_alive(queue->region, owner);
}

/* Gives lane i to the owner of this id if it has none, or a dead one. False: it has one. *owner: the one that it had. */
static bool own_lane(const struct ringq_queue *queue, uint32_t i, uint64_t id, uint64_t *owner)
{
	struct rq_lane *lane = rq_lane_at(&queue->set, i);
	*owner = rq_load_acquire(&lane->owner); /* O2 */
	if (*owner && rq_member_alive(queue->region, *owner))
		return false;
	return rq_cas(&lane->owner, owner, id); /* O1 */
}

static struct rq_producer *new_producer(const struct ringq_queue *queue)
{
	return calloc(1, sizeof(struct rq_producer) + queue->set.table * sizeof(struct rq_sent));
}

/* By the lane's owner, of this id, which lets it go if that fails. */
static int adopt(struct rq_port *port, struct rq_producer *p, uint32_t i, uint64_t id, bool died)
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
		rq_port_let_go(rq_lane_at(&queue->set, i), id);
	else
		rq_probe_lane_take(queue->shared->name, i, died);
	return r;
}

/* A lane that is free or a dead producer's, else one that is new. *reaped: one was just being taken over, and is free soon. */
static int find_lane(struct rq_port *port, struct rq_producer *p, bool *reaped)
{
	struct ringq_queue *queue = port->queue;
	uint32_t used = rq_lanes_used(queue->shared, &queue->set);
	uint64_t owner;
	int r = -EUSERS;
	*reaped = false;
	for (uint32_t i = 0; i < used; i++) {
		if (!own_lane(queue, i, port->id, &owner)) {
			*reaped |= owner == 0 || (owner & RQ_ID_REAPS) == RQ_ID_REAPS;
			continue;
		}
		r = adopt(port, p, i, port->id, owner != 0);
		if (r != -EBADMSG)
			return r;
	}
	for (uint32_t i = used; i < queue->set.max; i++) {
		int backed = back_lane(queue, i);
		if (backed)
			return backed;
		bool mine = own_lane(queue, i, port->id, &owner);
		show_lane(queue->shared, i);
		if (mine)
			return adopt(port, p, i, port->id, owner != 0);
	}
	return r;
}

/*
 * Who reaps has a lane more than its own for some microseconds, in which there may seem to be one producer too many. A thread's
 * first put waits for that; but not for ever, as a stopped one keeps it.
 */
#define REAPED_NAP RINGQ_US(100)
#define REAPED_PATIENCE RINGQ_MS(100)
static int find_lane_soon(struct rq_port *port, struct rq_producer *p)
{
	for (int64_t slept = 0;; slept += REAPED_NAP) {
		bool reaped;
		int r = find_lane(port, p, &reaped);
		if (r != -EUSERS || !reaped || slept >= REAPED_PATIENCE)
			return r;
		rq_sys_sleep(REAPED_NAP);
	}
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
	bool died = is_dead(queue, lane);
	rq_store_release(&lane->owner, port->id); /* O4 */
	show_lane(queue->shared, 0);
	return adopt(port, p, 0, port->id, died);
}

static enum rq_put_kind put_kind(const struct ringq_queue *queue)
{
	if (rq_guard_put(queue))
		return RQ_PUT_WHOLE;
	if (queue->side)
		return queue->total ? RQ_PUT_PIPE_TOTAL : RQ_PUT_PIPE;
	return queue->total ? RQ_PUT_TOTAL : RQ_PUT_PLAIN;
}

int rq_port_produce(struct rq_port *port)
{
	const struct ringq_queue *queue = port->queue;
	struct rq_producer *p = port->producer ? port->producer : new_producer(queue);
	if (!p)
		return -ENOMEM;
	port->producer = NULL;
	port->put_kind = RQ_PUT_WHOLE;
	int r = queue->flags & RINGQ_SINGLE_PRODUCER ? take_only_lane(port, p) : find_lane_soon(port, p);
	if (r) {
		free(p);
		return r;
	}
	port->producer = p;
	p->watched = port->writable != NULL;
	if (p->watched)
		rq_producer_set_limit(p);
	port->put_kind = put_kind(queue);
	return 0;
}

bool rq_port_reap(struct rq_port *port)
{
	struct ringq_queue *queue = port->queue;
	uint32_t used = rq_lanes_used(queue->shared, &queue->set);
	uint64_t id = port->id | RQ_ID_REAPS, owner;
	bool found = false;
	if (queue->flags & RINGQ_SINGLE_PRODUCER) /* only the next turn may write there, and takes over what is left */
		return false;
	for (uint32_t i = 0; i < used; i++) {
		struct rq_lane *lane = rq_lane_at(&queue->set, i);
		if (!is_dead(queue, lane))
			continue;
		/* First: once the lane is owned, and let go, nobody would know of the death. */
		struct rq_producer *p = new_producer(queue);
		if (p && own_lane(queue, i, id, &owner)) {
			if (adopt(port, p, i, id, true) == 0) {
				struct rq_view unused;
				rq_producer_vacate(p);
				/* Steps over the LINK if that is what is next. */
				rq_lane_look(&port->order.reader, i, &unused);
				found = true;
			}
			rq_port_let_go(lane, id);
		}
		free(p);
	}
	return found;
}

bool rq_port_turn_died(const struct rq_port *port)
{
	const struct ringq_queue *queue = port->queue;
	if (!(queue->flags & RINGQ_SINGLE_PRODUCER) || rq_lanes_used(queue->shared, &queue->set) == 0)
		return false;
	return is_dead(queue, rq_lane_at(&queue->set, 0));
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
