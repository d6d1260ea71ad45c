/* SPDX-License-Identifier: MIT */
/* Closing. */
#include "../common.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

/* Calls run with a queue of each kind. */
static void for_each_kind(void (*run)(ringq_queue *queue))
{
	for (size_t i = 0; i < kinds_count; i++) {
		ringq_queue *queue = queue_new(&kinds[i].options);

		test_context = kinds[i].name;
		run(queue);
		ringq_queue_release(queue);
	}
}

static void check_closed_for_puts(ringq_queue *queue)
{
	struct iovec iov = {"x", 1};
	void *reserved;

	check_eq(put_number(queue, 1, RINGQ_NOWAIT), -EPIPE);
	check_eq(put_number(queue, 1, RINGQ_FOREVER), -EPIPE);
	check_eq(put_number(queue, 1, RINGQ_MS(1)), -EPIPE);
	check_eq(ringq_put_many(queue, &iov, 1, RINGQ_FOREVER), -EPIPE);
	check_eq(ringq_reserve(queue, &reserved, 1, RINGQ_FOREVER), -EPIPE);
	check_eq(ringq_close(queue), 0);
}

static void check_closed_for_gets(ringq_queue *queue)
{
	char buf[8];
	struct iovec iov = {buf, 8};
	void *record;

	check_eq(get_number(queue, RINGQ_NOWAIT), -EPIPE);
	check_eq(get_number(queue, RINGQ_FOREVER), -EPIPE);
	check_eq(get_number(queue, RINGQ_MS(1)), -EPIPE);
	check_eq(ringq_get_alloc(queue, &record, RINGQ_FOREVER), -EPIPE);
	check_eq(ringq_get_many(queue, &iov, 1, RINGQ_FOREVER), -EPIPE);
	check_eq(ringq_peek(queue, buf, 8), -EPIPE);
	check(ringq_empty(queue));
	check_eq(ringq_size(queue), 0);
}

static void close_empty(ringq_queue *queue)
{
	check_eq(ringq_close(queue), 0);
	check_closed_for_puts(queue);
	check_closed_for_gets(queue);
}

Test(close, of_an_empty_queue_ends_it)
{
	for_each_kind(close_empty);
}

static void close_and_drain(ringq_queue *queue)
{
	char buf[8];

	for (int i = 0; i < 1000; i++)
		check_eq(put_number(queue, i, RINGQ_NOWAIT), 0);
	check_eq(ringq_close(queue), 0);
	check_closed_for_puts(queue);
	for (int i = 0; i < 1000; i++) {
		check(!ringq_empty(queue));
		check_eq(ringq_size(queue), 1000 - i);
		check_eq(ringq_peek(queue, buf, 8), 8);
		check_eq(ringq_get(queue, buf, 7, RINGQ_FOREVER), -EMSGSIZE);
		check_eq(get_number(queue, i % 2 ? RINGQ_NOWAIT : RINGQ_FOREVER), i);
	}
	check_closed_for_gets(queue);
	check_closed_for_puts(queue);
	check_closed_for_gets(queue);
}

Test(close, lets_gets_drain_what_is_there)
{
	for_each_kind(close_and_drain);
}

Test(close, holds_for_all_handles_and_later_ones)
{
	ringq_queue *one = queue_new(&(struct ringq_queue_options){0}), *two;

	check_eq(put_number(one, 1, RINGQ_NOWAIT), 0);
	check_eq(ringq_close(one), 0);
	check_eq(ringq_queue_open(&two, ringq_queue_region(one), NULL), 0);
	ringq_queue_release(one);
	check_closed_for_puts(two);
	check_eq(get_number(two, RINGQ_NOWAIT), 1);
	check_closed_for_gets(two);
	ringq_queue_release(two);
}

static void *put_until_closed(void *queue)
{
	int64_t count = 0;
	int rc;

	while ((rc = put_number(queue, count, RINGQ_NOWAIT)) == 0 || rc == -EAGAIN)
		count += rc == 0;
	check_eq(rc, -EPIPE);
	return (void *)(intptr_t)count;
}

/* A put that overlaps close may still go in, and then comes out: nothing that returned 0 is lost. */
Test(close, loses_nothing_that_was_put)
{
	for (int round = 0; round < 200; round++) {
		ringq_queue *queue = queue_new(
			&(struct ringq_queue_options){.order = round % 2, .max_records = round % 4 < 2 ? 0 : 50});
		pthread_t threads[3];
		int64_t put = 0, got = 0, rc;

		for (size_t i = 0; i < COUNT(threads); i++)
			threads[i] = start_thread(put_until_closed, queue);
		pause_ns(RINGQ_US(round));
		check_eq(ringq_close(queue), 0);
		while ((rc = get_number(queue, RINGQ_FOREVER)) >= 0)
			got++;
		check_eq(rc, -EPIPE);
		for (size_t i = 0; i < COUNT(threads); i++) {
			void *count;

			check_eq(pthread_join(threads[i], &count), 0);
			put += (intptr_t)count;
		}
		/* What went in while the queue was being drained. */
		while ((rc = get_number(queue, RINGQ_FOREVER)) >= 0)
			got++;
		check_eq(rc, -EPIPE);
		check_eq(got, put);
		ringq_queue_release(queue);
	}
}
