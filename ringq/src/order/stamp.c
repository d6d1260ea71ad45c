/* SPDX-License-Identifier: MIT */
#include "order/stamp.h"

#include "base/sys.h"

#define WAIT_MOST 32u

void rq_stamp_bias(struct rq_order *o, uint64_t id)
{
	rq_u64 *bias = &o->shared->bias;
	if (rq_load(bias) == o->bias) {
		o->bias_in = o->bias_wait = 0;
		return;
	}
	if (o->bias_in) {
		o->bias_in--;
		return;
	}
	if (o->reader.set->region->fences) /* others' puts have no fence at I2 */
		return;
	o->bias_in = o->bias_wait;
	o->bias_wait = o->bias_wait < WAIT_MOST / 2 ? 2 * o->bias_wait + 1 : WAIT_MOST;
	o->bias = UINT64_MAX; /* where the barrier fails, the last stamp must not serve again because of I4 */
	rq_store(bias, id);   /* I4 */
	if (rq_sys.barrier()) /* I5 */
		return;
	o->bias = id;
	o->stamp = rq_clock_stamp(o->clock);
}
