/* SPDX-License-Identifier: MIT */
/* Processes that are killed or stopped with the lock, waiting for it, or in a write of the whole. */
#include "../common.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "base/sys.h"

enum { CONTENT = 300, CONTENDERS = 4 };

struct scene {
	ringq_array *array;
	ringq_array *counter;
	_Atomic pid_t thread[CONTENDERS];
	atomic_int locked, dead, got, stop;
	/* What the holder of the counter's lock is doing: told to who comes after a death. */
	_Atomic int64_t intent;
	_Atomic uint64_t repaired;
};

static void lock_and_sleep(void *arg)
{
	struct scene *s = arg;

	check_eq(ringq_lock(s->array, RINGQ_FOREVER), 0);
	s->locked = 1;
	pause_ns(RINGQ_SEC(60));
}

static int which;

static void wait_for_lock(void *arg)
{
	struct scene *s = arg;
	int r;

	s->thread[which] = thread_id();
	r = ringq_lock(s->array, RINGQ_FOREVER);
	check(r == 0 || r == -EOWNERDEAD);
	s->dead += r == -EOWNERDEAD;
	s->got++;
	check_eq(ringq_unlock(s->array), 0);
}

static void reset(struct scene *s)
{
	s->locked = s->dead = s->got = 0;
	memset(s->thread, 0, sizeof(s->thread));
}

static pid_t start_waiter(struct scene *s, int i)
{
	pid_t child;

	which = i;
	child = fork_child(wait_for_lock, s);
	while (!s->thread[i])
		pause_ns(100000);
	wait_asleep(s->thread[i]);
	return child;
}

/* The holder is killed while n sleep: all get it, one is told, at once. victim: a sleeper that is killed first. */
static void kill_holder(struct scene *s, int n, int victim)
{
	pid_t holder, waiters[CONTENDERS] = {0};
	int64_t start;

	reset(s);
	holder = fork_child(lock_and_sleep, s);
	wait_set(&s->locked);
	for (int i = 0; i < n; i++)
		waiters[i] = start_waiter(s, i);
	if (victim >= 0)
		kill_child(waiters[victim]);
	start = now_ns();
	kill_child(holder);
	for (int i = 0; i < n; i++)
		if (i != victim)
			reap_child(waiters[i]);
	check_compare(now_ns() - start, <, TEST_SOON);
	check_eq(s->dead, n > (victim >= 0) ? 1 : 0);
	check_eq(s->got, n - (victim >= 0));
	if (n == 0) {
		check_eq(ringq_lock(s->array, RINGQ_NOWAIT), -EOWNERDEAD);
		check_eq(ringq_unlock(s->array), 0);
	}
}

/* The one that the unlock wakes is killed at about that instant; the others must not sleep on. */
static void kill_woken(struct scene *s, struct rng *rng)
{
	pid_t waiters[CONTENDERS];

	reset(s);
	check_eq(ringq_lock(s->array, RINGQ_NOWAIT), 0);
	for (int i = 0; i < CONTENDERS; i++)
		waiters[i] = start_waiter(s, i);
	check_eq(ringq_unlock(s->array), 0);
	pause_ns((int64_t)rng_below(rng, 60000));
	kill(waiters[0], SIGKILL);
	check_eq(waitpid(waiters[0], NULL, 0), waiters[0]);
	for (int i = 1; i < CONTENDERS; i++)
		reap_child(waiters[i]);
	check_compare(s->dead, <=, 1);
	int r = ringq_lock(s->array, RINGQ_NOWAIT);
	check(r == 0 || r == -EOWNERDEAD);
	check_eq(ringq_unlock(s->array), 0);
}

/* ---- exclusion among processes of which some are killed ---- */

/* A step in two halves: a death between them is repaired by who is told, and by nobody else. */
static void count_up(void *arg)
{
	struct scene *s = arg;

	while (!s->stop) {
		int64_t *n = ringq_array_data(s->counter);
		int r = ringq_lock(s->counter, RINGQ_FOREVER);

		check(r == 0 || r == -EOWNERDEAD);
		if (r == -EOWNERDEAD) {
			n[1] = n[0];
			s->repaired++;
		}
		check_eq(n[0], n[1]);
		n[0]++;
		for (volatile int i = 0; i < 50; i++)
			continue;
		n[1]++;
		check_eq(ringq_unlock(s->counter), 0);
	}
}

static void kill_contenders(struct scene *s, struct rng *rng, uint64_t kills)
{
	pid_t children[CONTENDERS];

	s->stop = 0;
	for (int i = 0; i < CONTENDERS; i++)
		children[i] = fork_child(count_up, s);
	for (uint64_t k = 0; k < kills; k++) {
		int i = (int)rng_below(rng, CONTENDERS);

		pause_ns((int64_t)rng_below(rng, 3000000));
		kill_child(children[i]);
		children[i] = fork_child(count_up, s);
	}
	s->stop = 1;
	for (int i = 0; i < CONTENDERS; i++)
		reap_child(children[i]);
	check_compare(*(int64_t *)ringq_array_data(s->counter), >, 0);
}

/* ---- writes of the whole ---- */

static void write_on(void *arg)
{
	struct scene *s = arg;
	int64_t content[CONTENT];

	for (int64_t n = (int64_t)thread_id() << 32; !s->stop; n++) {
		for (int i = 0; i < CONTENT; i++)
			content[i] = n;
		check_eq(ringq_array_write(s->array, content, sizeof(content)), 0);
		s->locked = 1;
	}
}

static int64_t read_whole(struct scene *s)
{
	int64_t content[CONTENT];

	check_eq(ringq_array_read(s->array, content, sizeof(content)), 0);
	for (int i = 1; i < CONTENT; i++)
		check_eq(content[i], content[0]);
	return content[0];
}

/* Right after a death, and while stopped, reads go on and are whole, and after a death writes are. */
static void kill_writers(struct scene *s, struct rng *rng, uint64_t rounds)
{
	uint64_t odd = 0;

	s->stop = 0;
	for (uint64_t k = 0; k < rounds; k++) {
		pid_t child;
		int status;

		reset(s);
		child = fork_child(write_on, s);
		wait_set(&s->locked);
		pause_ns((int64_t)(RINGQ_MS(1) + rng_below(rng, 500000)));
		kill(child, SIGSTOP);
		check_eq(waitpid(child, &status, WUNTRACED), child);
		check(WIFSTOPPED(status));
		int64_t first = read_whole(s);
		for (int i = 0; i < 20; i++)
			check_eq(read_whole(s), first);
		kill_child(child);
		check_eq(read_whole(s), first);
		if (k % 2) {
			int r = ringq_lock(s->array, RINGQ_NOWAIT);
			const int64_t *data = ringq_array_data(s->array);

			check(r == 0 || r == -EOWNERDEAD);
			odd += r != 0;
			for (int i = 0; i < CONTENT; i++)
				check_eq(data[i], first);
			check_eq(ringq_unlock(s->array), 0);
		}
	}
	check_compare(odd, >, 0); /* or no death met a write */
}

int main(void)
{
	struct scene *s = share_memory(sizeof(*s));
	struct rng rng = {(uint64_t)now_ns()};
	struct rq_sys bounded = rq_sys;

	check_eq(ringq_array_create(&s->array, NULL, NULL, RINGQ_INT64, CONTENT), 0);
	check_eq(ringq_array_create(&s->counter, ringq_array_region(s->array), "counter", RINGQ_INT64, 2), 0);
	sleep_without_bounds();
	for (int i = 0; i < 3; i++) {
		kill_holder(s, 0, -1);
		kill_holder(s, 1, -1);
		kill_holder(s, CONTENDERS, -1);
		kill_holder(s, CONTENDERS, i);
	}
	rq_sys = bounded;
	for (uint64_t i = 0; i < brief_or_long(10, 300); i++)
		kill_woken(s, &rng);
	kill_contenders(s, &rng, brief_or_long(200, 10000));
	kill_writers(s, &rng, brief_or_long(200, 5000));
	ringq_array_release(s->counter);
	ringq_array_release(s->array);
	return 0;
}
