/* SPDX-License-Identifier: MIT */
#include "queue/enter.h"

#include "base/sys.h"
#include "region/objects.h"

#define YIELDS 16u
#define NAP_FIRST INT64_C(50000)
#define NAP_MOST INT64_C(2000000)

/* Whoever holds a handle of a pipe's holds the pipe. */
bool rq_outside_begin(const struct ringq_queue *queue, struct rq_membership **membership)
{
	if (queue->side)
		return true;
	return rq_membership_of(membership, queue->region) == 0 &&
	       rq_object_visit(*membership, queue->set.first, queue->owner);
}

void rq_outside_end(const struct ringq_queue *queue, struct rq_membership *membership)
{
	if (!queue->side)
		rq_object_leave(membership);
}

void rq_wait_for_calls(uint64_t id)
{
	int64_t nap = NAP_FIRST;
	rq_process_barrier();
	for (unsigned i = 0; rq_process_names(id); i++) {
		if (i < YIELDS) {
			rq_sys.yield();
			continue;
		}
		rq_sys_sleep(nap);
		nap = nap < NAP_MOST / 2 ? 2 * nap : NAP_MOST;
	}
	rq_process_barrier(); /* behind Y4, also where Y3 saw what a thread has named since */
}
