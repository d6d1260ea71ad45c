/* SPDX-License-Identifier: MIT */
/*
 * Threads that are about to be cancelled, and threads with the smallest stack there may be, make each call. No call is a
 * cancellation point: one that has begun ends, so that no record and no lock is lost in it.
 */
#include "../common.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LARGE = 300000 };

static const struct ringq_queue_options few = {.max_records = 4}, acknowledged = {.flags = RINGQ_ACKNOWLEDGED};
static ringq_region *region;
static ringq_queue *queue, *full, *worked;
static ringq_array *array;
static ringq_pipe *a, *b;
static int sockets[2];
static const char *region_name;
static char large[LARGE], buffer[LARGE]; /* one thread at a time */

/* ---- calls, each a whole that leaves things as they were ---- */

static void puts_and_gets(void)
{
	struct iovec records[3] = {{large, 10}, {large, 20}, {large, 30}};
	void *place;

	check_eq(put_number(queue, 1, RINGQ_NOWAIT), 0);
	check_eq(ringq_size(queue), 1);
	check_eq(ringq_peek(queue, buffer, LARGE), 8);
	check_eq(get_number(queue, RINGQ_MS(1)), 1);
	check_eq(ringq_put(queue, large, LARGE, RINGQ_NOWAIT), 0);
	check_eq(ringq_get(queue, buffer, LARGE, RINGQ_NOWAIT), LARGE);
	check_eq(ringq_put(queue, large, LARGE, RINGQ_NOWAIT), 0);
	check_eq(ringq_get_alloc(queue, &place, RINGQ_NOWAIT), LARGE);
	free(place);
	check_eq(ringq_reserve(queue, &place, 100, RINGQ_NOWAIT), 0);
	check_eq(ringq_commit(queue, place, 100), 0);
	check_eq(ringq_get(queue, buffer, LARGE, RINGQ_NOWAIT), 100);
	check_eq(ringq_put_many(queue, records, 3, RINGQ_NOWAIT), 3);
	for (int i = 0; i < 3; i++)
		records[i] = (struct iovec){buffer + 1000 * i, 1000};
	check_eq(ringq_get_many(queue, records, 3, RINGQ_NOWAIT), 3);
}

static void waits_in_vain(void)
{
	ringq_queue *both[2] = {queue, worked};

	check_eq(get_number(queue, RINGQ_MS(3)), -ETIMEDOUT);
	check_eq(put_number(full, 1, RINGQ_MS(3)), -ETIMEDOUT);
	check_eq(ringq_wait_any(both, 2, RINGQ_MS(3)), -ETIMEDOUT);
	check_eq(ringq_poll(a, RINGQ_MS(3)), 0);
}

static void takes_and_acknowledges(void)
{
	struct ringq_delivery delivery;

	check_eq(put_number(worked, 7, RINGQ_NOWAIT), 0);
	check_eq(ringq_take(worked, &delivery, RINGQ_NOWAIT), 0);
	check_eq(ringq_requeue(worked, &delivery), 0);
	check_eq(ringq_take(worked, &delivery, RINGQ_NOWAIT), 0);
	check_eq(ringq_ack(worked, &delivery), 0);
	check_eq(ringq_join(worked, RINGQ_MS(1)), 0);
}

static void has_descriptors(void)
{
	ringq_queue *own = queue_in(region, NULL);
	struct pollfd p = {.events = POLLIN};

	p.fd = ringq_event_fd(own);
	check(p.fd >= 0 || p.fd == -ENOSYS);
	check_eq(put_number(own, 3, RINGQ_NOWAIT), 0);
	check_eq(get_number(own, RINGQ_NOWAIT), 3);
	check_eq(get_number(own, RINGQ_NOWAIT), -EAGAIN);
	ringq_queue_release(own);
}

static void sends_and_gives(void)
{
	ringq_pipe *c, *d, *taken;

	check_eq(ringq_pipe_create(&c, &d, region, 0), 0);
	check_eq(ringq_send(c, "x", 1, RINGQ_NOWAIT), 0);
	check_eq(ringq_pipe_give(d, sockets[0]), 0);
	ringq_pipe_close(d);
	check_eq(ringq_pipe_take(&taken, sockets[1]), 0);
	check_eq(ringq_receive(taken, buffer, LARGE, RINGQ_NOWAIT), 1);
	ringq_pipe_close(taken);
	check_eq(ringq_send(c, "x", 1, RINGQ_NOWAIT), -EPIPE);
	ringq_pipe_close(c);
}

static void has_arrays(void)
{
	ringq_array *own;
	int64_t numbers[1000] = {0};

	check_eq(ringq_array_create(&own, region, NULL, RINGQ_INT64, 1000), 0);
	check_eq(ringq_array_write(own, numbers, sizeof(numbers)), 0);
	check_eq(ringq_array_read(own, numbers, sizeof(numbers)), 0);
	ringq_array_release(own);
	check_eq(ringq_lock(array, RINGQ_MS(1)), 0);
	check_eq(ringq_unlock(array), 0);
}

static void has_regions(void)
{
	ringq_region *named, *opened, *received;

	check_eq(ringq_region_create(&named, &(struct ringq_region_options){.name = region_name, .size = 1 << 20}), 0);
	check_eq(ringq_region_open(&opened, region_name), 0);
	check_eq(ringq_region_send(named, sockets[0]), 0);
	check_eq(ringq_region_receive(&received, sockets[1]), 0);
	check_eq(ringq_region_unlink(region_name), 0);
	ringq_region_detach(received);
	ringq_region_detach(opened);
	ringq_region_detach(named);
}

static void looks(void)
{
	struct ringq_queue_stat stat;

	check_eq(ringq_queue_stat(queue, &stat), 0);
	check_compare(ringq_region_memory(region), >, 0);
}

static void (*const calls[])(void) = {puts_and_gets, waits_in_vain, takes_and_acknowledges, has_descriptors,
	sends_and_gives, has_arrays, has_regions, looks};

/* ---- who makes them ---- */

struct maker {
	void (*make)(void);
	bool cancelled, ended;
};

static void *make(void *arg)
{
	struct maker *m = arg;

	if (m->cancelled)
		check_eq(pthread_cancel(pthread_self()), 0); /* acts at the next cancellation point */
	m->make();
	m->ended = true;
	pthread_testcancel();
	return NULL;
}

static void make_in_a_thread(struct maker m, size_t stack)
{
	pthread_attr_t attributes;
	pthread_t thread;
	void *result;

	check_eq(pthread_attr_init(&attributes), 0);
	if (stack)
		check_eq(pthread_attr_setstacksize(&attributes, stack), 0);
	check_eq(pthread_create(&thread, &attributes, make, &m), 0);
	check_eq(pthread_attr_destroy(&attributes), 0);
	check_eq(pthread_join(thread, &result), 0);
	check(m.ended);
	check(result == (m.cancelled ? PTHREAD_CANCELED : NULL));
}

/* ---- cancelled asleep ---- */

struct sleeper {
	atomic_int thread;
	int64_t got;
};

static void *sleep_in_get(void *arg)
{
	struct sleeper *s = arg;

	s->thread = thread_id();
	s->got = get_number(queue, TEST_SOON);
	pthread_testcancel();
	return NULL;
}

static void cancel_a_sleeper(void)
{
	struct sleeper s = {0};
	pthread_t thread = start_thread(sleep_in_get, &s);
	void *result;

	wait_set(&s.thread);
	wait_asleep(s.thread);
	check_eq(pthread_cancel(thread), 0);
	pause_ns(RINGQ_MS(20));
	check_eq(put_number(queue, 42, RINGQ_NOWAIT), 0);
	check_eq(pthread_join(thread, &result), 0);
	check(result == PTHREAD_CANCELED);
	check_eq(s.got, 42);
}

int main(void)
{
	region = region_new(64 << 20);
	region_name = unique_name();
	queue = queue_in(region, NULL);
	full = queue_in(region, &few);
	worked = queue_in(region, &acknowledged);
	while (put_number(full, 0, RINGQ_NOWAIT) == 0)
		;
	check_eq(ringq_array_create(&array, region, NULL, RINGQ_INT32, 4), 0);
	check_eq(ringq_pipe_create(&a, &b, region, 0), 0);
	check_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sockets), 0);
	for (size_t i = 0; i < COUNT(calls); i++) {
		test_row(i);
		make_in_a_thread((struct maker){.make = calls[i], .cancelled = true}, 0);
		if (!TEST_UNDER_ASAN && !TEST_UNDER_TSAN)
			make_in_a_thread((struct maker){.make = calls[i]}, (size_t)sysconf(_SC_THREAD_STACK_MIN));
		make_in_a_thread((struct maker){.make = calls[i]}, 0); /* no lock was kept */
	}
	cancel_a_sleeper();
	return 0;
}
