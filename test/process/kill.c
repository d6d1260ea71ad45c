/* SPDX-License-Identifier: MIT */
/*
 * Producers and consumers that are killed at random times: what they put stays, once and in order, what they held comes
 * back, and nobody sleeps on.
 */
#include "../common.h"

#include <errno.h>
#include <string.h>

#define MAX_LEN 20000
#define PARENT UINT32_MAX

struct shared {
	ringq_queue *queue;
	atomic_uint round;
	_Atomic uint64_t begun, done; /* of this round, by the child */
	atomic_int thread;
};

static char buffer[MAX_LEN];

static struct shared *shared_new(const struct ringq_queue_options *options)
{
	struct shared *shared = share_memory(sizeof(*shared));

	shared->queue = queue_new(options);
	return shared;
}

/* So that some are killed early, while they join, and most while they are at work. */
static void wait_before_kill(struct shared *shared, struct rng *rng)
{
	int64_t deadline = now_ns() + TEST_SOON;

	if (rng_below(rng, 5))
		while (!shared->begun)
			check_compare(now_ns(), <, deadline);
	pause_ns(RINGQ_US(rng_below(rng, 1000)));
}

static void put_until_killed(void *arg)
{
	struct shared *shared = arg;
	struct rng rng = {shared->round};

	for (;;) {
		size_t len = record_random_len(&rng, MAX_LEN);
		void *reserved;

		record_fill(buffer, len, (struct record_id){shared->round, shared->begun++});
		if (shared->round % 4) {
			check_eq(ringq_put(shared->queue, buffer, len, RINGQ_FOREVER), 0);
		} else {
			check_eq(ringq_reserve(shared->queue, &reserved, len, RINGQ_FOREVER), 0);
			memcpy(reserved, buffer, len);
			check_eq(ringq_commit(shared->queue, reserved, len), 0);
		}
		shared->done++;
	}
}

/* Takes all that is there, which must be the child's next. Returns the number after it. */
static uint32_t drain_child(struct shared *shared, uint32_t next)
{
	ssize_t len;

	while ((len = ringq_get(shared->queue, buffer, MAX_LEN, RINGQ_NOWAIT)) >= 0) {
		struct record_id id = record_check(buffer, len);

		check_eq(id.producer, shared->round);
		check_eq(id.number, next++);
	}
	check_eq(len, -EAGAIN);
	return next;
}

static void check_capacity(ringq_queue *queue, uint64_t max_records)
{
	for (uint64_t i = 0; i < max_records; i++) {
		check_eq(ringq_size(queue), i);
		check_eq(put_number(queue, i, RINGQ_NOWAIT), 0);
	}
	check_eq(ringq_size(queue), max_records);
	if (max_records)
		check_eq(put_number(queue, 0, RINGQ_NOWAIT), -EAGAIN);
	for (uint64_t i = 0; i < max_records; i++)
		check_eq(get_number(queue, RINGQ_NOWAIT), i);
	check(ringq_empty(queue));
}

static void kill_producers(const struct ringq_queue_options *options, uint32_t rounds)
{
	struct shared *shared = shared_new(options);
	struct rng rng = {1};

	for (uint32_t round = 0; round < rounds; round++) {
		uint32_t next = 0;
		pid_t child;

		shared->round = round;
		shared->begun = shared->done = 0;
		child = fork_child(put_until_killed, shared);
		for (unsigned drains = round % 3 * 20; drains--;)
			next = drain_child(shared, next);
		wait_before_kill(shared, &rng);
		kill_child(child);

		next = drain_child(shared, next);
		/* The one that it was putting may be in. */
		check(next == shared->done || (next == shared->done + 1 && next == shared->begun));
		check_capacity(shared->queue, options->max_records);
		check_eq(put_number(shared->queue, round, RINGQ_NOWAIT), 0);
		check_eq(get_number(shared->queue, RINGQ_NOWAIT), round);
	}
	ringq_queue_release(shared->queue);
}

static void get_until_killed(void *arg)
{
	struct shared *shared = arg;

	for (;;) {
		ssize_t len;

		shared->begun++;
		len = ringq_get(shared->queue, buffer, MAX_LEN, RINGQ_FOREVER);
		check_compare(len, >=, 0);
		shared->done = record_check(buffer, len).number + 1;
	}
}

static void kill_consumers(const struct ringq_queue_options *options, uint32_t rounds)
{
	struct shared *shared = shared_new(options);
	struct rng rng = {2};
	uint32_t in = 0, out = 0;

	for (uint32_t round = 0; round < rounds; round++) {
		int64_t deadline;
		pid_t child;

		shared->begun = 0;
		shared->done = out;
		child = fork_child(get_until_killed, shared);
		deadline = now_ns() + RINGQ_US(rng_below(&rng, 3000));
		while (now_ns() < deadline) {
			size_t len = record_random_len(&rng, MAX_LEN);

			record_fill(buffer, len, (struct record_id){.number = in});
			in += ringq_put(shared->queue, buffer, len, RINGQ_NOWAIT) == 0;
		}
		kill_child(child);

		/* The one that it had taken last may be gone with it. */
		out = shared->done;
		if (out < in) {
			ssize_t len = ringq_get(shared->queue, buffer, MAX_LEN, RINGQ_NOWAIT);
			uint32_t number = len == -EAGAIN ? in : record_check(buffer, len).number;

			check(len >= 0 || out + 1 == in);
			check(number == out || number == out + 1);
			for (out = number + 1; out < in; out++) {
				len = ringq_get(shared->queue, buffer, MAX_LEN, RINGQ_NOWAIT);
				check_eq(record_check(buffer, len).number, out);
			}
			out = in;
		}
		check_eq(get_number(shared->queue, RINGQ_NOWAIT), -EAGAIN);
		check_capacity(shared->queue, options->max_records);
	}
	ringq_queue_release(shared->queue);
}

static void get_all(void *arg)
{
	struct shared *shared = arg;

	while (get_number(shared->queue, RINGQ_FOREVER) >= 0)
		continue;
}

static void put_all(void *arg)
{
	struct shared *shared = arg;

	while (put_number(shared->queue, 1, RINGQ_FOREVER) == 0)
		continue;
}

/* Puts whenever the other side has had time to fall asleep. */
static void put_to_sleepers(void *arg)
{
	struct shared *shared = arg;
	struct rng rng = {now_ns()};

	for (;;) {
		check_eq(put_number(shared->queue, 1, RINGQ_FOREVER), 0);
		shared->begun++;
		pause_ns(RINGQ_US(rng_below(&rng, 100)));
	}
}

static void get_from_sleepers(void *arg)
{
	struct shared *shared = arg;
	struct rng rng = {now_ns()};

	for (;;) {
		check_eq(get_number(shared->queue, RINGQ_FOREVER), 1);
		shared->begun++;
		pause_ns(RINGQ_US(rng_below(&rng, 100)));
	}
}

static void wait_size(const struct shared *shared, uint64_t size)
{
	int64_t deadline = now_ns() + TEST_SOON;

	while (ringq_size(shared->queue) != size) {
		check_compare(now_ns(), <, deadline);
		pause_ns(RINGQ_US(50));
	}
}

/* A consumer is killed just when it is woken: another must take what it was woken for. */
static void kill_woken_consumers(const struct ringq_queue_options *options, uint32_t rounds)
{
	struct shared *shared = shared_new(options);
	struct rng rng = {3};
	pid_t other = fork_child(get_all, shared);

	for (uint32_t round = 0; round < rounds; round++) {
		pid_t victim = fork_child(get_all, shared);

		wait_asleep(victim);
		wait_asleep(other);
		check_eq(put_number(shared->queue, 1, RINGQ_NOWAIT), 0);
		if (round % 2)
			pause_ns(rng_below(&rng, RINGQ_US(60)));
		kill_child(victim);
		wait_size(shared, 0);
	}
	check_eq(ringq_close(shared->queue), 0);
	reap_child(other);
	ringq_queue_release(shared->queue);
}

/* A producer is killed just when it is woken: another must use the room that it was woken for. */
static void kill_woken_producers(unsigned order, uint32_t rounds)
{
	struct shared *shared = shared_new(&(struct ringq_queue_options){.order = order, .max_records = 1});
	struct rng rng = {4};
	pid_t other = fork_child(put_all, shared);

	for (uint32_t round = 0; round < rounds; round++) {
		pid_t victim;

		wait_size(shared, 1);
		victim = fork_child(put_all, shared);
		wait_asleep(victim);
		wait_asleep(other);
		check_eq(get_number(shared->queue, RINGQ_NOWAIT), 1);
		if (round % 2)
			pause_ns(rng_below(&rng, RINGQ_US(60)));
		kill_child(victim);
		check_eq(get_number(shared->queue, TEST_SOON), 1);
	}
	check_eq(ringq_close(shared->queue), 0);
	reap_child(other);
	ringq_queue_release(shared->queue);
}

/* Who is to wake a sleeper is killed, perhaps in between: the sleeper must not sleep on. */
static void kill_wakers(const struct ringq_queue_options *options, bool puts, uint32_t rounds)
{
	struct shared *shared = shared_new(options);
	struct rng rng = {5};
	pid_t sleeper = fork_child(puts ? get_all : put_all, shared);

	for (uint32_t round = 0; round < rounds; round++) {
		pid_t waker;

		shared->begun = 0;
		waker = fork_child(puts ? put_to_sleepers : get_from_sleepers, shared);
		wait_before_kill(shared, &rng);
		kill_child(waker);
		wait_size(shared, puts ? 0 : 1);
	}
	check_eq(ringq_close(shared->queue), 0);
	reap_child(sleeper);
	ringq_queue_release(shared->queue);
}

/* Bounded, or else checking a backlog takes most of the time. */
#define BACKLOG (1 << 20)

static const struct ringq_queue_options options[] = {
	{.order = RINGQ_ORDER_TOTAL, .max_producers = 2, .max_bytes = BACKLOG},
	{.order = RINGQ_ORDER_PRODUCER, .max_producers = 2, .max_bytes = BACKLOG},
	{.order = RINGQ_ORDER_TOTAL, .max_producers = 2, .max_records = 3},
	{.order = RINGQ_ORDER_PRODUCER, .max_producers = 2, .max_records = 3},
	{.order = RINGQ_ORDER_PRODUCER, .max_producers = 2, .max_bytes = 30000},
	{.max_producers = 2, .max_bytes = BACKLOG, .flags = RINGQ_SINGLE_PRODUCER | RINGQ_SINGLE_CONSUMER},
};

int main(void)
{
	/* Room for one, counted in one way or the other. */
	static const struct ringq_queue_options one_record = {.max_records = 1}, one_byte = {.max_bytes = 1};
	uint32_t rounds = brief_or_long(200, 5000);

	for (size_t i = 0; i < COUNT(options); i++) {
		uint32_t row_rounds = i < 2 ? rounds : rounds / 4;

		test_row(i);
		kill_producers(&options[i], row_rounds);
		kill_consumers(&options[i], row_rounds);
		if (!options[i].flags)
			kill_wakers(&options[i], true, row_rounds);
	}
	for (unsigned order = RINGQ_ORDER_TOTAL; order <= RINGQ_ORDER_PRODUCER; order++) {
		kill_woken_consumers(&(struct ringq_queue_options){.order = order}, rounds / 5);
		kill_woken_producers(order, rounds / 5);
	}
	kill_wakers(&one_record, false, rounds / 2);
	kill_wakers(&one_byte, false, rounds / 2);
	return 0;
}
