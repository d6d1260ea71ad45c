/* SPDX-License-Identifier: MIT */
#ifndef RQ_EVENT_H
#define RQ_EVENT_H

/*
 * Events: sleeping until somebody changes something, without a system call, a fence or a shared write for those who
 * change while nobody sleeps.
 *
 * An event is one futex word: sequence:30 | FENCED:1 | WAITERS:1.
 *
 *   waker    changes (publishes, claims); light barrier; looks at the word (W1); 0 in the low bits: done.
 *   sleeper  sets WAITERS (S1); makes everybody pass a barrier (S2); looks for the change again; sleeps on the word.
 *
 * Either W1 is behind S2 and sees WAITERS, or the change is before S2 and the sleeper's look sees it. S2 is a system call
 * that interrupts every processor that runs a participant, so it is made once and then remembered: FENCED says that all
 * wakers have seen, since, that the low bits are not 0, and so put a full fence (W2) between their change and a second
 * look at the word. While FENCED stands, a sleeper needs only a fence. Whoever has not slept for long takes FENCED away, by
 * a CAS that fails while anybody is WAITERS; the sequence moves with it, so that a sleeper that was between S2 and setting
 * FENCED cannot set it for a later round. A sleeper whose system call is refused, as in a sandbox entered later, sleeps
 * in its place for longer than any store stays in a processor's buffer (rq_sys_settle()).
 *
 * WAITERS is a flag, not a count: a count would be wrong after the first death. A waker leaves it, and wakes as many as
 * it has changed things for; only when the kernel says that fewer were there does it clear the flag, with the sequence,
 * and then wakes all: who is about to sleep is not lost.
 *
 * A wake-up taken by somebody who cannot use it (a time-out, a release, an error, a wait on several) is passed on by
 * calling rq_event_wake() again. Two deaths remain: a sleeper killed after it was woken, a waker killed between its change
 * and its wake. A first sleep ends after 100 ms at most, with another look, and so does one behind a sleep that was woken early;
 * all others end when any member of the region dies, at once (region/sleep.h). So such a death costs the others 100 ms at worst. One who is stopped at these places,
 * not killed, nobody can tell from one who is late: so a sleep ends, too, when it has doubled the time that its call has
 * waited, after a second at least and 128 at most. Such a stop costs the others no more than what they have waited anyway,
 * and an idle sleeper wakes every two minutes.
 */

#include "base/atomic.h"

#define RQ_EVENT_WAITERS 1u
#define RQ_EVENT_FENCED 2u
#define RQ_EVENT_SEQUENCE 4u

void rq_event_wake(rq_u32 *event, int n);
void rq_event_wake_all(rq_u32 *event);

/* Somebody who waits for what n changes have made may go on. Call it right after the change. */
static inline void rq_event_notify(rq_u32 *event, int n)
{
	rq_light_barrier();
	if (rq_unlikely(rq_load(event) & (RQ_EVENT_WAITERS | RQ_EVENT_FENCED))) /* W1 */
		rq_event_wake(event, n);
}

/* Announces a sleeper. After it, look for the change once more; if there is none, sleep on the value returned. */
uint32_t rq_event_prepare(rq_u32 *event);

/* The event is FENCED from now on, as of a region of fences, where nobody disarms one. */
void rq_event_fence(rq_u32 *event);

/* Says that the caller has not slept for long: lets wakers do without the fence again. */
void rq_event_disarm(rq_u32 *event);

#define RQ_SLEEP_SHORT INT64_C(100000000)
#define RQ_SLEEP_LONG INT64_C(1000000000)
#define RQ_SLEEP_LONGEST INT64_C(128000000000)

/* How long to sleep, for a call that has waited so long, where deaths end the sleep: all deaths, or nearly all. */
static inline int64_t rq_sleep_again(int64_t waited, bool all)
{
	if (!all || waited < RQ_SLEEP_LONG)
		return RQ_SLEEP_LONG;
	return waited < RQ_SLEEP_LONGEST ? waited : RQ_SLEEP_LONGEST;
}

/* The end of a sleep that begins now, is no longer than `most`, and ends at `until` at the latest (negative: never). */
static inline int64_t rq_sleep_until(int64_t now, int64_t until, int64_t most)
{
	return until < 0 || until > now + most ? now + most : until;
}

#endif
