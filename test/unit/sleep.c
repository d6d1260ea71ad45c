/* SPDX-License-Identifier: MIT */
/* Sleeps beside others who come and go, and are woken for nothing: what ends them, and what is done behind them. */
#include "../common.h"

#include <criterion/criterion.h>
#include <errno.h>

#include "base/sys.h"

static ringq_region *region;

static void *get_none(void *queue)
{
	char buffer[8];

	check_eq(ringq_get(queue, buffer, sizeof(buffer), RINGQ_FOREVER), -EPIPE);
	return NULL;
}

static void *join_only(void *queue)
{
	check_eq(ringq_size(queue), 0);
	return NULL;
}

static uint64_t sleeps_of(const ringq_queue *queue)
{
	struct ringq_queue_stat stat;

	check_eq(ringq_queue_stat(queue, &stat), 0);
	return stat.sleeps_get;
}

/* Who has slept for long watches who joins. It does not wake up for each. */
Test(sleep, is_not_ended_by_each_who_joins, .timeout = 60)
{
	enum { SLEEPERS = 16, LONG = 3, JOINS = 300 };
	pthread_t threads[SLEEPERS];
	ringq_queue *queue;

	region = region_new((size_t)64 << 20);
	queue = queue_in(region, NULL);
	for (int i = 0; i < SLEEPERS; i++)
		threads[i] = start_thread(get_none, queue);
	while (sleeps_of(queue) < SLEEPERS) /* the first has ended */
		pause_ns(RINGQ_MS(1));
	pause_ns(RINGQ_MS(200));
	uint64_t before = sleeps_of(queue);
	int64_t began = now_ns();
	for (int i = 0; i < JOINS; i++) {
		join_thread(start_thread(join_only, queue));
		pause_ns(RINGQ_MS(1));
	}
	int64_t rounds = LONG + (now_ns() - began) / RINGQ_MS(100);
	check_compare((int64_t)(sleeps_of(queue) - before), <, 2 * rounds * SLEEPERS);
	check_eq(ringq_close(queue), 0);
	for (int i = 0; i < SLEEPERS; i++)
		join_thread(threads[i]);
	ringq_queue_release(queue);
	ringq_region_detach(region);
}

/* ---- somebody leaves, and the next one takes the place ---- */

enum { WATCHERS = 16 };

static int (*real_waitv)(const struct rq_sys_wait *waits, unsigned n, int64_t until);
static atomic_int leaves, woken, replaced, member_is_there, over;

/* Who is woken by the end of a member goes on when another has its place; the last one so late that the others sleep again. */
static int wake_up_late(const struct rq_sys_wait *waits, unsigned n, int64_t until)
{
	int r = real_waitv(waits, n, until);

	if (r > 1 && !atomic_load(&replaced)) {
		int late = atomic_fetch_add(&woken, 1) == WATCHERS - 1;

		wait_set(&replaced);
		pause_ns(late ? RINGQ_MS(5) : 0);
	}
	return r;
}

static void *be_there(void *queue)
{
	check_eq(ringq_size(queue), 0);
	atomic_store(&member_is_there, 1);
	wait_set(&leaves);
	return NULL;
}

static void *take_the_place(void *queue)
{
	check_eq(ringq_size(queue), 0);
	atomic_store(&replaced, 1);
	wait_set(&over);
	return NULL;
}

/* A late one who took the next member's lease for that of the last would wake all who watch it, they all others, and so on. */
Test(sleep, of_all_ends_once_for_one_who_leaves, .timeout = 60)
{
	pthread_t threads[WATCHERS], member, next;
	ringq_queue *queue;

	region = region_new((size_t)16 << 20);
	queue = queue_in(region, NULL);
	member = start_thread(be_there, queue);
	wait_set(&member_is_there);
	real_waitv = rq_sys.futex_waitv;
	rq_sys.futex_waitv = wake_up_late;
	for (int i = 0; i < WATCHERS; i++)
		threads[i] = start_thread(get_none, queue);
	while (sleeps_of(queue) < WATCHERS)
		pause_ns(RINGQ_MS(1));
	pause_ns(RINGQ_MS(200));
	atomic_store(&leaves, 1);
	join_thread(member);
	for (int64_t until = now_ns() + RINGQ_SEC(2); atomic_load(&woken) < WATCHERS && now_ns() < until;)
		pause_ns(RINGQ_MS(1));
	next = start_thread(take_the_place, queue);
	wait_set(&replaced);
	uint64_t before = sleeps_of(queue);
	pause_ns(RINGQ_MS(500));
	check_compare(sleeps_of(queue) - before, <, 20 * WATCHERS);
	check_eq(ringq_close(queue), 0);
	for (int i = 0; i < WATCHERS; i++)
		join_thread(threads[i]);
	atomic_store(&over, 1);
	join_thread(next);
	rq_sys.futex_waitv = real_waitv;
	ringq_queue_release(queue);
	ringq_region_detach(region);
}

/* ---- several words at once ---- */

static int (*real_wake)(const _Atomic uint32_t *word, int n);
static const _Atomic uint32_t *_Atomic ended;
static atomic_int told;

/* As the kernel does where a word of another region has ended the sleep, too. */
static int say_the_last(const struct rq_sys_wait *waits, unsigned n, int64_t until)
{
	int r = real_waitv(waits, n, until);

	if (r < 2 || atomic_load(&ended))
		return r;
	atomic_store(&ended, waits[r].word);
	return (int)n - 1;
}

static int note_wake(const _Atomic uint32_t *word, int n)
{
	if (word == atomic_load(&ended))
		atomic_store(&told, 1);
	return real_wake(word, n);
}

static ringq_queue *of_two_regions[2];

static void *wait_for_two(void *arg)
{
	(void)arg;
	check_eq(ringq_wait_any(of_two_regions, 2, RINGQ_FOREVER), 1);
	return NULL;
}

Test(sleep, on_two_regions_passes_on_the_end_of_a_member_of_either, .timeout = 60)
{
	pthread_t member, waiter;

	for (int i = 0; i < 2; i++)
		of_two_regions[i] = queue_in(region_new((size_t)16 << 20), NULL);
	atomic_store(&leaves, 0);
	atomic_store(&member_is_there, 0);
	member = start_thread(be_there, of_two_regions[0]);
	wait_set(&member_is_there);
	real_waitv = rq_sys.futex_waitv;
	real_wake = rq_sys.futex_wake;
	rq_sys.futex_waitv = say_the_last;
	waiter = start_thread(wait_for_two, NULL);
	pause_ns(RINGQ_MS(300));
	rq_sys.futex_wake = note_wake;
	atomic_store(&leaves, 1);
	wait_set(&told);
	join_thread(member);
	check_eq(put_number(of_two_regions[1], 1, RINGQ_NOWAIT), 0);
	join_thread(waiter);
	rq_sys.futex_waitv = real_waitv;
	rq_sys.futex_wake = real_wake;
	for (int i = 0; i < 2; i++) {
		region = ringq_queue_region(of_two_regions[i]);
		ringq_queue_release(of_two_regions[i]);
		ringq_region_detach(region);
	}
}

/* ---- memory ---- */

enum { LONG_RECORD = 60000, BACKLOG = 200 };

static char record[LONG_RECORD];
static atomic_int polls;

static void *poll_all(void *queue)
{
	static char buffer[LONG_RECORD];

	while (atomic_load(&polls))
		ringq_get(queue, buffer, sizeof(buffer), RINGQ_NOWAIT);
	return NULL;
}

static void *get_all(void *queue)
{
	char buffer[8];

	while (ringq_get(queue, buffer, sizeof(buffer), RINGQ_FOREVER) != -EPIPE)
		;
	return NULL;
}

/* It is woken each 20 ms, for what another takes. */
Test(sleep, that_is_woken_for_nothing_gives_spare_rings_back, .timeout = 60)
{
	pthread_t sleeper, poller;
	ringq_queue *queue;
	int64_t memory;

	region = region_new((size_t)256 << 20);
	queue = queue_in(region, NULL);
	for (int i = 0; i < BACKLOG && ringq_put(queue, record, LONG_RECORD, RINGQ_NOWAIT) == 0; i++)
		;
	while (ringq_get(queue, record, LONG_RECORD, RINGQ_NOWAIT) == LONG_RECORD)
		;
	memory = ringq_region_memory(region);
	atomic_store(&polls, 1);
	poller = start_thread(poll_all, queue);
	sleeper = start_thread(get_all, queue);
	for (int64_t until = now_ns() + RINGQ_SEC(20); ringq_region_memory(region) > memory / 2 && now_ns() < until;) {
		check_eq(ringq_put(queue, "x", 1, RINGQ_NOWAIT), 0);
		pause_ns(RINGQ_MS(20));
	}
	check_compare(ringq_region_memory(region), <=, memory / 2);
	atomic_store(&polls, 0);
	check_eq(ringq_close(queue), 0);
	join_thread(poller);
	join_thread(sleeper);
	ringq_queue_release(queue);
	ringq_region_detach(region);
}
