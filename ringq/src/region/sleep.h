/* SPDX-License-Identifier: MIT */
#ifndef RQ_SLEEP_H
#define RQ_SLEEP_H

/*
 * How a member sleeps, be it for a record, for room or for a lock: on the word that will change, and beside the other
 * members, any of whom may die owing it the wake-up (base/event.h tells how; array/lock.c, of a lock).
 *
 *   fill      the caller's own words: the first is what is waited for; n says how many
 *   watch     the leases of all others. Not in the first sleep of a call, and not behind one that was woken, by anything but a
 *             death, before it had lasted for a second: such sleeps are most often over soon, and so end early instead; so
 *             does one beside more members than fit. Else each of a thousand who join would have each of a thousand sleepers
 *             watch all others anew
 *   look      once more at what is waited for: whoever dies owing a wake-up for what this does not see is watched
 *   sleep     on all of them; who is woken by a death wakes the others who watch that lease
 *
 * Where the kernel has no sleep on several words, each is a short one on the first word.
 */

#include "base/event.h"
#include "region/membership.h"

struct rq_sleep {
	struct rq_sys_wait waits[RQ_SYS_WAITV_MAX]; /* the caller's, then what rq_members_watch() says */
	unsigned n;
	bool lasted; /* one has lasted its time, since the call began or since one was woken early */
	bool deaths; /* end the sleep, */
	bool all;    /* all of them */
};

/* Adds the others' leases, if it is time for that. Behind its own words, which may be filled in later. */
void rq_sleep_watch(struct rq_sleep *s, const struct ringq_region *region, const struct rq_membership *own);

/* How long such a sleep may be, of a call that has waited so long. */
static inline int64_t rq_sleep_most(const struct rq_sleep *s, int64_t waited)
{
	return s->deaths ? rq_sleep_again(waited, s->all) : RQ_SLEEP_SHORT;
}

/*
 * Sleeps for no more than `most` from now on, and not beyond `until` (negative: no end). 0: the first word was woken, or a
 * positive number: another; or what the system call says. interruptible: so that a signal's handler ends it. A sleep on several
 * begins anew by itself where the handler asks for that (SA_RESTART): while there is such a handler, and in a sleep that watches
 * nobody, before which nobody looks for one, it is on the first word alone, for a short while.
 */
int rq_sleep_once(struct rq_sleep *s, const struct ringq_region *region, int64_t now, int64_t until, int64_t most,
	bool interruptible);

/* For people: what a thread that has been waiting since then is about to sleep in, right before it does; and behind that. */
static inline void rq_sleep_show(struct rq_member *m, uint64_t object, uint32_t activity, int64_t since)
{
	rq_store(&m->object, object);
	rq_store(&m->since, (uint64_t)since);
	rq_store(&m->activity, activity);
}

static inline void rq_sleep_shown(struct rq_member *m)
{
	rq_store(&m->activity, RINGQ_AWAKE);
}

#endif
