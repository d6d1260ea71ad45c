/* SPDX-License-Identifier: MIT */

/*
 * No wake-up is lost, and none waits for more than the sleeper does. The library bounds each sleep, so that even a lost one
 * would be repaired; here sleeps have no bound, so that a lost one hangs, and the alarm tells.
 */

#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include "common.h"

#define THREADS 4

static int rounds;

struct pair {
	ringq_queue *to, *back;
};

static void *answer(void *arg)
{
	struct pair *pair = arg;
	char byte;
	while (ringq_get(pair->to, &byte, 1, RINGQ_FOREVER) == 1)
		check_eq(ringq_put(pair->back, &byte, 1, RINGQ_FOREVER), 0);
	return NULL;
}

/* One record goes to and fro: each side sleeps, or is about to, whenever the other wakes it. */
static void to_and_fro(const struct ringq_queue_options *options)
{
	struct pair pair = {queue_new(options), queue_new(options)};
	pthread_t thread = start_thread(answer, &pair);
	char byte = 0;
	for (int i = 0; i < rounds; i++) {
		check_eq(ringq_put(pair.to, &byte, 1, RINGQ_FOREVER), 0);
		check_eq(ringq_get(pair.back, &byte, 1, RINGQ_FOREVER), 1);
	}
	check_eq(ringq_close(pair.to), 0);
	join_thread(thread);
	ringq_queue_release(pair.to);
	ringq_queue_release(pair.back);
}

static void *put_all(void *queue)
{
	for (int64_t i = 0; i < rounds; i++)
		check_eq(ringq_put(queue, &i, sizeof i, RINGQ_FOREVER), 0);
	return NULL;
}

static void *get_all(void *queue)
{
	int64_t record;
	for (int i = 0; i < rounds; i++)
		check_eq(ringq_get(queue, &record, sizeof record, RINGQ_FOREVER), sizeof record);
	return NULL;
}

/* Many on both sides, and so little room that both sides sleep all the time. */
static void many_in_little_room(const struct ringq_queue_options *options)
{
	ringq_queue *queue = queue_new(options);
	pthread_t putters[THREADS], getters[THREADS];
	for (int i = 0; i < THREADS; i++) {
		getters[i] = start_thread(get_all, queue);
		putters[i] = start_thread(put_all, queue);
	}
	for (int i = 0; i < THREADS; i++) {
		join_thread(putters[i]);
		join_thread(getters[i]);
	}
	check(ringq_empty(queue));
	ringq_queue_release(queue);
}

static void *put_one(void *queue)
{
	check_eq(ringq_put(queue, "", 1, RINGQ_FOREVER), 0);
	return NULL;
}

static bool producer_asleep(const ringq_queue *queue)
{
	struct ringq_queue_stat stat;
	check_eq(ringq_queue_stat(queue, &stat), 0);
	return stat.producers_asleep;
}

/* The place that a producer sleeps for comes from a reservation that is dropped, not from a get. */
static void for_a_dropped_reservation(unsigned order)
{
	ringq_queue *queue = queue_new(&(struct ringq_queue_options){.order = order, .max_records = 1});
	void *reserved;
	check_eq(ringq_reserve(queue, &reserved, 1, RINGQ_NOWAIT), 0);
	pthread_t thread = start_thread(put_one, queue);
	while (!producer_asleep(queue))
		sched_yield();
	ringq_abort(queue, reserved);
	join_thread(thread);
	ringq_queue_release(queue);
}

#define RECORD 1000
#define FILL ((1 << 20) / 1008) /* so many fit */

static void *put_one_more_than_fits(void *queue)
{
	static const char record[RECORD];
	for (int i = 0; i <= FILL; i++)
		check_eq(ringq_put(queue, record, RECORD, RINGQ_FOREVER), 0);
	return NULL;
}

/* The consumer takes as much as the put needs, far less than an eighth of the ring, and then does something else. */
static void for_one_record_of_many(unsigned order, unsigned flags, int64_t later)
{
	ringq_queue *queue =
		queue_new(&(struct ringq_queue_options){.order = order, .flags = flags, .max_bytes = 1 << 20});
	char record[RECORD];
	pthread_t thread = start_thread(put_one_more_than_fits, queue);
	while (!producer_asleep(queue))
		sched_yield();
	pause_ns(later);
	check_eq(ringq_get(queue, record, RECORD, RINGQ_NOWAIT), RECORD);
	join_thread(thread);
	ringq_queue_release(queue);
}

static void all(void)
{
	for (unsigned order = RINGQ_ORDER_TOTAL; order <= RINGQ_ORDER_PRODUCER; order++) {
		to_and_fro(&(struct ringq_queue_options){.order = order});
		many_in_little_room(&(struct ringq_queue_options){.order = order, .max_bytes = 256});
		many_in_little_room(&(struct ringq_queue_options){.order = order, .max_records = 3});
		for_a_dropped_reservation(order);
		for (unsigned flags = 0; flags <= (RINGQ_SINGLE_PRODUCER | RINGQ_SINGLE_CONSUMER); flags++) {
			for_one_record_of_many(order, flags, 0);
			for_one_record_of_many(order, flags, RINGQ_MS(5));
		}
	}
}

/* On one CPU, spinning never helps: nearly every wait is a sleep. */
static void stay_on_one_cpu(void)
{
	cpu_set_t one;
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	check_eq(sched_setaffinity(0, sizeof one, &one), 0);
}

int main(void)
{
	rounds = (int)brief_or_long(10000, 10000);
	sleep_without_bounds();
	alarm(100);
	all();
	stay_on_one_cpu();
	all();
	return 0;
}
