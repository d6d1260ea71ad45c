/* SPDX-License-Identifier: MIT */
#include "pipe/liveness.h"

#include <errno.h>
#include <unistd.h>

#include "base/probe.h"
#include "queue/expire.h"
#include "region/objects.h"
#include "base/call.h"
#include "base/sys.h"

#define SLEEP_FIRST INT64_C(1000000)
#define SLEEP_MOST INT64_C(100000000)

static uint64_t byte_of(uint64_t first, enum rq_side side)
{
	return RQ_LOCKS_OF_PIPES + 2 * first + (side == RQ_SIDE_WRITER);
}

static enum rq_side other(enum rq_side side)
{
	return side == RQ_SIDE_READER ? RQ_SIDE_WRITER : RQ_SIDE_READER;
}

static rq_u64 *witness_of(const struct ringq_queue *queue, enum rq_side side)
{
	return &queue->shared->witness[side == RQ_SIDE_WRITER];
}

int rq_hold_take(const struct ringq_region *region, uint64_t first, enum rq_side side)
{
	int hold = rq_file_reopen(&region->file);
	int r = hold < 0 ? hold : rq_hold_keep(region, hold, first, side);
	if (r == 0)
		return hold;
	if (hold >= 0)
		rq_close(hold);
	return r;
}

int rq_hold_keep(const struct ringq_region *region, int hold, uint64_t first, enum rq_side side)
{
	return first < region->at.unit_count ? rq_sys_lock_byte(hold, byte_of(first, side), false) : -EBADMSG;
}

/*
 * The kernel may be short of memory for the answer, or the region's number closed by the program: then nobody is taken for
 * gone. `hold` is another descriptor to ask, of a handle of the other side; -1: there is none.
 */
static bool is_held(const struct ringq_region *region, uint64_t first, enum rq_side side, int hold)
{
	uint64_t byte = byte_of(first, side);
	int r = rq_sys.held(&region->file, rq_load(&region->file.fd), byte);
	if (r < 0 && hold >= 0)
		r = rq_sys.held(&region->file, hold, byte);
	return r != 0;
}

/* The number may have been closed by the program: and then be another file's, or another handle's. */
static void close_hold(const struct ringq_queue *queue)
{
	bool others = false;
	rq_process_lock();
	for (const struct ringq_queue *q = rq_process_queues; q; q = q->next)
		others |= q->side && q->hold == queue->hold;
	rq_process_unlock();
	if (!others)
		rq_file_close(&queue->region->file, queue->hold);
}

/* ---- witnesses ---- */

static void witness(struct rq_port *port)
{
	rq_u64 *mine = witness_of(port->queue, port->queue->side);
	uint64_t none = rq_load(mine);
	if (none == 0)
		/* X0: decides among those who would be witnesses; what it names was there before, by M4. */
		rq_cas(mine, &none, port->membership->id);
}

static void leave(struct rq_port *port)
{
	uint64_t mine = port->membership->id;
	rq_u64 *word = witness_of(port->queue, port->queue->side);
	/* X0. That it is gone is told by the event of rq_queue_wake(), behind this. */
	if (rq_load(word) == mine && rq_cas(word, &mine, 0))
		rq_queue_wake(port->queue); /* who sleeps on its lease must know that it tells no more */
}

/* Remembers the witness and its lease, see rq_peer_is_sure(). */
static bool is_alive(struct rq_port *port, uint64_t id)
{
	const struct ringq_region *region = port->queue->region;
	port->peer.id = 0;
	if (!rq_member_alive(region, id))
		return false;
	rq_u64 *lease = rq_lease_at(region, ((uint32_t)id & RQ_ID_INDEX_MASK) - 1);
	uint64_t word = rq_load_acquire(lease); /* as M3: what follows is compared with it again and again */
	if (!rq_lease_held(word) || rq_incarnation(word) != rq_incarnation(id))
		return false;
	port->peer.lease = lease;
	port->peer.lease_word = word;
	port->peer.id = id;
	return true;
}

/* A dead one's name is taken away, so that the living see that there is none. */
static bool has_witness(struct rq_port *port)
{
	rq_u64 *theirs = witness_of(port->queue, other(port->queue->side));
	uint64_t id = rq_load_acquire(theirs); /* X0: M3 comes behind it */
	if (rq_likely(id && is_alive(port, id)))
		return true;
	if (id)
		/* X0: the word that was judged, and no other. */
		rq_cas(theirs, &id, 0);
	return false;
}

static bool peer_gone(struct rq_port *port)
{
	struct ringq_queue *q = port->queue;
	witness(port);
	if (rq_likely(has_witness(port)))
		return false;
	if (port->spinning || is_held(q->region, q->set.first, other(q->side), q->hold))
		return false;
	rq_probe_dead_peer(q->object, other(q->side) == RQ_SIDE_WRITER);
	rq_queue_close(q);
	return true;
}

static int ask(struct rq_port *port)
{
	if (rq_unlikely(port->queue->side == RQ_SIDE_READER))
		return -EINVAL;
	return rq_unlikely(peer_gone(port)) ? -EPIPE : 0;
}

static int64_t sleep_most(struct rq_port *port, int64_t most)
{
	if (has_witness(port)) {
		port->peer.slice = 0;
		return most;
	}
	port->peer.slice = port->peer.slice ? port->peer.slice * 2 : SLEEP_FIRST;
	if (port->peer.slice > SLEEP_MOST)
		port->peer.slice = SLEEP_MOST;
	return port->peer.slice < most ? port->peer.slice : most;
}

/* ---- the end ---- */

/* Whether the object is nobody's: the pipe has no holder. */
static bool is_nobodys(struct ringq_region *region, uint64_t first, uint64_t owner)
{
	if (!rq_owner_is_pipe(owner) || is_held(region, first, RQ_SIDE_READER, -1) ||
		is_held(region, first, RQ_SIDE_WRITER, -1))
		return false;
	rq_fence(); /* with X1's: of two who leave at once, one sees the other's hazard, or that it has let go */
	return !rq_members_name(region, owner); /* X3 */
}

bool rq_hold_reap(struct ringq_region *region, uint64_t first, uint64_t owner)
{
	struct rq_membership *membership;
	uint64_t mine;
	if (!is_nobodys(region, first, owner) || !rq_expire_take(region, first, owner, &membership, &mine))
		return false;
	rq_expire_free(membership, first, owner, mine, false);
	return true;
}

static void end_hold(struct ringq_queue *queue)
{
	struct ringq_region *region = queue->region;
	struct rq_membership *membership;
	uint64_t first = queue->set.first, owner = rq_load(rq_owner_at(region, first));
	if (rq_membership_of(&membership, region)) {
		close_hold(queue); /* others notice by themselves, and a sweep frees the memory */
		return;
	}
	rq_store_release(&membership->member->hazard, owner); /* X1 */
	rq_fence();                                           /* after X1, before the end of the hold */
	close_hold(queue);
	if (!is_held(region, first, queue->side, -1))
		rq_queue_close(queue);
	rq_store_release(&membership->member->hazard, 0); /* X2 */
	rq_fence();                                       /* after X2, before the look whether it is the last */
	rq_hold_reap(region, first, owner);
}

const struct rq_peer_ops rq_hold_ops = {
	.joined = witness,
	.left = leave,
	.ask = ask,
	.gone = peer_gone,
	.sleep_most = sleep_most,
	.ended = end_hold,
};
