/* SPDX-License-Identifier: MIT */
/*
 * fork beside a thread that releases a queue with an event descriptor: the release waits for the watching thread, and the
 * child inherits all that it waits by, but neither of the two threads.
 */
#include "../common.h"

#include <errno.h>
#include <unistd.h>

#include "base/sys.h"

#define CHILD_MOST 20 /* seconds: a child that hangs ends by its alarm */

static ringq_region *region;
static atomic_int let_go, asleep, stop;
static int (*real_waitv)(const struct rq_sys_wait *waits, unsigned n, int64_t until);

static ringq_queue *watched_queue(void)
{
	ringq_queue *queue;

	check_eq(ringq_queue_open(&queue, region, NULL), 0);
	check(ringq_event_fd(queue) >= 0);
	return queue;
}

static void watch_and_release(void *unused)
{
	(void)unused;
	alarm(CHILD_MOST);
	for (int i = 0; i < 4; i++)
		ringq_queue_release(watched_queue());
}

static void *release(void *queue)
{
	ringq_queue_release(queue);
	return NULL;
}

/* A sleep of the watching thread that lasts until the test says so, whatever wakes it. */
static int held_waitv(const struct rq_sys_wait *waits, unsigned n, int64_t until)
{
	if (n < 2)
		return real_waitv(waits, n, until);
	atomic_store(&asleep, 1);
	wait_set(&let_go);
	return 0;
}

static void child_of_a_held_release(void *descriptors)
{
	rq_sys.futex_waitv = real_waitv;
	check_eq(count_descriptors(), *(const unsigned *)descriptors);
	watch_and_release(NULL);
}

/* The fork comes while the release waits for the watching thread, for certain. */
static void while_a_release_waits(void)
{
	unsigned descriptors = count_descriptors();
	ringq_queue *queue;
	pthread_t releaser;

	real_waitv = rq_sys.futex_waitv;
	rq_sys.futex_waitv = held_waitv;
	queue = watched_queue();
	wait_set(&asleep);
	releaser = start_thread(release, queue);
	while (count_descriptors() != descriptors) /* the first that the release does, and then it waits */
		pause_ns(100000);
	pause_ns(10000000);
	reap_child(fork_child(child_of_a_held_release, &descriptors));
	rq_sys.futex_waitv = real_waitv;
	atomic_store(&let_go, 1);
	join_thread(releaser);
}

static void *keep_releasing(void *unused)
{
	while (!atomic_load(&stop)) {
		ringq_queue *queue = watched_queue();

		pause_ns(100000);
		ringq_queue_release(queue);
	}
	return unused;
}

/* It has the descriptor of a handle that was not in a release yet, by its number; of one that was, it has none. */
static void child_of_a_storm(void *descriptors)
{
	unsigned before = *(const unsigned *)descriptors, now = count_descriptors();

	check(now == before || now == before + 1);
	watch_and_release(NULL);
}

/* The fork comes anywhere in a release, before it, or behind it. */
static void anywhere_in_a_release(void)
{
	unsigned descriptors = count_descriptors();
	pthread_t releaser = start_thread(keep_releasing, NULL);

	for (uint64_t i = 0; i < brief_or_long(50, 5000); i++) {
		pause_ns((int64_t)(i % 100) * 7000);
		reap_child(fork_child(child_of_a_storm, &descriptors));
	}
	atomic_store(&stop, 1);
	join_thread(releaser);
}

int main(void)
{
	ringq_queue *queue;
	_Atomic uint32_t word = 0;
	struct rq_sys_wait probe = {.word = &word, .value = 1};

	region = region_new((size_t)16 << 20);
	if (rq_sys.futex_waitv(&probe, 1, 0) == -ENOSYS)
		return TEST_SKIPPED;
	queue = queue_in(region, NULL);
	while_a_release_waits();
	anywhere_in_a_release();
	ringq_queue_release(queue);
	ringq_region_detach(region);
	return 0;
}
