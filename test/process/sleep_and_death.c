/* SPDX-License-Identifier: MIT */

/*
 * A wake-up that dies with somebody is not lost. Sleeps that look at the leases have no bound here, so that only a death
 * that is seen ends them; if none is, the alarm tells. And an idle sleeper is woken once a second, not more.
 */

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common.h"
#include "sys.h"

#define A_WHILE (300 * 1000000LL) /* longer than the first sleep */

static int (*real_waitv)(const struct rq_sys_wait *waits, unsigned n, int64_t until);
static int (*real_wait)(const _Atomic uint32_t *word, uint32_t value, int64_t until);

static int unbounded_waitv(const struct rq_sys_wait *waits, unsigned n, int64_t until)
{
	(void)until;
	return real_waitv(waits, n, -1);
}

static int die_instead_of_waking(const _Atomic uint32_t *word, int n)
{
	(void)word, (void)n;
	return raise(SIGKILL);
}

static int die_when_woken(const _Atomic uint32_t *word, uint32_t value, int64_t until)
{
	(void)until;
	if (real_wait(word, value, -1) == 0)
		raise(SIGKILL);
	return 0;
}

static void put_and_die(void *queue)
{
	check_eq(ringq_size(queue), 0); /* joins, which wakes sleepers too: not that is to be lost */
	rq_sys.futex_wake = die_instead_of_waking;
	put_number(queue, 1, RINGQ_NOWAIT);
}

static void get_and_die(void *queue)
{
	rq_sys.futex_wait = die_when_woken;
	get_number(queue, RINGQ_FOREVER);
}

static void *get_one(void *queue)
{
	check_eq(get_number(queue, RINGQ_FOREVER), 1);
	return NULL;
}

/* Waits until the child has joined the queue's region, so that others can know of its death. */
static void await_members(ringq_queue *queue, ssize_t n)
{
	while (ringq_region_members(ringq_queue_region(queue), NULL, 0) < n)
		pause_ns(1000000);
}

static void await_death(pid_t child)
{
	int status;
	check_eq(waitpid(child, &status, 0), child);
	check(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void waker_dies(unsigned order, int sleepers)
{
	ringq_queue *queue = queue_new(&(struct ringq_queue_options){ .order = order });
	pthread_t threads[4];
	for (int i = 0; i < sleepers; i++)
		threads[i] = start_thread(get_one, queue);
	pause_ns(A_WHILE);
	pid_t child = fork_child(put_and_die, queue);
	await_death(child);
	for (int i = 1; i < sleepers; i++)
		check_eq(put_number(queue, 1, RINGQ_NOWAIT), 0);
	for (int i = 0; i < sleepers; i++)
		join_thread(threads[i]);
	ringq_queue_release(queue);
}

static void sleeper_dies(unsigned order)
{
	ringq_queue *queue = queue_new(&(struct ringq_queue_options){ .order = order });
	pid_t child = fork_child(get_and_die, queue);
	await_members(queue, 2);
	pause_ns(A_WHILE);
	pthread_t thread = start_thread(get_one, queue);
	pause_ns(A_WHILE);
	check_eq(put_number(queue, 1, RINGQ_NOWAIT), 0);
	join_thread(thread);
	kill(child, SIGKILL);
	await_death(child);
	ringq_queue_release(queue);
}

static void *wait_in_vain(void *queue)
{
	struct rusage before, after;
	char byte;
	check_eq(getrusage(RUSAGE_THREAD, &before), 0);
	check_eq(ringq_get(queue, &byte, 1, RINGQ_SEC(4)), -ETIMEDOUT);
	check_eq(getrusage(RUSAGE_THREAD, &after), 0);
	/* One after 100 ms, one a second, the end; the mutex of the process may add one or two. */
	check_compare(after.ru_nvcsw - before.ru_nvcsw, <=, 9);
	return NULL;
}

static void idle_is_cheap(void)
{
	ringq_queue *queue = queue_new(&(struct ringq_queue_options){ 0 });
	join_thread(start_thread(wait_in_vain, queue));
	ringq_queue_release(queue);
}

int main(void)
{
	alarm(60);
	idle_is_cheap();
	real_wait = rq_sys.futex_wait;
	real_waitv = rq_sys.futex_waitv;
	rq_sys.futex_waitv = unbounded_waitv;
	for (unsigned order = RINGQ_ORDER_TOTAL; order <= RINGQ_ORDER_PRODUCER; order++) {
		waker_dies(order, 1);
		waker_dies(order, 4);
		sleeper_dies(order);
	}
	return 0;
}
