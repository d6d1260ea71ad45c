/* SPDX-License-Identifier: MIT */
/* The headers, and all that a program needs to say with them, in the strictest of languages. */
#include <ringq/ringq.h>

int use(ringq_queue *queue, ringq_pipe *end);

int use(ringq_queue *queue, ringq_pipe *end)
{
	unsigned flags = RINGQ_SINGLE_PRODUCER | RINGQ_SINGLE_CONSUMER | RINGQ_SIMPLEX;
	int64_t timeout = RINGQ_SEC(0.5);

	return ringq_put(queue, "x", 1, timeout) == -EPIPE || ringq_poll(end, RINGQ_MS(1)) < 0 || flags == 0;
}
