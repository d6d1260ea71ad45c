/* SPDX-License-Identifier: MIT */
#include "stamp.h"

#include "sys.h"

#define WAIT_MOST 32u

void rq_stamp_alone(struct rq_bond *b)
{
	rq_u64 *alone = &b->queue->shared->alone;
	if (rq_load(alone) == b->alone) {
		b->alone_in = b->alone_wait = 0;
		return;
	}
	if (b->alone_in) {
		b->alone_in--;
		return;
	}
	b->alone_in = b->alone_wait;
	b->alone_wait = b->alone_wait < WAIT_MOST / 2 ? 2 * b->alone_wait + 1 : WAIT_MOST;
	rq_store(alone, b->id); /* I4 */
	if (rq_sys.barrier()) /* I5 */
		return;
	b->alone = b->id;
	b->stamp = rq_clock_stamp(b->queue->region);
}
