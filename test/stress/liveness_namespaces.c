/* SPDX-License-Identifier: MIT */
/*
 * Life and death are told without process ids: in two PID namespaces where the ids are the same, and where the id of the
 * dead is given to somebody else.
 */
#include "../common.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

struct shared {
	ringq_queue *queue;
	_Atomic pid_t seen_outside[2]; /* the two processes' ids, as the test sees them */
	_Atomic pid_t seen_inside[2];  /* as they see themselves */
	_Atomic int64_t put[2];        /* records of each so far */
	atomic_int go_on, step;
};

static struct shared *shared_new(const struct ringq_queue_options *options)
{
	struct shared *shared = share_memory(sizeof(*shared));

	shared->queue = queue_new(options);
	return shared;
}

/* A member of a region as another namespace numbers it; records of it are `who` and up, in steps of 2. */
static void put_as(struct shared *shared, int who)
{
	check_eq(put_number(shared->queue, 2 * shared->put[who] + who, RINGQ_NOWAIT), 0);
	shared->put[who]++;
}

static uint32_t producers_alive(const ringq_queue *queue)
{
	struct ringq_queue_stat stat;

	check_eq(ringq_queue_stat(queue, &stat), 0);
	return stat.producers;
}

static uint32_t lanes_used(const ringq_queue *queue)
{
	struct ringq_queue_stat stat;

	check_eq(ringq_queue_stat(queue, &stat), 0);
	return stat.lanes;
}

static void await(const _Atomic int32_t *value, int least)
{
	int64_t deadline = now_ns() + TEST_SOON;

	while (*value < least) {
		check_compare(now_ns(), <, deadline);
		pause_ns(RINGQ_MS(1));
	}
}

/* The processes that this one forks from now on are in a namespace of their own, the first as its number 1. */
static bool leave_namespace(void)
{
	return unshare(CLONE_NEWPID) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWPID) == 0;
}

static bool namespaces_permitted(void)
{
	int status;
	pid_t child = fork();

	check_compare(child, >=, 0);
	if (child == 0) {
		pid_t inner = leave_namespace() ? fork() : -1;

		if (inner == 0)
			_exit(0);
		_exit(inner > 0 && waitpid(inner, NULL, 0) == inner ? 0 : 1);
	}
	check_eq(waitpid(child, &status, 0), child);
	return status == 0;
}

/* Forks the first process of a new namespace, which runs and exits with 0. */
static pid_t fork_first(void (*run)(void *arg), void *arg)
{
	pid_t first;

	check(leave_namespace());
	first = fork();
	check_compare(first, >=, 0);
	if (first)
		return first;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	run(arg);
	_exit(0);
}

/* ---- two namespaces ---- */

struct twin {
	struct shared *shared;
	int who;
};

static void live_as_twin(void *arg)
{
	struct twin *twin = arg;
	struct shared *shared = twin->shared;

	shared->seen_inside[twin->who] = thread_id();
	put_as(shared, twin->who);
	atomic_fetch_add(&shared->step, 1);
	wait_set(&shared->go_on);
	for (int i = 0; i < 1000; i++)
		put_as(shared, twin->who);
}

static void keep_twin(void *arg)
{
	struct twin *twin = arg;
	pid_t first = fork_first(live_as_twin, twin);
	int status;

	twin->shared->seen_outside[twin->who] = first;
	check_eq(waitpid(first, &status, 0), first);
	check(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
}

static void put_one(void *arg)
{
	struct shared *shared = arg;

	check_eq(put_number(shared->queue, -1000, RINGQ_NOWAIT), 0);
}

/* All that twin `who` has put comes, in its order, beside one record of somebody else if there was one. */
static void check_records(struct shared *shared, int64_t strangers)
{
	int64_t next[2] = {0, 0}, number, value;
	ssize_t len;

	while ((len = ringq_get(shared->queue, &number, sizeof(number), RINGQ_NOWAIT)) == sizeof(number)) {
		if (number == -1000) {
			strangers--;
			continue;
		}
		value = number % 2;
		check_eq(number, 2 * next[value] + value);
		next[value]++;
	}
	check_eq(len, -EAGAIN);
	check_eq(strangers, 0);
	check_eq(next[0], shared->put[0]);
	check_eq(next[1], shared->put[1]);
}

/*
 * Both twins are number 1 of their namespaces, and have put. One is killed. Its lane goes to the next producer; the
 * other's does not, though a lease with the same id has just died.
 */
static void twins(unsigned order, int victim)
{
	const struct ringq_queue_options options = {.order = order, .max_producers = 3};
	struct shared *shared = shared_new(&options);
	struct twin twin[2] = {{shared, 0}, {shared, 1}};
	pid_t keepers[2];

	for (int i = 0; i < 2; i++) {
		keepers[i] = fork_child(keep_twin, &twin[i]);
		await(&shared->step, i + 1);
		await(&shared->seen_outside[i], 1);
	}
	check_eq(shared->seen_inside[0], 1);
	check_eq(shared->seen_inside[1], 1);
	check_eq(producers_alive(shared->queue), 2);
	check_eq(ringq_region_members(ringq_queue_region(shared->queue), NULL, 0), 3);

	check_eq(kill(shared->seen_outside[victim], SIGKILL), 0);
	reap_child(keepers[victim]);
	check_eq(producers_alive(shared->queue), 1);
	check_eq(ringq_region_members(ringq_queue_region(shared->queue), NULL, 0), 2);
	for (int i = 0; i < 3; i++)
		reap_child(fork_child(put_one, shared));
	check_eq(lanes_used(shared->queue), 2);

	shared->go_on = 1;
	reap_child(keepers[!victim]);
	check_eq(shared->put[!victim], 1001);
	check_eq(shared->put[victim], 1);
	check_records(shared, 3);
	check_eq(producers_alive(shared->queue), 0);
	ringq_queue_release(shared->queue);
}

/* ---- the same id again ---- */

static bool next_pid_will_be(pid_t pid)
{
	FILE *file = fopen("/proc/sys/kernel/ns_last_pid", "w");

	if (!file)
		return false;
	fprintf(file, "%d", (int)pid - 1);
	return fclose(file) == 0;
}

static void put_and_wait(void *arg)
{
	struct shared *shared = arg;
	void *reserved;

	shared->seen_inside[0] = thread_id();
	put_as(shared, 0);
	check_eq(ringq_reserve(shared->queue, &reserved, 100, RINGQ_NOWAIT), 0);
	shared->step = 1;
	for (;;)
		pause();
}

/* It has the id of the dead, lives, and is nobody to the region until it says so. */
static void live_with_old_id(void *arg)
{
	struct shared *shared = arg;

	shared->seen_inside[1] = thread_id();
	shared->step = 2;
	wait_set(&shared->go_on);
	for (int i = 0; i < 1000; i++)
		put_as(shared, 1);
	shared->step = 3;
	for (;;)
		pause();
}

/* As number 1 of a namespace: what is killed here goes when it is reaped, and its id may be given again. */
static void reuse_id(void *arg)
{
	struct shared *shared = arg;
	pid_t victim = fork_child(put_and_wait, shared), heir;

	await(&shared->step, 1);
	check_eq(producers_alive(shared->queue), 1);
	kill_child(victim);
	if (!next_pid_will_be(victim))
		_exit(TEST_SKIPPED);
	heir = fork_child(live_with_old_id, shared);
	check_eq(heir, victim);
	await(&shared->step, 2);
	check_eq(shared->seen_inside[0], shared->seen_inside[1]);

	check_eq(producers_alive(shared->queue), 0);
	/* The one lane that there may be, and the one place that the reservation held, are there for others. */
	reap_child(fork_child(put_one, shared));
	shared->go_on = 1;
	await(&shared->step, 3);
	check_eq(producers_alive(shared->queue), 1);
	kill_child(heir);
	check_eq(producers_alive(shared->queue), 0);
	reap_child(fork_child(put_one, shared));
	check_records(shared, 2);
}

static void keep_namespace(void *arg)
{
	pid_t first = fork_first(reuse_id, arg);
	int status;

	check_eq(waitpid(first, &status, 0), first);
	check(WIFEXITED(status));
	_exit(WEXITSTATUS(status));
}

static int same_id_again(unsigned order, uint64_t max_records)
{
	const struct ringq_queue_options options = {.order = order, .max_producers = 1, .max_records = max_records};
	struct shared *shared = shared_new(&options);
	int status = wait_status(fork_child(keep_namespace, shared));

	ringq_queue_release(shared->queue);
	return status;
}

int main(void)
{
	int status = 0;

	if (!namespaces_permitted()) {
		puts("skipped: PID namespaces, which are not permitted here");
		return TEST_SKIPPED;
	}
	for (unsigned order = RINGQ_ORDER_TOTAL; order <= RINGQ_ORDER_PRODUCER; order++) {
		for (uint64_t times = brief_or_long(5, 200); times--;) {
			twins(order, 0);
			twins(order, 1);
		}
		for (uint64_t times = brief_or_long(5, 200); times-- && !status;) {
			status = same_id_again(order, 0);
			if (!status)
				status = same_id_again(order, 1003);
		}
	}
	if (status == TEST_SKIPPED)
		puts("left out: the same id again, as it may not be chosen here");
	return status == TEST_SKIPPED ? 0 : status;
}
