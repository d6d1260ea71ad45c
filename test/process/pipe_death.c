/* SPDX-License-Identifier: MIT */
/*
 * Pipes whose holders end, in all ways: the other end learns it soon, asleep or not, after what was sent; and not while
 * anybody holds on, stopped or without ever having made a call.
 *
 * Calls have a time-out of a minute, and must end long before.
 */
#include "../common.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define A_MINUTE RINGQ_SEC(60)

static char large[1 << 20];

struct pair {
	ringq_pipe *mine, *childs;
	atomic_int ready;
	bool calls; /* the child makes a call before it is ready */
	int64_t alive;
};

static bool parent_uses_both; /* before it forks */

static struct pair *pair_new(unsigned flags)
{
	struct pair *pair = share_memory(sizeof(*pair));

	check_eq(ringq_pipe_create(&pair->mine, &pair->childs, NULL, flags), 0);
	if (parent_uses_both)
		check_eq(ringq_send(pair->childs, "", 0, RINGQ_NOWAIT) + ringq_receive(pair->mine, NULL, 0, RINGQ_NOWAIT),
			0);
	return pair;
}

static void child_side(struct pair *pair)
{
	ringq_pipe_close(pair->mine);
	if (pair->calls)
		check_eq(ringq_poll(pair->childs, RINGQ_NOWAIT), 0);
	atomic_store(&pair->ready, 1);
}

static void hold_on(void *arg)
{
	child_side(arg);
	for (;;)
		pause();
}

static void fork_holder(struct pair *pair, pid_t *child, void (*run)(void *))
{
	pair->ready = 0;
	*child = fork_child(run, pair);
	wait_set(&pair->ready);
}

struct killing {
	pid_t child;
	int64_t after;
};

static void *kill_later(void *arg)
{
	struct killing *killing = arg;

	pause_ns(killing->after);
	check_eq(kill(killing->child, SIGKILL), 0);
	return NULL;
}

static ssize_t sleep_in_receive(struct pair *pair)
{
	char byte;

	return ringq_receive(pair->mine, &byte, 1, A_MINUTE);
}

static ssize_t sleep_in_send(struct pair *pair)
{
	ssize_t rc;

	while ((rc = ringq_send(pair->mine, large, sizeof(large), A_MINUTE)) == 0)
		continue;
	return rc;
}

static ssize_t sleep_in_poll(struct pair *pair)
{
	return ringq_poll(pair->mine, A_MINUTE) == 1 ? -EPIPE : 0;
}

static ssize_t sleep_in_wait_any(struct pair *pair)
{
	ringq_queue *in = ringq_pipe_input(pair->mine);

	return ringq_wait_any(&in, 1, A_MINUTE) == 0 ? -EPIPE : 0;
}

static ssize_t sleep_in_system_poll(struct pair *pair)
{
	ringq_queue *in = ringq_pipe_input(pair->mine);
	struct pollfd pollfd = {.fd = ringq_event_fd(in), .events = POLLIN};
	int64_t none;

	check_compare(pollfd.fd, >=, 0);
	while (get_number(in, RINGQ_NOWAIT) == -EAGAIN && poll(&pollfd, 1, 60000) == 1)
		continue;
	return ringq_get(in, &none, sizeof(none), RINGQ_NOWAIT);
}

static ssize_t (*const sleeps[])(struct pair *pair) = {
	sleep_in_receive,
	sleep_in_send,
	sleep_in_poll,
	sleep_in_wait_any,
	sleep_in_system_poll,
};

/* Nothing comes, and it is not the end. */
static void check_open(struct pair *pair)
{
	char byte;

	check_eq(ringq_receive(pair->mine, &byte, 1, RINGQ_NOWAIT), -EAGAIN);
	check_eq(ringq_poll(pair->mine, RINGQ_MS(250)), 0);
	check_eq(ringq_receive(pair->mine, &byte, 1, RINGQ_MS(250)), -ETIMEDOUT);
	check_eq(ringq_send(pair->mine, "", 0, RINGQ_NOWAIT), 0);
}

/* The two directions do not end at the same instant. */
static void check_ended(struct pair *pair)
{
	int64_t start = now_ns();
	char byte;
	int rc;

	while ((rc = ringq_send(pair->mine, "", 0, A_MINUTE)) == 0)
		check_compare(now_ns() - start, <, TEST_SOON);
	check_eq(rc, -EPIPE);
	check_eq(ringq_receive(pair->mine, &byte, 1, A_MINUTE), -EPIPE);
	check_compare(now_ns() - start, <, TEST_SOON);
	ringq_pipe_close(pair->mine);
}

/* The last holder is killed while the other end sleeps: in its first sleep, at once, and in a later one. */
static void killed_while_the_other_sleeps(unsigned flags, bool calls, int64_t after)
{
	for (size_t i = 0; i < COUNT(sleeps); i++) {
		struct pair *pair = pair_new(flags);
		struct killing killing = {.after = after};
		int64_t start = now_ns();
		pthread_t killer;

		test_row(i);
		pair->calls = calls;
		fork_holder(pair, &killing.child, hold_on);
		ringq_pipe_close(pair->childs);
		killer = start_thread(kill_later, &killing);
		check_eq(sleeps[i](pair), -EPIPE);
		check_compare(now_ns() - start, <, TEST_SOON);
		join_thread(killer);
		check_eq(waitpid(killing.child, NULL, 0), killing.child);
		check_ended(pair);
	}
}

static void one_killed_of_several(bool calls)
{
	struct pair *pair = pair_new(0);
	pid_t children[3];

	pair->calls = calls;
	for (size_t i = 0; i < COUNT(children); i++)
		fork_holder(pair, &children[i], hold_on);
	ringq_pipe_close(pair->childs);
	for (size_t i = 0; i < COUNT(children); i++) {
		check_open(pair);
		kill_child(children[i]);
	}
	check_ended(pair);
}

static void a_stopped_holder_is_none_that_died(bool calls)
{
	struct pair *pair = pair_new(0);
	pid_t child;
	int status;

	pair->calls = calls;
	fork_holder(pair, &child, hold_on);
	ringq_pipe_close(pair->childs);
	check_eq(kill(child, SIGSTOP), 0);
	check_eq(waitpid(child, &status, WUNTRACED), child);
	check_open(pair);
	kill_child(child);
	check_ended(pair);
}

static void send_and_hold_on(void *arg)
{
	struct pair *pair = arg;

	ringq_pipe_close(pair->mine);
	for (int64_t i = 0; i < 1000; i++)
		check_eq(ringq_send(pair->childs, &i, sizeof(i), RINGQ_NOWAIT), 0);
	atomic_store(&pair->ready, 1);
	for (;;)
		pause();
}

static void what_the_dead_sent_comes_out(void)
{
	struct pair *pair = pair_new(0);
	int64_t number;
	pid_t child;

	fork_holder(pair, &child, send_and_hold_on);
	ringq_pipe_close(pair->childs);
	kill_child(child);
	for (int64_t i = 0; i < 1000; i++) {
		check_eq(ringq_receive(pair->mine, &number, sizeof(number), A_MINUTE), sizeof(number));
		check_eq(number, i);
	}
	check_ended(pair);
}

/* A grandchild that never makes a call holds on when its parent is dead. */
static void beget_and_hold_on(void *arg)
{
	struct pair *pair = arg;
	pid_t grandchild;

	ringq_pipe_close(pair->mine);
	check_eq(ringq_poll(pair->childs, RINGQ_NOWAIT), 0);
	grandchild = fork();
	if (grandchild == 0)
		for (;;)
			pause();
	pair->alive = grandchild;
	atomic_store(&pair->ready, 1);
	for (;;)
		pause();
}

static void a_grandchild_holds_on(void)
{
	struct pair *pair = pair_new(0);
	pid_t child;

	fork_holder(pair, &child, beget_and_hold_on);
	ringq_pipe_close(pair->childs);
	kill_child(child);
	check_open(pair);
	check_eq(kill((pid_t)pair->alive, SIGKILL), 0);
	check_ended(pair);
}

static void ends_by_exit(void *arg)
{
	child_side(arg);
	exit(0);
}

static void *sleep_on(void *arg)
{
	for (;;)
		pause();
	return arg;
}

static void ends_with_other_threads(void *arg)
{
	child_side(arg);
	start_thread(sleep_on, NULL);
	_exit(0);
}

static void ends_by_close(void *arg)
{
	struct pair *pair = arg;

	child_side(pair);
	ringq_pipe_close(pair->childs);
	for (;;)
		pause();
}

static void ends_by_exec(void *arg)
{
	child_side(arg);
	execlp("sleep", "sleep", "100", (char *)NULL);
}

static void (*const ways_to_end[])(void *) = {ends_by_exit, ends_with_other_threads, ends_by_close, ends_by_exec};

static void all_ways_to_end(bool calls)
{
	for (size_t i = 0; i < COUNT(ways_to_end); i++) {
		struct pair *pair = pair_new(0);
		int64_t start = now_ns();
		pid_t child;

		test_row(i);
		pair->calls = calls;
		fork_holder(pair, &child, ways_to_end[i]);
		ringq_pipe_close(pair->childs);
		check_eq(sleep_in_receive(pair), -EPIPE);
		check_compare(now_ns() - start, <, TEST_SOON);
		check_ended(pair);
		kill(child, SIGKILL);
		check_eq(waitpid(child, NULL, 0), child);
	}
}

int main(void)
{
	static const unsigned flags[] = {0, RINGQ_SINGLE_PRODUCER | RINGQ_SINGLE_CONSUMER};
	static const int64_t afters[] = {0, RINGQ_MS(30), RINGQ_MS(250)};

	for (int uses = 0; uses < 4; uses++) {
		bool calls = uses & 1;

		parent_uses_both = uses & 2;
		for (size_t i = 0; i < COUNT(flags); i++)
			for (size_t k = uses & 2 ? 2 : 0; k < COUNT(afters); k++)
				killed_while_the_other_sleeps(flags[i], calls, afters[k]);
		one_killed_of_several(calls);
		a_stopped_holder_is_none_that_died(calls);
		all_ways_to_end(calls);
	}
	what_the_dead_sent_comes_out();
	a_grandchild_holds_on();
	return 0;
}
