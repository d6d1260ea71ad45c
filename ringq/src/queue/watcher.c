/* SPDX-License-Identifier: MIT */
#include "queue/watcher.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/event.h"
#include "queue/drained.h"
#include "queue/enter.h"
#include "queue/ownership.h"
#include "queue/sleepers.h"

#define TICK INT64_C(700000) /* ns; with what the look takes, within the millisecond */
#define GROUPS_MOST 1024u    /* of RQ_SLEEPER_WORDS words each */

/* What one round has found. */
struct round {
	struct rq_sys_wait *words; /* [0] is `change` */
	unsigned n, room;
	struct pollfd *fds; /* of watches that are high and were not raised in this round */
	struct rq_watch **of;
	unsigned fd_count, fd_room;
	bool ticks;
};

static struct rq_watch *watches; /* under the watch lock, as all below */
static rq_u32 runs;              /* read without it, too */
static rq_u32 stop;
static pthread_t thread;
static _Thread_local bool is_watcher;
static struct rq_sleeper *groups[GROUPS_MOST]; /* the thread's own */

/* ---- what others call ---- */

static void *watcher(void *arg);

bool rq_watcher_runs(void)
{
	return rq_load(&runs);
}

bool rq_is_watcher(void)
{
	return is_watcher;
}

int rq_watcher_start(void)
{
	if (rq_load(&runs))
		return 0;
	int r = rq_start_thread(&thread, watcher, NULL, "ringq-watcher");
	rq_store(&runs, r == 0);
	return r;
}

int rq_watcher_add(struct rq_watch *watch)
{
	int r = rq_watcher_start();
	if (r)
		return r;
	watch->error = 0;
	watch->done = watch->ticks = false;
	watch->word_count = 0;
	rq_store(&watch->state, RQ_WATCH_NEW);
	watch->next = watches;
	watches = watch;
	rq_watcher_poke();
	return 0;
}

void rq_watcher_remove(struct rq_watch *watch)
{
	struct rq_watch **link = &watches;
	while (*link != watch)
		link = &(*link)->next;
	*link = watch->next;
	for (unsigned i = 0; i < 2; i++)
		rq_sleeper_let_go(watch->sleepers[i]);
	watch->sleepers[0] = watch->sleepers[1] = NULL;
	rq_watcher_poke();
}

int rq_watcher_await(struct rq_watch *watch)
{
	if (rq_process_is_forking()) /* it cannot look before the fork is over */
		return 0;
	while (rq_load_acquire(&watch->state) == RQ_WATCH_NEW) { /* J8 */
		rq_watcher_poke();
		rq_sys.futex_wait(&watch->state, RQ_WATCH_NEW, rq_sys.now() + RQ_SLEEP_SHORT);
	}
	return rq_load(&watch->state) == RQ_WATCH_FAILED ? watch->error : 0;
}

void rq_watcher_forget_parent(void)
{
	rq_store(&runs, 0);
	for (unsigned i = 0; i < GROUPS_MOST; i++)
		groups[i] = NULL;
	rq_sleepers_forget_parent();
}

void rq_watcher_stop(void)
{
	rq_watch_lock();
	bool ran = rq_load(&runs);
	rq_store(&runs, 0);
	rq_watch_unlock();
	if (!ran)
		return;
	rq_store_release(&stop, 1); /* J7 */
	rq_watcher_poke();
	pthread_join(thread, NULL);
	rq_sleepers_stop();
	rq_store(&stop, 0);
}

/* ---- looking ---- */

static void settle(struct rq_watch *w, int error)
{
	if (rq_load(&w->state) != RQ_WATCH_NEW)
		return;
	w->error = error;
	rq_store_release(&w->state, error ? RQ_WATCH_FAILED : RQ_WATCH_RUNS); /* J8, after `error` */
	rq_sys.futex_wake(&w->state, INT_MAX);
}

/* Grows with each record that is put or taken: another value says that it may be another record that waits. */
static uint64_t moves_of(const struct ringq_queue *queue)
{
	uint64_t moves = 0;
	uint32_t used = rq_lanes_used(queue->shared, &queue->set);
	for (uint32_t i = 0; i < used; i++) {
		struct rq_lane *lane = rq_lane_at(&queue->set, i);
		moves += rq_load(&lane->head) + rq_load(&lane->puts);
	}
	return moves;
}

/* The level stays as it is: what is in hand of a queue that is closed may come back, or end, and a take in between waits. */
static bool is_over(const struct rq_watch *w)
{
	const struct ringq_queue *queue = w->queue;
	return rq_load_acquire(&queue->shared->closed) && (!queue->set.hands || rq_is_drained(w->port)); /* as E2 */
}

/* The level is high. It is told anew of records that have come since: so is who waits for an edge and has not taken all. */
static void found_high(struct round *r, struct rq_watch *w)
{
	uint64_t moves = moves_of(w->queue);
	bool told = rq_load(&w->high) && moves == w->moves;
	w->moves = moves;
	w->done = is_over(w);
	if (!told || w->done) /* who took what was there has lowered it since, perhaps, and then there was an end */
		rq_watch_raise(w);
	w->ticks = !w->done;
	if (told && r->fd_count < r->fd_room && w->fd >= 0) {
		r->fds[r->fd_count] = (struct pollfd){.fd = w->fd, .events = POLLIN};
		r->of[r->fd_count++] = w;
	}
}

static void sleep_on(struct rq_watch *w, rq_u32 *event)
{
	w->words[w->word_count++] = (struct rq_sys_wait){event, rq_event_prepare(event)};
}

static void look_for_records(struct round *r, struct rq_watch *w)
{
	rq_u32 *event = &w->queue->shared->not_empty;
	bool ready = rq_is_ready(w->port);
	if (!ready) {
		if (rq_load(&w->high))
			rq_watch_lower(w);
		sleep_on(w, event);
		ready = rq_is_ready(w->port);
	}
	if (!ready)
		return;
	w->word_count = 0;
	found_high(r, w);
	rq_event_wake(event, 1); /* this thread takes nothing: pass the wake-up on */
}

/*
 * The thread of the watch says itself when it has filled the queue, but others may have all permits of max_records. While there
 * are records, nothing tells of the next: look again soon.
 */
static bool others_filled(struct rq_watch *w)
{
	const struct ringq_queue *queue = w->queue;
	if (queue->permits.count && rq_permits_full(&queue->permits, &queue->set)) {
		rq_store(&w->waits, 1);
		rq_watch_lower(w);
		return true;
	}
	if (!rq_load(&w->high))
		rq_watch_raise(w);
	if (queue->permits.count == 0)
		return false;
	w->ticks = rq_is_ready(w->port);
	if (!w->ticks)
		sleep_on(w, &queue->shared->not_empty);
	return false;
}

static void look_for_room(struct rq_watch *w)
{
	struct rq_queue_shared *s = w->queue->shared;
	struct rq_lane *lane = rq_load_acquire(&w->lane); /* W8 */
	if (!rq_load(&w->waits) && !others_filled(w))
		return;
	if (lane)
		sleep_on(w, &lane->not_full);
	if (w->queue->permits.count)
		sleep_on(w, &s->not_full);
	if (!rq_watch_has_room(w) && !(rq_port_reap(w->port) && rq_watch_has_room(w)))
		return;
	w->word_count = 0;
	rq_store(&w->waits, 0);
	rq_watch_raise(w);
	if (lane)
		rq_event_wake(&lane->not_full, 1);
	rq_event_wake(&s->not_full, 1);
}

/* Enters the queue's handle as any call; the port is remembered, as there may be more than a thread's cache holds. */
static int enter(struct rq_watch *w)
{
	if (!w->port) {
		int r = rq_enter(w->queue, &w->port);
		if (r)
			w->port = NULL;
		return r;
	}
	return rq_enter_held(w->queue) ? 0 : -EBADF;
}

static void look(struct round *r, struct rq_watch *w)
{
	w->word_count = 0;
	w->ticks = false;
	if (w->fd < 0 && !rq_load(&w->subscribers) && rq_load(&w->state) != RQ_WATCH_NEW)
		return; /* nobody wants to know */
	int error = enter(w);
	if (error) {
		w->ticks = false;
		settle(w, error);
		return;
	}
	if (w->what == RINGQ_READABLE)
		look_for_records(r, w);
	else
		look_for_room(w);
	rq_leave();
	settle(w, 0);
}

/*
 * Whoever shares the descriptor since a fork may have lowered it, or a call whose look is to come. Where that cannot be asked,
 * as RLIMIT_NOFILE was lowered or a sandbox refuses it, what is shared is raised anyhow, but not so often that who waits for
 * edges would have no rest.
 */
static void verify(struct round *r, bool all)
{
	int n = r->fd_count ? poll(r->fds, r->fd_count, 0) : 0;
	if (n == (int)r->fd_count || (n < 0 && !all))
		return;
	for (unsigned i = 0; i < r->fd_count; i++)
		if ((n < 0 ? rq_load(&r->of[i]->shared) : !(r->fds[i].revents & POLLIN)) && rq_watch_has_number(r->of[i]))
			rq_watch_raise(r->of[i]);
}

static bool make_room(struct round *r)
{
	unsigned n = 0;
	for (const struct rq_watch *w = watches; w; w = w->next)
		n++;
	if (2 * n + 1 > r->room) {
		struct rq_sys_wait *words = realloc(r->words, (4 * n + 1) * sizeof *words);
		if (!words)
			return false;
		r->words = words;
		r->room = 4 * n + 1;
	}
	if (n > r->fd_room) {
		struct pollfd *fds = realloc(r->fds, 2 * n * sizeof *fds);
		if (fds)
			r->fds = fds;
		struct rq_watch **of = fds ? realloc(r->of, 2 * n * sizeof(struct rq_watch *)) : NULL;
		if (!of)
			return false;
		r->of = of;
		r->fd_room = 2 * n;
	}
	return true;
}

/* One look at all watches, or only at those whose level nothing tells of. */
static void look_at(struct round *r, bool all)
{
	r->n = 1;
	r->fd_count = 0;
	rq_watch_lock();
	r->ticks = !make_room(r);
	for (struct rq_watch *w = watches; w; w = w->next) {
		if (rq_load(&w->state) == RQ_WATCH_FAILED || w->done)
			continue;
		if (all || w->ticks)
			look(r, w);
		r->ticks |= w->ticks;
		for (unsigned i = 0; i < w->word_count && r->n < r->room; i++)
			r->words[r->n++] = w->words[i];
	}
	verify(r, all);
	for (struct rq_watch **link = &watches; *link;) {
		if (rq_load(&(*link)->state) == RQ_WATCH_FAILED)
			*link = (*link)->next;
		else
			link = &(*link)->next;
	}
	rq_watch_unlock();
}

/* ---- sleeping ---- */

/* Sleepers for groups of words, as many as one sleep can be on. */
static bool give_groups(const struct round *r)
{
	bool given = true;
	unsigned g = 0;
	for (unsigned from = 1; from < r->n && g < GROUPS_MOST; from += RQ_SLEEPER_WORDS, g++) {
		unsigned n = r->n - from < RQ_SLEEPER_WORDS ? r->n - from : RQ_SLEEPER_WORDS;
		groups[g] = rq_sleeper_for(groups[g], r->words + from, n);
		given &= groups[g] != NULL;
	}
	for (; g < GROUPS_MOST && groups[g]; g++) {
		rq_sleeper_let_go(groups[g]);
		groups[g] = NULL;
	}
	return given && r->n <= GROUPS_MOST * RQ_SLEEPER_WORDS;
}

/* A sleeper for each word. */
static bool give_words(void)
{
	bool given = true;
	rq_watch_lock();
	for (struct rq_watch *w = watches; w; w = w->next)
		for (unsigned i = 0; i < 2; i++) {
			if (i >= w->word_count) {
				rq_sleeper_let_go(w->sleepers[i]);
				w->sleepers[i] = NULL;
				continue;
			}
			w->sleepers[i] = rq_sleeper_for(w->sleepers[i], &w->words[i], 1);
			given &= w->sleepers[i] != NULL;
		}
	rq_watch_unlock();
	return given;
}

/* Sleeps until something changes. False: only the time for those that tick has come. */
static bool sleep_until(struct round *r, uint32_t value, int64_t full_look)
{
	int64_t until = r->ticks ? rq_sys.now() + TICK : full_look;
	int slept;
	if (until > full_look)
		until = full_look;
	r->words[0] = (struct rq_sys_wait){rq_watcher_word(), value};
	if (r->n > 1 && r->n <= RQ_SYS_WAITV_MAX && rq_watcher_has_waitv()) {
		slept = rq_sys.futex_waitv(r->words, r->n, until);
		return rq_watcher_refuses(slept) || slept != -ETIMEDOUT || until == full_look;
	}
	bool given = r->n == 1 || (rq_watcher_has_waitv() ? give_groups(r) : give_words());
	if (!given) /* no thread to be had: look instead */
		until = rq_sys.now() + TICK;
	slept = rq_sys.futex_wait(rq_watcher_word(), value, until);
	return !given || slept != -ETIMEDOUT || until == full_look;
}

static void *watcher(void *arg)
{
	struct round r = {.words = NULL};
	bool all = true;
	int64_t full_look = 0;
	(void)arg;
	is_watcher = true;
	while (!rq_load_acquire(&stop)) {                            /* J7 */
		uint32_t value = rq_load_acquire(rq_watcher_word()); /* J5: before the looks */
		if (all)
			full_look = rq_sys.now() + RQ_SLEEP_SHORT;
		look_at(&r, all);
		if (r.words)
			all = sleep_until(&r, value, full_look);
		else
			rq_sys_sleep(TICK);
	}
	free(r.words);
	free(r.fds);
	free(r.of);
	return NULL;
}
