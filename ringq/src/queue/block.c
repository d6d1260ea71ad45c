/* SPDX-License-Identifier: MIT */
#include "queue/block.h"

#include <errno.h>

#include "base/probe.h"
#include "lane/chunks.h"
#include "queue/single.h"
#include "queue/interrupt.h"
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
	bool all;                                   /* no member's death is missed */
};

/*
 * Announces a sleep. The leases first, the last look after this: whoever dies owing a wake-up for what that look does
 * not see is watched.
 */
static void prepare(struct rq_op *op, struct rq_sleep *s, unsigned slept)
{
	rq_u32 *event = op->event;
	s->leases = slept ? rq_members_watch(op->queue->region, op->port->membership->lease_word, s->waits + 1,
				    RQ_SYS_WAITV_MAX - 1, &s->all)
	                  : -1;
	s->waits[0] = (struct rq_sys_wait){event, rq_event_prepare(event)};
}

/* Whether what the call waits for is a record. */
static bool is_get(const struct rq_op *op)
{
	return op->event == &op->queue->shared->not_empty;
}

static uint32_t activity_of(const struct rq_op *op)
{
	return op->activity ? op->activity : is_get(op) ? RINGQ_ASLEEP_GET : RINGQ_ASLEEP_PUT;
}

/* For people: what a thread that has been waiting since then is about to sleep in, right before it does. */
static void show_asleep(struct rq_member *m, const struct rq_op *op, int64_t since)
{
	rq_store(&m->object, op->queue->object);
	rq_store(&m->since, (uint64_t)since);
	rq_store(&m->activity, activity_of(op));
}

/* Figures of the queue. Inside the call again: else its memory may be another's. */
static void note_sleep(const struct rq_op *op, bool woken)
{
	struct rq_queue_shared *s = op->queue->shared;
	rq_add(is_get(op) ? &s->sleeps_get : &s->sleeps_put, 1); /* a figure, as P2 */
	if (woken)
		rq_add(&s->wakes, 1); /* as above: P2 */
}

/*
 * Sleeps once. A death can lose a wake-up in two ways (event.h), and who dies is a member. So a sleep that has gone on for
 * a while is one on the leases of all members, too: a death wakes one of them at once, who wakes the others. The first
 * sleep does without, as most are short, and ends early instead; so do sleeps beside more members than fit, and those that a
 * signal is to end: a sleep on several words begins anew by itself where the signal's handler asks for that. True: a handler
 * has run, and that ends the call.
 */
static bool sleep_once(struct rq_op *op, struct rq_sleep *s, int64_t until, int64_t since, bool *woken)
{
	bool interruptible = rq_load(&op->queue->interruptible);
	int64_t now = rq_sys.now(), most = s->leases < 0 ? RQ_SLEEP_SHORT : rq_sleep_again(now - since, s->all);
	if (op->queue->peer)
		most = op->queue->peer->sleep_most(op->port, most);
	if (op->brief)
		most = SLEEP_BRIEF;
	rq_probe_sleep(op->queue->object, activity_of(op), op->queue->shared->name);
	rq_leave();
	if (s->leases >= 0 && !interruptible) {
		int r = rq_sys.futex_waitv(s->waits, (unsigned)s->leases + 1, rq_sleep_until(now, until, most));
		if (r > 0)
			rq_members_woken(op->queue->region, &s->waits[r]);
		*woken = r == 0;
		if (r != -ENOSYS) {
			rq_probe_woken(op->queue->object, activity_of(op), r);
			return false;
		}
	}
	most = most < RQ_SLEEP_SHORT ? most : RQ_SLEEP_SHORT;
	int r = rq_sys.futex_wait(s->waits[0].word, s->waits[0].value, rq_sleep_until(now, until, most));
	*woken = r == 0;
	rq_probe_woken(op->queue->object, activity_of(op), r);
	return r == -EINTR && interruptible;
}

/* The handle was released under the call. The wake-up may have been for a sleeper of another handle. */
static void leave_for_good(const struct rq_op *op, rq_u32 *event)
{
	struct rq_membership *membership;
	if (!rq_outside_begin(op->queue, &membership))
		return;
	rq_event_wake(event, 1);
	rq_guard_leave(op->guard);
	rq_outside_end(op->queue, membership);
}

/* Sleeps outside the call, with the handle held. 0, -EINTR, or -EBADF and then the call has been left for good. */
static int sleep_outside(struct rq_op *op, rq_u32 *event, struct rq_sleep *s, int64_t until, int64_t since)
{
	struct ringq_queue *queue = op->queue;
	bool interrupted = false, woken = false;
	bool gone = rq_handle_is_gone(queue); /* Q2: else its sleepers are yet to be woken, and this is one */
	rq_handle_ref(queue);
	if (!gone) {
		struct rq_member *m = op->port->membership->member; /* the port may go meanwhile, but not the region */
		show_asleep(m, op, since);
		interrupted = sleep_once(op, s, until, since, &woken);
		rq_store(&m->activity, RINGQ_AWAKE);
		gone = !rq_enter_held(queue);
	} else {
		rq_leave();
	}
	if (gone)
		leave_for_good(op, event);
	else
		note_sleep(op, woken);
	rq_handle_unref(queue);
	return gone ? -EBADF : interrupted ? -EINTR : 0;
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
	int64_t until = rq_patience_until(&op->port->order.patience), since = -1;
	uint64_t seen;
	if (rq_wait_begin(op->queue, &seen)) {
		rq_guard_leave(op->guard);
		rq_leave();
		return -EINTR;
	}
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
		if (rq_wait_interrupted(op->queue, seen)) {
			r = -EINTR;
			break;
		}
		if (op->event != event) {
			rq_event_wake(event, 1); /* nor is it any use to who now sleeps for something else */
			continue;
		}
		*op->disarm = 0;
		slept += !op->brief;
		if (since < 0)
			since = now;
		int e = sleep_outside(op, event, &s, until, since);
		if (e == -EBADF)
			return e;
		op->slept = true;
		r = op->attempt(op);
		if (r == -EAGAIN)
			r = e ? e : r;
	}
	if (r < 0 && r != -ETIMEDOUT && event)
		rq_event_wake(event, 1); /* a record too large for this buffer may be what another waits for */
	rq_wait_end(op->queue, seen, r == -EINTR && op->done == 0); /* a batch says what it has done */
	rq_guard_leave(op->guard);
	rq_leave();
	return r;
}
