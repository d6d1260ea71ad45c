/* SPDX-License-Identifier: MIT */

/*
 * The lock of an array: recursive, with a time-out, and taken over from the dead.
 *
 * The word is 0, or names the member that holds the lock, with a bit WAITERS in the half that is the futex. So who holds
 * it needs no entry in any list: its lease (lease.c) tells whether it lives.
 *
 *   lock     CAS 0 -> me; or dead holder -> me, keeping WAITERS: -EOWNERDEAD
 *   unlock   swap -> 0; if WAITERS was set, wake one
 *   sleep    set WAITERS in the word (it names the holder); watch the holder's lease; see that the holder lives still;
 *            sleep on both words at once
 *
 * No wake-up is lost between living threads. Lock, unlock and WAITERS change one word, so either the unlock sees WAITERS,
 * or the sleeper's CAS fails, or the kernel finds the word changed and does not let it sleep. Unlock takes WAITERS away
 * with the lock though others may sleep on: so whoever has slept, or comes to sleep, sets WAITERS again before it does
 * anything else, takes the lock with WAITERS set, and its own unlock wakes the next. One that gives up, in time or as a
 * signal's handler has run, has set WAITERS, too, in the word of who holds the lock, so the wake-up that it may have taken is
 * not lost.
 *
 * A holder that dies or ends: the kernel, or rq_lease_clear(), wakes who sleeps on its lease; the kernel wakes one, who
 * wakes the others. The lease is watched before the look at the holder's life, so a death before the look is seen by it,
 * and one after it changes the word slept on. A woken sleeper that is killed before it has set WAITERS again takes the
 * wake-up with it, as does an unlocker killed between its swap and its wake: for them a sleep is one on the leases of
 * all members, or ends after 100 ms; region/sleep.h says which, and how long the others last.
 *
 * The word of a member never comes back: it has an incarnation. depth is the holder's alone, who sets it when it gets the
 * lock. A child of fork is another member, and so holds nothing.
 */

#include <errno.h>

#include "array/snapshot.h"
#include "base/probe.h"
#include "base/patience.h"
#include "region/sleep.h"

#define SPINS 100

static uint64_t holder(uint64_t word)
{
	return word & ~RQ_LOCK_WAITERS;
}

/* Out of the way of who finds the lock free. */
static rq_cold void note_death(const struct ringq_array *a, uint64_t id)
{
	rq_probe_dead_holder(a->object, ((uint32_t)id & RQ_ID_INDEX_MASK) - 1);
}

/* Takes the lock if it is free or its holder is dead. 0, -EOWNERDEAD; -EAGAIN and the word that says who holds it. */
static int try_lock(struct ringq_array *a, struct rq_membership *membership, uint64_t waiters, uint64_t *word)
{
	*word = rq_load(&a->shared->lock);
	for (;;) {
		bool dead = *word && !rq_member_alive(a->region, holder(*word));
		if (*word && !dead)
			return -EAGAIN;
		uint64_t old = *word;
		/* V5. All who sleep on a dead one's word may have been woken for this: keep its WAITERS for those who were not. */
		if (!rq_cas(&a->shared->lock, word, membership->id | waiters | (old & RQ_LOCK_WAITERS)))
			continue;
		if (dead)
			note_death(a, holder(old));
		rq_store(&a->shared->depth, 1);
		rq_snapshot_repair(a);
		return dead ? -EOWNERDEAD : 0;
	}
}

static int spin(struct ringq_array *a, struct rq_membership *membership, uint64_t *word)
{
	int r = -EAGAIN;
	for (int i = 0; i < SPINS && r == -EAGAIN; i++) {
		rq_pause();
		if (rq_load(&a->shared->lock) == 0)
			r = try_lock(a, membership, 0, word);
	}
	return r;
}

static rq_u64 *lease_of(struct ringq_array *a, uint64_t id)
{
	return rq_lease_at(a->region, ((uint32_t)id & RQ_ID_INDEX_MASK) - 1);
}

/*
 * Sleeps once, on a word that has WAITERS, and on its holder's lease. True: a signal's handler has run, and that ends the
 * call.
 */
static bool sleep_once(struct ringq_array *a, struct rq_membership *membership, uint64_t word, int64_t until,
	int64_t since, struct rq_sleep *s)
{
	bool interruptible = rq_load(&a->interruptible);
	rq_u64 *lease = lease_of(a, holder(word));
	s->waits[0] = (struct rq_sys_wait){(const rq_u32 *)&a->shared->lock, (uint32_t)word};
	s->n = 1;
	s->n += lease && rq_lease_watch(lease, &s->waits[1]);
	rq_sleep_watch(s, a->region, membership);
	if (!rq_member_alive(a->region, holder(word)))
		return false;
	int64_t now = rq_sys.now();
	rq_probe_sleep(a->object, RINGQ_ASLEEP_LOCK, "");
	int r = rq_sleep_once(s, a->region, now, until, rq_sleep_most(s, now - since), interruptible);
	rq_probe_woken(a->object, RINGQ_ASLEEP_LOCK, r);
	return r == -EINTR && interruptible;
}

static int wait_for_lock(struct ringq_array *a, struct rq_membership *membership, int64_t timeout, uint64_t word)
{
	int64_t until = rq_deadline(timeout), since = -1;
	bool interrupted = false;
	int r = spin(a, membership, &word);
	struct rq_sleep s;
	s.lasted = false;
	while (r == -EAGAIN) {
		r = try_lock(a, membership, RQ_LOCK_WAITERS, &word);
		if (r != -EAGAIN)
			break;
		/* V5, only the mark: who lets go by rq_swap() sees it, or changes the word that this sleeps on. */
		bool marked = word & RQ_LOCK_WAITERS || rq_cas(&a->shared->lock, &word, word | RQ_LOCK_WAITERS);
		int64_t now = rq_sys.now();
		if (interrupted || (until >= 0 && now >= until)) {
			if (!marked) /* the wake-up that brought it here may be another's */
				rq_sys.futex_wake((const rq_u32 *)&a->shared->lock, 1);
			return interrupted ? -EINTR : -ETIMEDOUT;
		}
		if (!marked)
			continue;
		if (since < 0)
			since = now;
		rq_sleep_show(membership->member, a->object, RINGQ_ASLEEP_LOCK, since);
		interrupted = sleep_once(a, membership, word | RQ_LOCK_WAITERS, until, since, &s);
		rq_sleep_shown(membership->member);
	}
	return r;
}

int ringq_lock(ringq_array *array, int64_t timeout)
{
	struct rq_membership *membership;
	uint64_t word = 0;
	if (!array || !rq_timeout_is_good(timeout))
		return -EINVAL;
	int r = rq_membership_of(&membership, array->region);
	if (r)
		return r;
	/* V5: acquires what the last holder did, which rq_swap() released. */
	if (rq_likely(rq_cas(&array->shared->lock, &word, membership->id))) {
		rq_store(&array->shared->depth, 1);
		rq_snapshot_repair(array);
		return 0;
	}
	if (holder(word) == membership->id) {
		uint32_t depth = rq_load(&array->shared->depth);
		if (depth == UINT32_MAX)
			return -EAGAIN;
		rq_store(&array->shared->depth, depth + 1);
		return 0;
	}
	r = try_lock(array, membership, 0, &word);
	return r != -EAGAIN || timeout == RINGQ_NOWAIT ? r : wait_for_lock(array, membership, timeout, word);
}

static rq_cold void wake_one(const struct ringq_array *a)
{
	int woken = rq_sys.futex_wake((const rq_u32 *)&a->shared->lock, 1);
	rq_probe_wake(&a->shared->lock, 1, woken);
}

int ringq_array_interruptible(ringq_array *array, bool on)
{
	if (!array)
		return -EINVAL;
	rq_store(&array->interruptible, on);
	return 0;
}

int ringq_unlock(ringq_array *array)
{
	struct rq_membership *membership;
	if (!array)
		return -EINVAL;
	int r = rq_membership_of(&membership, array->region);
	if (r)
		return r;
	if (holder(rq_load(&array->shared->lock)) != membership->id)
		return -EPERM;
	uint32_t depth = rq_load(&array->shared->depth);
	if (depth > 1) {
		rq_store(&array->shared->depth, depth - 1);
		return 0;
	}
	/* V5: releases what was done with the lock, and sees who waits. */
	if (rq_swap(&array->shared->lock, 0) & RQ_LOCK_WAITERS)
		wake_one(array);
	return 0;
}
