/* SPDX-License-Identifier: MIT */
/* Regions of fences: made by, and for, processes that may not use membarrier. */
#include "../common.h"
#include "../sandbox.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static const int errors[] = {ENOSYS, EPERM};

struct meeting {
	char name[2][256]; /* of a region of fences, of one with barriers */
	int error;
	atomic_int ready;
};

static struct meeting *meeting; /* children share it */

static void refuse(void)
{
	sandbox_refuse(SYS_membarrier, meeting->error, 0);
}

/* ---- wake-ups ---- */

enum { TRIPS = 60 };

static void echo(ringq_queue *there, ringq_queue *back)
{
	for (int i = 0; i < TRIPS; i++) {
		check_eq(get_number(there, TEST_SOON), i);
		check_eq(put_number(back, i, TEST_SOON), 0);
	}
}

/* Each finds the other asleep. A wake-up that is lost is noticed after 100 ms; one trip may have met a busy machine. */
static void round_trips(ringq_queue *there, ringq_queue *back)
{
	int late = 0;

	for (int i = 0; i < TRIPS; i++) {
		int64_t start;

		pause_ns(RINGQ_MS(2));
		start = now_ns();
		check_eq(put_number(there, i, TEST_SOON), 0);
		check_eq(get_number(back, TEST_SOON), i);
		late += now_ns() - start > RINGQ_MS(95);
	}
	check_compare(late, <=, 1);
}

/* ---- order and memory ---- */

enum { PUTS = 20000 };

static void *puts_numbers(void *arg)
{
	for (int i = 0; i < PUTS; i++)
		check_eq(put_number(arg, i, TEST_SOON), 0);
	return NULL;
}

/* Two producers in total order, whom the consumer often makes wait, and who make it wait. */
static void many_put(ringq_region *region)
{
	ringq_queue *queue = queue_in(region, &(struct ringq_queue_options){.max_records = 100});
	pthread_t threads[2];
	int64_t sum = 0;

	for (size_t i = 0; i < COUNT(threads); i++)
		threads[i] = start_thread(puts_numbers, queue);
	for (int i = 0; i < 2 * PUTS; i++) {
		int64_t n = get_number(queue, TEST_SOON);

		check_compare(n, >=, 0);
		sum += n;
	}
	check_eq(sum, (int64_t)PUTS * (PUTS - 1));
	for (size_t i = 0; i < COUNT(threads); i++)
		join_thread(threads[i]);
	ringq_queue_release(queue);
}

static void memory_comes_back(ringq_region *region)
{
	static char block[64 << 10];
	ringq_queue *queue = queue_in(region, &(struct ringq_queue_options){.max_bytes = RINGQ_UNBOUNDED});
	int64_t before = ringq_region_memory(region);

	for (int i = 0; i < 1000; i++)
		check_eq(ringq_put(queue, block, sizeof(block), RINGQ_NOWAIT), 0);
	for (int i = 0; i < 1000; i++)
		check_eq(ringq_get(queue, block, sizeof(block), RINGQ_NOWAIT), (ssize_t)sizeof(block));
	check_eq(ringq_get(queue, block, sizeof(block), RINGQ_MS(250)), -ETIMEDOUT);
	check_compare(ringq_region_memory(region) - before, <, 4 << 20);
	ringq_queue_release(queue);
}

/* ---- who may attach ---- */

static void makes_both(void *arg)
{
	ringq_region *region;

	(void)arg;
	check_eq(ringq_region_create(
			 &region, &(struct ringq_region_options){.name = meeting->name[0], .flags = RINGQ_FENCES}),
		0);
	check_eq(ringq_region_create(&region, &(struct ringq_region_options){.name = meeting->name[1]}), 0);
}

/* Its first region of all is one with barriers, which it may not have. */
static void may_not_attach_to_one_with_barriers(void *arg)
{
	ringq_region *region = NULL;

	(void)arg;
	refuse();
	check_eq(ringq_region_open(&region, meeting->name[1]), -ENOSYS);
	check(!region);
	check_eq(ringq_region_open(&region, meeting->name[0]), 0);
	ringq_region_detach(region);
}

/* Its own region is one of fences, and does all. */
static void makes_its_own(void *arg)
{
	ringq_queue *queues[2];
	ringq_region *region;

	(void)arg;
	refuse();
	queues[0] = queue_new(NULL);
	region = ringq_queue_region(queues[0]);
	queues[1] = queue_in(region, NULL);
	many_put(region);
	memory_comes_back(region);
	if (fork() == 0) {
		echo(queues[0], queues[1]);
		_exit(0);
	}
	round_trips(queues[0], queues[1]);
	ringq_queue_release(queues[0]);
	ringq_queue_release(queues[1]);
}

/* One that may not use membarrier, and one that may: a region of fences is the same for both. */
static void echoes(void *arg)
{
	ringq_region *region;
	ringq_queue *there, *back;

	(void)arg;
	refuse();
	check_eq(ringq_region_open(&region, meeting->name[0]), 0);
	there = queue_in(region, &(struct ringq_queue_options){.name = "there"});
	back = queue_in(region, &(struct ringq_queue_options){.name = "back"});
	atomic_store(&meeting->ready, 1);
	echo(there, back);
	many_put(region);
	ringq_queue_release(there);
	ringq_queue_release(back);
	ringq_region_detach(region);
}

static void talks_to_one_without(void *arg)
{
	pid_t other = fork_child(echoes, NULL);
	ringq_region *region;
	ringq_queue *there, *back;

	(void)arg;
	wait_set(&meeting->ready);
	check_eq(ringq_region_open(&region, meeting->name[0]), 0);
	check_eq(ringq_queue_open(&there, region, "there"), 0);
	check_eq(ringq_queue_open(&back, region, "back"), 0);
	round_trips(there, back);
	many_put(region);
	memory_comes_back(region);
	reap_child(other);
	ringq_queue_release(there);
	ringq_queue_release(back);
	ringq_region_detach(region);
}

int main(void)
{
	if (!sandbox_works())
		return TEST_SKIPPED;
	meeting = share_memory(sizeof(*meeting));
	for (size_t e = 0; e < COUNT(errors); e++) {
		meeting->error = errors[e];
		meeting->ready = 0;
		for (int i = 0; i < 2; i++)
			snprintf(meeting->name[i], sizeof(meeting->name[i]), "%s", unique_name());
		reap_child(fork_child(makes_both, NULL));
		reap_child(fork_child(may_not_attach_to_one_with_barriers, NULL));
		reap_child(fork_child(makes_its_own, NULL));
		reap_child(fork_child(talks_to_one_without, NULL));
		for (int i = 0; i < 2; i++)
			check_eq(ringq_region_unlink(meeting->name[i]), 0);
	}
	return 0;
}
