/* SPDX-License-Identifier: MIT */
/* What checked.sh runs under checkers: a child, then threads, that put while this gets; a pipe and an array. */
#include "../common.h"

#include <pthread.h>
#include <unistd.h>

enum { RECORDS = 200 };

/* A checker that finds something in the child makes it exit with another status. */
static void child_puts(void *arg)
{
	for (int i = 0; i < RECORDS; i++)
		check_eq(put_number(arg, i, TEST_SOON), 0);
}

static void *puts_all(void *arg)
{
	for (int i = 0; i < RECORDS; i++)
		check_eq(put_number(arg, i, TEST_SOON), 0);
	return NULL;
}

static void gets_all(ringq_queue *queue, int producers)
{
	int64_t sum = 0;

	for (int i = 0; i < producers * RECORDS; i++) {
		int64_t n = get_number(queue, TEST_SOON);

		check_compare(n, >=, 0);
		sum += n;
	}
	check_eq(sum, (int64_t)producers * RECORDS * (RECORDS - 1) / 2);
}

static void *counts(void *arg)
{
	for (int i = 0; i < RECORDS; i++) {
		check_eq(ringq_lock(arg, TEST_SOON), 0);
		check_eq(ringq_add(arg, 0, 1, NULL), 0);
		check_eq(ringq_unlock(arg), 0);
	}
	return NULL;
}

int main(void)
{
	ringq_queue *queue = queue_new(NULL);
	ringq_pipe *here, *there;
	ringq_array *array;
	pthread_t threads[2];
	pid_t child;
	int64_t sum;
	char c;

	child = fork_child(child_puts, queue);
	gets_all(queue, 1);
	reap_child(child);
	for (int i = 0; i < 2; i++)
		threads[i] = start_thread(puts_all, queue);
	gets_all(queue, 2);
	for (int i = 0; i < 2; i++)
		join_thread(threads[i]);
	check_eq(ringq_array_create(&array, ringq_queue_region(queue), NULL, RINGQ_INT64, 1), 0);
	for (int i = 0; i < 2; i++)
		threads[i] = start_thread(counts, array);
	for (int i = 0; i < 2; i++)
		join_thread(threads[i]);
	check_eq(ringq_array_read(array, &sum, sizeof(sum)), 0);
	check_eq(sum, 2 * RECORDS);
	check_eq(ringq_pipe_create(&here, &there, ringq_queue_region(queue), 0), 0);
	check_eq(ringq_send(there, "x", 1, RINGQ_NOWAIT), 0);
	check_eq(ringq_receive(here, &c, 1, RINGQ_NOWAIT), 1);
	ringq_pipe_close(here);
	ringq_pipe_close(there);
	ringq_array_release(array);
	ringq_queue_release(queue);
	return 0;
}
