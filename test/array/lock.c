/* SPDX-License-Identifier: MIT */
/* The lock of an array, among threads: recursion, time-outs, exclusion, holders that end. */
#include "../common.h"

#include <criterion/criterion.h>
#include <errno.h>

static ringq_array *value_new(void)
{
	ringq_array *array;

	check_eq(ringq_array_create(&array, NULL, NULL, RINGQ_INT64, 1), 0);
	return array;
}

static void *try_as_another(void *array)
{
	int64_t start;

	check_eq(ringq_unlock(array), -EPERM);
	check_eq(ringq_lock(array, RINGQ_NOWAIT), -EAGAIN);
	start = now_ns();
	check_eq(ringq_lock(array, RINGQ_MS(50)), -ETIMEDOUT);
	check_waited(start, RINGQ_MS(50));
	return NULL;
}

static void *take_and_leave(void *array)
{
	check_eq(ringq_lock(array, RINGQ_NOWAIT), 0);
	check_eq(ringq_unlock(array), 0);
	return NULL;
}

Test(lock, is_recursive_and_excludes_others)
{
	ringq_array *array = value_new();

	check_eq(ringq_unlock(array), -EPERM);
	for (int depth = 1; depth <= 5; depth++)
		check_eq(ringq_lock(array, RINGQ_NOWAIT), 0);
	for (int depth = 5; depth >= 1; depth--) {
		join_thread(start_thread(try_as_another, array));
		check_eq(ringq_unlock(array), 0);
	}
	check_eq(ringq_unlock(array), -EPERM);
	join_thread(start_thread(take_and_leave, array));
	check_eq(ringq_lock(array, RINGQ_NOWAIT), 0);
	check_eq(ringq_unlock(array), 0);
	ringq_array_release(array);
}

struct sleeper {
	ringq_array *array;
	_Atomic pid_t thread;
	int64_t timeout;
	int result;
	atomic_int done;
};

static void *lock_and_unlock(void *arg)
{
	struct sleeper *s = arg;

	s->thread = thread_id();
	s->result = ringq_lock(s->array, s->timeout);
	if (s->result == 0 || s->result == -EOWNERDEAD)
		check_eq(ringq_unlock(s->array), 0);
	s->done = 1;
	return NULL;
}

/* Asleep or, if its time is short, gone. */
static pthread_t start_sleeper(struct sleeper *s, ringq_array *array, int64_t timeout)
{
	pthread_t thread;

	*s = (struct sleeper){.array = array, .timeout = timeout};
	thread = start_thread(lock_and_unlock, s);
	while (!s->thread)
		pause_ns(100000);
	if (timeout == RINGQ_FOREVER)
		wait_asleep(s->thread);
	else
		pause_ns(5000000);
	return thread;
}

Test(lock, is_passed_on_to_all_who_sleep)
{
	enum { N = 8 };
	ringq_array *array = value_new();
	struct sleeper sleepers[N];
	pthread_t threads[N];

	sleep_without_bounds();
	for (int round = 0; round < 5; round++) {
		check_eq(ringq_lock(array, RINGQ_NOWAIT), 0);
		for (int i = 0; i < N; i++)
			threads[i] = start_sleeper(&sleepers[i], array, RINGQ_FOREVER);
		check_eq(ringq_unlock(array), 0);
		for (int i = 0; i < N; i++) {
			join_thread(threads[i]);
			check_eq(sleepers[i].result, 0);
		}
	}
	ringq_array_release(array);
}

/* One that gives up while another sleeps on: the unlock must wake the other. */
Test(lock, wakes_who_sleeps_beside_one_that_gives_up)
{
	ringq_array *array = value_new();

	sleep_without_bounds();
	for (int round = 0; round < 20; round++) {
		struct sleeper gives_up, stays;
		pthread_t a, b;

		check_eq(ringq_lock(array, RINGQ_NOWAIT), 0);
		a = start_sleeper(&gives_up, array, RINGQ_MS(30));
		b = start_sleeper(&stays, array, RINGQ_FOREVER);
		while (!gives_up.done && round % 2)
			pause_ns(1000000);
		check_eq(ringq_unlock(array), 0);
		join_thread(a);
		join_thread(b);
		check(gives_up.result == 0 || gives_up.result == -ETIMEDOUT);
		check_eq(stays.result, 0);
	}
	ringq_array_release(array);
}

static void *lock_and_end(void *array)
{
	check_eq(ringq_lock(array, RINGQ_FOREVER), 0);
	return NULL;
}

struct holder {
	ringq_array *array;
	atomic_int locked, end;
};

static void *hold(void *arg)
{
	struct holder *h = arg;

	check_eq(ringq_lock(h->array, RINGQ_NOWAIT), 0);
	h->locked = 1;
	wait_set(&h->end);
	return NULL;
}

Test(lock, of_a_thread_that_ended_goes_to_exactly_one)
{
	ringq_array *array = value_new();

	join_thread(start_thread(lock_and_end, array));
	check_eq(ringq_lock(array, RINGQ_NOWAIT), -EOWNERDEAD);
	check_eq(ringq_lock(array, RINGQ_NOWAIT), 0);
	check_eq(ringq_unlock(array), 0);
	check_eq(ringq_unlock(array), 0);
	check_eq(ringq_lock(array, RINGQ_NOWAIT), 0);
	check_eq(ringq_unlock(array), 0);
	ringq_array_release(array);
}

Test(lock, of_a_thread_that_ends_wakes_who_sleeps_at_once)
{
	enum { N = 3 };

	sleep_without_bounds();
	for (int round = 0; round < 5; round++) {
		ringq_array *array = value_new();
		struct holder h = {.array = array};
		struct sleeper sleepers[N];
		pthread_t holder = start_thread(hold, &h), threads[N];
		int dead = 0;
		int64_t start;

		wait_set(&h.locked);
		for (int i = 0; i < N; i++)
			threads[i] = start_sleeper(&sleepers[i], array, RINGQ_FOREVER);
		start = now_ns();
		h.end = 1;
		for (int i = 0; i < N; i++) {
			join_thread(threads[i]);
			check(sleepers[i].result == 0 || sleepers[i].result == -EOWNERDEAD);
			dead += sleepers[i].result == -EOWNERDEAD;
		}
		check_compare(now_ns() - start, <, TEST_SOON);
		check_eq(dead, 1);
		join_thread(holder);
		ringq_array_release(array);
	}
}

enum { THREADS = 4, ROUNDS = 20000 };

static void *count_up(void *array)
{
	for (int i = 0; i < ROUNDS; i++) {
		int64_t *n = ringq_array_data(array);

		check_eq(ringq_lock(array, i % 3 ? RINGQ_FOREVER : TEST_SOON), 0);
		(*n)++; /* plain: the lock's order must do */
		check_eq(ringq_unlock(array), 0);
	}
	return NULL;
}

Test(lock, excludes_threads)
{
	ringq_array *array = value_new();
	pthread_t threads[THREADS];

	sleep_without_bounds();
	for (int i = 0; i < THREADS; i++)
		threads[i] = start_thread(count_up, array);
	for (int i = 0; i < THREADS; i++)
		join_thread(threads[i]);
	check_eq(*(int64_t *)ringq_array_data(array), THREADS * ROUNDS);
	ringq_array_release(array);
}

static void unlock_what_the_parent_holds(void *array)
{
	check_eq(ringq_unlock(array), -EPERM);
	check_eq(ringq_lock(array, RINGQ_NOWAIT), -EAGAIN);
}

Test(lock, is_not_held_by_a_child_of_fork)
{
	ringq_array *array = value_new();

	if (TEST_UNDER_TSAN) /* which allows a child of threads little */
		return;
	check_eq(ringq_lock(array, RINGQ_NOWAIT), 0);
	reap_child(fork_child(unlock_what_the_parent_holds, array));
	check_eq(ringq_unlock(array), 0);
	ringq_array_release(array);
}
