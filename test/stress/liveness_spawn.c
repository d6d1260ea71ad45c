/* SPDX-License-Identifier: MIT */
/*
 * vfork and posix_spawn from a process whose threads are inside of calls: their leases stay theirs, whatever becomes of
 * the child that has the same memory for a while, and the program that it starts has nothing of the region.
 */
#include "../flow.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PRODUCERS = 2, CONSUMERS = 2 };

static char *const arguments[] = {"liveness_spawn", "look", NULL};

/* The spawned program. */
static int look(void)
{
	char path[64], target[256];

	for (int fd = 0; fd < 1024; fd++) {
		ssize_t len;

		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		len = readlink(path, target, sizeof(target) - 1);
		if (len < 0)
			continue;
		target[len] = 0;
		check(!strstr(target, "ringq"));
	}
	check_eq(count_region_mappings(), 0);
	return 0;
}

/* The child shares the memory: it must do nothing but what is here. */
static void by_vfork(int fate)
{
	pid_t child = vfork();
	int status;

	if (child == 0) {
		if (fate == 0)
			execv("/proc/self/exe", arguments);
		if (fate == 1)
			kill(getpid(), SIGKILL);
		_exit(0);
	}
	check_compare(child, >, 0);
	check_eq(waitpid(child, &status, 0), child);
	check(fate == 1 ? WIFSIGNALED(status) : status == 0);
}

static void by_posix_spawn(void)
{
	char *const none[] = {NULL};
	pid_t child;

	check_eq(posix_spawn(&child, "/proc/self/exe", NULL, NULL, arguments, none), 0);
	reap_child(child);
	check_eq(posix_spawn(&child, "/none", NULL, NULL, arguments, none), ENOENT);
}

static void *produce(void *flow)
{
	flow_produce(flow);
	return NULL;
}

static void *consume(void *flow)
{
	flow_consume(flow);
	return NULL;
}

static void *sleep_in_get(void *queue)
{
	check_eq(get_number(queue, RINGQ_FOREVER), 1);
	return NULL;
}

static void *sleep_in_put(void *queue)
{
	check_eq(put_number(queue, 2, RINGQ_FOREVER), 0);
	return NULL;
}

static uint32_t producers_alive(const ringq_queue *queue)
{
	struct ringq_queue_stat stat;

	check_eq(ringq_queue_stat(queue, &stat), 0);
	return stat.producers;
}

/* Threads that put and get all the while, and some that sleep in both, beside one that starts processes. */
static void start_processes(const struct flow_options *options, int times)
{
	ringq_region *region = region_new(0);
	struct flow *flow = flow_new(options, region);
	ringq_queue *empty = queue_in(region, NULL);
	ringq_queue *full = queue_in(region, &(struct ringq_queue_options){.max_records = 1});
	pthread_t producers[PRODUCERS], consumers[CONSUMERS], sleepers[2];
	ssize_t members;

	check_eq(put_number(full, 1, RINGQ_NOWAIT), 0);
	sleepers[0] = start_thread(sleep_in_get, empty);
	sleepers[1] = start_thread(sleep_in_put, full);
	for (size_t i = 0; i < PRODUCERS; i++)
		producers[i] = start_thread(produce, flow);
	for (size_t i = 0; i < CONSUMERS; i++)
		consumers[i] = start_thread(consume, flow);
	for (int i = 0; i < times; i++) {
		by_vfork(i % 3);
		by_posix_spawn();
	}
	for (size_t i = 0; i < PRODUCERS; i++)
		join_thread(producers[i]);
	check_eq(ringq_close(flow->queue), 0);
	for (size_t i = 0; i < CONSUMERS; i++)
		join_thread(consumers[i]);

	/* All who live are members still: the two sleepers, and this thread. */
	for (int fate = 0; fate < 3; fate++)
		by_vfork(fate);
	members = ringq_region_members(region, NULL, 0);
	check_eq(members, 3);
	check_eq(producers_alive(full), 2);
	check_eq(put_number(empty, 1, RINGQ_NOWAIT), 0);
	check_eq(get_number(full, RINGQ_NOWAIT), 1);
	join_thread(sleepers[0]);
	join_thread(sleepers[1]);
	check_eq(get_number(full, RINGQ_NOWAIT), 2);
	ringq_queue_release(empty);
	ringq_queue_release(full);
	flow_end(flow);
	ringq_region_detach(region);
}

int main(int argc, char **argv)
{
	static const struct flow_options rows[] = {
		{{.order = RINGQ_ORDER_TOTAL}, PRODUCERS, CONSUMERS, 60000, 3000},
		{{.order = RINGQ_ORDER_PRODUCER}, PRODUCERS, CONSUMERS, 60000, 3000},
		{{.order = RINGQ_ORDER_TOTAL, .max_records = 5}, PRODUCERS, CONSUMERS, 60000, 3000},
		{{.order = RINGQ_ORDER_PRODUCER, .max_bytes = 5000}, PRODUCERS, CONSUMERS, 60000, 3000},
	};

	(void)argv;
	if (argc == 2)
		return look();
	for (size_t i = 0; i < COUNT(rows); i++) {
		test_row(i);
		start_processes(&rows[i], brief_or_long(40, 2000));
	}
	return 0;
}
