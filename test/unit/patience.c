/* SPDX-License-Identifier: MIT */
/*
 * A time-out bounds the whole call, also where a yield takes long: the processor goes to others then, for as long as they
 * like. Here each yield takes a tenth of a second of a clock that the test has put in the library's place.
 */
#include "../common.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "base/sys.h"

static int64_t passed;
static unsigned yields;
static int64_t (*real_now)(void);

static int64_t now_of_a_busy_machine(void)
{
	return real_now() + passed;
}

static void yield_on_a_busy_machine(void)
{
	passed += RINGQ_MS(100);
	yields++;
}

static void make_busy(void)
{
	real_now = rq_sys.now;
	rq_sys.now = now_of_a_busy_machine;
	rq_sys.yield = yield_on_a_busy_machine;
}

/* How often a call yields; one that has a millisecond has none left after the first time. */
#define YIELDS_OF(call, result)                         \
	do {                                            \
		yields = 0;                             \
		check_eq(call, result);                 \
		check_compare(yields, <=, yields_most); \
	} while (0)

static void get_in_all_ways(ringq_queue *queue, int64_t timeout, int result)
{
	unsigned yields_most = timeout ? 1 : 0;
	char buffer[16];
	struct iovec record = {buffer, sizeof(buffer)};
	void *out;

	for (int i = 0; i < 3; i++) {
		YIELDS_OF(ringq_get(queue, buffer, sizeof(buffer), timeout), result);
		YIELDS_OF(ringq_get_alloc(queue, &out, timeout), result);
		YIELDS_OF(ringq_get_many(queue, &record, 1, timeout), result);
	}
}

Test(patience, of_gets_ends_with_the_yield_that_took_it)
{
	for (size_t k = 0; k < kinds_count; k++) {
		ringq_queue *queue = queue_new(&kinds[k].options);

		test_context = kinds[k].name;
		make_busy();
		get_in_all_ways(queue, RINGQ_MS(1), -ETIMEDOUT);
		get_in_all_ways(queue, RINGQ_NOWAIT, -EAGAIN);
		/* With one lane there is a cheap look, before which a record has been got. */
		check_eq(put_number(queue, 1, RINGQ_NOWAIT), 0);
		check_eq(get_number(queue, RINGQ_NOWAIT), 1);
		get_in_all_ways(queue, RINGQ_MS(1), -ETIMEDOUT);
		get_in_all_ways(queue, RINGQ_NOWAIT, -EAGAIN);
		rq_sys.now = real_now;
		ringq_queue_release(queue);
	}
}

Test(patience, of_waits_on_pipes_and_several_queues_ends_too)
{
	unsigned yields_most = 1;
	ringq_pipe *ends[2];
	ringq_queue *queue;

	check_eq(ringq_pipe_create(&ends[0], &ends[1], NULL, 0), 0);
	queue = ringq_pipe_input(ends[0]);
	make_busy();
	YIELDS_OF(ringq_poll(ends[0], RINGQ_MS(1)), 0);
	YIELDS_OF(ringq_poll(ends[0], RINGQ_NOWAIT), 0);
	yields = 0;
	check(ringq_wait_any(&queue, 1, RINGQ_MS(1)) < 0);
	check_compare(yields, <=, 1);
	rq_sys.now = real_now;
	ringq_pipe_close(ends[0]);
	ringq_pipe_close(ends[1]);
}

/* Puts until it is full, through all that is done before more memory is taken. */
static void fill(ringq_queue *queue, size_t len, int64_t timeout, int result)
{
	static char record[100000];
	unsigned yields_most = timeout ? 1 : 0, most = 0;
	int r;

	do {
		yields = 0;
		r = ringq_put(queue, record, len, timeout);
		most = yields > most ? yields : most;
	} while (r == 0);
	check_eq(r, result);
	check_compare(most, <=, yields_most);
	YIELDS_OF(ringq_put(queue, record, len, timeout), result);
	YIELDS_OF(ringq_put_many(queue, &(struct iovec){record, len}, 1, timeout), result);
	YIELDS_OF(ringq_reserve(queue, &(void *){NULL}, len, timeout), result);
}

Test(patience, of_puts_ends_with_the_yield_that_took_it, .timeout = 60)
{
	static const size_t lens[] = {60, 5000, 100000};

	for (size_t i = 0; i < COUNT(lens); i++)
		for (int nowait = 0; nowait < 2; nowait++) {
			ringq_queue *queue = queue_new(NULL),
				    *few = queue_new(&(struct ringq_queue_options){.max_records = 3});

			test_row(2 * i + (size_t)nowait);
			make_busy();
			fill(queue, lens[i], nowait ? RINGQ_NOWAIT : RINGQ_MS(1), nowait ? -EAGAIN : -ETIMEDOUT);
			fill(few, lens[i], nowait ? RINGQ_NOWAIT : RINGQ_MS(1), nowait ? -EAGAIN : -ETIMEDOUT);
			rq_sys.now = real_now;
			ringq_queue_release(queue);
			ringq_queue_release(few);
		}
}
