/* SPDX-License-Identifier: MIT */
#include "queue/block.h"

#include <errno.h>

#include "base/probe.h"
#include "lane/chunks.h"
#include "queue/single.h"
#include "queue/interrupt.h"
#include "region/sleep.h"
#include "base/sys.h"

#define SPIN_MOST 1024u
#define SPIN_LEAST 16u
#define SPIN_SHORT_PAUSES 128u
#define LONG_PAUSE 4u
#define RARELY 8u        /* a rare look costs as much of the budget as so many others, */
#define LANES_A_LOOK 16u /* and as much as one, to look at so many lanes */
#define YIELD_EVERY 16u
#define CLOCK_EVERY 32u
#define SLEEP_BRIEF INT64_C(100000)
#define SLEEP_WASTED INT64_C(50000)

/* How long to pause before look i. */
static uint32_t pauses(const struct rq_op *op, uint32_t i)
{
	return op->rarely ? RARELY * LONG_PAUSE : i < SPIN_SHORT_PAUSES ? 1 : LONG_PAUSE;
}

static bool time_to_yield(uint32_t i, uint32_t step, uint32_t budget)
{
	return i % YIELD_EVERY < step && (i >= SPIN_SHORT_PAUSES || i + YIELD_EVERY >= budget);
}

/* Whether what the call waits for is a record. */
static bool is_get(const struct rq_op *op)
{
	return op->event == &op->queue->shared->not_empty;
}

/* What a look costs of the budget. Who waits for a record looks at all lanes: a thousand looks at a thousand take long. */
static uint32_t cost_of_look(const struct rq_op *op)
{
	if (op->rarely)
		return RARELY;
	return is_get(op) ? 1 + rq_lanes_used(op->queue->shared, &op->queue->set) / LANES_A_LOOK : 1;
}

/*
 * After a wait that has slept. One that was over so soon cost more to end than to spin through: the next one spins. Were it not
 * for this, two who answer each other and have once come to sleep would sleep for good: each waits for the other to wake up,
 * which takes longer than the few looks that it has left.
 */
static void judge_sleep(const struct rq_op *op, bool came, int64_t took)
{
	if (came && took < SLEEP_WASTED)
		*op->spin = SPIN_MOST / 2;
	else
		*op->spin = *op->spin / 2 < SPIN_LEAST ? SPIN_LEAST : *op->spin / 2;
}

/*
 * What one more look costs is little beside a sleep. But on a busy machine the one who is waited for needs this CPU, and a
 * yield may then take as long as all others like: behind each, the clock is looked at, whatever there was to see.
 */
static ssize_t spin(struct rq_op *op, int64_t until)
{
	uint32_t budget = *op->spin, step;
	for (uint32_t i = 0; i < budget; i += step) {
		step = cost_of_look(op);
		bool yields = time_to_yield(i, step, budget);
		if (yields)
			rq_sys.yield();
		for (uint32_t n = pauses(op, i); n; n--)
			rq_pause();
		ssize_t r = op->poll && !op->poll(op) ? -EAGAIN : op->attempt(op);
		if (r != -EAGAIN) {
			*op->spin = budget * 2 > SPIN_MOST ? SPIN_MOST : budget * 2;
			return r;
		}
		if (until >= 0 && (yields || op->rarely || i % CLOCK_EVERY + step >= CLOCK_EVERY) &&
			rq_sys.now() >= until)
			return -EAGAIN;
	}
	return -EAGAIN;
}

/* Announces a sleep. */
static void prepare(struct rq_op *op, struct rq_sleep *s)
{
	rq_u32 *event = op->event;
	s->n = 1;
	rq_sleep_watch(s, op->queue->region, op->port->membership);
	s->waits[0] = (struct rq_sys_wait){event, rq_event_prepare(event)};
}

static uint32_t activity_of(const struct rq_op *op)
{
	return op->activity ? op->activity : is_get(op) ? RINGQ_ASLEEP_GET : RINGQ_ASLEEP_PUT;
}

/* Figures of the queue. Inside the call again: else its memory may be another's. */
static void note_sleep(const struct rq_op *op, bool woken)
{
	struct rq_queue_shared *s = op->queue->shared;
	rq_add(is_get(op) ? &s->sleeps_get : &s->sleeps_put, 1); /* a figure, as P2 */
	if (woken)
		rq_add(&s->wakes, 1); /* as above: P2 */
}

/* Sleeps once. True: a signal's handler has run, and that ends the call. */
static bool sleep_once(struct rq_op *op, struct rq_sleep *s, int64_t until, int64_t since, bool *woken)
{
	bool interruptible = rq_load(&op->queue->interruptible);
	int64_t now = rq_sys.now(), most = rq_sleep_most(s, now - since);
	if (op->queue->peer)
		most = op->queue->peer->sleep_most(op->port, most);
	if (op->brief)
		most = SLEEP_BRIEF;
	rq_probe_sleep(op->queue->object, activity_of(op), op->queue->shared->name);
	rq_leave();
	int r = rq_sleep_once(s, op->queue->region, now, until, most, interruptible);
	rq_probe_woken(op->queue->object, activity_of(op), r);
	*woken = r == 0;
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
		rq_sleep_show(m, queue->object, activity_of(op), since);
		interrupted = sleep_once(op, s, until, since, &woken);
		rq_sleep_shown(m);
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

/* The call has waited for long in vain: the queue is at rest, and what its lanes keep for more can go. */
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
	int64_t now = since;
	bool trimmed = false;
	struct rq_sleep s;
	rq_u32 *event = NULL;
	s.lasted = false;
	while (r == -EAGAIN) {
		event = op->event;
		if (!trimmed && (s.lasted || now - since >= RQ_SLEEP_SHORT)) {
			trim(op->port);
			trimmed = true;
		}
		prepare(op, &s);
		r = op->attempt(op);
		if (r != -EAGAIN)
			continue;
		now = rq_sys.now();
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
	if (since >= 0)
		judge_sleep(op, r >= 0, rq_sys.now() - since);
	if (r < 0 && r != -ETIMEDOUT && event)
		rq_event_wake(event, 1); /* a record too large for this buffer may be what another waits for */
	rq_wait_end(op->queue, seen, r == -EINTR && op->done == 0); /* a batch says what it has done */
	rq_guard_leave(op->guard);
	rq_leave();
	return r;
}
