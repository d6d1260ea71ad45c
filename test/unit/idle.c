/* SPDX-License-Identifier: MIT */
/*
 * What waits in vain costs less and less: each sleep is no longer than the call has waited, a second at least and 128 at
 * most. The clock is the test's, and goes on by nothing but sleeps.
 */
#include "../common.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <unistd.h>

#include "base/sys.h"

enum { PATIENCE = 600, MOST = 30 }; /* seconds; sleeps of a call of so many */

static int64_t clock_ns = RINGQ_SEC(1000), began;
static unsigned sleeps;
static bool too_long;

static int64_t now_by_sleeps(void)
{
	return clock_ns;
}

static int oversleep(int64_t until)
{
	int64_t waited = clock_ns - began, length = until - clock_ns;

	too_long |= length > (waited < RINGQ_SEC(1) ? RINGQ_SEC(1) : waited < RINGQ_SEC(128) ? waited : RINGQ_SEC(128));
	sleeps++;
	clock_ns = until;
	return -ETIMEDOUT;
}

static int wait_in_vain(const _Atomic uint32_t *word, uint32_t value, int64_t until)
{
	(void)word, (void)value;
	return oversleep(until);
}

static int waitv_in_vain(const struct rq_sys_wait *waits, unsigned n, int64_t until)
{
	(void)waits, (void)n;
	return oversleep(until);
}

static void get(void *queue)
{
	check_eq(get_number(queue, RINGQ_SEC(PATIENCE)), -ETIMEDOUT);
}

static void put(void *queue)
{
	check_eq(put_number(queue, 1, RINGQ_SEC(PATIENCE)), -ETIMEDOUT);
}

static void wait_for_any(void *queue)
{
	ringq_queue *queues[] = {queue, queue};

	check_eq(ringq_wait_any(queues, 2, RINGQ_SEC(PATIENCE)), -ETIMEDOUT);
}

static void join(void *queue)
{
	check_eq(ringq_join(queue, RINGQ_SEC(PATIENCE)), -ETIMEDOUT);
}

/* It may come back, though the queue is closed. */
static void take_what_is_in_hand(void *queue)
{
	struct ringq_delivery none;

	check_eq(ringq_take(queue, &none, RINGQ_SEC(PATIENCE)), -ETIMEDOUT);
}

static void lock(void *array)
{
	check_eq(ringq_lock(array, RINGQ_SEC(PATIENCE)), -ETIMEDOUT);
}

static void check_call(void (*call)(void *object), void *object)
{
	struct rq_sys real = rq_sys;

	rq_sys.now = now_by_sleeps;
	rq_sys.futex_wait = wait_in_vain;
	rq_sys.futex_waitv = waitv_in_vain;
	began = clock_ns;
	sleeps = 0;
	too_long = false;
	call(object);
	rq_sys = real;
	check(!too_long);
	check_compare(sleeps, <=, MOST);
}

static atomic_int held;

static void *hold(void *array)
{
	check_eq(ringq_lock(array, RINGQ_NOWAIT), 0);
	held = 1;
	for (;;)
		pause();
}

Test(idle, calls_sleep_as_long_again_as_they_have_waited, .timeout = 30)
{
	ringq_queue *empty = queue_new(NULL);
	ringq_region *region = ringq_queue_region(empty);
	ringq_queue *full = queue_in(region, &(struct ringq_queue_options){.max_records = 1});
	ringq_queue *worked = queue_in(region, &(struct ringq_queue_options){.flags = RINGQ_ACKNOWLEDGED});
	struct ringq_delivery in_hand;
	ringq_array *array;

	check_eq(put_number(full, 1, RINGQ_NOWAIT), 0);
	check_eq(put_number(worked, 1, RINGQ_NOWAIT), 0);
	check_eq(ringq_take(worked, &in_hand, RINGQ_NOWAIT), 0);
	check_call(get, empty);
	check_call(put, full);
	check_call(wait_for_any, empty);
	check_call(join, worked);
	check_call(take_what_is_in_hand, worked);
	check_eq(ringq_close(worked), 0);
	check_call(join, worked);
	check_call(take_what_is_in_hand, worked);
	check_eq(ringq_array_create(&array, region, NULL, RINGQ_INT64, 1), 0);
	start_thread(hold, array);
	wait_set(&held);
	check_call(lock, array);
}
