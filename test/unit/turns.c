/* SPDX-License-Identifier: MIT */
/*
 * RINGQ_ORDER_PRODUCER: producers take turns. With a backlog of each, a consumer takes no more than 64 records of one
 * in a row, whichever way it takes them, and no more than eight times that if it is fast.
 */
#include "../common.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "order/next.h"
#include "base/sys.h"

enum { PRODUCERS = 3, RECORDS = 3 * RQ_QUANTA_MOST * RQ_QUANTUM, LONG = 200, MANY = 100 };

struct backlog {
	ringq_queue *queue;
	size_t len;
	atomic_int next_name, ready, over;
};

static void *produce(void *arg)
{
	struct backlog *backlog = arg;
	uint32_t name = (uint32_t)atomic_fetch_add(&backlog->next_name, 1);
	char record[LONG];

	for (uint32_t number = 0; number < RECORDS; number++) {
		record_fill(record, backlog->len, (struct record_id){name, number});
		check_eq(ringq_put(backlog->queue, record, backlog->len, RINGQ_NOWAIT), 0);
	}
	atomic_fetch_add(&backlog->ready, 1);
	wait_set(&backlog->over); /* a lane is its own only while it lives */
	return NULL;
}

/* Ways to take records: into records[], each of LONG bytes. How many. */
static size_t take_one(ringq_queue *queue, char *records, size_t *lens)
{
	ssize_t len = ringq_get(queue, records, LONG, RINGQ_NOWAIT);

	check_compare(len, >, 0);
	lens[0] = (size_t)len;
	return 1;
}

static size_t take_alloc(ringq_queue *queue, char *records, size_t *lens)
{
	void *record;
	ssize_t len = ringq_get_alloc(queue, &record, RINGQ_NOWAIT);

	check_compare(len, >, 0);
	lens[0] = (size_t)len;
	memcpy(records, record, (size_t)len);
	free(record);
	return 1;
}

static size_t take_many(ringq_queue *queue, char *records, size_t *lens)
{
	struct iovec v[MANY];
	ssize_t n;

	for (size_t i = 0; i < MANY; i++)
		v[i] = (struct iovec){records + i * LONG, LONG};
	n = ringq_get_many(queue, v, MANY, RINGQ_NOWAIT);
	check_compare(n, >, 0);
	for (ssize_t i = 0; i < n; i++)
		lens[i] = v[i].iov_len;
	return (size_t)n;
}

/* The longest run of one producer's records while others' were waiting. */
static unsigned longest_run(const struct ringq_queue_options *options, size_t len,
	size_t (*take)(ringq_queue *queue, char *records, size_t *lens))
{
	struct backlog backlog = {.queue = queue_new(options), .len = len};
	unsigned run = 0, longest = 0, left[PRODUCERS], waiting = PRODUCERS;
	uint32_t last = PRODUCERS;
	pthread_t threads[PRODUCERS];

	for (unsigned i = 0; i < PRODUCERS; i++) {
		left[i] = RECORDS;
		threads[i] = start_thread(produce, &backlog);
	}
	while (atomic_load(&backlog.ready) < PRODUCERS)
		pause_ns(RINGQ_MS(1));
	while (waiting > 1) {
		static char records[MANY * LONG];
		size_t lens[MANY], n = take(backlog.queue, records, lens);

		for (size_t i = 0; i < n && waiting > 1; i++) {
			uint32_t producer = record_check(records + i * LONG, (ssize_t)lens[i]).producer;

			run = producer == last ? run + 1 : 1;
			last = producer;
			longest = run > longest ? run : longest;
			waiting -= --left[producer] == 0;
		}
	}
	atomic_store(&backlog.over, 1);
	for (unsigned i = 0; i < PRODUCERS; i++)
		join_thread(threads[i]);
	ringq_queue_release(backlog.queue);
	return longest;
}

/* Each look at the clock finds it so much later. */
static int64_t a_step, the_time;

static int64_t steps(void)
{
	return the_time += a_step;
}

static const struct {
	const char *name;
	size_t len;
	size_t (*take)(ringq_queue *queue, char *records, size_t *lens);
	struct ringq_queue_options options;
} rows[] = {
	{"short records", 8, take_one, {.order = RINGQ_ORDER_PRODUCER}},
	{"long records", LONG, take_one, {.order = RINGQ_ORDER_PRODUCER}},
	{"allocated", 8, take_alloc, {.order = RINGQ_ORDER_PRODUCER}},
	{"batches", 8, take_many, {.order = RINGQ_ORDER_PRODUCER}},
	{"batches of long records", LONG, take_many, {.order = RINGQ_ORDER_PRODUCER}},
	{"one consumer", 8, take_one, {.order = RINGQ_ORDER_PRODUCER, .flags = RINGQ_SINGLE_CONSUMER}},
	{"counted", 8, take_one, {.order = RINGQ_ORDER_PRODUCER, .max_records = PRODUCERS * RECORDS}},
	{"counted, batches", 8, take_many, {.order = RINGQ_ORDER_PRODUCER, .max_records = PRODUCERS * RECORDS}},
};

static void check_runs(int64_t step, unsigned expected)
{
	int64_t (*real)(void) = rq_sys.now;

	a_step = step;
	for (size_t i = 0; i < COUNT(rows); i++) {
		test_context = rows[i].name;
		rq_sys.now = steps;
		unsigned run = longest_run(&rows[i].options, rows[i].len, rows[i].take);
		rq_sys.now = real;
		check_eq(run, expected);
	}
	test_context = NULL;
}

Test(turns, a_slow_consumer_goes_round_soon, .timeout = 200)
{
	check_runs(RINGQ_MS(1), RQ_QUANTUM);
}

Test(turns, a_fast_consumer_stays_longer_and_goes_round_too, .timeout = 200)
{
	check_runs(0, RQ_QUANTA_MOST * RQ_QUANTUM);
}
