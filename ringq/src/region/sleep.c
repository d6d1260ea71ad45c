/* SPDX-License-Identifier: MIT */
#include "region/sleep.h"

#include <errno.h>

#include "base/sys.h"

void rq_sleep_watch(struct rq_sleep *s, const struct ringq_region *region, const struct rq_membership *own)
{
	int n = -1;
	s->all = false;
	if (s->lasted)
		n = rq_members_watch(region, own->lease_word, s->waits + s->n, RQ_SYS_WAITV_MAX - (int)s->n, &s->all);
	s->deaths = n >= 0;
	if (s->deaths)
		s->n += (unsigned)n;
}

/* Whether a member has died, of those that are watched. More than the one that ended the sleep may have. */
static bool has_seen_death(const struct rq_sleep *s, const struct ringq_region *region)
{
	bool seen = false;
	for (unsigned i = 1; i < s->n; i++)
		seen |= rq_members_woken(region, &s->waits[i]);
	return seen;
}

int rq_sleep_once(struct rq_sleep *s, const struct ringq_region *region, int64_t now, int64_t until, int64_t most,
	bool interruptible)
{
	int r = -ENOSYS;
	if (s->n > 1 && (!interruptible || (s->deaths && !rq_sys_restarts())))
		r = rq_sys.futex_waitv(s->waits, s->n, rq_sleep_until(now, until, most));
	if (r == -ENOSYS) {
		most = most < RQ_SLEEP_SHORT ? most : RQ_SLEEP_SHORT;
		r = rq_sys.futex_wait(s->waits[0].word, s->waits[0].value, rq_sleep_until(now, until, most));
	}
	if (r == -ETIMEDOUT)
		s->lasted |= most >= RQ_SLEEP_SHORT; /* what is shorter says nothing */
	else if (r > 0 && has_seen_death(s, region))
		return r;
	else if (r != -EINTR && rq_sys.now() - now < RQ_SLEEP_LONG)
		s->lasted = false;
	return r;
}
