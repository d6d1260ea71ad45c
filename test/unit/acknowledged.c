/* SPDX-License-Identifier: MIT */
/* Acknowledged queues: what is taken comes back unless it is acknowledged, before what is younger, and only then. */
#include "../common.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const unsigned orders[] = {RINGQ_ORDER_TOTAL, RINGQ_ORDER_PRODUCER};

static ringq_queue *acknowledged(unsigned order, struct ringq_queue_options options)
{
	options.order = order;
	options.flags |= RINGQ_ACKNOWLEDGED;
	return queue_new(&options);
}

/* A ring that is half full makes way for a larger one, which is to hold the record. */
Test(acknowledged, a_long_record_behind_short_ones_has_room)
{
	enum { SHORT = 160 };
	static const size_t lengths[] = {2000, 5000, 16300, 40000, 65600, 300000};
	static char record[300000];
	ringq_region *region;
	ringq_queue *queue, *other;
	struct ringq_delivery delivery;

	check_eq(ringq_region_create(&region, NULL), 0);
	for (size_t i = 0; i < COUNT(lengths); i++) {
		check_eq(ringq_queue_create(&queue, region, &(struct ringq_queue_options){.flags = RINGQ_ACKNOWLEDGED}),
			0);
		check_eq(ringq_queue_create(&other, region, &(struct ringq_queue_options){.flags = RINGQ_ACKNOWLEDGED}),
			0);
		put_numbers(queue, 0, SHORT);
		put_numbers(other, 0, SHORT);
		memset(record, (int)('a' + i), lengths[i]);
		check_eq(ringq_put(queue, record, lengths[i], RINGQ_NOWAIT), 0);
		for (int64_t n = 0; n < SHORT; n++) {
			check_eq(get_number(queue, RINGQ_NOWAIT), n);
			check_eq(get_number(other, RINGQ_NOWAIT), n);
		}
		check_eq(ringq_take(queue, &delivery, RINGQ_NOWAIT), 0);
		check_eq(delivery.len, lengths[i]);
		check(!memcmp(delivery.data, record, delivery.len));
		check_eq(ringq_ack(queue, &delivery), 0);
		ringq_queue_release(other);
		ringq_queue_release(queue);
	}
	ringq_region_detach(region);
}

Test(acknowledged, deliveries_are_finished_in_any_order)
{
	for (size_t o = 0; o < COUNT(orders); o++) {
		ringq_queue *queue = acknowledged(orders[o], (struct ringq_queue_options){0});
		struct ringq_delivery d[300];

		put_numbers(queue, 0, 900);
		for (int64_t round = 0; round < 3; round++) {
			for (int64_t i = 0; i < 300; i++)
				d[i] = take_number(queue, round * 300 + i, 1);
			check_eq(ringq_size(queue), 600 - round * 300);
			check_eq(stat_of(queue).in_hand, 300);
			for (int64_t i = 0; i < 300; i++)
				check_eq(ringq_ack(queue, &d[i * 7 % 300]), 0);
			check_eq(stat_of(queue).in_hand, 0);
		}
		check_eq(ringq_take(queue, &d[0], RINGQ_NOWAIT), -EAGAIN);
		check_eq(ringq_join(queue, RINGQ_NOWAIT), 0);
		ringq_queue_release(queue);
	}
}

Test(acknowledged, an_end_is_an_end_once)
{
	ringq_queue *queue = acknowledged(RINGQ_ORDER_TOTAL, (struct ringq_queue_options){0});

	put_numbers(queue, 0, 2);
	struct ringq_delivery d = take_number(queue, 0, 1), copy = d, other = take_number(queue, 1, 1);
	check_eq(ringq_ack(queue, &d), 0);
	check_eq(ringq_ack(queue, &d), -ESTALE);
	check_eq(ringq_ack(queue, &copy), -ESTALE);
	check_eq(ringq_requeue(queue, &copy), -ESTALE);
	copy = other;
	check_eq(ringq_requeue(queue, &other), 0);
	check_eq(ringq_ack(queue, &copy), -ESTALE);
	d = take_number(queue, 1, 2);
	check_eq(ringq_ack(queue, &copy), -ESTALE);
	check_eq(ringq_ack(queue, &d), 0);
	ringq_queue_release(queue);
}

Test(acknowledged, what_is_given_back_comes_before_what_is_younger)
{
	for (size_t o = 0; o < COUNT(orders); o++) {
		ringq_queue *queue = acknowledged(orders[o], (struct ringq_queue_options){0});
		struct ringq_delivery d[5];

		put_numbers(queue, 0, 8);
		for (int64_t i = 0; i < 5; i++)
			d[i] = take_number(queue, i, 1);
		check_eq(ringq_requeue(queue, &d[3]), 0);
		check_eq(ringq_requeue(queue, &d[1]), 0);
		check_eq(ringq_size(queue), 5);
		int64_t seen;
		check_eq(ringq_peek(queue, &seen, sizeof seen), sizeof seen);
		check_eq(seen, 1);
		d[1] = take_number(queue, 1, 2);
		check_eq(ringq_requeue(queue, &d[1]), 0);
		d[1] = take_number(queue, 1, 3);
		d[3] = take_number(queue, 3, 2);
		for (int64_t i = 0; i < 5; i++)
			check_eq(ringq_ack(queue, &d[i]), 0);
		for (int64_t i = 5; i < 8; i++)
			check_eq(get_number(queue, RINGQ_NOWAIT), i);
		check(ringq_empty(queue));
		check_eq(stat_of(queue).redelivered, 3);
		ringq_queue_release(queue);
	}
}

/* Two producers, the second's record older: what is back is ordered by when it was put. */
static void *put_five(void *queue)
{
	put_numbers(queue, 5, 6);
	return NULL;
}

Test(acknowledged, total_order_is_that_of_puts_for_what_is_back)
{
	ringq_queue *queue = acknowledged(RINGQ_ORDER_TOTAL, (struct ringq_queue_options){0});

	put_numbers(queue, 4, 5);
	join_thread(start_thread(put_five, queue));
	put_numbers(queue, 6, 9);
	struct ringq_delivery four = take_number(queue, 4, 1), five = take_number(queue, 5, 1),
			      six = take_number(queue, 6, 1);
	check_eq(ringq_requeue(queue, &six), 0);
	check_eq(ringq_requeue(queue, &four), 0);
	check_eq(ringq_requeue(queue, &five), 0);
	for (int64_t i = 4; i < 9; i++) {
		struct ringq_delivery d = take_number(queue, i, i < 7 ? 2 : 1);
		check_eq(ringq_ack(queue, &d), 0);
	}
	ringq_queue_release(queue);
}

Test(acknowledged, what_a_killed_process_had_comes_back)
{
	for (size_t o = 0; o < COUNT(orders); o++) {
		ringq_queue *queue = acknowledged(orders[o], (struct ringq_queue_options){0});

		put_numbers(queue, 0, 20);
		die_with(queue, 0, 5, 1);
		check_eq(stat_of(queue).in_hand, 0);
		check_eq(ringq_size(queue), 20);
		die_with(queue, 0, 3, 2);
		for (int64_t i = 0; i < 20; i++) {
			struct ringq_delivery d = take_number(queue, i, i < 3 ? 3 : i < 5 ? 2 : 1);
			check_eq(ringq_ack(queue, &d), 0);
		}
		check_eq(ringq_join(queue, RINGQ_NOWAIT), 0);
		ringq_queue_release(queue);
	}
}

/* ---- what a holder leaves ---- */

/*
 * The caller has 0 and 1 of four in hand, by a claim for each or by one for both: who has had several in hand before takes
 * several by one claim.
 */
static void hold_two(ringq_queue *queue, struct ringq_delivery d[8], bool many)
{
	for (int i = 0; many && i < 3; i++) {
		put_numbers(queue, 0, 8);
		check_eq(ringq_take_many(queue, d, 8, RINGQ_NOWAIT), 8);
		check_eq(ringq_ack_many(queue, d, 8), 0);
	}
	put_numbers(queue, 0, 4);
	if (many) {
		check_eq(ringq_take_many(queue, d, 2, RINGQ_NOWAIT), 2);
	} else {
		d[0] = take_number(queue, 0, 1);
		d[1] = take_number(queue, 1, 1);
	}
	check_eq(d[0].own[1] == d[1].own[1], many);
}

/* What was in hand comes back, and then what never was. */
static void check_both_come_back(ringq_queue *queue)
{
	for (int64_t i = 0; i < 2; i++) {
		struct ringq_delivery d = take_number(queue, i, 2);
		check_eq(ringq_ack(queue, &d), 0);
	}
	for (int64_t i = 2; i < 4; i++)
		check_eq(get_number(queue, RINGQ_NOWAIT), i);
	check_eq(ringq_join(queue, RINGQ_NOWAIT), 0);
}

static void hold_one_by_one(void *queue)
{
	struct ringq_delivery d[8];

	hold_two(queue, d, false);
}

static void hold_many(void *queue)
{
	struct ringq_delivery d[8];

	hold_two(queue, d, true);
}

Test(acknowledged, what_a_program_had_that_became_another_comes_back)
{
	for (int many = 0; many < 2; many++) {
		ringq_queue *queue = acknowledged(RINGQ_ORDER_TOTAL, (struct ringq_queue_options){0});
		pid_t child = fork_program(many ? hold_many : hold_one_by_one, queue);

		check_both_come_back(queue);
		check_eq(waitpid(child, NULL, WNOHANG), 0);
		kill_child(child);
		ringq_queue_release(queue);
	}
}

static ringq_queue *thread_queue;

static void *hold_one_by_one_and_end(void *deliveries)
{
	hold_two(thread_queue, deliveries, false);
	return NULL;
}

static void *hold_many_and_end(void *deliveries)
{
	hold_two(thread_queue, deliveries, true);
	return NULL;
}

Test(acknowledged, what_a_thread_had_that_ends_comes_back)
{
	for (int many = 0; many < 2; many++) {
		ringq_queue *queue = acknowledged(RINGQ_ORDER_TOTAL, (struct ringq_queue_options){0});
		struct ringq_delivery theirs[8], mine;

		thread_queue = queue;
		join_thread(start_thread(many ? hold_many_and_end : hold_one_by_one_and_end, theirs));
		check_eq(ringq_ack(queue, &theirs[1]), -ESTALE);
		mine = take_number(queue, 0, 2);
		check_eq(ringq_ack_many(queue, theirs, 2), -ESTALE);
		check_eq(ringq_requeue(queue, &theirs[0]), -ESTALE);
		check_eq(ringq_ack(queue, &mine), 0);
		mine = take_number(queue, 1, 2);
		check_eq(ringq_ack(queue, &mine), 0);
		check_eq(get_number(queue, RINGQ_NOWAIT), 2);
		check_eq(get_number(queue, RINGQ_NOWAIT), 3);
		check_eq(ringq_join(queue, RINGQ_NOWAIT), 0);
		ringq_queue_release(queue);
	}
}

static void *ack_it(void *arg)
{
	check_eq(ringq_ack(thread_queue, arg), 0);
	return NULL;
}

Test(acknowledged, another_thread_may_acknowledge)
{
	ringq_queue *queue = acknowledged(RINGQ_ORDER_PRODUCER, (struct ringq_queue_options){0});

	thread_queue = queue;
	put_numbers(queue, 0, 100);
	for (int64_t i = 0; i < 50; i++) {
		struct ringq_delivery theirs = take_number(queue, 2 * i, 1), mine = take_number(queue, 2 * i + 1, 1);
		join_thread(start_thread(ack_it, &theirs));
		check_eq(ringq_ack(queue, &mine), 0);
	}
	check_eq(ringq_join(queue, RINGQ_NOWAIT), 0);
	ringq_queue_release(queue);
}

/* The same at each delivery, whoever had the record before; and what a browse shows of it. */
Test(acknowledged, a_delivery_names_its_record)
{
	ringq_queue *queue = acknowledged(RINGQ_ORDER_TOTAL, (struct ringq_queue_options){0});
	uint32_t lane, first_lane = 0;
	uint64_t sequence;

	put_numbers(queue, 0, 5000);
	for (int64_t i = 0; i < 5000; i++) {
		struct ringq_delivery d = take_number(queue, i, 1), again;
		check_eq(ringq_delivery_id(queue, &d, &lane, &sequence), 0);
		first_lane = i == 0 ? lane : first_lane;
		check_eq(lane, first_lane);
		check_eq(sequence, i);
		if (i % 7 == 0) {
			check_eq(ringq_requeue(queue, &d), 0);
			check_eq(ringq_delivery_id(queue, &d, &lane, &sequence), -ESTALE);
			again = take_number(queue, i, 2);
			check_eq(ringq_delivery_id(queue, &again, &lane, &sequence), 0);
			check_eq(lane, first_lane);
			check_eq(sequence, i);
			d = again;
		}
		check_eq(ringq_ack(queue, &d), 0);
		check_eq(ringq_delivery_id(queue, &d, &lane, &sequence), -ESTALE);
	}
	put_numbers(queue, 5000, 5001);
	die_with(queue, 5000, 1, 1);
	struct ringq_delivery d = take_number(queue, 5000, 2);
	check_eq(ringq_delivery_id(queue, &d, &lane, &sequence), 0);
	check_eq(sequence, 5000);
	check_eq(ringq_delivery_id(NULL, &d, &lane, &sequence), -EINVAL);
	check_eq(ringq_delivery_id(queue, NULL, &lane, &sequence), -EINVAL);
	ringq_queue_release(queue);
}

Test(acknowledged, a_child_holds_nothing_of_its_parents)
{
	for (int many = 0; many < 2; many++) {
		ringq_queue *queue = acknowledged(RINGQ_ORDER_TOTAL, (struct ringq_queue_options){0});
		struct ringq_delivery d[8];

		hold_two(queue, d, many);
		pid_t child = fork();
		check_compare(child, >=, 0);
		if (child == 0) {
			check_eq(ringq_ack(queue, &d[0]), -ESTALE);
			check_eq(ringq_ack_many(queue, d, 2), -ESTALE);
			check_eq(ringq_requeue(queue, &d[1]), -ESTALE);
			check_eq(get_number(queue, RINGQ_NOWAIT), 2);
			_exit(0); /* nothing comes back by this */
		}
		reap_child(child);
		check_eq(stat_of(queue).in_hand, 2);
		check_eq(get_number(queue, RINGQ_NOWAIT), 3);
		check_eq(ringq_ack_many(queue, d, 2), 0);
		check_eq(ringq_join(queue, RINGQ_NOWAIT), 0);
		ringq_queue_release(queue);
	}
}

/* What the thread has by another handle of the queue stays in its hands. */
Test(acknowledged, a_released_handle_gives_back)
{
	for (int many = 0; many < 2; many++) {
		ringq_queue *queue = acknowledged(RINGQ_ORDER_TOTAL, (struct ringq_queue_options){.name = "q"}), *other;
		struct ringq_delivery d[8], mine;

		check_eq(ringq_queue_open(&other, ringq_queue_region(queue), "q"), 0);
		put_numbers(queue, 9, 10);
		mine = take_number(queue, 9, 1);
		hold_two(other, d, many);
		ringq_queue_release(other);
		check_eq(ringq_ack(queue, &d[0]), -ESTALE);
		check_eq(stat_of(queue).in_hand, 1);
		check_eq(ringq_ack(queue, &mine), 0);
		check_both_come_back(queue);
		ringq_queue_release(queue);
	}
}

Test(acknowledged, gets_take_copy_and_acknowledge)
{
	ringq_queue *queue = acknowledged(RINGQ_ORDER_TOTAL, (struct ringq_queue_options){0});
	int64_t numbers[4], *one;
	struct iovec records[4];
	char small[2];

	put_numbers(queue, 0, 10);
	check_eq(ringq_get(queue, small, sizeof small, RINGQ_NOWAIT), -EMSGSIZE);
	check_eq(get_number(queue, RINGQ_NOWAIT), 0);
	check_eq(ringq_get_alloc(queue, (void **)&one, RINGQ_NOWAIT), 8);
	check_eq(*one, 1);
	free(one);
	for (int i = 0; i < 4; i++)
		records[i] = (struct iovec){&numbers[i], sizeof numbers[i]};
	check_eq(ringq_get_many(queue, records, 4, RINGQ_NOWAIT), 4);
	for (int i = 0; i < 4; i++)
		check_eq(numbers[i], i + 2);
	die_with(queue, 6, 1, 1);
	check_eq(ringq_get(queue, small, sizeof small, RINGQ_NOWAIT), -EMSGSIZE);
	check_eq(get_number(queue, RINGQ_NOWAIT), 6);
	check_eq(get_number(queue, RINGQ_NOWAIT), 7);
	check_eq(ringq_size(queue), 2);
	ringq_queue_release(queue);
}

Test(acknowledged, bounds_count_what_is_in_hand)
{
	for (size_t o = 0; o < COUNT(orders); o++) {
		ringq_queue *queue = acknowledged(orders[o], (struct ringq_queue_options){.max_records = 3});
		struct ringq_delivery d[3];

		put_numbers(queue, 0, 3);
		for (int64_t i = 0; i < 3; i++) {
			d[i] = take_number(queue, i, 1);
			check_eq(put_number(queue, 9, RINGQ_NOWAIT), -EAGAIN);
		}
		check_eq(ringq_ack(queue, &d[1]), 0);
		put_numbers(queue, 3, 4);
		check_eq(put_number(queue, 9, RINGQ_NOWAIT), -EAGAIN);
		check_eq(ringq_requeue(queue, &d[0]), 0);
		check_eq(put_number(queue, 9, RINGQ_NOWAIT), -EAGAIN);
		check_eq(get_number(queue, RINGQ_NOWAIT), 0);
		put_numbers(queue, 4, 5);
		ringq_queue_release(queue);

		char record[1000] = {0};
		int in = 0;
		queue = acknowledged(orders[o], (struct ringq_queue_options){.max_bytes = 64 << 10});
		while (ringq_put(queue, record, sizeof record, RINGQ_NOWAIT) == 0)
			in++;
		check_compare(in, >, 60);
		for (int i = 0; i < 3; i++)
			check_eq(ringq_take(queue, &d[i], RINGQ_NOWAIT), 0);
		check_eq(ringq_put(queue, record, sizeof record, RINGQ_NOWAIT), -EAGAIN);
		check_eq(ringq_ack(queue, &d[2]), 0);
		check_eq(ringq_put(queue, record, sizeof record, RINGQ_NOWAIT), 0);
		check_eq(ringq_put(queue, record, sizeof record, RINGQ_NOWAIT), -EAGAIN);
		ringq_queue_release(queue);
	}
}

/* A record that is held keeps a ring, and nothing more: the lane goes on as long as it likes. */
Test(acknowledged, what_is_held_for_long_keeps_its_own_memory_only)
{
	static char record[4000];
	uint64_t rounds = brief_or_long(160, 4000);

	for (size_t o = 0; o < COUNT(orders); o++) {
		ringq_queue *queue = acknowledged(orders[o], (struct ringq_queue_options){.max_bytes = 8 << 20});
		struct ringq_delivery held[4], d;
		uint64_t most = 0;

		for (uint64_t round = 0; round < rounds; round++) {
			for (int i = 0; i < 500; i++)
				check_eq(ringq_put(queue, record, sizeof record, RINGQ_NOWAIT), 0);
			for (int i = 0; i < 500; i++) {
				check_eq(ringq_take(queue, &d, RINGQ_NOWAIT), 0);
				if (round < COUNT(held) && i == 250) {
					held[round] = d;
					*(char *)(uintptr_t)d.data = (char)('a' + round);
				} else {
					check_eq(ringq_ack(queue, &d), 0);
				}
			}
			uint64_t memory = (uint64_t)ringq_region_memory(ringq_queue_region(queue));
			if (memory > most)
				most = memory;
		}
		check_compare(most, <, UINT64_C(16) << 20);
		check_eq(stat_of(queue).in_hand, COUNT(held));
		for (size_t i = 0; i < COUNT(held); i++) {
			check_eq(*(const char *)held[i].data, 'a' + (int)i);
			check_eq(ringq_ack(queue, &held[i]), 0);
		}
		check_eq(ringq_join(queue, RINGQ_NOWAIT), 0);
		ringq_queue_release(queue);
	}
}

static struct sleeper {
	ringq_queue *queue;
	_Atomic pid_t thread;
	int result;
	struct ringq_delivery got;
} sleeper;

static void *sleep_in_take(void *arg)
{
	struct sleeper *s = arg;

	s->thread = thread_id();
	s->result = ringq_take(s->queue, &s->got, RINGQ_FOREVER);
	if (s->result == 0)
		check_eq(ringq_ack(s->queue, &s->got), 0);
	return NULL;
}

static void *sleep_in_join(void *arg)
{
	struct sleeper *s = arg;

	s->thread = thread_id();
	s->result = ringq_join(s->queue, RINGQ_FOREVER);
	return NULL;
}

static pthread_t start_sleeper(ringq_queue *queue, void *(*run)(void *))
{
	sleeper = (struct sleeper){.queue = queue};
	pthread_t thread = start_thread(run, &sleeper);
	while (!sleeper.thread)
		pause_ns(RINGQ_MS(1));
	wait_asleep(sleeper.thread);
	return thread;
}

Test(acknowledged, who_sleeps_is_woken_by_what_comes_back)
{
	ringq_queue *queue = acknowledged(RINGQ_ORDER_TOTAL, (struct ringq_queue_options){0});

	put_numbers(queue, 0, 1);
	struct ringq_delivery d = take_number(queue, 0, 1);
	pthread_t thread = start_sleeper(queue, sleep_in_take);
	check_eq(ringq_requeue(queue, &d), 0);
	join_thread(thread);
	check_eq(sleeper.result, 0);
	check_eq(sleeper.got.attempt, 2);
	ringq_queue_release(queue);
}

Test(acknowledged, who_sleeps_is_woken_by_a_death)
{
	ringq_queue *queue = acknowledged(RINGQ_ORDER_TOTAL, (struct ringq_queue_options){0});
	int to_child[2];
	char byte = 0;

	check_eq(pipe(to_child), 0);
	put_numbers(queue, 0, 1);
	pid_t child = fork();
	check_compare(child, >=, 0);
	if (child == 0) {
		take_number(queue, 0, 1);
		check_eq(read(to_child[0], &byte, 1), 1);
		kill(getpid(), SIGKILL);
	}
	while (stat_of(queue).in_hand == 0)
		pause_ns(RINGQ_MS(1));
	pthread_t thread = start_sleeper(queue, sleep_in_take);
	check_eq(write(to_child[1], &byte, 1), 1);
	join_thread(thread);
	check_eq(sleeper.result, 0);
	check_eq(sleeper.got.attempt, 2);
	await_death(child);
	close(to_child[0]);
	close(to_child[1]);
	ringq_queue_release(queue);
}

Test(acknowledged, a_closed_queue_ends_when_nothing_is_in_hand)
{
	ringq_queue *queue = acknowledged(RINGQ_ORDER_TOTAL, (struct ringq_queue_options){0});
	struct ringq_delivery unused;

	put_numbers(queue, 0, 2);
	struct ringq_delivery a = take_number(queue, 0, 1), b = take_number(queue, 1, 1);
	check_eq(ringq_close(queue), 0);
	check_eq(ringq_take(queue, &unused, RINGQ_NOWAIT), -EAGAIN);
	check_eq(ringq_ack(queue, &a), 0);
	check_eq(ringq_take(queue, &unused, RINGQ_MS(1)), -ETIMEDOUT);
	pthread_t thread = start_sleeper(queue, sleep_in_take);
	check_eq(ringq_requeue(queue, &b), 0);
	join_thread(thread);
	check_eq(sleeper.result, 0);
	check_eq(ringq_take(queue, &unused, RINGQ_NOWAIT), -EPIPE);
	ringq_queue_release(queue);

	queue = acknowledged(RINGQ_ORDER_TOTAL, (struct ringq_queue_options){0});
	put_numbers(queue, 0, 1);
	a = take_number(queue, 0, 1);
	check_eq(ringq_close(queue), 0);
	thread = start_sleeper(queue, sleep_in_take);
	check_eq(ringq_ack(queue, &a), 0);
	join_thread(thread);
	check_eq(sleeper.result, -EPIPE);
	ringq_queue_release(queue);
}

/* Also where what was to be put goes into a ring of its own, and then is not put. */
Test(acknowledged, a_join_that_does_not_wait_is_done_when_all_is_done)
{
	for (size_t o = 0; o < COUNT(orders); o++) {
		ringq_queue *queue = acknowledged(orders[o], (struct ringq_queue_options){0});
		void *reserved;

		for (size_t len = 8; len < (size_t)1 << 20; len *= 2) {
			put_numbers(queue, 0, 1);
			check_eq(ringq_join(queue, RINGQ_NOWAIT), -EAGAIN);
			check_eq(get_number(queue, RINGQ_NOWAIT), 0);
			check_eq(ringq_reserve(queue, &reserved, len, RINGQ_NOWAIT), 0);
			ringq_abort(queue, reserved);
			check_eq(ringq_join(queue, RINGQ_NOWAIT), 0);
		}
		ringq_queue_release(queue);
	}
}

Test(acknowledged, a_join_waits_for_what_waits_and_what_is_in_hand)
{
	ringq_queue *queue = acknowledged(RINGQ_ORDER_PRODUCER, (struct ringq_queue_options){0});

	check_eq(ringq_join(queue, RINGQ_NOWAIT), 0);
	put_numbers(queue, 0, 2);
	check_eq(ringq_join(queue, RINGQ_NOWAIT), -EAGAIN);
	struct ringq_delivery a = take_number(queue, 0, 1), b = take_number(queue, 1, 1);
	check_eq(ringq_join(queue, RINGQ_MS(1)), -ETIMEDOUT);
	pthread_t thread = start_sleeper(queue, sleep_in_join);
	check_eq(ringq_ack(queue, &b), 0);
	check_eq(ringq_requeue(queue, &a), 0);
	check_eq(get_number(queue, RINGQ_NOWAIT), 0);
	join_thread(thread);
	check_eq(sleeper.result, 0);
	ringq_queue_release(queue);
}

static void *put_one_more(void *arg)
{
	struct sleeper *s = arg;
	static char record[1000];

	/* As many as go in are this thread's own. */
	while (ringq_put(s->queue, record, sizeof record, RINGQ_NOWAIT) == 0)
		;
	s->thread = thread_id();
	s->result = ringq_put(s->queue, record, sizeof record, RINGQ_FOREVER);
	return NULL;
}

Test(acknowledged, an_acknowledgement_wakes_who_waits_for_room)
{
	for (int bytes = 0; bytes < 2; bytes++) {
		struct ringq_queue_options options = {.max_records = bytes ? 0 : 4, .max_bytes = 64 << 10};
		ringq_queue *queue = acknowledged(RINGQ_ORDER_TOTAL, options);
		pthread_t thread = start_sleeper(queue, put_one_more);
		struct ringq_delivery d[80];
		int n = 0;

		while (ringq_take(queue, &d[n], RINGQ_NOWAIT) == 0)
			n++;
		check_eq(stat_of(queue).in_hand, n);
		check_eq(stat_of(queue).producers_asleep, 1);
		for (int i = n; i--;)
			check_eq(ringq_ack(queue, &d[i]), 0);
		join_thread(thread);
		check_eq(sleeper.result, 0);
		ringq_queue_release(queue);
	}
}

static ringq_queue *quits;

/* In the middle of what the other waits for. */
static void take_back_and_die_later(void *queue)
{
	take_number(queue, 0, 2);
	check_eq(ringq_get(quits, NULL, 0, TEST_SOON), 0);
	pause_ns(RINGQ_MS(20));
}

Test(acknowledged, a_wait_for_any_tells_of_what_is_back)
{
	quits = queue_new(NULL);
	ringq_queue *queue = acknowledged(RINGQ_ORDER_TOTAL, (struct ringq_queue_options){0});
	struct ringq_delivery d, unused;
	ringq_queue *queues[1] = {queue};

	put_numbers(queue, 0, 1);
	d = take_number(queue, 0, 1);
	check_eq(ringq_take(queue, &unused, RINGQ_NOWAIT), -EAGAIN);
	check_eq(ringq_wait_any(queues, 1, RINGQ_MS(1)), -ETIMEDOUT);
	check_eq(ringq_requeue(queue, &d), 0);
	check_eq(ringq_wait_any(queues, 1, TEST_SOON), 0);
	pid_t child = fork_child(take_back_and_die_later, queue);
	while (stat_of(queue).in_hand == 0)
		pause_ns(RINGQ_MS(1));
	check_eq(ringq_wait_any(queues, 1, RINGQ_MS(1)), -ETIMEDOUT);
	check_eq(ringq_put(quits, NULL, 0, RINGQ_NOWAIT), 0);
	check_eq(ringq_wait_any(queues, 1, TEST_SOON), 0);
	reap_child(child);
	d = take_number(queue, 0, 3);
	check_eq(ringq_close(queue), 0);
	check_eq(ringq_wait_any(queues, 1, RINGQ_MS(1)), -ETIMEDOUT);
	check_eq(ringq_ack(queue, &d), 0);
	check_eq(ringq_wait_any(queues, 1, TEST_SOON), 0);
	ringq_queue_release(queue);
}

static bool is_readable(int fd, int ms)
{
	struct pollfd wait = {.fd = fd, .events = POLLIN};
	int r = poll(&wait, 1, ms);

	check_compare(r, >=, 0);
	return r == 1;
}

static void take_and_wait_to_be_killed(void *queue)
{
	take_number(queue, 0, 1);
	for (;;)
		pause();
}

/* The one record is in somebody's hands, as whoever looks at the queue is told, too. */
static void check_nothing_to_get(ringq_queue *queue, int fd)
{
	struct ringq_delivery none;

	check_eq(ringq_take(queue, &none, RINGQ_NOWAIT), -EAGAIN);
	check(!is_readable(fd, 0));
}

static void check_back(ringq_queue *queue, int fd)
{
	check(is_readable(fd, (int)(TEST_SOON / RINGQ_MS(1))));
	struct ringq_delivery d = take_number(queue, 0, 2);
	check_eq(ringq_ack(queue, &d), 0);
	put_numbers(queue, 0, 1);
}

/* Given back, released, killed, and the end of a queue that is closed. */
Test(acknowledged, an_event_descriptor_tells_of_what_is_back)
{
	for (size_t o = 0; o < COUNT(orders); o++) {
		ringq_queue *queue = acknowledged(orders[o], (struct ringq_queue_options){.name = "q"}), *other;
		int fd = ringq_event_fd(queue);
		struct ringq_delivery d;

		check_compare(fd, >=, 0);
		put_numbers(queue, 0, 1);
		d = take_number(queue, 0, 1);
		check_nothing_to_get(queue, fd);
		check_eq(ringq_requeue(queue, &d), 0);
		check_back(queue, fd);

		check_eq(ringq_queue_open(&other, ringq_queue_region(queue), "q"), 0);
		take_number(other, 0, 1);
		check_nothing_to_get(queue, fd);
		ringq_queue_release(other);
		check_back(queue, fd);

		pid_t child = fork_child(take_and_wait_to_be_killed, queue);
		while (stat_of(queue).in_hand == 0)
			pause_ns(RINGQ_MS(1));
		check_nothing_to_get(queue, fd);
		kill_child(child);
		check_back(queue, fd);

		d = take_number(queue, 0, 1);
		check_eq(ringq_close(queue), 0);
		check_nothing_to_get(queue, fd);
		check_eq(ringq_ack(queue, &d), 0);
		check(is_readable(fd, (int)(TEST_SOON / RINGQ_MS(1))));
		check_eq(ringq_take(queue, &d, RINGQ_NOWAIT), -EPIPE);
		ringq_queue_release(queue);
	}
}

/* The watching thread has seen that it is closed while something waits: that is not the end yet. */
Test(acknowledged, an_event_descriptor_tells_of_the_end_of_what_was_closed_with_records)
{
	for (size_t o = 0; o < COUNT(orders); o++) {
		ringq_queue *queue = acknowledged(orders[o], (struct ringq_queue_options){0});
		int fd = ringq_event_fd(queue);
		struct ringq_delivery d;

		check_compare(fd, >=, 0);
		put_numbers(queue, 0, 1);
		check_eq(ringq_close(queue), 0);
		check(is_readable(fd, (int)(TEST_SOON / RINGQ_MS(1))));
		pause_ns(RINGQ_MS(20));
		d = take_number(queue, 0, 1);
		check_nothing_to_get(queue, fd);
		check_eq(ringq_requeue(queue, &d), 0);
		check(is_readable(fd, (int)(TEST_SOON / RINGQ_MS(1))));
		d = take_number(queue, 0, 2);
		check_nothing_to_get(queue, fd);
		check_eq(ringq_ack(queue, &d), 0);
		check(is_readable(fd, (int)(TEST_SOON / RINGQ_MS(1))));
		check_eq(ringq_take(queue, &d, RINGQ_NOWAIT), -EPIPE);
		ringq_queue_release(queue);
	}
}

Test(acknowledged, large_records_lie_in_place)
{
	static const size_t lens[] = {0, 1, 64, 65, 4096, 70000, 3 << 20, 20 << 20};

	for (size_t o = 0; o < COUNT(orders); o++) {
		ringq_queue *queue = acknowledged(orders[o], (struct ringq_queue_options){.max_bytes = RINGQ_UNBOUNDED});
		struct ringq_delivery d[COUNT(lens)];
		void *at;

		for (size_t i = 0; i < COUNT(lens); i++) {
			check_eq(ringq_reserve(queue, &at, lens[i], RINGQ_NOWAIT), 0);
			memset(at, (int)i, lens[i]);
			check_eq(ringq_commit(queue, at, lens[i]), 0);
		}
		for (size_t i = 0; i < COUNT(lens); i++)
			check_eq(ringq_take(queue, &d[i], RINGQ_NOWAIT), 0);
		put_numbers(queue, 0, 10000);
		for (size_t i = 0; i < COUNT(lens); i++) {
			const char *data = d[i].data;
			check_eq(d[i].len, lens[i]);
			check_eq((uintptr_t)data % 8, 0);
			check(lens[i] == 0 || (data[0] == (char)i && data[lens[i] - 1] == (char)i &&
						      memcmp(data, data + 1, lens[i] - 1) == 0));
			check_eq(i % 2 ? ringq_ack(queue, &d[i]) : ringq_requeue(queue, &d[i]), 0);
		}
		for (size_t i = 0; i < COUNT(lens); i += 2) {
			check_eq(ringq_take(queue, &d[i], RINGQ_NOWAIT), 0);
			check_eq(d[i].len, lens[i]);
			check(lens[i] == 0 || *(const char *)d[i].data == (char)i);
			check_eq(ringq_ack(queue, &d[i]), 0);
		}
		for (int64_t i = 0; i < 10000; i++)
			check_eq(get_number(queue, RINGQ_NOWAIT), i);
		ringq_queue_release(queue);
	}
}

Test(acknowledged, what_is_not_acknowledged_refuses)
{
	ringq_queue *queue = queue_new(NULL), *none;
	ringq_pipe *a, *b;
	struct ringq_delivery d = {0};

	check_eq(ringq_take(queue, &d, RINGQ_NOWAIT), -EINVAL);
	check_eq(ringq_ack(queue, &d), -EINVAL);
	check_eq(ringq_requeue(queue, &d), -EINVAL);
	check_eq(ringq_join(queue, RINGQ_NOWAIT), -EINVAL);
	check_eq(ringq_queue_create(&none, NULL, &(struct ringq_queue_options){.max_attempts = 1}), -EINVAL);
	check_eq(ringq_queue_create(
			 &none, NULL, &(struct ringq_queue_options){.flags = RINGQ_ACKNOWLEDGED, .dead_letters = "x"}),
		-EINVAL);
	check_eq(ringq_queue_create(&none, NULL,
			 &(struct ringq_queue_options){
				 .flags = RINGQ_ACKNOWLEDGED, .max_attempts = 1, .dead_letters = "x"}),
		-ENOENT);
	check_eq(ringq_pipe_create(&a, &b, NULL, RINGQ_ACKNOWLEDGED), -EINVAL);
	ringq_queue_release(queue);
}
