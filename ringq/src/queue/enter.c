/* SPDX-License-Identifier: MIT */
#include "queue/enter.h"

#include "base/sys.h"

#define YIELDS 16u
#define NAP_FIRST INT64_C(50000)
#define NAP_MOST INT64_C(2000000)

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
