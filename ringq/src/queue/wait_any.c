/* SPDX-License-Identifier: MIT */

/*
 * Waiting for several queues at once, in the calling thread: by one sleep on all of their events where that can be had, else
 * by watches, of which a word of this process tells.
 */

#include <errno.h>
#include <stdlib.h>

#include "base/event.h"
#include "base/probe.h"
#include "base/sys.h"
#include "queue/block.h"
#include "queue/interrupt.h"
#include "queue/sleepers.h"
#include "queue/watch.h"

#define QUEUES_MOST ((size_t)1 << 20)

struct waiter {
	struct ringq_queue *queue;
	struct rq_watch *watch; /* it subscribes to, or NULL */
	uint64_t seen;          /* of interrupts */
};

struct wait_any {
	struct waiter *waiters;
	struct rq_sys_wait *words; /* of each queue one; then what rq_members_watch() says of their regions */
	size_t n, counted, first;
	bool interruptible;
};

static _Thread_local unsigned turn;

static bool is_first_of_region(const struct wait_any *a, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (a->waiters[k].queue->region == a->waiters[i].queue->region)
			return false;
	return true;
}

/*
 * What ends a sleep when a member of any of the regions dies, behind the words of the queues. How many words there are
 * then; *most is how long such a sleep may be. Before the look, as in block.c.
 */
static int watch_members(const struct wait_any *a, int64_t waited, int64_t *most)
{
	size_t n = a->n;
	bool every = true;
	for (size_t i = 0; i < a->n; i++) {
		struct ringq_queue *queue = a->waiters[i].queue;
		struct rq_port *b;
		bool all;
		if (!is_first_of_region(a, i))
			continue;
		int r = n < RQ_SYS_WAITV_MAX ? rq_enter(queue, &b) : -EAGAIN;
		if (r == 0) {
			r = rq_members_watch(queue->region, b->membership->lease_word, a->words + n,
				(int)(RQ_SYS_WAITV_MAX - n), &all);
			rq_leave();
		}
		if (r < 0) {
			*most = RQ_SLEEP_SHORT;
			return (int)a->n;
		}
		every &= all;
		n += (size_t)r;
	}
	*most = rq_sleep_again(waited, every);
	return (int)n;
}

/* Its region is that in which it lies. */
static bool has_ended(const struct wait_any *a, const struct rq_sys_wait *by)
{
	for (size_t i = 0; i < a->n; i++) {
		const struct ringq_region *region = a->waiters[i].queue->region;
		const char *word = (const char *)by->word;
		if (word >= region->base && word < region->base + region->at.size)
			return rq_members_woken(region, by);
	}
	return false;
}

/*
 * Whether a member has died, of those that are watched by the words behind those of the queues, n in all. The kernel says one word,
 * the last of those that have ended the sleep: another may be of another region.
 */
static bool has_seen_death(const struct wait_any *a, size_t n)
{
	bool seen = false;
	for (size_t i = a->n; i < n; i++)
		seen |= has_ended(a, &a->words[i]);
	return seen;
}

/* The index of a queue that is ready, -EAGAIN, with all announced as slept on if words are asked for, or an error. */
static int look_at_all(struct wait_any *a, struct rq_sys_wait *words)
{
	for (size_t k = 0; k < a->n; k++) {
		size_t i = (a->first + k) % a->n;
		struct ringq_queue *queue = a->waiters[i].queue;
		struct rq_port *b;
		int r = rq_enter(queue, &b);
		if (r)
			return r;
		if (words) {
			rq_u32 *event = &queue->shared->not_empty;
			words[i] = (struct rq_sys_wait){event, rq_event_prepare(event)};
		}
		bool ready = rq_is_ready(b);
		rq_leave();
		if (ready)
			return (int)i;
	}
	return -EAGAIN;
}

static bool was_interrupted(const struct wait_any *a)
{
	for (size_t i = 0; i < a->n; i++)
		if (rq_wait_interrupted(a->waiters[i].queue, a->waiters[i].seen))
			return true;
	return false;
}

static int subscribe(struct waiter *w)
{
	struct rq_port *b;
	int r = rq_enter(w->queue, &b);
	if (r)
		return r;
	r = rq_watch_subscribe(&w->watch, b);
	rq_leave();
	if (r)
		w->watch = NULL;
	return r;
}

/* Looks at all of them, then at whether the wait is over for another reason: -EAGAIN: it is not, and the time is *now. */
static int look_before_sleep(struct wait_any *a, struct rq_sys_wait *words, int64_t until, int64_t *now)
{
	int r = look_at_all(a, words);
	*now = rq_sys.now();
	if (r != -EAGAIN)
		return r;
	if (was_interrupted(a))
		return -EINTR;
	return until >= 0 && *now >= until ? -ETIMEDOUT : -EAGAIN;
}

/* By watches. One that is high is no reason not to look: it may be so no more, and the thread that says so be late. */
static int wait_by_watches(struct wait_any *a, int64_t until)
{
	for (size_t i = 0; i < a->n; i++) {
		int r = subscribe(&a->waiters[i]);
		if (r)
			return r;
	}
	rq_watcher_poke();
	for (;;) {
		rq_u32 *word = rq_watch_news_word();
		uint32_t value = rq_load_acquire(word); /* J5: before the looks */
		int64_t now;
		int r = look_before_sleep(a, NULL, until, &now);
		if (r != -EAGAIN)
			return r;
		rq_probe_sleep(0, RINGQ_ASLEEP_GET, "");
		r = rq_sys.futex_wait(word, value, rq_sleep_until(now, until, RQ_SLEEP_SHORT));
		rq_probe_woken(0, RINGQ_ASLEEP_GET, r);
		if (r == -EINTR && a->interruptible)
			return r;
	}
}

/* By one sleep. It is short, and on the queues alone, where sleep.h says so. -ENOSYS: there is no such sleep. */
static int wait_by_words(struct wait_any *a, int64_t until)
{
	int64_t since = rq_sys.now(), most = RQ_SLEEP_SHORT;
	for (bool watches = false;;) {
		int n = watches ? watch_members(a, rq_sys.now() - since, &most) : (int)a->n;
		int64_t now;
		int r = look_before_sleep(a, a->words, until, &now);
		if (r != -EAGAIN)
			return r;
		rq_probe_sleep(0, RINGQ_ASLEEP_GET, "");
		r = rq_sys.futex_waitv(a->words, (unsigned)n, rq_sleep_until(now, until, most));
		rq_probe_woken(0, RINGQ_ASLEEP_GET, r >= 0 && r < (int)a->n ? 0 : r);
		if (rq_watcher_refuses(r))
			return -ENOSYS;
		if (r == -ETIMEDOUT || (r >= (int)a->n && has_seen_death(a, (size_t)n)))
			watches = true;
		else if (r != -EINTR && rq_sys.now() - now < RQ_SLEEP_LONG)
			watches = false;
		if (!watches)
			most = RQ_SLEEP_SHORT;
	}
}

/* Whichever event woke this thread, others may sleep on it who would take what it was for. */
static void pass_on(struct ringq_queue *queue)
{
	struct rq_membership *membership;
	if (!rq_outside_begin(queue, &membership))
		return;
	rq_event_wake(&queue->shared->not_empty, 1);
	rq_outside_end(queue, membership);
}

static int wait_any(struct wait_any *a, int64_t timeout)
{
	int r = look_at_all(a, NULL);
	if (r != -EAGAIN || timeout == RINGQ_NOWAIT)
		return r;
	for (; a->counted < a->n; a->counted++) {
		struct waiter *w = &a->waiters[a->counted];
		a->interruptible |= rq_load(&w->queue->interruptible) != 0;
		if (rq_wait_begin(w->queue, &w->seen))
			return -EINTR;
	}
	int64_t until = rq_deadline(timeout);
	r = -ENOSYS;
	/* A sleep on several begins anew by itself where the handler of a signal asks for that. */
	if (a->words && !a->interruptible && rq_watcher_has_waitv())
		r = wait_by_words(a, until);
	if (r == -ENOSYS)
		r = wait_by_watches(a, until);
	for (size_t i = 0; i < a->n; i++)
		pass_on(a->waiters[i].queue);
	return r;
}

static void end(struct wait_any *a, int r)
{
	for (size_t i = 0; i < a->n; i++) {
		struct waiter *w = &a->waiters[i];
		if (i < a->counted)
			rq_wait_end(w->queue, w->seen, r == -EINTR);
		if (w->watch)
			rq_add(&w->watch->subscribers, -1u); /* J3 */
	}
}

int ringq_wait_any(ringq_queue *const *queues, size_t n, int64_t timeout)
{
	struct wait_any a = {.n = n};
	if (!queues || n == 0 || n > QUEUES_MOST || !rq_timeout_is_good(timeout))
		return -EINVAL;
	for (size_t i = 0; i < n; i++)
		if (!queues[i])
			return -EINVAL;
	a.waiters = calloc(n, sizeof *a.waiters);
	a.words = n <= RQ_SYS_WAITV_MAX ? calloc(RQ_SYS_WAITV_MAX, sizeof *a.words) : NULL;
	if (!a.waiters) {
		free(a.words);
		return -ENOMEM;
	}
	a.first = turn++ % n;
	for (size_t i = 0; i < n; i++)
		rq_handle_ref(a.waiters[i].queue = queues[i]);
	int r = wait_any(&a, timeout);
	end(&a, r);
	for (size_t i = 0; i < n; i++)
		rq_handle_unref(a.waiters[i].queue);
	free(a.waiters);
	free(a.words);
	return r;
}
