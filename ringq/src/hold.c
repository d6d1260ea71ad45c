/* SPDX-License-Identifier: MIT */
#include "hold.h"

#include <errno.h>
#include <unistd.h>

#include "names.h"
#include "sys.h"

#define HOLDS_BASE (UINT64_C(1) << 62)
#define SLEEP_FIRST INT64_C(1000000)
#define SLEEP_MOST INT64_C(100000000)

static uint64_t byte_of(uint64_t first, enum rq_side side)
{
	return HOLDS_BASE + 2 * first + (side == RQ_SIDE_WRITER);
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
	int hold = rq_sys_reopen(region->fd);
	int r = hold < 0 ? hold : rq_hold_keep(region, hold, first, side);
	if (r == 0)
		return hold;
	if (hold >= 0)
		close(hold);
	return r;
}

int rq_hold_keep(const struct ringq_region *region, int hold, uint64_t first, enum rq_side side)
{
	return first < region->at.unit_count ? rq_sys_lock_byte(hold, byte_of(first, side), false) : -EBADMSG;
}

/* The kernel may be short of memory for the answer: then nobody is taken for gone. */
static bool is_held(const struct ringq_region *region, uint64_t first, enum rq_side side)
{
	return rq_sys.held(region->fd, byte_of(first, side)) != 0;
}

/* ---- witnesses ---- */

void rq_hold_witness(struct rq_bond *bond)
{
	rq_u64 *mine = witness_of(bond->queue, bond->queue->side);
	uint64_t none = rq_load(mine);
	if (none == 0)
		rq_cas(mine, &none, bond->seat->id);
}

void rq_hold_leave(struct rq_bond *bond)
{
	uint64_t mine = bond->seat->id;
	if (rq_load(witness_of(bond->queue, bond->queue->side)) == mine &&
	    rq_cas(witness_of(bond->queue, bond->queue->side), &mine, 0))
		rq_queue_wake(bond->queue); /* who sleeps on its lease must know that it tells no more */
}

/* Remembers the witness and its lease, see rq_hold_is_sure(). */
static bool is_alive(struct rq_bond *bond, uint64_t id)
{
	const struct ringq_region *region = bond->queue->region;
	bond->peer = 0;
	if (!rq_member_alive(region, id))
		return false;
	rq_u64 *lease = rq_lease_at(region, ((uint32_t)id & RQ_ID_INDEX_MASK) - 1);
	uint64_t word = rq_load_acquire(lease);
	if (!rq_lease_held(word) || word >> 32 != id >> 32)
		return false;
	bond->peer_lease = lease;
	bond->peer_lease_word = word;
	bond->peer = id;
	return true;
}

/* A dead one's name is taken away, so that the living see that there is none. */
static bool has_witness(struct rq_bond *bond)
{
	rq_u64 *theirs = witness_of(bond->queue, other(bond->queue->side));
	uint64_t id = rq_load_acquire(theirs);
	if (rq_likely(id && is_alive(bond, id)))
		return true;
	if (id)
		rq_cas(theirs, &id, 0);
	return false;
}

bool rq_hold_peer_gone(struct rq_bond *bond)
{
	struct ringq_queue *q = bond->queue;
	rq_hold_witness(bond);
	if (rq_likely(has_witness(bond)))
		return false;
	if (bond->spinning || is_held(q->region, q->set.first, other(q->side)))
		return false;
	rq_queue_shut(q);
	return true;
}

int rq_hold_ask(struct rq_bond *bond)
{
	if (rq_unlikely(bond->queue->side == RQ_SIDE_READER))
		return -EINVAL;
	return rq_unlikely(rq_hold_peer_gone(bond)) ? -EPIPE : 0;
}

int64_t rq_hold_sleep(struct rq_bond *bond, int64_t most)
{
	if (has_witness(bond)) {
		bond->slice = 0;
		return most;
	}
	bond->slice = bond->slice ? bond->slice * 2 : SLEEP_FIRST;
	if (bond->slice > SLEEP_MOST)
		bond->slice = SLEEP_MOST;
	return bond->slice < most ? bond->slice : most;
}

/* ---- the end ---- */

/* The run of units from u on that have the same owner word. */
static uint64_t run_of(struct ringq_region *region, uint64_t u, uint64_t end, uint64_t owner)
{
	uint64_t n = 1;
	while (u + n < end && rq_load(rq_owner_at(region, u + n)) == owner)
		n++;
	return n;
}

/* All units that say to be of a lane of the object, in its lanes' tables or left by a death. */
static void free_lanes(struct rq_seat *seat, uint64_t first)
{
	struct ringq_region *region = seat->region;
	uint64_t frontier = rq_slots_frontier(region);
	for (uint64_t u = 0; u < frontier;) {
		uint64_t owner = rq_load(rq_owner_at(region, u)), n = 1;
		if (rq_owner_kind(owner) == RQ_OWNER_LANE && rq_owner_first(owner) == first) {
			n = run_of(region, u, frontier, owner);
			rq_slots_give_back(seat, u, n, owner);
		}
		u += n;
	}
}

/* Bodies that are left without a first unit are garbage by themselves; here they go at once. */
static void free_object(struct rq_seat *seat, uint64_t first, uint64_t owner, uint64_t mine)
{
	struct ringq_region *region = seat->region;
	uint64_t units = rq_owner_object_units(owner);
	if (units > 1 && units <= region->at.unit_count - first) /* the frontier may have been scribbled over since */
		rq_slots_give_back(seat, first + 1, units - 1, rq_owner_body(rq_owner_created(owner), first));
	rq_slots_give_back(seat, first, 1, mine);
}

/* Whether the object is nobody's: the pipe has no holder, the one who was deleting it is dead. */
static bool is_nobodys(struct ringq_region *region, uint64_t first, uint64_t owner)
{
	if (rq_owner_is_reaping(owner))
		return !rq_member_alive(region, rq_owner_member_id(owner));
	if (rq_owner_kind(owner) != RQ_OWNER_PIPE || is_held(region, first, RQ_SIDE_READER) ||
	    is_held(region, first, RQ_SIDE_WRITER))
		return false;
	rq_fence();
	return !rq_members_reading(region, owner); /* X3 */
}

bool rq_hold_reap(struct ringq_region *region, uint64_t first, uint64_t owner)
{
	struct rq_seat *seat;
	uint64_t word = owner;
	if (!is_nobodys(region, first, owner) || rq_seat_of(&seat, region))
		return false;
	uint64_t mine = rq_owner_reaping(seat->id);
	if (!rq_cas(rq_owner_at(region, first), &word, mine))
		return false;
	free_lanes(seat, first);
	free_object(seat, first, rq_owner_kind(owner) == RQ_OWNER_PIPE ? owner : 0, mine);
	return true;
}

void rq_hold_end(struct ringq_queue *queue)
{
	struct ringq_region *region = queue->region;
	struct rq_seat *seat;
	uint64_t first = queue->set.first, owner = rq_load(rq_owner_at(region, first));
	if (rq_seat_of(&seat, region)) {
		close(queue->hold); /* others notice by themselves, and a sweep frees the memory */
		return;
	}
	rq_store_release(&seat->member->reading, owner); /* X1 */
	rq_fence();
	close(queue->hold);
	if (!is_held(region, first, queue->side))
		rq_queue_shut(queue);
	rq_store_release(&seat->member->reading, 0); /* X2 */
	rq_fence();
	rq_hold_reap(region, first, owner);
}
