/* SPDX-License-Identifier: MIT */
#include "base/event.h"

#include <limits.h>

#include "base/probe.h"
#include "base/sys.h"

void rq_event_wake(rq_u32 *event, int n)
{
	rq_fence(); /* W2 */
	/* Behind W2: acquire is not needed. */
	uint32_t word = rq_load_acquire(event);
	if (!(word & RQ_EVENT_WAITERS))
		return;
	int woken = rq_sys.futex_wake(event, n);
	rq_probe_wake(event, n, woken);
	if (woken >= n)
		return;
	while (word & RQ_EVENT_WAITERS) {
		/* As W1: the sequence moves on, so that who is about to sleep does not. */
		if (rq_cas_full(event, &word, (word + RQ_EVENT_SEQUENCE) & ~RQ_EVENT_WAITERS)) {
			rq_sys.futex_wake(event, INT_MAX);
			return;
		}
	}
}

void rq_event_wake_all(rq_u32 *event)
{
	rq_fence(); /* W2: what the caller has changed is before the sequence that sleepers compare */
	uint32_t word = rq_load(event);
	/* As W1. */
	while (!rq_cas_full(event, &word, (word + RQ_EVENT_SEQUENCE) & ~RQ_EVENT_WAITERS))
		;
	int woken = rq_sys.futex_wake(event, INT_MAX);
	rq_probe_wake(event, INT_MAX, woken);
}

/*
 * FENCED is set in the first round, or soon after; but a hostile peer could keep the word changing for ever. Then the
 * value that was announced is returned as it is: it is not the word's any more, so the sleep on it ends at once, and the
 * caller looks at its time-out.
 */
#define ROUNDS_MOST 64

uint32_t rq_event_prepare(rq_u32 *event)
{
	for (unsigned round = 0;; round++) {
		uint32_t word = rq_load(event);
		while (!(word & RQ_EVENT_WAITERS)) {
			if (rq_cas_full(event, &word, word | RQ_EVENT_WAITERS)) /* S1 */
				word |= RQ_EVENT_WAITERS;
		}
		if (word & RQ_EVENT_FENCED) {
			rq_fence(); /* W2's partner: wakers fence, too, so WAITERS is set before the look that follows */
			return word;
		}
		if (rq_sys.barrier()) /* S2 */
			rq_sys_settle();
		uint32_t announced = word;
		/* Behind S2, which has done what FENCED says; wakers that see it pass W2. */
		if (rq_cas_full(event, &word, word | RQ_EVENT_FENCED))
			return word | RQ_EVENT_FENCED;
		if (round == ROUNDS_MOST)
			return announced;
	}
}

void rq_event_fence(rq_u32 *event)
{
	uint32_t word = rq_load(event);
	/* As S2, of a region of fences: before anybody else sees the event. */
	while (!(word & RQ_EVENT_FENCED) && !rq_cas_full(event, &word, word | RQ_EVENT_FENCED))
		;
}

void rq_event_disarm(rq_u32 *event)
{
	uint32_t word = rq_load(event);
	if ((word & RQ_EVENT_FENCED) && !(word & RQ_EVENT_WAITERS))
		/* As S1: the sequence moves on, so that a sleeper that was about to sleep by FENCED begins again. */
		rq_cas_full(event, &word, (word + RQ_EVENT_SEQUENCE) & ~RQ_EVENT_FENCED);
}
