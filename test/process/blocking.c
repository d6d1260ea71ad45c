/* SPDX-License-Identifier: MIT */
/* Sleeping and waking: every sleeper is woken by what it sleeps for, and by close. */
#include "../common.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

enum { SLEEPERS = 8 };

static const unsigned orders[] = {RINGQ_ORDER_TOTAL, RINGQ_ORDER_PRODUCER};

struct call {
	ringq_queue *queue;
	int64_t timeout;
	int64_t result;
	atomic_int thread; /* 0 before the call */
};

static void *get(void *arg)
{
	struct call *call = arg;

	call->thread = thread_id();
	call->result = get_number(call->queue, call->timeout);
	return NULL;
}

static void *put(void *arg)
{
	struct call *call = arg;

	call->thread = thread_id();
	call->result = put_number(call->queue, 7, call->timeout);
	return NULL;
}

static void *get_several(void *arg)
{
	struct call *call = arg;
	int64_t numbers[4];
	struct iovec iov[4];

	for (size_t i = 0; i < COUNT(iov); i++)
		iov[i] = (struct iovec){&numbers[i], sizeof(numbers[i])};
	call->thread = thread_id();
	call->result = ringq_get_many(call->queue, iov, COUNT(iov), call->timeout);
	return NULL;
}

static void *get_allocated(void *arg)
{
	struct call *call = arg;
	void *record;

	call->thread = thread_id();
	call->result = ringq_get_alloc(call->queue, &record, call->timeout);
	if (call->result >= 0)
		free(record);
	return NULL;
}

static void *put_several(void *arg)
{
	struct call *call = arg;
	int64_t number = 7;
	struct iovec iov[] = {{&number, sizeof(number)}, {&number, sizeof(number)}};

	call->thread = thread_id();
	call->result = ringq_put_many(call->queue, iov, COUNT(iov), call->timeout);
	return NULL;
}

static void *reserve(void *arg)
{
	struct call *call = arg;
	void *reserved;

	call->thread = thread_id();
	call->result = ringq_reserve(call->queue, &reserved, 8, call->timeout);
	if (call->result == 0)
		ringq_abort(call->queue, reserved);
	return NULL;
}

static void *wait_for_any(void *arg)
{
	struct call *call = arg;

	call->thread = thread_id();
	call->result = ringq_wait_any(&call->queue, 1, call->timeout);
	return NULL;
}

static pthread_t start_asleep(void *(*run)(void *), struct call *call)
{
	pthread_t thread;

	atomic_store(&call->thread, 0);
	thread = start_thread(run, call);
	wait_set(&call->thread);
	wait_asleep(call->thread);
	return thread;
}

static void getters_wake_for_a_put(ringq_queue *queue)
{
	static const struct {
		void *(*run)(void *);
		int64_t result;
		bool takes;
	} ways[] = {{get, 9, true}, {get_several, 1, true}, {get_allocated, 8, true}, {wait_for_any, 0, false}};
	/* INT64_MAX must not wrap when it becomes a time of day. */
	static const int64_t timeouts[] = {RINGQ_FOREVER, RINGQ_SEC(100), INT64_MAX, INT64_MAX - 1};

	for (size_t i = 0; i < COUNT(ways) * COUNT(timeouts); i++) {
		struct call call = {.queue = queue, .timeout = timeouts[i / COUNT(ways)]};
		pthread_t thread = start_asleep(ways[i % COUNT(ways)].run, &call);

		check_eq(put_number(queue, 9, RINGQ_NOWAIT), 0);
		join_thread(thread);
		check_eq(call.result, ways[i % COUNT(ways)].result);
		if (!ways[i % COUNT(ways)].takes)
			check_eq(get_number(queue, RINGQ_NOWAIT), 9);
		check(ringq_empty(queue));
	}
}

/* No record stays while somebody sleeps. */
static void each_put_wakes_somebody(ringq_queue *queue)
{
	struct call calls[SLEEPERS];
	pthread_t threads[SLEEPERS];

	for (size_t i = 0; i < SLEEPERS; i++) {
		calls[i] = (struct call){.queue = queue, .timeout = RINGQ_FOREVER};
		threads[i] = start_asleep(get, &calls[i]);
	}
	for (size_t i = 0; i < SLEEPERS; i++) {
		int64_t deadline = now_ns() + TEST_SOON;

		check_eq(put_number(queue, i, RINGQ_NOWAIT), 0);
		while (!ringq_empty(queue))
			check_compare(now_ns(), <, deadline);
	}
	for (size_t i = 0; i < SLEEPERS; i++) {
		join_thread(threads[i]);
		check_compare(calls[i].result, >=, 0);
	}
}

static void putters_wake_for_a_get(const struct ringq_queue_options *options)
{
	static void *(*const ways[])(void *) = {put, put_several, reserve};
	static const int64_t results[] = {0, 2, 0};
	static const int64_t timeouts[] = {RINGQ_FOREVER, RINGQ_SEC(100), INT64_MAX, INT64_MAX - 1};

	for (size_t i = 0; i < COUNT(ways) * COUNT(timeouts); i++) {
		size_t way = i % COUNT(ways);
		struct call call = {.queue = queue_new(options), .timeout = timeouts[i / COUNT(ways)]};
		int64_t in = 0, got = 0;
		pthread_t thread;

		while (put_number(call.queue, 7, RINGQ_NOWAIT) == 0)
			in++;
		thread = start_asleep(ways[way], &call);
		/* Enough places for the two of put_several come free one after the other. */
		while (got < in)
			got += get_number(call.queue, TEST_SOON) == 7;
		if (results[way] == 2)
			check_eq(get_number(call.queue, TEST_SOON), 7);
		join_thread(thread);
		check_eq(call.result, results[way]);
		ringq_queue_release(call.queue);
	}
}

/* Fills its own lane, which max_bytes bounds, then sleeps in a put for which there is no room. */
static void *fill_and_put(void *arg)
{
	struct call *call = arg;

	while (put_number(call->queue, 7, RINGQ_NOWAIT) == 0)
		continue;
	return put(arg);
}

static void putters_wake_for_room_in_their_lane(unsigned order)
{
	struct call call = {.timeout = RINGQ_FOREVER};
	pthread_t thread;

	call.queue = queue_new(&(struct ringq_queue_options){.order = order, .max_bytes = 2000});
	thread = start_asleep(fill_and_put, &call);
	while (get_number(call.queue, RINGQ_NOWAIT) == 7)
		continue;
	join_thread(thread);
	check_eq(call.result, 0);
	ringq_queue_release(call.queue);
}

static void close_wakes_getters(unsigned order)
{
	static void *(*const ways[])(void *) = {get, get_several, get_allocated, wait_for_any};
	struct call calls[SLEEPERS];
	pthread_t threads[SLEEPERS];
	ringq_queue *queue = queue_new(&(struct ringq_queue_options){.order = order});

	for (size_t i = 0; i < SLEEPERS; i++) {
		calls[i] = (struct call){.queue = queue, .timeout = i % 2 ? RINGQ_FOREVER : RINGQ_SEC(100)};
		threads[i] = start_asleep(ways[i % COUNT(ways)], &calls[i]);
	}
	check_eq(ringq_close(queue), 0);
	for (size_t i = 0; i < SLEEPERS; i++) {
		join_thread(threads[i]);
		check_eq(calls[i].result, ways[i % COUNT(ways)] == wait_for_any ? 0 : -EPIPE);
	}
	ringq_queue_release(queue);
}

static void close_wakes_putters(const struct ringq_queue_options *options)
{
	static void *(*const ways[])(void *) = {fill_and_put, put, put_several, reserve};
	struct call calls[SLEEPERS];
	pthread_t threads[SLEEPERS];
	ringq_queue *queue = queue_new(options);

	for (size_t i = 0; i < SLEEPERS; i++) {
		calls[i] = (struct call){.queue = queue, .timeout = i % 2 ? RINGQ_FOREVER : RINGQ_SEC(100)};
		threads[i] = start_asleep(ways[options->max_records ? i % COUNT(ways) : 0], &calls[i]);
	}
	check_eq(ringq_close(queue), 0);
	for (size_t i = 0; i < SLEEPERS; i++) {
		join_thread(threads[i]);
		check_eq(calls[i].result, -EPIPE);
	}
	ringq_queue_release(queue);
}

/* A hand-over forth and back in which each side sleeps nearly every time: a wake-up that is lost ends it. */
struct table {
	ringq_queue *forth, *back;
	int64_t rounds;
};

static void *answer(void *arg)
{
	struct table *table = arg;

	for (int64_t i = 0; i < table->rounds; i++) {
		check_eq(get_number(table->forth, RINGQ_FOREVER), i);
		check_eq(put_number(table->back, i, RINGQ_FOREVER), 0);
	}
	return NULL;
}

static void nobody_oversleeps(const struct ringq_queue_options *options)
{
	struct table table = {queue_new(options), queue_new(options), brief_or_long(5000, 500000)};
	struct rng rng = {1};
	pthread_t thread = start_thread(answer, &table);

	for (int64_t i = 0; i < table.rounds; i++) {
		check_eq(put_number(table.forth, i, RINGQ_FOREVER), 0);
		if (rng_below(&rng, 50) == 0)
			pause_ns(RINGQ_US(rng_below(&rng, 300)));
		check_eq(get_number(table.back, TEST_SOON), i);
	}
	join_thread(thread);
	ringq_queue_release(table.forth);
	ringq_queue_release(table.back);
}

static void ignore(int signal)
{
	(void)signal;
}

/* A signal whose handler interrupts system calls comes again and again while a thread is to sleep for a while. */
static void check_sleeps_through_signals(void *(*run)(void *), ringq_queue *queue)
{
	struct call call = {.queue = queue, .timeout = RINGQ_MS(50)};
	int64_t start = now_ns();
	pthread_t thread = start_thread(run, &call);

	wait_set(&call.thread);
	for (int i = 0; i < 60; i++) {
		pthread_kill(thread, SIGUSR1);
		pause_ns(RINGQ_MS(1));
	}
	join_thread(thread);
	check_eq(call.result, -ETIMEDOUT);
	check_waited(start, call.timeout);
}

static void signals_do_not_end_calls(void)
{
	ringq_queue *queue = queue_new(&(struct ringq_queue_options){.max_records = 1});
	struct sigaction action = {.sa_handler = ignore};

	check_eq(sigaction(SIGUSR1, &action, NULL), 0);
	check_sleeps_through_signals(get, queue);
	check_sleeps_through_signals(get_several, queue);
	check_sleeps_through_signals(wait_for_any, queue);
	check_eq(put_number(queue, 1, RINGQ_NOWAIT), 0);
	check_sleeps_through_signals(put, queue);
	check_sleeps_through_signals(reserve, queue);
	ringq_queue_release(queue);
}

/* Whoever is woken for a record that another takes sleeps on, but not for longer than it was to. */
static void timeouts_bound_the_whole_call(void)
{
	ringq_queue *queue = queue_new(&(struct ringq_queue_options){0});

	for (int round = 0; round < 10; round++) {
		struct call call = {.queue = queue, .timeout = RINGQ_MS(20)};
		int64_t start = now_ns();
		pthread_t thread = start_thread(get, &call);

		while (now_ns() < start + RINGQ_MS(40)) {
			check_eq(put_number(queue, 1, RINGQ_NOWAIT), 0);
			get_number(queue, RINGQ_NOWAIT);
		}
		join_thread(thread);
		check(call.result == 1 || call.result == -ETIMEDOUT);
		check_compare(now_ns() - start, <, TEST_SOON);
		get_number(queue, RINGQ_NOWAIT);
	}
	ringq_queue_release(queue);
}

#ifdef RQ_CHECKS
static atomic_int noticed;

static void *put_until_noticed(void *queue)
{
	while (!noticed)
		if (ringq_put(queue, NULL, 0, RINGQ_NOWAIT) == -EBUSY)
			noticed = 1;
	return NULL;
}

static void *get_until_noticed(void *queue)
{
	while (!noticed)
		if (ringq_get(queue, NULL, 0, RINGQ_NOWAIT) == -EBUSY)
			noticed = 1;
	return NULL;
}

/* Where checks are on, calls that overlap against a promise are told so, sooner or later. */
static void broken_promises_are_ebusy(unsigned flags, void *(*run)(void *))
{
	ringq_queue *queue = queue_new(&(struct ringq_queue_options){.flags = flags});
	pthread_t one, two;

	atomic_store(&noticed, 0);
	one = start_thread(run, queue);
	two = start_thread(run, queue);
	wait_set(&noticed);
	join_thread(one);
	join_thread(two);
	ringq_queue_release(queue);
}
#endif

int main(void)
{
	for (size_t i = 0; i < COUNT(orders); i++) {
		const struct ringq_queue_options open = {.order = orders[i]};
		const struct ringq_queue_options bounded = {.order = orders[i], .max_records = 3};
		const struct ringq_queue_options one = {.order = orders[i], .max_records = 1};
		const struct ringq_queue_options narrow = {.order = orders[i], .max_bytes = 2000};
		ringq_queue *queue = queue_new(&open);

		getters_wake_for_a_put(queue);
		each_put_wakes_somebody(queue);
		ringq_queue_release(queue);
		putters_wake_for_a_get(&bounded);
		putters_wake_for_a_get(&one);
		putters_wake_for_room_in_their_lane(orders[i]);
		close_wakes_getters(orders[i]);
		close_wakes_putters(&one);
		close_wakes_putters(&narrow);
		nobody_oversleeps(&open);
		nobody_oversleeps(&one);
	}
	signals_do_not_end_calls();
	timeouts_bound_the_whole_call();
#ifdef RQ_CHECKS
	broken_promises_are_ebusy(RINGQ_SINGLE_PRODUCER, put_until_noticed);
	broken_promises_are_ebusy(RINGQ_SINGLE_CONSUMER, get_until_noticed);
#endif
	return 0;
}
