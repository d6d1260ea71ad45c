/* SPDX-License-Identifier: MIT */
#include "order/stamp.h"

#include "base/sys.h"

#define WAIT_MOST 32u

void rq_stamp_bias(struct rq_port *b)
{
	rq_u64 *alone = &b->queue->shared->bias;
	if (rq_load(alone) == b->bias) {
		b->bias_in = b->bias_wait = 0;
		return;
	}
	if (b->bias_in) {
		b->bias_in--;
		return;
	}
	if (b->queue->region->fences) /* others' puts have no fence at I2 */
		return;
	b->bias_in = b->bias_wait;
	b->bias_wait = b->bias_wait < WAIT_MOST / 2 ? 2 * b->bias_wait + 1 : WAIT_MOST;
	rq_store(alone, b->id); /* I4 */
	if (rq_sys.barrier())   /* I5 */
		return;
	b->bias = b->id;
	b->stamp = rq_clock_stamp(b->queue->region);
}
