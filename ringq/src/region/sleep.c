/* SPDX-License-Identifier: MIT */
#include "region/sleep.h"

#include <errno.h>

#include "base/sys.h"

void rq_sleep_watch(
	struct rq_sleep *s, const struct ringq_region *region, const struct rq_membership *own, unsigned slept)
{
	int n = -1;
	s->all = false;
	if (slept)
		n = rq_members_watch(region, own->lease_word, s->waits + s->n, RQ_SYS_WAITV_MAX - (int)s->n, &s->all);
	s->deaths = n >= 0;
	if (s->deaths)
		s->n += (unsigned)n;
}

int rq_sleep_once(struct rq_sleep *s, const struct ringq_region *region, int64_t now, int64_t until, int64_t most,
	bool interruptible)
{
	if (s->n > 1 && (!interruptible || (s->deaths && !rq_sys_restarts()))) {
		int r = rq_sys.futex_waitv(s->waits, s->n, rq_sleep_until(now, until, most));
		if (r > 0)
			rq_members_woken(region, &s->waits[r]);
		if (r != -ENOSYS)
			return r;
	}
	most = most < RQ_SLEEP_SHORT ? most : RQ_SLEEP_SHORT;
	return rq_sys.futex_wait(s->waits[0].word, s->waits[0].value, rq_sleep_until(now, until, most));
}
