/* SPDX-License-Identifier: MIT */
/*
 * Ends that are not the end of a process: of a thread, with and without a word, of a program that executes another, of a
 * parent. What they held is there for others, and what others have since taken over stays theirs.
 */
#include "../common.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { RECORD = 2000, PLACES = 12 };

#define MIB (1 << 20)

struct shared {
	ringq_queue *queue, *idle;
	_Atomic int64_t begun, done; /* puts */
	atomic_int step, go_on;
	int words[2]; /* a pipe from the new program */
};

static struct shared *shared_new(const struct ringq_queue_options *options)
{
	struct shared *shared = share_memory(sizeof(*shared));

	shared->queue = queue_new(options);
	shared->idle = queue_in(ringq_queue_region(shared->queue), &(struct ringq_queue_options){.max_producers = 4});
	return shared;
}

static void shared_end(struct shared *shared)
{
	ringq_queue_release(shared->idle);
	ringq_queue_release(shared->queue);
}

static uint32_t producers_alive(const ringq_queue *queue)
{
	struct ringq_queue_stat stat;

	check_eq(ringq_queue_stat(queue, &stat), 0);
	return stat.producers;
}

static ssize_t members_alive(const struct shared *shared)
{
	return ringq_region_members(ringq_queue_region(shared->queue), NULL, 0);
}

static void await(const atomic_int *value, int least)
{
	int64_t deadline = now_ns() + TEST_SOON;

	while (*value < least) {
		check_compare(now_ns(), <, deadline);
		pause_ns(RINGQ_MS(1));
	}
}

static void put_next(struct shared *shared, int64_t timeout)
{
	char record[RECORD] = {0};

	memcpy(record, &(int64_t){shared->begun++}, sizeof(int64_t));
	check_eq(ringq_put(shared->queue, record, sizeof(record), timeout), 0);
	shared->done++;
}

static int64_t get_next(struct shared *shared)
{
	char record[RECORD];
	int64_t number;

	check_eq(ringq_get(shared->queue, record, sizeof(record), RINGQ_NOWAIT), sizeof(record));
	memcpy(&number, record, sizeof(number));
	return number;
}

static void leave_open_reservation(struct shared *shared)
{
	void *reserved;

	check_eq(ringq_reserve(shared->queue, &reserved, RECORD, RINGQ_NOWAIT), 0);
}

/* ---- a thread ends, and its process lives ---- */

enum way { BY_PTHREAD_EXIT, BY_SYSTEM_CALL };

struct ending {
	struct shared *shared;
	enum way way;
};

static void *put_and_end(void *arg)
{
	struct ending *ending = arg;

	for (int i = 0; i < PLACES / 2; i++)
		put_next(ending->shared, RINGQ_NOWAIT);
	leave_open_reservation(ending->shared);
	if (ending->way == BY_SYSTEM_CALL)
		syscall(SYS_exit, 0);
	pthread_exit(NULL);
}

static void live_on(void *arg)
{
	struct ending *ending = arg;
	struct shared *shared = ending->shared;

	join_thread(start_thread(put_and_end, ending));
	shared->step = 1;
	await(&shared->go_on, 1);
	/* Cleans up after its threads: what has gone over to others is none of its own. */
	shared_end(shared);
	shared->step = 2;
	await(&shared->go_on, 2);
}

static void *fail_to_produce(void *shared)
{
	check_eq(put_number(((struct shared *)shared)->queue, 1, RINGQ_NOWAIT), -EUSERS);
	return NULL;
}

/* The ended thread's entry among the members goes to this thread, and so does its lane, the only one. */
static void *take_over(void *arg)
{
	struct ending *ending = arg;
	struct shared *shared = ending->shared;

	check_eq(producers_alive(shared->queue), 0);
	while (shared->done < PLACES)
		put_next(shared, RINGQ_NOWAIT);
	check_eq(put_number(shared->queue, 1, RINGQ_NOWAIT), -EAGAIN);
	check_eq(producers_alive(shared->queue), 1);

	shared->go_on = 1;
	await(&shared->step, 2);
	check_eq(producers_alive(shared->queue), 1);
	join_thread(start_thread(fail_to_produce, shared));
	check_eq(put_number(shared->queue, 1, RINGQ_NOWAIT), -EAGAIN);
	for (int64_t i = 0; i < PLACES; i++)
		check_eq(get_next(shared), i);
	check_eq(get_number(shared->queue, RINGQ_NOWAIT), -EAGAIN);
	put_next(shared, RINGQ_NOWAIT);
	check_eq(get_next(shared), PLACES);
	shared->go_on = 2;
	return NULL;
}

static void thread_ends(unsigned order, enum way way)
{
	struct shared *shared =
		shared_new(&(struct ringq_queue_options){.order = order, .max_producers = 1, .max_records = PLACES});
	struct ending ending = {shared, way};
	pid_t child = fork_child(live_on, &ending);

	await(&shared->step, 1);
	check_eq(members_alive(shared), 1);
	join_thread(start_thread(take_over, &ending));
	reap_child(child);
	shared_end(shared);
}

/* ---- exec ---- */

/* The new program: it has nothing of the region. */
static int say_so_and_stay(int words)
{
	char byte;

	check_eq(count_region_mappings(), 0);
	for (int fd = 0; fd < 1024; fd++) {
		char path[64], target[256] = "";

		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		if (readlink(path, target, sizeof(target) - 1) > 0)
			check(!strstr(target, "memfd:ringq"));
	}
	check_eq(write(words, "", 1), 1);
	while (read(words, &byte, 1) > 0)
		continue;
	pause();
	return 0;
}

static bool consumers_asleep(const ringq_queue *queue)
{
	struct ringq_queue_stat stat;

	check_eq(ringq_queue_stat(queue, &stat), 0);
	return stat.consumers_asleep;
}

static void *sleep_in_gets(void *shared)
{
	while (get_number(((struct shared *)shared)->idle, RINGQ_FOREVER) > 0)
		continue;
	return NULL;
}

/* A producer of its own, of the queue that nobody drains. */
static void *put_on(void *arg)
{
	struct shared *shared = arg;

	for (;;)
		put_next(shared, RINGQ_FOREVER);
	return NULL;
}

static void execute_in_the_middle(void *arg)
{
	struct shared *shared = arg;
	char words[16], *arguments[] = {"liveness_ends", words, NULL}, *none[] = {NULL};

	start_thread(sleep_in_gets, shared);
	start_thread(put_on, shared);
	while (!consumers_asleep(shared->idle) || shared->done < 2000)
		pause_ns(RINGQ_MS(1));
	check_eq(put_number(shared->idle, 1, RINGQ_NOWAIT), 0);
	leave_open_reservation(shared);
	/* An exec that fails changes nothing. */
	check_eq(execv("/", none), -1);
	check_eq(producers_alive(shared->queue), 2);
	snprintf(words, sizeof(words), "%d", shared->words[1]);
	execv("/proc/self/exe", arguments);
}

static void check_memory(const struct shared *shared)
{
	/* A lane's memory is its next owner's to give back. */
	check_compare(ringq_region_memory(ringq_queue_region(shared->queue)), <, 4 * MIB);
}

static void program_ends(unsigned order)
{
	struct shared *shared = shared_new(&(struct ringq_queue_options){.order = order, .max_producers = 2});
	pid_t child;
	char byte;

	check_eq(pipe(shared->words), 0);
	child = fork_child(execute_in_the_middle, shared);
	check_eq(read(shared->words[0], &byte, 1), 1);
	check_eq(members_alive(shared), 1); /* this one, who made it */
	check_eq(producers_alive(shared->queue), 0);
	check_compare(ringq_region_memory(ringq_queue_region(shared->queue)), >, 4 * MIB);

	for (int64_t i = 0; i < shared->done; i++)
		check_eq(get_next(shared), i);
	/* The one that it was putting may be in. */
	if (shared->begun > shared->done && !ringq_empty(shared->queue))
		check_eq(get_next(shared), shared->done);
	check_eq(get_number(shared->queue, RINGQ_NOWAIT), -EAGAIN);
	for (int i = 0; i < 10; i++) {
		check_eq(put_number(shared->queue, i, RINGQ_NOWAIT), 0);
		check_eq(get_number(shared->queue, RINGQ_NOWAIT), i);
	}
	check_memory(shared);
	kill_child(child);
	close(shared->words[0]);
	close(shared->words[1]);
	shared_end(shared);
}

/* ---- the parent dies ---- */

static void exchange_with_parent(void *arg)
{
	struct shared *shared = arg;

	check_eq(get_number(shared->idle, TEST_SOON), 1);
	put_next(shared, TEST_SOON);
}

/* It has the region from its parent, who made it and is dead now. */
static void orphan(struct shared *shared, pid_t parent)
{
	pid_t child;

	while (getppid() == parent)
		pause_ns(RINGQ_MS(1));
	check_eq(producers_alive(shared->queue), 0);
	check_eq(members_alive(shared), 0); /* it has only looked, which makes nobody a member */
	for (int64_t i = 0; i < shared->done; i++)
		check_eq(get_next(shared), i);
	check_eq(members_alive(shared), 1);
	check_eq(get_number(shared->queue, RINGQ_NOWAIT), -EAGAIN);
	child = fork_child(exchange_with_parent, shared);
	check_eq(put_number(shared->idle, 1, RINGQ_NOWAIT), 0);
	reap_child(child);
	check_eq(get_next(shared), shared->done - 1);
	put_next(shared, RINGQ_NOWAIT);
	check_eq(get_next(shared), shared->done - 1);
	shared_end(shared);
	check_eq(count_region_mappings(), 0);
	shared->step = 3;
	_exit(0);
}

static void make_and_die(void *arg)
{
	struct shared *shared = arg, *made;
	pid_t self = getpid(), child;

	made = shared_new(&(struct ringq_queue_options){.max_producers = 1});
	shared->queue = made->queue;
	shared->idle = made->idle;
	for (int i = 0; i < 5; i++)
		put_next(shared, RINGQ_NOWAIT);
	leave_open_reservation(shared);
	child = fork();
	check_compare(child, >=, 0);
	if (child == 0)
		orphan(shared, self);
	shared->go_on = child;
	for (;;)
		pause();
}

static void parent_dies(void)
{
	struct shared *shared = share_memory(sizeof(*shared));
	pid_t parent, child;

	check_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	parent = fork_child(make_and_die, shared);
	await(&shared->go_on, 1);
	child = shared->go_on;
	kill_child(parent);
	reap_child(child);
	check_eq(shared->step, 3);
}

/* ---- all holders of a named region die ---- */

static void make_named_and_stay(void *arg)
{
	struct shared *shared = arg;
	ringq_region *region;

	check_eq(ringq_region_create(&region, &(struct ringq_region_options){.name = "ringq-test-liveness"}), 0);
	shared->queue = queue_in(region, &(struct ringq_queue_options){.max_producers = 1});
	for (int i = 0; i < 5; i++)
		put_next(shared, RINGQ_NOWAIT);
	leave_open_reservation(shared);
	shared->step = 1;
	for (;;)
		pause();
}

static void holder_dies(void)
{
	struct shared *shared = share_memory(sizeof(*shared));
	ringq_region *region;
	pid_t child;

	ringq_region_unlink("ringq-test-liveness"); /* of a run that failed */
	child = fork_child(make_named_and_stay, shared);
	await(&shared->step, 1);
	kill_child(child);
	check_eq(ringq_region_open(&region, "ringq-test-liveness"), 0);
	check_eq(ringq_queue_open(&shared->queue, region, NULL), 0);
	check_eq(members_alive(shared), 0);
	for (int64_t i = 0; i < 5; i++)
		check_eq(get_next(shared), i);
	put_next(shared, RINGQ_NOWAIT);
	check_eq(get_next(shared), 5);
	check_eq(get_number(shared->queue, RINGQ_NOWAIT), -EAGAIN);
	check_eq(ringq_region_unlink("ringq-test-liveness"), 0);
	ringq_queue_release(shared->queue);
	ringq_region_detach(region);
}

int main(int argc, char **argv)
{
	if (argc == 2)
		return say_so_and_stay(atoi(argv[1]));
	for (uint64_t times = brief_or_long(5, 100); times--;) {
		for (unsigned order = RINGQ_ORDER_TOTAL; order <= RINGQ_ORDER_PRODUCER; order++) {
			thread_ends(order, BY_PTHREAD_EXIT);
			/* Sanitizers do not learn of such an end. */
			if (!TEST_UNDER_TSAN && !TEST_UNDER_ASAN)
				thread_ends(order, BY_SYSTEM_CALL);
			program_ends(order);
		}
		parent_dies();
		holder_dies();
	}
	return 0;
}
