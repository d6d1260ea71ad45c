/* SPDX-License-Identifier: MIT */
/* A membarrier that fails, as it may where memory is short: nothing goes on as if it had been made. */
#include "../common.h"

#include <criterion/criterion.h>
#include <errno.h>

#include "base/event.h"
#include "base/sys.h"
#include "queue/handle.h"

static int (*real_barrier)(void);
static int (*real_wake)(const _Atomic uint32_t *word, int n);
static bool fails;
static unsigned barriers;

static int barrier(void)
{
	barriers++;
	return fails ? -ENOMEM : real_barrier();
}

static void replace_barrier(void)
{
	real_barrier = rq_sys.barrier;
	rq_sys.barrier = barrier;
}

static void *get_seven(void *queue)
{
	check_eq(get_number(queue, TEST_SOON), 7);
	return NULL;
}

Test(barrier, that_always_fails_lets_calls_sleep_and_wake)
{
	for (size_t k = 0; k < kinds_count; k++) {
		ringq_queue *queue = queue_new(&kinds[k].options);
		pthread_t getter;

		test_context = kinds[k].name;
		replace_barrier();
		fails = true;
		check_eq(get_number(queue, RINGQ_MS(30)), -ETIMEDOUT);
		getter = start_thread(get_seven, queue);
		pause_ns(RINGQ_MS(30));
		check_eq(put_number(queue, 7, RINGQ_NOWAIT), 0);
		join_thread(getter);
		rq_sys.barrier = real_barrier;
		ringq_queue_release(queue);
	}
}

/* ---- the stamp that serves twice ---- */

enum { ROUNDS = 5000 };

static struct {
	ringq_queue *queue;
	int64_t number;
	atomic_int wanted, done, stop;
	pthread_t owner;
} other;

static void *put_when_wanted(void *unused)
{
	while (!atomic_load(&other.stop)) {
		if (atomic_load(&other.wanted) == atomic_load(&other.done)) {
			rq_sys.yield();
			continue;
		}
		check_eq(put_number(other.queue, other.number, RINGQ_NOWAIT), 0);
		atomic_fetch_add(&other.done, 1);
	}
	return unused;
}

static void let_other_put(int64_t number)
{
	other.number = number;
	atomic_fetch_add(&other.wanted, 1);
	while (atomic_load(&other.done) != atomic_load(&other.wanted))
		rq_sys.yield();
}

/* Called behind the publish of a put that finds a sleeper, and before it may come to stand alone. */
static int put_in_between(const _Atomic uint32_t *word, int n)
{
	if (!pthread_equal(pthread_self(), other.owner) || word != &other.queue->shared->not_empty)
		return real_wake(word, n);
	rq_sys.futex_wake = real_wake;
	let_other_put(other.number + 1);
	return n;
}

/*
 * A producer that has stood alone tries to do so again, in vain. Between its record and that another one is put; what it
 * puts next must come out behind it, and does not if it goes on with the stamp of the first time.
 */
Test(barrier, that_fails_does_not_bring_an_old_stamp_back, .timeout = 60)
{
	pthread_t thread;
	unsigned in_vain = 0;

	other.queue = queue_new(NULL);
	other.owner = pthread_self();
	real_wake = rq_sys.futex_wake;
	thread = start_thread(put_when_wanted, NULL);
	let_other_put(-1); /* two lanes, so that records have stamps */
	check_eq(get_number(other.queue, RINGQ_NOWAIT), -1);
	replace_barrier();
	/* Long enough to stand alone, and odd: so that the first put of a round is the one that tries to, in vain. */
	for (int64_t i = 0; i < 2049; i++) {
		check_eq(put_number(other.queue, i, RINGQ_NOWAIT), 0);
		check_eq(get_number(other.queue, RINGQ_NOWAIT), i);
	}
	check_compare(rq_load(&other.queue->shared->bias), !=, 0);
	fails = true;
	for (int64_t i = 0; i < ROUNDS; i++) {
		unsigned before = barriers;

		other.number = 3 * i;
		atomic_fetch_or(&other.queue->shared->not_empty, RQ_EVENT_WAITERS);
		rq_sys.futex_wake = put_in_between;
		check_eq(put_number(other.queue, 3 * i, RINGQ_NOWAIT), 0);
		in_vain += barriers != before;
		check_eq(put_number(other.queue, 3 * i + 2, RINGQ_NOWAIT), 0);
		for (int64_t k = 0; k < 3; k++)
			check_eq(get_number(other.queue, RINGQ_NOWAIT), 3 * i + k);
	}
	check_compare(in_vain, >, 0);
	rq_sys.futex_wake = real_wake;
	rq_sys.barrier = real_barrier;
	atomic_store(&other.stop, 1);
	join_thread(thread);
	ringq_queue_release(other.queue);
}
