/* SPDX-License-Identifier: MIT */

/*
 * Waiting on queues in other ways than by a call on one: several at once, or by a descriptor.
 *
 * A descriptor needs somebody who sleeps on the queue's event and then writes an eventfd: one thread for the whole
 * process. It sleeps on all armed queues' events and on a word of its own, which tells it that the set has changed. A
 * queue is armed by the get that finds it empty and disarmed when its eventfd is written, so that a queue in use costs
 * this thread nothing.
 */

#include "queue/watch.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "queue/block.h"
#include "order/next.h"
#include "base/sys.h"
#include "base/event.h"

#define WATCHES_MOST 120u
#define NAP INT64_C(20000)

struct rq_watch {
	int fd;
	bool armed; /* under the process lock */
};

static rq_u32 watch_set; /* changes with the set of armed queues */
static unsigned watches; /* under the process lock */
static bool watcher_runs;

bool rq_is_ready(struct rq_port *b)
{
	struct rq_view view;
	return rq_load_acquire(&b->queue->shared->closed) || rq_choose(&b->order, &view) != 0 ||
	       (b->queue->peer && b->queue->peer->gone(b));
}

/* ---- the sleeper's half, for the watcher and for wait_any ---- */

struct sleep_on {
	struct ringq_queue *queues[WATCHES_MOST];
	struct rq_sys_wait waits[WATCHES_MOST + 1];
	unsigned n;
};

/* Announces a sleeper on one queue. True if there is no need to sleep, or no use. */
static bool prepare(struct ringq_queue *queue, struct rq_sys_wait *wait)
{
	struct rq_port *b;
	if (rq_enter(queue, &b))
		return true;
	rq_u32 *event = &queue->shared->not_empty;
	*wait = (struct rq_sys_wait){.word = event, .value = rq_event_prepare(event)};
	bool ready = rq_is_ready(b);
	rq_leave();
	return ready;
}

/* ---- the watcher ---- */

static void change_set(void)
{
	rq_add(&watch_set, 1);
	rq_sys.futex_wake(&watch_set, 1);
}

static void fire(struct ringq_queue *queue)
{
	uint64_t one = 1;
	rq_process_lock();
	if (queue->watch && queue->watch->armed) {
		queue->watch->armed = false;
		ssize_t n = write(queue->watch->fd, &one, sizeof one);
		(void)n; /* it cannot be full: it is read before it is armed */
	}
	rq_process_unlock();
	rq_event_wake(&queue->shared->not_empty, 1); /* the watcher takes nothing: pass the wake-up on */
}

/* The armed queues, each held. */
static void collect(struct sleep_on *s)
{
	s->n = 0;
	rq_process_lock();
	for (struct ringq_queue *q = rq_process_queues; q && s->n < WATCHES_MOST; q = q->next) {
		if (!q->watch || !q->watch->armed)
			continue;
		rq_handle_ref(q);
		q->watched = true;
		s->queues[s->n++] = q;
	}
	rq_process_unlock();
}

/* Whoever releases a queue waits for this, so that nothing of it is left when the release returns. */
static void let_go(struct sleep_on *s)
{
	for (unsigned i = 0; i < s->n; i++)
		rq_handle_unref(s->queues[i]); /* never the last: who releases waits below */
	rq_process_lock();
	for (unsigned i = 0; i < s->n; i++)
		s->queues[i]->watched = false;
	rq_process_unlock();
}

static void *watcher(void *arg)
{
	static struct sleep_on s;
	(void)arg;
	for (;;) {
		unsigned waits = 1;
		s.waits[0] = (struct rq_sys_wait){.word = &watch_set, .value = rq_load_acquire(&watch_set)};
		collect(&s);
		for (unsigned i = 0; i < s.n; i++) {
			if (prepare(s.queues[i], &s.waits[waits]))
				fire(s.queues[i]);
			else
				waits++;
		}
		if (waits == s.n + 1)
			rq_sys.futex_waitv(s.waits, waits, rq_sleep_until(rq_sys.now(), -1, RQ_SLEEP_SHORT));
		let_go(&s);
	}
	return NULL;
}

static int start_watcher(void)
{
	pthread_t thread;
	sigset_t all, old;
	struct rq_sys_wait probe = {.word = &watch_set, .value = rq_load(&watch_set) - 1};
	if (watcher_runs)
		return 0;
	if (rq_sys.futex_waitv(&probe, 1, 0) == -ENOSYS)
		return -ENOSYS;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old); /* the process's signals are for its own threads */
	int r = -pthread_create(&thread, NULL, watcher, NULL);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (r)
		return r;
	pthread_detach(thread);
	watcher_runs = true;
	return 0;
}

static int new_watch(struct ringq_queue *queue)
{
	if (watches == WATCHES_MOST)
		return -ENOSPC;
	struct rq_watch *w = malloc(sizeof *w);
	if (!w)
		return -ENOMEM;
	*w = (struct rq_watch){.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), .armed = true};
	int r = w->fd < 0 ? -errno : start_watcher();
	if (r) {
		if (w->fd >= 0)
			close(w->fd);
		free(w);
		return r;
	}
	watches++;
	queue->watch = w;
	return 0;
}

int ringq_event_fd(ringq_queue *queue)
{
	struct rq_port *b;
	if (!queue)
		return -EINVAL;
	int r = rq_enter(queue, &b);
	if (r)
		return r;
	rq_process_lock();
	r = queue->watch ? 0 : new_watch(queue);
	int fd = r ? r : queue->watch->fd;
	rq_process_unlock();
	rq_leave();
	change_set();
	return fd;
}

bool rq_watch_arm(struct ringq_queue *queue, struct rq_port *port)
{
	uint64_t count;
	bool was_armed = true;
	rq_process_lock();
	if (queue->watch) {
		struct rq_watch *w = queue->watch;
		was_armed = w->armed;
		ssize_t n = was_armed ? 0 : read(w->fd, &count, sizeof count);
		(void)n; /* it was written before it was disarmed */
		w->armed = true;
	}
	rq_process_unlock();
	if (was_armed)
		return false;
	change_set();
	return rq_is_ready(port);
}

static void end_watch(struct ringq_queue *queue)
{
	close(queue->watch->fd);
	free(queue->watch);
	queue->watch = NULL;
	watches--;
}

void rq_watch_end(struct ringq_queue *queue)
{
	rq_process_lock();
	if (queue->watch) {
		end_watch(queue);
		change_set();
	}
	while (queue->watched) {
		rq_process_unlock();
		rq_sys_sleep(NAP);
		rq_process_lock();
	}
	rq_process_unlock();
}

void rq_watch_forget_parent(void)
{
	for (struct ringq_queue *q = rq_process_queues; q; q = q->next) {
		if (q->watch)
			end_watch(q);
		q->watched = false;
	}
	watcher_runs = false;
}

/* ---- wait_any ---- */

static _Thread_local unsigned turn;

/* The index of a queue that is ready, -EAGAIN with all prepared for a sleep, or an error. */
static int look_at_all(struct sleep_on *s, unsigned first, bool announce)
{
	for (unsigned k = 0; k < s->n; k++) {
		unsigned i = (first + k) % s->n;
		struct rq_port *b;
		int r = rq_enter(s->queues[i], &b);
		if (r)
			return r;
		bool ready = !announce && rq_is_ready(b);
		rq_leave();
		if (ready || (announce && prepare(s->queues[i], &s->waits[i])))
			return (int)i;
	}
	return -EAGAIN;
}

static int wait_any(struct sleep_on *s, int64_t timeout)
{
	unsigned first = turn++;
	int r = look_at_all(s, first, false);
	if (r != -EAGAIN || timeout == RINGQ_NOWAIT)
		return r;
	int64_t until = rq_deadline(timeout);
	for (;;) {
		r = look_at_all(s, first, true);
		if (r != -EAGAIN)
			break;
		int64_t now = rq_sys.now();
		if (until >= 0 && now >= until)
			return -ETIMEDOUT;
		r = rq_sys.futex_waitv(s->waits, s->n, rq_sleep_until(now, until, RQ_SLEEP_SHORT));
		if (r == -ENOSYS)
			return r;
	}
	/* Whichever event woke this thread, others may sleep on it who would take what it was for. */
	for (unsigned i = 0; i < s->n; i++)
		rq_event_wake(&s->queues[i]->shared->not_empty, 1);
	return r;
}

int ringq_wait_any(ringq_queue *const *queues, size_t n, int64_t timeout)
{
	struct sleep_on s;
	if (!queues || n == 0 || n > WATCHES_MOST || !rq_timeout_is_good(timeout))
		return -EINVAL;
	for (size_t i = 0; i < n; i++)
		if (!queues[i])
			return -EINVAL;
	s.n = (unsigned)n;
	for (size_t i = 0; i < n; i++)
		rq_handle_ref(s.queues[i] = queues[i]);
	int r = wait_any(&s, timeout);
	for (size_t i = 0; i < n; i++)
		rq_handle_unref(s.queues[i]);
	return r;
}
