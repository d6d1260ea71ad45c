/* SPDX-License-Identifier: MIT */
/* max_records: exact, with any number of producers. */
#include "../common.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

static const unsigned orders[] = {RINGQ_ORDER_TOTAL, RINGQ_ORDER_PRODUCER};
static const uint64_t bounds[] = {1, 2, 3, 8, 63, 64, 65, 1000};

static ringq_queue *bounded(unsigned order, uint64_t max_records, unsigned flags)
{
	return queue_new(&(struct ringq_queue_options){.order = order, .max_records = max_records, .flags = flags});
}

static void check_holds(ringq_queue *queue, uint64_t records, uint64_t max_records)
{
	check_eq(ringq_size(queue), records);
	check_eq(ringq_empty(queue), records == 0);
	check_eq(ringq_full(queue), records == max_records);
}

/* One producer fills, goes round and drains. */
static void check_one_lane(ringq_queue *queue, uint64_t bound)
{
	int64_t in = 0, out = 0;

	for (int round = 0; round < 5; round++) {
		for (uint64_t i = 0; i < bound; i++) {
			check_holds(queue, i, bound);
			check_eq(put_number(queue, in++, RINGQ_NOWAIT), 0);
		}
		for (uint64_t i = 0; i < bound * 3 + 1; i++) {
			check_holds(queue, bound, bound);
			check_eq(put_number(queue, -1, RINGQ_NOWAIT), -EAGAIN);
			check_eq(get_number(queue, RINGQ_NOWAIT), out++);
			check_holds(queue, bound - 1, bound);
			check_eq(put_number(queue, in++, RINGQ_NOWAIT), 0);
		}
		for (uint64_t i = bound; i--;) {
			check_eq(get_number(queue, RINGQ_NOWAIT), out++);
			check_holds(queue, i, bound);
		}
	}
}

Test(bounded, one_producer_fits_exactly)
{
	static const unsigned flags[] = {
		0, RINGQ_SINGLE_PRODUCER, RINGQ_SINGLE_CONSUMER, RINGQ_SINGLE_PRODUCER | RINGQ_SINGLE_CONSUMER};

	for (size_t i = 0; i < COUNT(bounds); i++) {
		/* ringq_full() looks at every place, which takes long. */
		if ((TEST_UNDER_TSAN || test_size() == TEST_QUICK) && bounds[i] > 100)
			continue;
		for (size_t k = 0; k < COUNT(flags) * 2; k++) {
			ringq_queue *queue = bounded(orders[k % 2], bounds[i], flags[k / 2]);

			check_one_lane(queue, bounds[i]);
			ringq_queue_release(queue);
		}
	}
}

Test(bounded, a_full_queue_times_out_no_sooner_than_asked)
{
	ringq_queue *queue = bounded(RINGQ_ORDER_TOTAL, 1, 0);
	int64_t start = now_ns();

	check_eq(put_number(queue, 1, RINGQ_FOREVER), 0);
	check_eq(put_number(queue, 1, RINGQ_MS(50)), -ETIMEDOUT);
	check_waited(start, RINGQ_MS(50));
	check_holds(queue, 1, 1);
	ringq_queue_release(queue);
}

static void *put_one(void *queue)
{
	check_eq(put_number(queue, 1, RINGQ_NOWAIT), 0);
	return NULL;
}

static void *put_none(void *queue)
{
	check_eq(put_number(queue, 1, RINGQ_NOWAIT), -EAGAIN);
	check(ringq_full(queue));
	return NULL;
}

static void *get_one(void *queue)
{
	check_eq(get_number(queue, RINGQ_NOWAIT), 1);
	return NULL;
}

Test(bounded, producers_that_come_and_go_fit_exactly)
{
	static const uint64_t few[] = {1, 2, 3, 20};

	for (size_t i = 0; i < COUNT(few) * 2; i++) {
		uint64_t bound = few[i / 2];
		ringq_queue *queue = bounded(orders[i % 2], bound, 0);

		for (uint64_t n = 0; n < bound; n++) {
			join_thread(start_thread(put_one, queue));
			check_holds(queue, n + 1, bound);
		}
		for (int round = 0; round < 10; round++) {
			join_thread(start_thread(put_none, queue));
			check_holds(queue, bound, bound);
			join_thread(start_thread(get_one, queue));
			check_holds(queue, bound - 1, bound);
			join_thread(start_thread(put_one, queue));
		}
		ringq_queue_release(queue);
	}
}

struct race {
	ringq_queue *queue;
	uint64_t bound;
	atomic_int start;
	atomic_ullong put, gets_begun;
};

static void *put_until_full(void *arg)
{
	struct race *race = arg;
	int rc;

	wait_set(&race->start);
	while ((rc = put_number(race->queue, 1, RINGQ_NOWAIT)) == 0)
		atomic_fetch_add(&race->put, 1);
	check_eq(rc, -EAGAIN);
	return NULL;
}

Test(bounded, producers_that_race_fill_it_exactly, .timeout = 200)
{
	for (uint64_t round = 0; round < brief_or_long(TEST_UNDER_TSAN ? 40 : 400, 4000); round++) {
		uint64_t bound = bounds[round / 2 % COUNT(bounds)];
		struct race race = {.queue = bounded(orders[round % 2], bound, 0)};
		pthread_t threads[6];

		for (size_t i = 0; i < COUNT(threads); i++)
			threads[i] = start_thread(put_until_full, &race);
		atomic_store(&race.start, 1);
		for (size_t i = 0; i < COUNT(threads); i++)
			join_thread(threads[i]);
		check_eq(race.put, bound);
		check_holds(race.queue, bound, bound);
		ringq_queue_release(race.queue);
	}
}

static int race_records(void)
{
	return (int)(TEST_UNDER_TSAN ? 2000 : brief_or_long(20000, 20000));
}

/*
 * What had been put when it was looked at, less the gets that had begun when it was looked at later, was all in the
 * queue at some instant between the two looks.
 */
static void *put_and_watch(void *arg)
{
	struct race *race = arg;

	for (int i = 0; i < race_records(); i++) {
		uint64_t put;

		check_eq(put_number(race->queue, i, TEST_SOON), 0);
		put = atomic_fetch_add(&race->put, 1) + 1;
		check_compare((int64_t)(put - atomic_load(&race->gets_begun)), <=, race->bound);
	}
	return NULL;
}

static void *get_and_count(void *arg)
{
	struct race *race = arg;

	for (int i = 0; i < race_records(); i++) {
		atomic_fetch_add(&race->gets_begun, 1);
		check_compare(get_number(race->queue, TEST_SOON), >=, 0);
	}
	return NULL;
}

Test(bounded, never_holds_more_while_all_move, .timeout = 200)
{
	static const uint64_t few[] = {1, 2, 3, 100};

	for (size_t i = 0; i < COUNT(few) * 2; i++) {
		struct race race = {.bound = few[i / 2], .queue = bounded(orders[i % 2], few[i / 2], 0)};
		pthread_t threads[6];

		for (size_t k = 0; k < COUNT(threads); k++)
			threads[k] = start_thread(k % 2 ? put_and_watch : get_and_count, &race);
		for (size_t k = 0; k < COUNT(threads); k++)
			join_thread(threads[k]);
		check_holds(race.queue, 0, race.bound);
		ringq_queue_release(race.queue);
	}
}

enum { PLACES = 8, PAGE = 4096 };

static char *wall;

static void stop_at_the_wall(int signal)
{
	(void)signal;
	raise(SIGSTOP);
	mprotect(wall, PAGE, PROT_READ);
}

/* The last of the records lies where the first look at it stops the process. */
static void put_many_up_to_the_wall(void *queue)
{
	struct iovec records[PLACES];

	wall = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	check(wall != MAP_FAILED);
	signal(SIGSEGV, stop_at_the_wall);
	for (int i = 0; i < PLACES; i++)
		records[i] = (struct iovec){i < PLACES - 1 ? "child" : wall, 5};
	check_eq(ringq_put_many(queue, records, PLACES, RINGQ_NOWAIT), PLACES);
}

/* What is published then is there to be taken; what is not has no place. */
Test(bounded, who_stops_in_put_many_holds_one_place_at_most)
{
	if (TEST_UNDER_TSAN || TEST_UNDER_ASAN)
		cr_skip_test("the sanitizer has the signal");
	for (size_t order = 0; order < COUNT(orders); order++) {
		ringq_queue *queue = bounded(orders[order], PLACES, 0);
		pid_t child = fork_child(put_many_up_to_the_wall, queue);
		uint64_t in = 0, published;
		char buf[8];
		int status;

		check_eq(waitpid(child, &status, WUNTRACED), child);
		check(WIFSTOPPED(status));
		published = ringq_size(queue);
		while (put_number(queue, 0, RINGQ_NOWAIT) == 0)
			in++;
		check_compare(in + published, >=, PLACES - 1);
		for (uint64_t i = 0; i < in + published; i++)
			check_compare(ringq_get(queue, buf, sizeof(buf), RINGQ_NOWAIT), >, 0);
		check_eq(kill(child, SIGCONT), 0);
		reap_child(child);
		check_eq(ringq_size(queue), PLACES - published);
		ringq_queue_release(queue);
	}
}

struct batch {
	ringq_queue *queue;
	unsigned puts;
};

static void *put_batches(void *arg)
{
	struct batch *batch = arg;
	int64_t numbers[100];
	struct iovec records[100];

	for (unsigned i = 0; i < batch->puts; i += 100) {
		for (unsigned k = 0; k < 100; k++) {
			numbers[k] = i + k;
			records[k] = (struct iovec){&numbers[k], sizeof(numbers[k])};
		}
		check_eq(ringq_put_many(batch->queue, records, 100, RINGQ_FOREVER), 100);
	}
	return NULL;
}

/* Batches that are larger than the bound, by several: each producer's order holds, and the bound. */
Test(bounded, batches_larger_than_the_bound_go_in_piece_by_piece, .timeout = 50)
{
	for (size_t i = 0; i < 6; i++) {
		uint64_t bound = bounds[i / 2];
		struct batch batch = {.queue = bounded(orders[i % 2], bound, 0), .puts = 2000};
		pthread_t threads[3];
		int64_t sum = 0;

		for (size_t k = 0; k < COUNT(threads); k++)
			threads[k] = start_thread(put_batches, &batch);
		for (unsigned n = 0; n < COUNT(threads) * batch.puts; n++) {
			check_compare(ringq_size(batch.queue), <=, bound);
			sum += get_number(batch.queue, TEST_SOON);
		}
		for (size_t k = 0; k < COUNT(threads); k++)
			join_thread(threads[k]);
		check_eq(sum, COUNT(threads) * (int64_t)batch.puts * (batch.puts - 1) / 2);
		check_holds(batch.queue, 0, bound);
		ringq_queue_release(batch.queue);
	}
}
