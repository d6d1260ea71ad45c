/* SPDX-License-Identifier: MIT */
#ifndef RQ_INTERRUPT_H
#define RQ_INTERRUPT_H

/*
 * Interrupts: ending waits on a handle from a signal handler.
 *
 * One word of the handle says how many calls wait on it, how often these were interrupted, and whether an interrupt is left
 * over for the next that would wait:
 *
 *   interrupts:31 | LEFT:1 | waiting:32
 *
 * Each change is one CAS, so an interrupt either finds a call counted, and then changes what that compares, or leaves LEFT,
 * which the call takes when it wants to be counted. A call that ends in another way than by the interrupt that it has seen
 * leaves it for the next: none is lost, and one may end two calls.
 *
 * To be woken, a call sleeps on events that rq_queue_wake() changes, or on a word of this process. It looks at the word
 * behind the announcement of its sleep, and who interrupts changes it before the events: one of the two sees the other.
 */

#include "queue/handle.h"

#define RQ_WAITING UINT64_C(0xffffffff)
#define RQ_INTERRUPT_LEFT (UINT64_C(1) << 32)
#define RQ_INTERRUPT (UINT64_C(1) << 33)

/* Counts a call that may wait; *seen: what it compares. -EINTR: it was interrupted before, and is not counted. */
int rq_wait_begin(struct ringq_queue *queue, uint64_t *seen);

/* The call waits no more. interrupted: that is what it says. */
void rq_wait_end(struct ringq_queue *queue, uint64_t seen, bool interrupted);

static inline bool rq_wait_interrupted(const struct ringq_queue *queue, uint64_t seen)
{
	return rq_load_acquire(&queue->waits) / RQ_INTERRUPT != seen; /* Q4 */
}

/* Wakes who waits in wait_any by watches, to look again; and what they sleep on. */
void rq_watch_news(void);
rq_u32 *rq_watch_news_word(void);

/* In a child of fork nobody waits yet. */
void rq_waits_forget_parent(struct ringq_queue *queue);

#endif
