/* SPDX-License-Identifier: MIT */
/* Takes from a queue with a single consumer: read where they lie, and gone when they are acknowledged, not before. */
#include "../common.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "queue/single.h"
#include "region/region.h"

/* Fast paths and slow ones: one lane or several, with stamps or without, with places or without. */
static const struct ringq_queue_options queues[] = {
	{.flags = RINGQ_SINGLE_CONSUMER},
	{.flags = RINGQ_SINGLE_CONSUMER | RINGQ_SINGLE_PRODUCER},
	{.flags = RINGQ_SINGLE_CONSUMER, .order = RINGQ_ORDER_PRODUCER},
	{.flags = RINGQ_SINGLE_CONSUMER, .max_records = 1000},
};

static ringq_queue *single(unsigned order)
{
	return queue_new(&(struct ringq_queue_options){.flags = RINGQ_SINGLE_CONSUMER, .order = order, .name = "q"});
}

static struct ringq_delivery take(ringq_queue *queue, int64_t number)
{
	return take_number(queue, number, 1);
}

static void take_and_finish(ringq_queue *queue, int64_t number)
{
	struct ringq_delivery d = take(queue, number);

	check_eq(ringq_ack(queue, &d), 0);
	check(!d.data);
}

static bool lies_in_region(ringq_queue *queue, const void *at)
{
	struct ringq_region *region = ringq_queue_region(queue);

	return (const char *)at > region->base && (const char *)at < region->base + region->at.size;
}

Test(in_place, records_of_all_lengths_lie_where_they_were_put)
{
	static const size_t lens[] = {0, 1, 56, 4000, 70000, 3 << 20, 300000, 8, 200000, 20 << 20, 40};
	char *record = malloc(20 << 20), *got = malloc(20 << 20);

	for (size_t k = 0; k < COUNT(queues); k++) {
		ringq_queue *queue = queue_new(&queues[k]);
		for (size_t i = 0; i < 3 * COUNT(lens); i++) {
			size_t len = lens[i % COUNT(lens)];
			struct ringq_delivery d;

			memset(record, (int)i + 1, len);
			check_eq(ringq_put(queue, record, len, RINGQ_NOWAIT), 0);
			if (i % 3 == 2) {
				check_eq(ringq_get(queue, got, 20 << 20, RINGQ_NOWAIT), len);
				check_eq(memcmp(got, record, len), 0);
				continue;
			}
			check_eq(ringq_take(queue, &d, RINGQ_NOWAIT), 0);
			check_eq(d.len, len);
			check(lies_in_region(queue, d.data));
			check_eq(memcmp(d.data, record, len), 0);
			check_eq(ringq_ack(queue, &d), 0);
			check(ringq_empty(queue));
		}
		ringq_queue_release(queue);
	}
	free(record);
	free(got);
}

Test(in_place, one_is_open_at_a_time_and_stays_in_the_queue)
{
	for (size_t k = 0; k < COUNT(queues); k++) {
		ringq_queue *queue = queue_new(&queues[k]);
		struct ringq_delivery other, many[4];
		int64_t buffer;
		void *memory;

		put_numbers(queue, 0, 300);
		for (int64_t i = 0; i < 300; i++) {
			struct ringq_delivery d = take(queue, i);
			if (i % 16 == 0) {
				check_eq(ringq_take(queue, &other, RINGQ_NOWAIT), -EBUSY);
				check_eq(ringq_take_many(queue, many, 4, RINGQ_NOWAIT), -EBUSY);
				check_eq(get_number(queue, RINGQ_NOWAIT), -EBUSY);
				check_eq(get_number(queue, RINGQ_FOREVER), -EBUSY);
				check_eq(ringq_get_alloc(queue, &memory, RINGQ_NOWAIT), -EBUSY);
				check_eq(ringq_get_many(queue, &(struct iovec){&buffer, 8}, 1, RINGQ_NOWAIT), -EBUSY);
			}
			if (i % 4 == 0) {
				check_eq(ringq_size(queue), 300 - i);
				check(!ringq_empty(queue));
				check_eq(ringq_peek(queue, &buffer, sizeof buffer), sizeof buffer);
				check_eq(buffer, i);
				check_eq(get_number(queue, RINGQ_NOWAIT), -EBUSY);
			}
			check_eq(memcmp(d.data, &i, sizeof i), 0);
			check_eq(ringq_requeue(queue, &d), -EINVAL);
			check_eq(ringq_ack(queue, &d), 0);
			check_eq(ringq_ack(queue, &d), -ESTALE);
		}
		check_eq(ringq_take(queue, &other, RINGQ_NOWAIT), -EAGAIN);
		check_eq(ringq_take(queue, &other, RINGQ_MS(1)), -ETIMEDOUT);
		put_numbers(queue, 7, 9);
		check_eq(ringq_take_many(queue, many, 4, RINGQ_NOWAIT), 1);
		check_eq(ringq_ack_many(queue, many, 1), 0);
		check_eq(ringq_ack_many(queue, many, 1), -ESTALE);
		check_eq(get_number(queue, RINGQ_NOWAIT), 8);
		ringq_queue_release(queue);
	}
}

Test(in_place, a_copy_is_finished_once)
{
	ringq_queue *queue = single(RINGQ_ORDER_TOTAL);

	put_numbers(queue, 0, 3);
	struct ringq_delivery d = take(queue, 0), copy = d;
	check_eq(ringq_ack(queue, &d), 0);
	check_eq(ringq_ack(queue, &copy), -ESTALE);
	d = take(queue, 1);
	check_eq(ringq_ack(queue, &copy), -ESTALE);
	check_eq(ringq_ack(queue, &d), 0);
	check_eq(get_number(queue, RINGQ_NOWAIT), 2);
	ringq_queue_release(queue);
}

/* ---- several producers ---- */

/* A thread puts by two handles, so that it is two producers; takes and gets, beside looks at both, go by their order. */
Test(in_place, several_lanes_come_out_in_total_order)
{
	ringq_queue *queue = single(RINGQ_ORDER_TOTAL), *other;
	struct rng rng = {20};
	int64_t put = 0, taken = 0, seen;

	check_eq(ringq_queue_open(&other, ringq_queue_region(queue), "q"), 0);
	while (taken < (int64_t)brief_or_long(20000, 1000000)) {
		for (uint64_t n = rng_below(&rng, 6); n; n--)
			check_eq(put_number(rng_below(&rng, 3) ? queue : other, put++, RINGQ_NOWAIT), 0);
		for (uint64_t n = rng_below(&rng, 6); n && taken < put; n--) {
			if (rng_below(&rng, 4) == 0) {
				check_eq(get_number(queue, RINGQ_NOWAIT), taken++);
				continue;
			}
			struct ringq_delivery d = take(queue, taken);
			if (rng_below(&rng, 4) == 0)
				check_eq(put_number(other, put++, RINGQ_NOWAIT), 0);
			if (rng_below(&rng, 2)) {
				check_eq(ringq_peek(other, &seen, sizeof seen), sizeof seen);
				check_eq(seen, taken);
			}
			if (rng_below(&rng, 4) == 0)
				check_eq(ringq_size(queue), put - taken);
			if (rng_below(&rng, 4) == 0) {
				check_eq(ringq_peek(queue, &seen, sizeof seen), sizeof seen);
				check_eq(seen, taken);
				check_eq(get_number(queue, RINGQ_NOWAIT), -EBUSY);
			}
			check_eq(ringq_ack(queue, &d), 0);
			taken++;
		}
	}
	ringq_queue_release(other);
	ringq_queue_release(queue);
}

/* Both lanes' records lie at the same place of their first chunk: what is finished is the lane's that it is of. */
Test(in_place, an_end_is_of_its_own_lane)
{
	ringq_queue *queue = single(RINGQ_ORDER_PRODUCER), *other;
	bool seen[40] = {0};
	int64_t number;

	check_eq(ringq_queue_open(&other, ringq_queue_region(queue), "q"), 0);
	for (int64_t i = 0; i < 20; i++) {
		check_eq(put_number(queue, i, RINGQ_NOWAIT), 0);
		check_eq(put_number(other, 20 + i, RINGQ_NOWAIT), 0);
	}
	for (int i = 0; i < 40; i++) {
		struct ringq_delivery d;
		check_eq(ringq_take(queue, &d, RINGQ_NOWAIT), 0);
		memcpy(&number, d.data, sizeof number);
		check(!seen[number]);
		seen[number] = true;
		check_eq(ringq_size(queue), 40 - i); /* has looked at both since */
		check_eq(ringq_ack(queue, &d), 0);
		check_eq(ringq_size(queue), 39 - i);
	}
	ringq_queue_release(other);
	ringq_queue_release(queue);
}

/* ---- whose it is ---- */

static ringq_queue *thread_queue;

static void *take_and_end(void *out)
{
	*(struct ringq_delivery *)out = take(thread_queue, 0);
	return NULL;
}

static void *ack_it(void *arg)
{
	check_eq(ringq_ack(thread_queue, arg), 0);
	return NULL;
}

Test(in_place, what_a_thread_had_that_ends_is_the_next_ones)
{
	for (size_t k = 0; k < COUNT(queues); k++) {
		ringq_queue *queue = thread_queue = queue_new(&queues[k]);
		struct ringq_delivery theirs;

		put_numbers(queue, 0, 2);
		join_thread(start_thread(take_and_end, &theirs));
		check_eq(ringq_ack(queue, &theirs), -ESTALE);
		struct ringq_delivery mine = take(queue, 0);
		check_eq(ringq_ack(queue, &theirs), -ESTALE);
		check_eq(ringq_ack(queue, &mine), 0);
		check_eq(get_number(queue, RINGQ_NOWAIT), 1);
		ringq_queue_release(queue);
	}
}

Test(in_place, another_thread_may_finish)
{
	for (size_t k = 0; k < COUNT(queues); k++) {
		ringq_queue *queue = thread_queue = queue_new(&queues[k]);

		put_numbers(queue, 0, 200);
		for (int64_t i = 0; i < 200; i += 4) {
			struct ringq_delivery d = take(queue, i), copy = d;
			if (i % 3 == 0)
				check_eq(ringq_size(queue), 200 - i);
			join_thread(start_thread(ack_it, &d));
			check_eq(ringq_ack(queue, &copy), -ESTALE);
			if (i % 8)
				check_eq(get_number(queue, RINGQ_NOWAIT), i + 1);
			else
				take_and_finish(queue, i + 1);
			take_and_finish(queue, i + 2);
			check_eq(get_number(queue, RINGQ_NOWAIT), i + 3);
		}
		ringq_queue_release(queue);
	}
}

static void fail_to_finish(void *delivery)
{
	check_eq(ringq_ack(thread_queue, delivery), -ESTALE);
	check_eq(ringq_size(thread_queue), 2);
}

Test(in_place, a_child_holds_nothing_of_its_parents)
{
	ringq_queue *queue = thread_queue = single(RINGQ_ORDER_TOTAL);

	put_numbers(queue, 0, 2);
	struct ringq_delivery d = take(queue, 0);
	reap_child(fork_child(fail_to_finish, &d));
	check_eq(ringq_ack(queue, &d), 0);
	check_eq(get_number(queue, RINGQ_NOWAIT), 1);
	ringq_queue_release(queue);
}

static void take_and_die(void *queue)
{
	take(queue, 0);
	kill(getpid(), SIGKILL);
}

Test(in_place, what_a_killed_process_had_is_the_next_ones)
{
	for (size_t k = 0; k < COUNT(queues); k++) {
		ringq_queue *queue = queue_new(&queues[k]);

		put_numbers(queue, 0, 3);
		for (int i = 0; i < 3; i++) {
			await_death(fork_child(take_and_die, queue));
			check_eq(ringq_size(queue), 3);
		}
		take_and_finish(queue, 0);
		check_eq(get_number(queue, RINGQ_NOWAIT), 1);
		take_and_finish(queue, 2);
		ringq_queue_release(queue);
	}
}

static void take_it(void *queue)
{
	take(queue, 0);
}

/* It goes on as another program, whose process lives: its turn is over. */
Test(in_place, what_a_program_had_that_became_another_is_the_next_ones)
{
	for (size_t k = 0; k < COUNT(queues); k++) {
		ringq_queue *queue = queue_new(&queues[k]);

		put_numbers(queue, 0, 2);
		pid_t child = fork_program(take_it, queue);
		take_and_finish(queue, 0);
		check_eq(get_number(queue, RINGQ_NOWAIT), 1);
		kill_child(child);
		ringq_queue_release(queue);
	}
}

Test(in_place, a_released_handle_leaves_it)
{
	ringq_queue *queue = single(RINGQ_ORDER_TOTAL), *other;

	put_numbers(queue, 0, 2);
	for (int i = 0; i < 3; i++) {
		check_eq(ringq_queue_open(&other, ringq_queue_region(queue), "q"), 0);
		struct ringq_delivery d = take(other, 0);
		ringq_queue_release(other);
		check_eq(ringq_ack(queue, &d), -ESTALE);
	}
	take_and_finish(queue, 0);
	take_and_finish(queue, 1);
	ringq_queue_release(queue);
}

/* ---- bounds, ends, waiting ---- */

Test(in_place, it_counts_for_bounds_until_its_end)
{
	ringq_queue *queue = queue_new(&(struct ringq_queue_options){.flags = RINGQ_SINGLE_CONSUMER, .max_records = 2});

	for (int64_t i = 0; i < 50; i++) {
		put_numbers(queue, 2 * i, 2 * i + 2);
		struct ringq_delivery d = take(queue, 2 * i);
		check_eq(put_number(queue, 0, RINGQ_NOWAIT), -EAGAIN);
		check(ringq_full(queue));
		check_eq(ringq_ack(queue, &d), 0);
		check(!ringq_full(queue));
		take_and_finish(queue, 2 * i + 1);
	}
	ringq_queue_release(queue);
}

struct sleeper {
	ringq_queue *queue;
	atomic_int tid;
	int result;
};

static void *put_as_sleeper(void *arg)
{
	struct sleeper *s = arg;
	static const char record[3000];

	atomic_store(&s->tid, thread_id());
	s->result = ringq_put(s->queue, record, sizeof record, TEST_SOON);
	return NULL;
}

/* The producer sleeps for places, or for bytes; an end wakes it, by whichever thread. */
Test(in_place, its_end_wakes_who_waits_for_room)
{
	static const char record[3000];

	sleep_without_bounds();
	for (int i = 0; i < 4; i++) {
		struct sleeper s = {.queue = thread_queue = queue_new(&(struct ringq_queue_options){
					    .flags = RINGQ_SINGLE_CONSUMER | RINGQ_SINGLE_PRODUCER,
					    .max_records = i % 2 ? 1 : 0,
					    .max_bytes = i % 2 ? 0 : 4000})};
		struct ringq_delivery d;

		check_eq(ringq_put(s.queue, record, sizeof record, RINGQ_NOWAIT), 0);
		check_eq(ringq_take(s.queue, &d, RINGQ_NOWAIT), 0);
		pthread_t thread = start_thread(put_as_sleeper, &s);
		wait_set(&s.tid);
		wait_asleep(s.tid);
		if (i < 2)
			check_eq(ringq_ack(s.queue, &d), 0);
		else
			join_thread(start_thread(ack_it, &d));
		join_thread(thread);
		check_eq(s.result, 0);
		check_eq(ringq_size(s.queue), 1);
		ringq_queue_release(s.queue);
	}
}

static void *take_as_sleeper(void *arg)
{
	struct sleeper *s = arg;

	atomic_store(&s->tid, thread_id());
	take_and_finish(s->queue, 5);
	struct ringq_delivery d;
	s->result = ringq_take(s->queue, &d, TEST_SOON);
	return NULL;
}

Test(in_place, who_sleeps_is_woken_by_a_put_and_by_a_close)
{
	struct sleeper s = {.queue = single(RINGQ_ORDER_TOTAL)};
	struct ringq_queue_stat stat;

	sleep_without_bounds();
	pthread_t thread = start_thread(take_as_sleeper, &s);
	wait_set(&s.tid);
	wait_asleep(s.tid);
	check_eq(ringq_queue_stat(s.queue, &stat), 0);
	check_eq(stat.consumers_asleep, 1);
	check_eq(put_number(s.queue, 5, RINGQ_NOWAIT), 0);
	wait_asleep(s.tid);
	check_eq(ringq_close(s.queue), 0);
	join_thread(thread);
	check_eq(s.result, -EPIPE);
	ringq_queue_release(s.queue);
}

Test(in_place, a_closed_queue_is_drained_first)
{
	ringq_queue *queue = single(RINGQ_ORDER_TOTAL);
	struct ringq_delivery d, other;

	put_numbers(queue, 0, 1);
	d = take(queue, 0);
	check_eq(ringq_close(queue), 0);
	check_eq(ringq_take(queue, &other, RINGQ_NOWAIT), -EBUSY);
	check_eq(ringq_ack(queue, &d), 0);
	check_eq(ringq_take(queue, &d, RINGQ_FOREVER), -EPIPE);
	ringq_queue_release(queue);
}

/* Readable as long as there is something that would not be -EAGAIN. */
Test(in_place, an_event_descriptor_is_readable_until_the_end)
{
	ringq_queue *queue = single(RINGQ_ORDER_TOTAL);
	struct ringq_delivery d;

	put_numbers(queue, 0, 1);
	d = take(queue, 0);
	int r = ringq_wait_any(&queue, 1, TEST_SOON);
	if (r == -ENOSYS)
		return;
	check_eq(r, 0);
	check_eq(ringq_ack(queue, &d), 0);
	check_eq(ringq_wait_any(&queue, 1, RINGQ_MS(1)), -ETIMEDOUT);
	put_numbers(queue, 1, 2);
	check_eq(ringq_wait_any(&queue, 1, TEST_SOON), 0);
	take_and_finish(queue, 1);
	ringq_queue_release(queue);
}

static void *get_by_another(void *queue)
{
	return (void *)(intptr_t)get_number(queue, RINGQ_NOWAIT);
}

Test(in_place, a_turn_lasts_from_take_to_end)
{
	ringq_queue *queue = single(RINGQ_ORDER_TOTAL);
	pthread_t thread;
	void *result;

	if (!RQ_GUARDS)
		cr_skip_test("this build has no checks");
	put_numbers(queue, 0, 3);
	struct ringq_delivery d = take(queue, 0);
	check_eq(pthread_create(&thread, NULL, get_by_another, queue), 0);
	check_eq(pthread_join(thread, &result), 0);
	check_eq((intptr_t)result, -EBUSY);
	check_eq(ringq_ack(queue, &d), 0);
	check_eq(pthread_create(&thread, NULL, get_by_another, queue), 0);
	check_eq(pthread_join(thread, &result), 0);
	check_eq((intptr_t)result, 1);
	thread_queue = queue;
	put_numbers(queue, 0, 1);
	take_and_finish(queue, 2);
	join_thread(start_thread(take_and_end, &d));
	check_eq(get_number(queue, RINGQ_NOWAIT), 0);
	ringq_queue_release(queue);
}

Test(in_place, others_refuse)
{
	ringq_queue *queue = queue_new(NULL);
	struct ringq_delivery d = {0};

	put_numbers(queue, 0, 1);
	check_eq(ringq_take(queue, &d, RINGQ_NOWAIT), -EINVAL);
	check_eq(ringq_take_many(queue, &d, 1, RINGQ_NOWAIT), -EINVAL);
	check_eq(ringq_ack(queue, &d), -EINVAL);
	check_eq(ringq_ack_many(queue, &d, 1), -EINVAL);
	ringq_queue_release(queue);
	queue = single(RINGQ_ORDER_TOTAL);
	check_eq(ringq_ack(queue, &d), -ESTALE);
	check_eq(ringq_take(NULL, &d, RINGQ_NOWAIT), -EINVAL);
	check_eq(ringq_take(queue, NULL, RINGQ_NOWAIT), -EINVAL);
	check_eq(ringq_take(queue, &d, -2), -EINVAL);
	check_eq(ringq_ack(queue, NULL), -EINVAL);
	check_eq(ringq_requeue(queue, &d), -EINVAL);
	check_eq(ringq_join(queue, RINGQ_NOWAIT), -EINVAL);
	ringq_queue_release(queue);
}
