/* SPDX-License-Identifier: MIT */
/* Pipes in the way of multiprocessing: made before a fork, each process with one end; and forks in the middle of use. */
#include "../common.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { RECORDS = 2000, MAX_LEN = 3000, THREADS = 3, CHILDREN = 15 };

struct shared {
	ringq_pipe *mine, *childs;
	struct tally *tally;
	atomic_int stop, at_work;
	atomic_uint named;
};

static struct shared *shared_new(unsigned flags)
{
	struct shared *shared = share_memory(sizeof(*shared));

	check_eq(ringq_pipe_create(&shared->mine, &shared->childs, NULL, flags), 0);
	return shared;
}

static void echo(void *arg)
{
	static char record[MAX_LEN];
	struct shared *shared = arg;
	ssize_t len;

	ringq_pipe_close(shared->mine);
	while ((len = ringq_receive(shared->childs, record, MAX_LEN, RINGQ_FOREVER)) >= 0)
		check_eq(ringq_send(shared->childs, record, (size_t)len, RINGQ_FOREVER), 0);
	check_eq(len, -EPIPE);
	ringq_pipe_close(shared->childs);
}

/* One at a time, and many on the way. */
static void there_and_back(unsigned flags)
{
	static char record[MAX_LEN];
	struct shared *shared = shared_new(flags);
	pid_t child = fork_child(echo, shared);
	struct rng rng = {1};
	uint32_t back = 0;

	ringq_pipe_close(shared->childs);
	for (uint32_t i = 0; i < RECORDS; i++) {
		size_t len = record_random_len(&rng, MAX_LEN);

		record_fill(record, len, (struct record_id){0, i});
		check_eq(ringq_send(shared->mine, record, len, RINGQ_FOREVER), 0);
		while (i < RECORDS / 2 ? back <= i : back + 50 <= i) {
			ssize_t n = ringq_receive(shared->mine, record, MAX_LEN, TEST_SOON);

			check_eq(record_check(record, (size_t)n).number, back++);
		}
	}
	while (back < RECORDS) {
		ssize_t n = ringq_receive(shared->mine, record, MAX_LEN, TEST_SOON);

		check_eq(record_check(record, (size_t)n).number, back++);
	}
	ringq_pipe_close(shared->mine);
	reap_child(child);
}

/* ---- several threads on one end ---- */

static void *send_part(void *arg)
{
	struct shared *shared = arg;
	uint32_t producer = atomic_fetch_add(&shared->named, 1);

	for (uint32_t i = 0; i < RECORDS; i++) {
		struct record_id id = {producer, i};

		check_eq(ringq_send(shared->mine, &id, sizeof(id), TEST_SOON), 0);
	}
	return NULL;
}

static void *receive_part(void *arg)
{
	struct shared *shared = arg;
	uint32_t next[THREADS] = {0};
	struct record_id id;
	ssize_t len;

	while ((len = ringq_receive(shared->childs, &id, sizeof(id), RINGQ_FOREVER)) == sizeof(id)) {
		tally_see(shared->tally, id);
		check_compare(id.number, >=, next[id.producer]);
		next[id.producer] = id.number + 1;
	}
	check_eq(len, -EPIPE);
	return NULL;
}

static void run_threads(void *(*run)(void *), struct shared *shared)
{
	pthread_t threads[THREADS];

	for (size_t i = 0; i < THREADS; i++)
		threads[i] = start_thread(run, shared);
	for (size_t i = 0; i < THREADS; i++)
		join_thread(threads[i]);
}

static void receive_with_threads(void *arg)
{
	struct shared *shared = arg;

	ringq_pipe_close(shared->mine);
	run_threads(receive_part, shared);
}

static void several_threads_on_each_end(void)
{
	struct shared *shared = shared_new(0);
	pid_t child;

	shared->tally = tally_new(THREADS, RECORDS);
	child = fork_child(receive_with_threads, shared);
	ringq_pipe_close(shared->childs);
	run_threads(send_part, shared);
	ringq_pipe_close(shared->mine);
	reap_child(child);
	tally_check_complete(shared->tally);
}

/* ---- forks while other threads use the ends ---- */

static void *send_until_stopped(void *arg)
{
	struct shared *shared = arg;
	int64_t number = 0;

	do {
		check_eq(ringq_send(shared->mine, &number, sizeof(number), RINGQ_FOREVER), 0);
		atomic_fetch_add(&shared->at_work, number++ == 0);
	} while (!shared->stop);
	return NULL;
}

static void *drop_all(void *arg)
{
	struct shared *shared = arg;
	int64_t number, numbers = 0;
	ssize_t len;

	while ((len = ringq_receive(shared->childs, &number, sizeof(number), RINGQ_FOREVER)) >= 0)
		atomic_fetch_add(&shared->at_work, numbers++ == 0);
	check_eq(len, -EPIPE);
	return NULL;
}

/* It goes on with what it has inherited at once, and with a pipe of its own. */
static void use_in_the_child(void *arg)
{
	struct shared *shared = arg;
	ringq_pipe *a, *b;
	int64_t number = 1;

	check_eq(ringq_send(shared->mine, &number, sizeof(number), TEST_SOON), 0);
	check_eq(ringq_pipe_create(&a, &b, ringq_pipe_region(shared->mine), 0), 0);
	ringq_pipe_close(shared->mine);
	ringq_pipe_close(shared->childs);
	check_eq(ringq_send(a, &number, sizeof(number), RINGQ_NOWAIT), 0);
	check_eq(ringq_receive(b, &number, sizeof(number), RINGQ_NOWAIT), sizeof(number));
	ringq_pipe_close(a);
	check_eq(ringq_receive(b, &number, sizeof(number), RINGQ_FOREVER), -EPIPE);
	ringq_pipe_close(b);
	check_eq(count_region_mappings(), 0);
}

static void fork_in_the_middle(void)
{
	struct shared *shared = shared_new(0);
	pthread_t senders[THREADS], drainer = start_thread(drop_all, shared);

	for (size_t i = 0; i < THREADS; i++)
		senders[i] = start_thread(send_until_stopped, shared);
	/* The address sanitizer does not stand a fork beside an allocation, which only first calls make. */
	while (shared->at_work < THREADS + 1)
		pause_ns(RINGQ_MS(1));
	for (size_t i = 0; i < CHILDREN; i++)
		reap_child(fork_child(use_in_the_child, shared));
	shared->stop = 1;
	for (size_t i = 0; i < THREADS; i++)
		join_thread(senders[i]);
	ringq_pipe_close(shared->mine);
	join_thread(drainer); /* no child has kept a copy */
	ringq_pipe_close(shared->childs);
}

int main(void)
{
	there_and_back(0);
	there_and_back(RINGQ_SINGLE_PRODUCER | RINGQ_SINGLE_CONSUMER);
	several_threads_on_each_end();
	fork_in_the_middle();
	return 0;
}
