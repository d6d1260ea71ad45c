/* SPDX-License-Identifier: MIT */
/* Threads that come, put and go leave their records, and nothing else: those who follow take over their lanes. */
#include "../common.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { WAVE = 50, MOST_LANES = 60 };

struct visit {
	ringq_queue *queue;
	int64_t number;
	bool abrupt; /* ends by the bare system call: no destructor runs */
};

static void *put_and_go(void *arg)
{
	struct visit *visit = arg;

	check_eq(put_number(visit->queue, visit->number, RINGQ_NOWAIT), 0);
	if (visit->abrupt)
		syscall(SYS_exit, 0);
	return NULL;
}

static void check_all_came(ringq_queue *queue, int64_t count)
{
	static atomic_uchar seen[1 << 16];

	for (int64_t i = 0; i < count; i++)
		seen[i] = 0;
	for (int64_t i = 0; i < count; i++) {
		int64_t number = get_number(queue, RINGQ_NOWAIT);

		check(number >= 0 && number < count);
		check_eq(seen[number]++, 0);
	}
	check_eq(get_number(queue, RINGQ_NOWAIT), -EAGAIN);
}

static void check_lanes(ringq_queue *queue, uint32_t most)
{
	struct ringq_queue_stat stat;

	check_eq(ringq_queue_stat(queue, &stat), 0);
	check_compare(stat.lanes, <=, most);
	check_eq(stat.producers, 0);
}

static void come_in_waves(unsigned order, int64_t waves)
{
	int64_t count = waves * WAVE;
	ringq_queue *queue = queue_new(&(struct ringq_queue_options){.order = order});
	struct visit visits[WAVE];
	pthread_t threads[WAVE];

	for (int64_t number = 0; number < count; number += WAVE) {
		for (size_t i = 0; i < WAVE; i++) {
			visits[i] = (struct visit){queue, number + i, false};
			threads[i] = start_thread(put_and_go, &visits[i]);
		}
		for (size_t i = 0; i < WAVE; i++)
			join_thread(threads[i]);
	}
	check_lanes(queue, MOST_LANES);
	check_all_came(queue, count);
	ringq_queue_release(queue);
}

static void come_one_by_one(const struct ringq_queue_options *options, int64_t count, bool abrupt)
{
	ringq_queue *queue = queue_new(options);

	for (int64_t number = 0; number < count; number++) {
		struct visit visit = {queue, number, abrupt};

		join_thread(start_thread(put_and_go, &visit));
	}
	check_lanes(queue, 1);
	if (options->order == RINGQ_ORDER_TOTAL)
		for (int64_t number = 0; number < count; number++)
			check_eq(get_number(queue, RINGQ_NOWAIT), number);
	else
		check_all_came(queue, count);
	ringq_queue_release(queue);
}

/* As many as may put at once, over and over: each wave must find the lanes of the one before. */
static void come_as_many_as_may(const struct ringq_queue_options *options, bool abrupt)
{
	ringq_queue *queue = queue_new(options);
	struct visit visits[8];
	pthread_t threads[8];

	for (int64_t wave = 0; wave < 50; wave++) {
		for (size_t i = 0; i < COUNT(threads); i++) {
			visits[i] = (struct visit){queue, i, abrupt};
			threads[i] = start_thread(put_and_go, &visits[i]);
		}
		for (size_t i = 0; i < COUNT(threads); i++)
			join_thread(threads[i]);
		check_all_came(queue, COUNT(threads));
	}
	check_lanes(queue, COUNT(threads));
	ringq_queue_release(queue);
}

static const struct ringq_queue_options options[] = {
	{.order = RINGQ_ORDER_TOTAL, .max_producers = 8},
	{.order = RINGQ_ORDER_PRODUCER, .max_producers = 8},
	{.order = RINGQ_ORDER_TOTAL, .max_producers = 8, .max_records = 2000},
	{.order = RINGQ_ORDER_PRODUCER, .max_producers = 8, .max_records = 2000},
};

/* What an abrupt end leaves of the thread in its own process is lost to that process, so there are fewer of these. */
static void come_and_go(bool abrupt)
{
	for (size_t i = 0; i < COUNT(options); i++) {
		come_one_by_one(&options[i],
			brief_or_long(500, abrupt ? 2000 : 20000) / (options[i].max_records ? 10 : 1), abrupt);
		come_as_many_as_may(&options[i], abrupt);
	}
}

int main(void)
{
	come_in_waves(RINGQ_ORDER_TOTAL, (int64_t)brief_or_long(20, 1000));
	come_in_waves(RINGQ_ORDER_PRODUCER, (int64_t)brief_or_long(20, 1000));
	come_and_go(false);
	/* Sanitizers do not learn of such an end. */
	if (!TEST_UNDER_TSAN && !TEST_UNDER_ASAN)
		come_and_go(true);
	return 0;
}
