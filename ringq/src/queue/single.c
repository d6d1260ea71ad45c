/* SPDX-License-Identifier: MIT */
#include "queue/single.h"

#include <errno.h>

#ifdef RQ_CHECKS
int rq_guard_enter(rq_u64 *guard, const struct ringq_region *region, uint64_t id)
{
	uint64_t who = 0;
	while (guard && !rq_cas(guard, &who, id)) { /* O5 */
		if (rq_member_alive(region, who))
			return -EBUSY;
		if (rq_cas(guard, &who, id)) /* O5: its holder died inside */
			break;
		who = 0;
	}
	return 0;
}
#endif
