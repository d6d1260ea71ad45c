/* SPDX-License-Identifier: MIT */
/*
 * What the scripts for bpftrace are to show, again and again until somebody kills it: a thread that sleeps and is woken, a
 * backlog that takes memory, gives it back and runs short, and deaths of a producer, of a holder of a lock, of a taker and of
 * an end of a pipe.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ringq/ringq.h>

enum { REGION = 4 << 20, RECORD = 20000, TRIPS = 3 };

static ringq_queue *watched, *backlog, *jobs;
static ringq_array *counter;
static ringq_pipe *here, *there;

static void must(int good)
{
	if (!good)
		abort();
}

/* A child that ends with this process, too, and by itself at the end of `run`: as by a SIGKILL, whatever it has in hand. */
static pid_t start(const char *name, void (*run)(void))
{
	pid_t child = fork();
	must(child >= 0);
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_NAME, name);
		run();
		raise(SIGKILL);
	}
	return child;
}

static void end(pid_t child)
{
	must(waitpid(child, NULL, 0) == child);
}

static void sleep_in_gets(void)
{
	char byte;
	for (int i = 0; i < TRIPS; i++)
		must(ringq_get(watched, &byte, 1, RINGQ_FOREVER) == 1);
}

static void wake_a_sleeper(void)
{
	pid_t child = start("sleeper", sleep_in_gets);
	for (int i = 0; i < TRIPS; i++) {
		usleep(20000);
		must(ringq_put(watched, "x", 1, RINGQ_FOREVER) == 0);
	}
	end(child);
}

static void run_short_of_memory(void)
{
	static char record[RECORD];
	int put = 0, r;
	while ((r = ringq_put(backlog, record, RECORD, RINGQ_NOWAIT)) == 0)
		put++;
	must(r == -ENOMEM && put > 0);
	while (ringq_get(backlog, record, RECORD, RINGQ_NOWAIT) > 0)
		put--;
	must(put == 0);
}

static void die_with_a_lane_a_lock_and_a_job(void)
{
	struct ringq_delivery job;
	int r = ringq_lock(counter, RINGQ_NOWAIT);
	must(r == 0 || r == -EOWNERDEAD);
	must(ringq_put(jobs, "job", 3, RINGQ_NOWAIT) == 0);
	must(ringq_take(jobs, &job, RINGQ_FOREVER) == 0);
}

static void find_the_dead(void)
{
	struct ringq_delivery job;
	for (int i = 0; i < 2; i++) /* the second comes in the place of the first */
		end(start("victim", die_with_a_lane_a_lock_and_a_job));
	must(ringq_lock(counter, RINGQ_FOREVER) == -EOWNERDEAD);
	must(ringq_unlock(counter) == 0);
	while (ringq_take(jobs, &job, RINGQ_MS(500)) == 0)
		must(ringq_ack(jobs, &job) == 0);
}

static void hold_an_end(void)
{
	ringq_pipe_close(here);
}

static void lose_a_peer(void)
{
	char byte;
	must(ringq_pipe_create(&here, &there, NULL, 0) == 0);
	pid_t child = start("peer", hold_an_end);
	ringq_pipe_close(there);
	must(ringq_receive(here, &byte, 1, RINGQ_FOREVER) == -EPIPE);
	ringq_pipe_close(here);
	end(child);
}

int main(void)
{
	ringq_region *region;
	must(ringq_region_create(&region, &(struct ringq_region_options){.size = REGION}) == 0);
	must(ringq_queue_create(&watched, region, &(struct ringq_queue_options){.name = "watched"}) == 0);
	must(ringq_queue_create(&backlog, region,
		     &(struct ringq_queue_options){.name = "backlog", .max_bytes = RINGQ_UNBOUNDED}) == 0);
	must(ringq_queue_create(
		     &jobs, region, &(struct ringq_queue_options){.name = "jobs", .flags = RINGQ_ACKNOWLEDGED}) == 0);
	must(ringq_array_create(&counter, region, "counter", RINGQ_INT32, 1) == 0);
	for (;;) {
		wake_a_sleeper();
		run_short_of_memory();
		find_the_dead();
		lose_a_peer();
	}
}
