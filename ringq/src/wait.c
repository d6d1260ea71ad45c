/* SPDX-License-Identifier: MIT */
#include "wait.h"

#include <limits.h>

#include "sys.h"

void rq_event_wake(rq_u32 *event, int n)
{
	rq_fence(); /* W2 */
	uint32_t word = rq_load_acquire(event);
	if (!(word & RQ_EVENT_ASLEEP) || rq_sys.futex_wake(event, n) > 0)
		return;
	while (word & RQ_EVENT_ASLEEP) {
		if (rq_cas_full(event, &word, (word + RQ_EVENT_SEQUENCE) & ~RQ_EVENT_ASLEEP)) {
			rq_sys.futex_wake(event, INT_MAX);
			return;
		}
	}
}

void rq_event_wake_all(rq_u32 *event)
{
	rq_fence();
	uint32_t word = rq_load(event);
	while (!rq_cas_full(event, &word, (word + RQ_EVENT_SEQUENCE) & ~RQ_EVENT_ASLEEP))
		;
	rq_sys.futex_wake(event, INT_MAX);
}

uint32_t rq_event_prepare(rq_u32 *event)
{
	for (;;) {
		uint32_t word = rq_load(event);
		while (!(word & RQ_EVENT_ASLEEP)) {
			if (rq_cas_full(event, &word, word | RQ_EVENT_ASLEEP)) /* S1 */
				word |= RQ_EVENT_ASLEEP;
		}
		if (word & RQ_EVENT_READY) {
			rq_fence();
			return word;
		}
		rq_sys.barrier(); /* S2 */
		if (rq_cas_full(event, &word, word | RQ_EVENT_READY))
			return word | RQ_EVENT_READY;
	}
}

void rq_event_calm(rq_u32 *event)
{
	uint32_t word = rq_load(event);
	if ((word & RQ_EVENT_READY) && !(word & RQ_EVENT_ASLEEP))
		rq_cas_full(event, &word, (word + RQ_EVENT_SEQUENCE) & ~RQ_EVENT_READY);
}
