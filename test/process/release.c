/* SPDX-License-Identifier: MIT */
/* A handle is released while other threads are inside calls on it: those end with -EBADF, and nothing is harmed. */
#include "../common.h"

#include "base/sys.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>

enum { THREADS = 8, LONG_BATCH = 1 << 20 };

static const struct ringq_queue_options defaults;

struct call {
	ringq_queue *queue;
	int64_t result;
	atomic_int thread; /* 0 before the call */
};

static void *get(void *arg)
{
	struct call *call = arg;

	call->thread = thread_id();
	call->result = get_number(call->queue, RINGQ_FOREVER);
	return NULL;
}

static void *get_in_time(void *arg)
{
	struct call *call = arg;

	call->thread = thread_id();
	call->result = get_number(call->queue, RINGQ_SEC(100));
	return NULL;
}

static void *get_allocated(void *arg)
{
	struct call *call = arg;
	void *record;

	call->thread = thread_id();
	call->result = ringq_get_alloc(call->queue, &record, RINGQ_FOREVER);
	return NULL;
}

static void *wait_for_any(void *arg)
{
	struct call *call = arg;

	call->thread = thread_id();
	call->result = ringq_wait_any(&call->queue, 1, RINGQ_FOREVER);
	return NULL;
}

static void *put(void *arg)
{
	struct call *call = arg;

	call->thread = thread_id();
	call->result = put_number(call->queue, 2, RINGQ_FOREVER);
	return NULL;
}

static void *reserve(void *arg)
{
	struct call *call = arg;
	void *reserved;

	call->thread = thread_id();
	call->result = ringq_reserve(call->queue, &reserved, 8, RINGQ_SEC(100));
	return NULL;
}

/* Many puts, then asleep in one for which there is no room. */
static void *fill_and_put(void *arg)
{
	struct call *call = arg;

	while (put_number(call->queue, 1, RINGQ_NOWAIT) == 0)
		continue;
	return put(arg);
}

static void start_asleep(
	pthread_t *threads, struct call *calls, ringq_queue *queue, void *(*const *ways)(void *), size_t count)
{
	for (size_t i = 0; i < THREADS; i++) {
		calls[i] = (struct call){.queue = queue};
		threads[i] = start_thread(ways[i % count], &calls[i]);
		wait_set(&calls[i].thread);
		wait_asleep(calls[i].thread);
	}
}

static void check_ebadf(const pthread_t *threads, const struct call *calls)
{
	for (size_t i = 0; i < THREADS; i++) {
		join_thread(threads[i]);
		check_eq(calls[i].result, -EBADF);
	}
}

/* A queue in a region that the caller holds, too, so that it can be opened again after the release. */
static ringq_region *hold_region(const ringq_queue *queue)
{
	ringq_region *region;

	check_eq(ringq_region_attach(&region, ringq_region_fd(ringq_queue_region(queue))), 0);
	return region;
}

static ringq_queue *open_again(ringq_region *region)
{
	ringq_queue *queue;

	check_eq(ringq_queue_open(&queue, region, NULL), 0);
	ringq_region_detach(region);
	return queue;
}

static void release_under_getters(unsigned order, bool holds_region)
{
	static void *(*const ways[])(void *) = {get, get_in_time, get_allocated, wait_for_any};
	ringq_queue *queue = queue_new(&(struct ringq_queue_options){.order = order});
	ringq_region *region = holds_region ? hold_region(queue) : NULL;
	struct call calls[THREADS];
	pthread_t threads[THREADS];

	start_asleep(threads, calls, queue, ways, COUNT(ways));
	ringq_queue_release(queue);
	check_ebadf(threads, calls);
	if (region) {
		queue = open_again(region);
		check_eq(put_number(queue, 1, RINGQ_NOWAIT), 0);
		check_eq(get_number(queue, RINGQ_NOWAIT), 1);
		ringq_queue_release(queue);
	}
}

static void release_under_putters(const struct ringq_queue_options *options)
{
	static void *(*const ways[])(void *) = {fill_and_put, put, reserve};
	ringq_queue *queue = queue_new(options);
	ringq_region *region = hold_region(queue);
	struct call calls[THREADS];
	pthread_t threads[THREADS];
	int64_t number;

	start_asleep(threads, calls, queue, ways, options->max_records ? COUNT(ways) : 1);
	ringq_queue_release(queue);
	check_ebadf(threads, calls);
	/* An error means that it is not in the queue, and never will be. */
	queue = open_again(region);
	while ((number = get_number(queue, RINGQ_NOWAIT)) >= 0)
		check_eq(number, 1);
	check_eq(number, -EAGAIN);
	ringq_queue_release(queue);
}

/* The region is given up before the queue's handle, which holds it for the sleepers. */
static void detach_under_getters(void)
{
	static void *(*const ways[])(void *) = {get, wait_for_any};
	unsigned mappings = count_region_mappings();
	ringq_region *region = region_new(0);
	ringq_queue *queue = queue_in(region, &defaults);
	struct call calls[THREADS];
	pthread_t threads[THREADS];

	start_asleep(threads, calls, queue, ways, COUNT(ways));
	ringq_region_detach(region);
	for (size_t i = 0; i < THREADS; i++)
		wait_asleep(calls[i].thread);
	ringq_queue_release(queue);
	check_ebadf(threads, calls);
	check_eq(count_region_mappings(), mappings);
}

static void *put_long_batch(void *arg)
{
	struct call *call = arg;
	struct iovec *records = calloc(LONG_BATCH, sizeof(*records));

	check(records);
	call->result = ringq_put_many(call->queue, records, LONG_BATCH, RINGQ_FOREVER);
	free(records);
	return NULL;
}

static void *get_long_batch(void *arg)
{
	struct call *call = arg;
	struct iovec *records = calloc(LONG_BATCH, sizeof(*records));

	check(records);
	call->result = ringq_get_many(call->queue, records, LONG_BATCH, RINGQ_FOREVER);
	free(records);
	return NULL;
}

static void wait_size_other_than(const ringq_queue *queue, uint64_t size)
{
	int64_t deadline = now_ns() + TEST_SOON;

	while (ringq_size(queue) == size)
		check_compare(now_ns(), <, deadline);
}

/* Starts a long call and releases the handle while it is at work. Returns how many it says it has done. */
static uint64_t release_at_work(ringq_queue *queue, void *(*run)(void *), int64_t delay)
{
	struct call call = {.queue = queue};
	uint64_t size = ringq_size(queue);
	pthread_t thread = start_thread(run, &call);

	wait_size_other_than(queue, size);
	pause_ns(delay);
	ringq_queue_release(queue);
	join_thread(thread);
	check(call.result == -EBADF || call.result > 0);
	return call.result > 0 ? call.result : 0;
}

/* The call is at work, not asleep: what it says it did is what it did. */
static void release_under_a_long_batch(unsigned order, int64_t delay)
{
	ringq_queue *queue = queue_new(&(struct ringq_queue_options){.order = order, .max_bytes = RINGQ_UNBOUNDED});
	ringq_region *region = hold_region(queue);
	uint64_t put = release_at_work(queue, put_long_batch, delay), got;

	queue = open_again(region);
	check_eq(ringq_size(queue), put);
	if (put > 0) {
		region = hold_region(queue);
		got = release_at_work(queue, get_long_batch, delay);
		queue = open_again(region);
		check_eq(ringq_size(queue), put - got);
	}
	ringq_queue_release(queue);
}

/* ---- a thread is held in the middle of a call, where it calls the system ---- */

static struct rq_sys true_sys;
static _Thread_local bool is_held;
static atomic_int may_go, held, let_go, released;
static atomic_uint yields, wakes, sleeps;

static void hold(void)
{
	held |= is_held;
	while (is_held && !let_go)
		sched_yield();
}

static int held_wake(const _Atomic uint32_t *word, int n)
{
	hold();
	wakes++;
	return true_sys.futex_wake(word, n);
}

static void held_yield(void)
{
	hold();
	yields++;
	true_sys.yield();
}

static int counted_wait(const _Atomic uint32_t *word, uint32_t value, int64_t until)
{
	sleeps += is_held;
	return true_sys.futex_wait(word, value, until);
}

static int counted_waitv(const struct rq_sys_wait *waits, unsigned n, int64_t until)
{
	sleeps += is_held;
	return true_sys.futex_waitv(waits, n, until);
}

static void hook(void)
{
	true_sys = rq_sys;
	rq_sys.futex_wake = held_wake;
	rq_sys.futex_wait = counted_wait;
	rq_sys.futex_waitv = counted_waitv;
	rq_sys.yield = held_yield;
	may_go = held = let_go = released = 0;
}

static void *release(void *queue)
{
	ringq_queue_release(queue);
	released = 1;
	return NULL;
}

/* Its second put is inside by the short way. */
static void *put_again(void *arg)
{
	struct call *call = arg;

	check_eq(put_number(call->queue, 1, RINGQ_NOWAIT), 0);
	check_eq(get_number(call->queue, RINGQ_NOWAIT), 1);
	call->thread = thread_id();
	wait_set(&may_go);
	is_held = true;
	call->result = put_number(call->queue, 2, RINGQ_NOWAIT);
	return NULL;
}

static void release_waits_for_a_put_like_the_one_before(void)
{
	ringq_queue *queue = queue_new(&defaults);
	struct call putter = {.queue = queue}, getter = {.queue = queue};
	pthread_t put, got, releaser;

	hook();
	put = start_thread(put_again, &putter);
	wait_set(&putter.thread);
	got = start_thread(get, &getter);
	wait_set(&getter.thread);
	wait_asleep(getter.thread);
	may_go = 1;
	wait_set(&held); /* where it wakes the getter */
	yields = 0;
	releaser = start_thread(release, queue);
	while (yields < 10 && !released) /* then it sleeps between its looks */
		sched_yield();
	check(!released);
	let_go = 1;
	join_thread(put);
	join_thread(releaser);
	join_thread(got);
	check_eq(putter.result, 0);
	check(getter.result == -EBADF || getter.result == 2);
	rq_sys = true_sys;
}

/* It is known to the handle already: to join wakes others, too. */
static void *get_held(void *arg)
{
	struct call *call = arg;

	check_eq(get_number(call->queue, RINGQ_NOWAIT), -EAGAIN);
	is_held = true;
	return get(arg);
}

static void no_sleep_begins_on_a_handle_that_is_gone(void)
{
	ringq_queue *queue = queue_new(&defaults);
	struct call getter = {.queue = queue};
	pthread_t got, releaser;

	hook();
	got = start_thread(get_held, &getter);
	wait_set(&held); /* where it yields, before it sleeps */
	wakes = sleeps = 0;
	releaser = start_thread(release, queue);
	while (wakes < 2) /* of those who wait for a record, and for room */
		sched_yield();
	let_go = 1;
	join_thread(got);
	join_thread(releaser);
	check_eq(getter.result, -EBADF);
	check_eq(sleeps, 0);
	rq_sys = true_sys;
}

int main(void)
{
	for (unsigned order = RINGQ_ORDER_TOTAL; order <= RINGQ_ORDER_PRODUCER; order++) {
		release_under_getters(order, false);
		release_under_getters(order, true);
		release_under_putters(&(struct ringq_queue_options){.order = order, .max_records = 5});
		release_under_putters(&(struct ringq_queue_options){.order = order, .max_bytes = 2000});
		for (uint64_t i = 0; i < brief_or_long(5, 100); i++)
			release_under_a_long_batch(order, RINGQ_US(i * 100));
	}
	detach_under_getters();
	release_waits_for_a_put_like_the_one_before();
	no_sleep_begins_on_a_handle_that_is_gone();
	return 0;
}
