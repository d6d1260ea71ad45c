/* SPDX-License-Identifier: MIT */
/* Deleting queues: the name, who still has a handle, what waits and what is in hand, and where the memory goes. */
#include "../common.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/sys.h"

#define MIB ((size_t)1 << 20)

static ringq_queue *named(ringq_region *region, const char *name, unsigned flags)
{
	return queue_in(region, &(struct ringq_queue_options){.name = name, .flags = flags});
}

static void fill(ringq_queue *queue, int n)
{
	for (int i = 0; i < n; i++)
		check_eq(ringq_put(queue, &i, sizeof i, RINGQ_NOWAIT), 0);
}

/* All calls by this handle say that the queue is gone. */
static void check_gone(ringq_queue *queue)
{
	struct iovec vec = {(char[8]){0}, 8};
	char buf[8];
	void *out;

	check_eq(ringq_put(queue, "x", 1, RINGQ_FOREVER), -EPIPE);
	check_eq(ringq_put_many(queue, &(struct iovec){"x", 1}, 1, RINGQ_FOREVER), -EPIPE);
	check_eq(ringq_reserve(queue, &out, 1, RINGQ_FOREVER), -EPIPE);
	check_eq(ringq_get(queue, buf, sizeof buf, RINGQ_FOREVER), -EPIPE);
	check_eq(ringq_get_many(queue, &vec, 1, RINGQ_FOREVER), -EPIPE);
	check_eq(ringq_get_alloc(queue, &out, RINGQ_FOREVER), -EPIPE);
	check_eq(ringq_peek(queue, buf, sizeof buf), -EPIPE);
	check_eq(ringq_close(queue), -EPIPE);
	check_eq(ringq_queue_delete(queue), -EPIPE);
	check_eq(ringq_size(queue), 0);
	check(ringq_empty(queue));
	check(!ringq_full(queue));
	struct ringq_queue_stat stat;
	check_eq(ringq_queue_stat(queue, &stat), -EPIPE);
	check_eq(ringq_queue_lanes(queue, NULL, 0), -EPIPE);
}

Test(delete, ends_the_queue_for_all_and_frees_its_name)
{
	for (unsigned order = 0; order < 2; order++) {
		ringq_region *region = region_new(0);
		ringq_queue *first = queue_in(region, &(struct ringq_queue_options){.name = "q", .order = order}),
			    *used, *unused, *again;
		struct ringq_object objects[4];
		int got;

		check_eq(ringq_queue_open(&used, region, "q"), 0);
		check_eq(ringq_queue_open(&unused, region, "q"), 0);
		fill(first, 100);
		check_eq(ringq_get(used, &got, sizeof got, RINGQ_NOWAIT), sizeof got);
		uint64_t id = ringq_queue_id(first);
		check_eq(ringq_queue_delete(first), 0);
		check_gone(used);
		check_gone(first);
		check_gone(unused);
		check_eq(ringq_queue_open(&again, region, "q"), -ENOENT);
		check_eq(ringq_queue_open(&again, region, NULL), -ENOENT);
		check_eq(ringq_queue_open_id(&again, region, id), -ENOENT);
		check_eq(ringq_region_objects(region, objects, COUNT(objects)), 0);

		again = named(region, "q", 0);
		check(ringq_queue_id(again) != id);
		fill(again, 3);
		check_gone(used);
		ringq_queue_release(used);
		ringq_queue_release(first);
		check_gone(unused);
		check_eq(ringq_size(again), 3);
		check_eq(ringq_get(again, &got, sizeof got, RINGQ_NOWAIT), sizeof got);
		check_eq(got, 0);
		ringq_queue_release(unused);
		ringq_queue_release(again);
		ringq_region_detach(region);
	}
}

Test(delete, refuses_what_it_cannot_delete)
{
	ringq_pipe *a, *b;
	ringq_region *region = region_new(0), *seen;
	ringq_queue *queue = named(region, "q", 0), *looked;

	check_eq(ringq_queue_delete(NULL), -EINVAL);
	check_eq(ringq_pipe_create(&a, &b, NULL, 0), 0);
	check_eq(ringq_queue_delete(ringq_pipe_input(a)), -EINVAL);
	seen = observe_region(region);
	check_eq(ringq_queue_open(&looked, seen, "q"), 0);
	check_eq(ringq_queue_delete(looked), -EROFS);
	ringq_queue_release(looked);
	ringq_region_detach(seen);
	ringq_pipe_close(a);
	ringq_pipe_close(b);
	ringq_queue_release(queue);
	ringq_region_detach(region);
}

struct sleeper {
	ringq_queue *queue;
	int (*call)(ringq_queue *queue);
	int result;
	_Atomic pid_t thread;
};

static int sleep_in_get(ringq_queue *queue)
{
	char buf[8];
	return (int)ringq_get(queue, buf, sizeof buf, RINGQ_FOREVER);
}

static int sleep_in_put(ringq_queue *queue)
{
	return ringq_put(queue, "x", 1, RINGQ_FOREVER);
}

static int sleep_in_take(ringq_queue *queue)
{
	struct ringq_delivery d;
	return ringq_take(queue, &d, RINGQ_FOREVER);
}

static int sleep_in_join(ringq_queue *queue)
{
	return ringq_join(queue, RINGQ_FOREVER);
}

static int sleep_in_wait_any(ringq_queue *queue)
{
	return ringq_wait_any((ringq_queue *[]){queue}, 1, RINGQ_FOREVER);
}

static void *sleep_there(void *arg)
{
	struct sleeper *s = arg;
	s->thread = thread_id();
	s->result = s->call(s->queue);
	return NULL;
}

/* What a sleeper is told by a delete, which is to come at once. */
static int sleeper_is_told(ringq_queue *queue, int (*call)(ringq_queue *queue))
{
	struct sleeper s = {.queue = queue, .call = call};
	pthread_t thread = start_thread(sleep_there, &s);
	while (!s.thread)
		pause_ns(RINGQ_MS(1));
	wait_asleep(s.thread);
	int64_t start = now_ns();
	check_eq(ringq_queue_delete(queue), 0);
	join_thread(thread);
	check_compare(now_ns() - start, <, TEST_SOON);
	return s.result;
}

Test(delete, wakes_all_who_sleep)
{
	static const struct ringq_queue_options plain = {0}, counted = {.max_records = 1},
						acknowledged = {.flags = RINGQ_ACKNOWLEDGED};
	sleep_without_bounds();
	ringq_queue *queue = queue_new(&plain);
	check_eq(sleeper_is_told(queue, sleep_in_get), -EPIPE);
	ringq_queue_release(queue);
	queue = queue_new(&plain);
	check_eq(sleeper_is_told(queue, sleep_in_wait_any), 0);
	ringq_queue_release(queue);
	queue = queue_new(&counted);
	fill(queue, 1);
	check_eq(sleeper_is_told(queue, sleep_in_put), -EPIPE);
	ringq_queue_release(queue);
	queue = queue_new(&acknowledged);
	check_eq(sleeper_is_told(queue, sleep_in_take), -EPIPE);
	ringq_queue_release(queue);
	queue = queue_new(&acknowledged);
	struct ringq_delivery d;
	fill(queue, 1);
	check_eq(ringq_take(queue, &d, RINGQ_NOWAIT), 0);
	check_eq(sleeper_is_told(queue, sleep_in_join), -EPIPE);
	check_eq(ringq_ack(queue, &d), 0);
	ringq_queue_release(queue);
}

Test(delete, shows_on_event_descriptors)
{
	ringq_queue *queue = queue_new(NULL);
	struct pollfd fd = {.fd = ringq_event_fd(queue), .events = POLLIN};

	check_compare(fd.fd, >=, 0);
	check_eq(poll(&fd, 1, 0), 0);
	check_eq(ringq_queue_delete(queue), 0);
	check_eq(poll(&fd, 1, 10000), 1);
	ringq_queue_release(queue);
}

Test(delete, of_an_acknowledged_queue_leaves_what_is_in_hand_to_its_holder)
{
	ringq_region *region = region_new(0);
	ringq_queue *queue = named(region, "q", RINGQ_ACKNOWLEDGED), *other;
	struct ringq_delivery kept, back, none;

	check_eq(ringq_queue_open(&other, region, "q"), 0);
	fill(queue, 10);
	check_eq(ringq_take(queue, &kept, RINGQ_NOWAIT), 0);
	check_eq(ringq_take(queue, &back, RINGQ_NOWAIT), 0);
	check_eq(ringq_queue_delete(other), 0);
	ringq_queue_release(other);
	check_eq(*(const int *)kept.data, 0);
	check_eq(ringq_take(queue, &none, RINGQ_FOREVER), -EPIPE);
	check_eq(ringq_join(queue, RINGQ_FOREVER), -EPIPE);
	check_eq(ringq_requeue(queue, &back), 0);
	check_eq(ringq_take(queue, &none, RINGQ_FOREVER), -EPIPE);
	check_eq(ringq_peek(queue, NULL, 0), -EPIPE);
	check(ringq_empty(queue));
	check_eq(ringq_size(queue), 0);
	check_eq(ringq_ack(queue, &kept), 0);
	ringq_queue_release(queue);

	/* What stood in the books is nothing to the one that is made in its place. */
	queue = named(region, "q", RINGQ_ACKNOWLEDGED);
	check_eq(ringq_take(queue, &none, RINGQ_NOWAIT), -EAGAIN);
	fill(queue, 1);
	check_eq(ringq_take(queue, &none, RINGQ_NOWAIT), 0);
	check_eq(none.attempt, 1);
	check_eq(ringq_ack(queue, &none), 0);
	check_eq(ringq_join(queue, RINGQ_NOWAIT), 0);
	ringq_queue_release(queue);
	ringq_region_detach(region);
}

Test(delete, of_a_queue_of_dead_letters_drops_them)
{
	ringq_region *region = region_new(0);
	ringq_queue *dead = named(region, "dead", 0);
	ringq_queue *queue = queue_in(region,
		&(struct ringq_queue_options){.flags = RINGQ_ACKNOWLEDGED, .max_attempts = 1, .dead_letters = "dead"});
	struct ringq_queue_stat stat;
	struct ringq_delivery d;

	fill(queue, 1);
	check_eq(ringq_queue_delete(dead), 0);
	ringq_queue_release(dead);
	dead = named(region, "dead", 0); /* it is another one */
	check_eq(ringq_take(queue, &d, RINGQ_NOWAIT), 0);
	check_eq(ringq_requeue(queue, &d), 0);
	check_eq(ringq_take(queue, &d, RINGQ_NOWAIT), -EAGAIN);
	check_eq(ringq_queue_stat(queue, &stat), 0);
	check_eq(stat.dead_lettered, 1);
	check_eq(ringq_size(dead), 0);
	ringq_queue_release(dead);
	ringq_queue_release(queue);
	ringq_region_detach(region);
}

Test(delete, leaves_a_single_consumer_what_waits)
{
	ringq_queue *queue = queue_new(&(struct ringq_queue_options){.flags = RINGQ_SINGLE_CONSUMER});
	int got;

	fill(queue, 2);
	check_eq(ringq_queue_delete(queue), 0);
	check_eq(ringq_put(queue, "x", 1, RINGQ_FOREVER), -EPIPE);
	for (int i = 0; i < 2; i++) {
		check_eq(ringq_get(queue, &got, sizeof got, RINGQ_FOREVER), sizeof got);
		check_eq(got, i);
	}
	check_eq(ringq_get(queue, &got, sizeof got, RINGQ_FOREVER), -EPIPE);
	ringq_queue_release(queue);
}

/* ---- names ---- */

Test(delete, names_are_free_again_however_many_there_were)
{
	ringq_region *region = region_new(MIB); /* with room for 64 names */
	ringq_queue *kept[60];
	char name[16];

	for (int i = 0; i < 60; i++) {
		snprintf(name, sizeof name, "kept %d", i);
		kept[i] = queue_in(region, &(struct ringq_queue_options){.name = name, .max_producers = 1});
	}
	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof name, "%d", i);
		ringq_queue *queue = queue_in(region, &(struct ringq_queue_options){.name = name, .max_producers = 1}),
			    *twice;
		check_eq(ringq_queue_create(
				 &twice, region, &(struct ringq_queue_options){.name = name, .max_producers = 1}),
			-EEXIST);
		check_eq(ringq_queue_delete(queue), 0);
		ringq_queue_release(queue);
		check_eq(ringq_queue_open(&twice, region, name), -ENOENT);
	}
	for (int i = 0; i < 60; i++) {
		ringq_queue *again;
		snprintf(name, sizeof name, "kept %d", i);
		check_eq(ringq_queue_open(&again, region, name), 0);
		check_eq(ringq_queue_id(again), ringq_queue_id(kept[i]));
		ringq_queue_release(again);
		ringq_queue_release(kept[i]);
	}
	ringq_region_detach(region);
}

/* ---- memory ---- */

static const struct ringq_queue_options small = {.name = "q", .max_producers = 64};

Test(delete, gives_memory_back_to_the_region_and_to_the_system)
{
	ringq_region *region = region_new(8 * MIB);
	int fit = count_queues_that_fit(region);
	static char large[100000];
	int64_t before = ringq_region_memory(region);

	check_compare(fit, >, 10);
	for (uint64_t i = 0; i < brief_or_long(300, 3000); i++) {
		ringq_queue *queue = queue_in(region, &small);
		for (int k = 0; k < 30; k++)
			check_eq(ringq_put(queue, large, sizeof large, RINGQ_NOWAIT), 0);
		check_eq(ringq_queue_delete(queue), 0);
		ringq_queue_release(queue);
	}
	check_compare(ringq_region_memory(region), <=, before + 65536);
	check_eq(count_queues_that_fit(region), fit);
	ringq_region_detach(region);
}

/* A thread that has used a queue, and holds its handle, without another call. */
struct idler {
	ringq_region *region;
	atomic_int holds, ends;
};

static void *hold_handle(void *arg)
{
	struct idler *idler = arg;
	ringq_queue *queue;
	check_eq(ringq_queue_open(&queue, idler->region, "q"), 0);
	check(!ringq_empty(queue));
	idler->holds = 1;
	wait_set(&idler->ends);
	check_gone(queue);
	ringq_queue_release(queue);
	return NULL;
}

Test(delete, memory_of_records_comes_back_though_others_have_handles_and_the_rest_when_they_go)
{
	struct idler idler = {.region = region_new(8 * MIB)};
	int fit = count_queues_that_fit(idler.region);
	ringq_queue *queue = queue_in(idler.region, &small);
	static char large[100000];

	for (int k = 0; k < 40; k++)
		check_eq(ringq_put(queue, large, sizeof large, RINGQ_NOWAIT), 0);
	int64_t full = ringq_region_memory(idler.region);
	pthread_t thread = start_thread(hold_handle, &idler);
	wait_set(&idler.holds);
	check_eq(ringq_queue_delete(queue), 0);
	ringq_queue_release(queue);
	check_compare(ringq_region_memory(idler.region), <, full - 3000000);
	check_compare(count_queues_that_fit(idler.region), <, fit); /* its own place is not used while it is held */
	idler.ends = 1;
	join_thread(thread);
	check_eq(count_queues_that_fit(idler.region), fit);
	ringq_region_detach(idler.region);
}

static atomic_int *flags; /* shared with children */

static void use_until_killed(void *region)
{
	ringq_queue *queue;
	check_eq(ringq_queue_open(&queue, region, "q"), 0);
	check_eq(ringq_put(queue, "x", 1, RINGQ_NOWAIT), 0);
	flags[0] = 1;
	pause();
}

static void join_until_killed(void *region)
{
	ringq_queue *queue;
	check_eq(ringq_queue_open(&queue, region, "other"), 0);
	check_eq(ringq_put(queue, "x", 1, RINGQ_NOWAIT), 0);
	flags[1] = 1;
	pause();
}

/* A child that uses the queue is killed; another may get its member's number, before or after the delete, and lives on. */
static void check_death(bool heir, bool before)
{
	ringq_region *region = region_new(8 * MIB);
	int fit = count_queues_that_fit(region);
	ringq_queue *other = queue_in(region, &(struct ringq_queue_options){.name = "other", .max_producers = 4});
	ringq_queue *queue = queue_in(region, &small);
	pid_t next = 0;

	flags = share_memory(2 * sizeof *flags);
	fill(queue, 1);
	pid_t child = fork_child(use_until_killed, region);
	wait_set(&flags[0]);
	kill_child(child);
	if (heir && before) {
		next = fork_child(join_until_killed, region);
		wait_set(&flags[1]);
	}
	check_eq(ringq_queue_delete(queue), 0);
	if (heir && !before) {
		next = fork_child(join_until_killed, region);
		wait_set(&flags[1]);
	}
	ringq_queue_release(queue);
	if (!heir) {
		check_eq(ringq_queue_delete(other), 0);
		ringq_queue_release(other);
		check_eq(count_queues_that_fit(region), fit);
	} else {
		int beside = count_queues_that_fit(region);
		kill_child(next);
		check_eq(ringq_queue_delete(other), 0);
		ringq_queue_release(other);
		check_eq(count_queues_that_fit(region), fit);
		check_compare(beside, >=, fit - 1); /* without `other` and its ring only */
	}
	ringq_region_detach(region);
}

Test(delete, a_dead_user_keeps_nothing)
{
	check_death(false, false);
}

Test(delete, nor_does_who_has_the_number_of_the_dead)
{
	check_death(true, true);
	check_death(true, false);
}

static void use_inherited(void *queue)
{
	check_gone(queue);
	ringq_queue_release(queue);
}

Test(delete, a_child_of_fork_is_told_too)
{
	ringq_region *region = region_new(8 * MIB);
	int fit = count_queues_that_fit(region);
	ringq_queue *queue = queue_in(region, &small);

	fill(queue, 5);
	check_eq(ringq_queue_delete(queue), 0);
	reap_child(fork_child(use_inherited, queue));
	ringq_queue_release(queue);
	check_eq(count_queues_that_fit(region), fit);
	ringq_region_detach(region);
}

/* ---- looking on ---- */

Test(delete, is_seen_by_observers)
{
	ringq_region *region = region_new(0), *seen;
	ringq_queue *queue = named(region, "q", 0), *looked;
	ringq_browser *browser;
	struct ringq_queue_stat stat;
	int got;

	fill(queue, 5);
	seen = observe_region(region);
	check_eq(ringq_queue_open(&looked, seen, "q"), 0);
	check_eq(ringq_browse(&browser, looked), 0);
	check_eq(ringq_browse_next(browser, &got, sizeof got, NULL), sizeof got);
	check_eq(ringq_queue_delete(queue), 0);
	check_eq(ringq_browse_next(browser, &got, sizeof got, NULL), -ENOENT);
	check_eq(ringq_queue_stat(looked, &stat), -EPIPE);
	check_eq(ringq_region_objects(seen, NULL, 0), 0);
	ringq_queue_release(queue);
	check_eq(ringq_queue_stat(looked, &stat), -EPIPE);
	check_eq(ringq_browse_next(browser, &got, sizeof got, NULL), -ENOENT);
	ringq_browse_end(browser);
	ringq_queue_release(looked);
	check_eq(ringq_queue_open(&looked, seen, "q"), -ENOENT);
	ringq_region_detach(seen);
	ringq_region_detach(region);
}

/* ---- who wakes up behind all that ---- */

enum { ELEMENTS = 300 };

static int (*real_wait)(const _Atomic uint32_t *, uint32_t, int64_t);
static int (*real_waitv)(const struct rq_sys_wait *, unsigned, int64_t);
static atomic_int sleepers, go;

/* The sleeper has been woken, and is held before it does anything else. */
static int held(int r)
{
	while (!atomic_load(&go))
		pause_ns(RINGQ_US(100));
	return r;
}

static int wait_held(const _Atomic uint32_t *word, uint32_t value, int64_t until)
{
	(void)until;
	atomic_fetch_add(&sleepers, 1);
	return held(real_wait(word, value, -1));
}

static int waitv_held(const struct rq_sys_wait *waits, unsigned n, int64_t until)
{
	(void)until;
	atomic_fetch_add(&sleepers, 1);
	return held(real_waitv(waits, n, -1));
}

static void *sleeps_in_get(void *queue)
{
	char buf[8];

	check_eq(ringq_get(queue, buf, sizeof buf, RINGQ_FOREVER), -EBADF);
	return NULL;
}

static void *sleeps_in_put(void *queue)
{
	check_eq(ringq_put(queue, "x", 1, RINGQ_FOREVER), -EBADF);
	return NULL;
}

static void *sleeps_in_wait_any(void *queue)
{
	check_eq(ringq_wait_any(&(ringq_queue *){queue}, 1, RINGQ_FOREVER), -EBADF);
	return NULL;
}

/* An array in the place of the queue, and locked: all of its words are such as a sleeper would change. */
static ringq_array *in_place_of(ringq_region *region, uint64_t id)
{
	int64_t ones[ELEMENTS];
	ringq_array *array;

	memset(ones, 0xff, sizeof ones);
	check_eq(ringq_array_create(&array, region, "array", RINGQ_INT64, ELEMENTS), 0);
	check_eq(ringq_array_id(array) % (1 << 24), id % (1 << 24)); /* the same first unit */
	check_eq(ringq_array_write(array, ones, sizeof ones), 0);
	check_eq(ringq_lock(array, RINGQ_NOWAIT), 0);
	return array;
}

static void check_untouched(ringq_array *array)
{
	int64_t content[ELEMENTS];

	check_eq(ringq_unlock(array), 0);
	check_eq(ringq_array_read(array, content, sizeof content), 0);
	for (int i = 0; i < ELEMENTS; i++)
		check_eq(content[i], -1);
	ringq_array_release(array);
}

static void sleeper_is_left_behind(void *(*sleep)(void *), uint64_t max_records)
{
	ringq_region *region = region_new(4 * MIB);
	ringq_queue *queue = queue_in(region, &(struct ringq_queue_options){.max_records = max_records});
	uint64_t id = ringq_queue_id(queue);
	pthread_t sleeper;

	if (max_records)
		fill(queue, (int)max_records);
	atomic_store(&sleepers, 0);
	atomic_store(&go, 0);
	sleeper = start_thread(sleep, queue);
	while (!atomic_load(&sleepers))
		pause_ns(RINGQ_US(100));
	check_eq(ringq_queue_delete(queue), 0);
	ringq_queue_release(queue);
	ringq_array *array = in_place_of(region, id);
	atomic_store(&go, 1);
	join_thread(sleeper);
	check_untouched(array);
	ringq_region_detach(region);
}

/* A sleep is outside of the call, so that it keeps neither a release nor the memory of what is deleted. */
Test(delete, who_slept_when_the_handle_was_released_writes_nothing, .timeout = 60)
{
	real_wait = rq_sys.futex_wait;
	real_waitv = rq_sys.futex_waitv;
	rq_sys.futex_wait = wait_held;
	rq_sys.futex_waitv = waitv_held;
	sleeper_is_left_behind(sleeps_in_get, 0);
	sleeper_is_left_behind(sleeps_in_put, 2);
	sleeper_is_left_behind(sleeps_in_wait_any, 0);
	rq_sys.futex_wait = real_wait;
	rq_sys.futex_waitv = real_waitv;
}
