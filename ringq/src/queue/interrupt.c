/* SPDX-License-Identifier: MIT */
#include "queue/interrupt.h"

#include <errno.h>
#include <limits.h>

#include "base/sys.h"

static rq_u32 news;

void rq_watch_news(void)
{
	rq_add(&news, 1); /* J4 */
	rq_sys.futex_wake(&news, INT_MAX);
}

rq_u32 *rq_watch_news_word(void)
{
	return &news;
}

int rq_wait_begin(struct ringq_queue *queue, uint64_t *seen)
{
	uint64_t word = rq_load(&queue->waits);
	for (;;) {
		bool left = word & RQ_INTERRUPT_LEFT;
		if (!rq_cas(&queue->waits, &word, left ? word - RQ_INTERRUPT_LEFT : word + 1)) /* Q3 */
			continue;
		*seen = word / RQ_INTERRUPT;
		return left ? -EINTR : 0;
	}
}

void rq_wait_end(struct ringq_queue *queue, uint64_t seen, bool interrupted)
{
	uint64_t word = rq_load(&queue->waits), next;
	do {
		next = word - 1;
		if (!interrupted && word / RQ_INTERRUPT != seen)
			next |= RQ_INTERRUPT_LEFT;
	} while (!rq_cas(&queue->waits, &word, next)); /* Q3 */
}

void rq_waits_forget_parent(struct ringq_queue *queue)
{
	rq_store(&queue->waits, rq_load(&queue->waits) & RQ_INTERRUPT_LEFT);
}

/* Atomics and system calls only: a signal handler may have interrupted whatever call, of this library or another. */
int ringq_interrupt(ringq_queue *queue)
{
	if (!queue)
		return -EINVAL;
	int error = errno;
	uint64_t word = rq_load(&queue->waits);
	while (!rq_cas(&queue->waits, &word, word & RQ_WAITING ? word + RQ_INTERRUPT : word | RQ_INTERRUPT_LEFT)) /* Q3 */
		;
	if (word & RQ_WAITING) {
		rq_queue_wake(queue);
		rq_watch_news();
	}
	errno = error;
	return 0;
}

int ringq_queue_interruptible(ringq_queue *queue, bool on)
{
	if (!queue)
		return -EINVAL;
	rq_store(&queue->interruptible, on);
	return 0;
}
