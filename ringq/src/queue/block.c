/* SPDX-License-Identifier: MIT */
#include "queue/block.h"

#include <errno.h>
#include <limits.h>

#include "lane/chunks.h"
#include "queue/single.h"
#include "base/sys.h"
#include "base/event.h"

#define SPIN_MOST 1024u
#define SPIN_LEAST 16u
#define SPIN_SHORT_PAUSES 128u
#define LONG_PAUSE 4u
#define RARELY 8u /* a rare look costs as much of the budget as so many others */
#define YIELD_EVERY 16u
#define CLOCK_EVERY 32u
#define SLEEP_BRIEF INT64_C(100000)

/* How long to pause before look i. */
static uint32_t pauses(const struct rq_op *op, uint32_t i)
{
	return op->rarely ? RARELY * LONG_PAUSE : i < SPIN_SHORT_PAUSES ? 1 : LONG_PAUSE;
}

static bool time_to_yield(uint32_t i, uint32_t budget)
{
	return i % YIELD_EVERY == 0 && (i >= SPIN_SHORT_PAUSES || i + YIELD_EVERY >= budget);
}

/*
 * What one more look costs is little beside a sleep. But on a busy machine the one who is waited for needs this CPU, and a
 * yield may then take as long as all others like: behind each, the clock is looked at, whatever there was to see.
 */
static ssize_t spin(struct rq_op *op, int64_t until)
{
	uint32_t budget = *op->spin;
	for (uint32_t i = 0; i < budget; i += op->rarely ? RARELY : 1) {
		bool yields = time_to_yield(i, budget);
		if (yields)
			rq_sys.yield();
		for (uint32_t n = pauses(op, i); n; n--)
			rq_pause();
		ssize_t r = op->poll && !op->poll(op) ? -EAGAIN : op->attempt(op);
		if (r != -EAGAIN) {
			*op->spin = budget * 2 > SPIN_MOST ? SPIN_MOST : budget * 2;
			return r;
		}
		if (until >= 0 && (yields || op->rarely || i % CLOCK_EVERY == CLOCK_EVERY - 1) && rq_sys.now() >= until)
			return -EAGAIN;
	}
	*op->spin = budget / 2 < SPIN_LEAST ? SPIN_LEAST : budget / 2;
	return -EAGAIN;
}

struct rq_sleep {
	struct rq_sys_wait waits[RQ_SYS_WAITV_MAX]; /* the event, then what rq_members_watch() says */
	int leases;                                 /* how many of those, or -1 for none at all */
};

/*
 * Announces a sleep. The leases first, the last look after this: whoever dies owing a wake-up for what that look does
 * not see is watched.
 */
static void prepare(struct rq_op *op, struct rq_sleep *s, unsigned slept)
{
	rq_u32 *event = op->event;
	s->leases = slept ? rq_members_watch(op->queue->region, op->port->membership->lease_word, s->waits + 1,
				    RQ_SYS_WAITV_MAX - 1)
	                  : -1;
	s->waits[0] = (struct rq_sys_wait){event, rq_event_prepare(event)};
}

/*
 * Sleeps once. A death can lose a wake-up in two ways (event.h), and who dies is a member. So a sleep that has gone on for
 * a while is one on the leases of all members, too: a death wakes one of them at once, who wakes the others. The first
 * sleep does without, as most are short, and ends early instead; so do sleeps beside more members than fit.
 */
static void sleep_once(struct rq_op *op, struct rq_sleep *s, int64_t until)
{
	int64_t now = rq_sys.now(), most = s->leases >= 0 ? RQ_SLEEP_LONG : RQ_SLEEP_SHORT;
	if (op->queue->peer)
		most = op->queue->peer->sleep_most(op->port, most);
	if (op->brief)
		most = SLEEP_BRIEF;
	rq_leave();
	if (s->leases >= 0) {
		int r = rq_sys.futex_waitv(s->waits, (unsigned)s->leases + 1, rq_sleep_until(now, until, most));
		if (r > 1)
			rq_sys.futex_wake(s->waits[r].word, INT_MAX); /* the kernel wakes only one of those who watch */
		if (r != -ENOSYS)
			return;
	}
	most = most < RQ_SLEEP_SHORT ? most : RQ_SLEEP_SHORT;
	rq_sys.futex_wait(s->waits[0].word, s->waits[0].value, rq_sleep_until(now, until, most));
}

/* Sleeps outside the call, with the handle held. 0, or -EBADF and then the call has been left for good. */
static int sleep_outside(struct rq_op *op, rq_u32 *event, struct rq_sleep *s, int64_t until)
{
	struct ringq_queue *queue = op->queue;
	bool gone = rq_handle_is_gone(queue); /* Q2: else its sleepers are yet to be woken, and this is one */
	rq_handle_ref(queue);
	if (!gone) {
		sleep_once(op, s, until);
		gone = !rq_enter_held(queue);
	} else {
		rq_leave();
	}
	if (gone) {
		rq_event_wake(event, 1); /* the wake-up may have been for a sleeper of another handle */
		rq_guard_leave(op->guard);
	}
	rq_handle_unref(queue);
	return gone ? -EBADF : 0;
}

/* A first sleep has ended and nothing has come: the queue is at rest, and what its lanes keep for more can go. */
static void trim(struct rq_port *port)
{
	uint32_t used = rq_lanes_used(port->queue->shared, &port->queue->set);
	for (uint32_t i = 0; i < used; i++)
		rq_lane_trim(&port->queue->set, port->membership, i);
}

ssize_t rq_block(struct rq_op *op, int64_t timeout)
{
	if (timeout == RINGQ_NOWAIT) {
		rq_guard_leave(op->guard);
		rq_leave();
		return -EAGAIN;
	}
	int64_t until = rq_patience_until(&op->port->order.patience);
	op->port->spinning = true;
	ssize_t r = rq_patience_is_over(&op->port->order.patience) ? -EAGAIN : spin(op, until);
	op->port->spinning = false;
	struct rq_sleep s;
	rq_u32 *event = NULL;
	for (unsigned slept = 0; r == -EAGAIN;) {
		event = op->event;
		if (slept == 1)
			trim(op->port);
		prepare(op, &s, slept);
		r = op->attempt(op);
		if (r != -EAGAIN)
			continue;
		int64_t now = rq_sys.now();
		if (until >= 0 && now >= until) {
			rq_event_wake(event, 1); /* in case this thread was woken for something that it now leaves */
			r = -ETIMEDOUT;
			break;
		}
		if (op->event != event) {
			rq_event_wake(event, 1); /* nor is it any use to who now sleeps for something else */
			continue;
		}
		*op->disarm = 0;
		slept += !op->brief;
		int e = sleep_outside(op, event, &s, until);
		if (e)
			return e;
		op->slept = true;
		r = op->attempt(op);
	}
	if (r < 0 && r != -ETIMEDOUT && event)
		rq_event_wake(event, 1); /* a record too large for this buffer may be what another waits for */
	rq_guard_leave(op->guard);
	rq_leave();
	return r;
}
