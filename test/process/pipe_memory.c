/* SPDX-License-Identifier: MIT */
/*
 * The memory of pipes comes back: of those that are closed, at once; of those whose holders were killed, wherever they
 * were, when the region runs short.
 */
#include "../common.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SMALL = 1 << 20, LEN = 20000 };

static char record[LEN];

static void use(ringq_pipe *a, ringq_pipe *b)
{
	check_eq(ringq_send(a, record, LEN, RINGQ_NOWAIT), 0);
	check_eq(ringq_send(b, record, 100, RINGQ_NOWAIT), 0);
	check_eq(ringq_receive(b, record, LEN, RINGQ_NOWAIT), LEN);
}

static void closed_pipes_leave_nothing(void)
{
	ringq_region *region = region_new(SMALL);
	uint64_t rounds = brief_or_long(TEST_UNDER_ASAN || TEST_UNDER_TSAN ? 10000 : 100000, 1000000);
	int64_t before = 0;

	for (uint64_t round = 0; round < rounds; round++) {
		ringq_pipe *a, *b;

		check_eq(ringq_pipe_create(&a, &b, region, round % 10 ? RINGQ_SIMPLEX : 0), 0);
		if (round % 10 == 0)
			use(a, b);
		else if (round % 10 < 3)
			check_eq(ringq_send(b, record, LEN, RINGQ_NOWAIT), 0);
		ringq_pipe_close(round % 2 ? a : b);
		ringq_pipe_close(round % 2 ? b : a);
		if (round == 5)
			before = ringq_region_memory(region);
	}
	check_compare(ringq_region_memory(region), <=, before);
	ringq_region_detach(region);
}

/* Makes, uses and closes pipes until it is killed. */
static void make_pipes(void *arg)
{
	ringq_region *region = arg;

	for (;;) {
		ringq_pipe *a, *b;
		int rc = ringq_pipe_create(&a, &b, region, 0);

		if (rc == -ENOMEM)
			continue;
		check_eq(rc, 0);
		use(a, b);
		ringq_pipe_close(a);
		ringq_pipe_close(b);
	}
}

/* How many pipes fit at once. */
static unsigned fill(ringq_region *region)
{
	ringq_pipe *ends[2][64];
	unsigned n = 0;

	while (n < 64 && ringq_pipe_create(&ends[0][n], &ends[1][n], region, 0) == 0)
		n++;
	check_compare(n, <, 64);
	for (unsigned i = 0; i < n; i++) {
		ringq_pipe_close(ends[0][i]);
		ringq_pipe_close(ends[1][i]);
	}
	return n;
}

/* The same once it has run short, and nothing that the dead held lies between what lives. */
static unsigned fill_again(ringq_region *region)
{
	fill(region);
	return fill(region);
}

static void pipes_of_the_dead_come_back(void)
{
	ringq_region *region = region_new(SMALL);
	uint64_t rounds = brief_or_long(150, 3000);
	unsigned fit = fill(region);
	struct rng rng = {1};

	check_compare(fit, >=, 3);
	for (uint64_t round = 0; round < rounds; round++) {
		pid_t child = fork_child(make_pipes, region);

		pause_ns(RINGQ_US(500 + rng_below(&rng, 3000)));
		kill_child(child);
		if (round % 10 == 0)
			check_eq(fill_again(region), fit);
	}
	check_eq(fill_again(region), fit);
	ringq_region_detach(region);
}

/* Two processes, each with an end, close at once or are killed: whoever is last, nothing stays. */
static void close_both(void *arg)
{
	ringq_pipe **ends = arg;

	ringq_pipe_close(ends[0]);
	ringq_pipe_close(ends[1]);
}

static void last_closers_race(void)
{
	ringq_region *region = region_new(SMALL);
	uint64_t rounds = brief_or_long(300, 10000);
	unsigned fit = fill(region);
	int64_t before = ringq_region_memory(region), joined = 0;

	for (uint64_t round = 0; round < rounds; round++) {
		ringq_pipe *ends[2];
		pid_t child;

		check_eq(ringq_pipe_create(&ends[0], &ends[1], region, 0), 0);
		use(ends[0], ends[1]);
		child = fork_child(close_both, ends);
		ringq_pipe_close(ends[1]);
		ringq_pipe_close(ends[0]);
		reap_child(child);
		joined = round == 0 ? ringq_region_memory(region) - before : joined;
	}
	check_compare(ringq_region_memory(region), <=, before + joined);
	check_eq(fill(region), fit);
	ringq_region_detach(region);
}

int main(void)
{
	closed_pipes_leave_nothing();
	last_closers_race();
	pipes_of_the_dead_come_back();
	return 0;
}
