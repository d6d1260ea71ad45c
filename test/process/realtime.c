/* SPDX-License-Identifier: MIT */
/*
 * Threads of real-time priority beside ordinary ones, on one processor: who waits for one of lower priority sleeps, so that it
 * gets there; and the watching thread runs as the one that asked for it.
 */
#include "../common.h"

#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { LARGE = 16 << 20, ROUNDS = 5, PRIORITY = 5 };

static char large[LARGE];

/* False: this process may not have it. */
static bool become_real_time(void)
{
	return sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){.sched_priority = PRIORITY}) == 0;
}

static void stay_on_one_processor(void)
{
	cpu_set_t allowed, one;

	check_eq(sched_getaffinity(0, sizeof(allowed), &allowed), 0);
	CPU_ZERO(&one);
	for (int i = 0; i < CPU_SETSIZE && !CPU_COUNT(&one); i++)
		if (CPU_ISSET(i, &allowed))
			CPU_SET(i, &one);
	check_eq(sched_setaffinity(0, sizeof(one), &one), 0);
}

static void may_be_real_time(void *arg)
{
	(void)arg;
	_exit(become_real_time() ? 0 : TEST_SKIPPED);
}

/* ---- a release that waits for a call ---- */

struct race {
	ringq_queue *queue;
	atomic_int begun, done;
	int64_t cpu; /* that the release took of its own thread's */
	bool met;    /* the put was under way */
};

static void *puts_slowly(void *arg)
{
	struct race *race = arg;

	race->begun = 1;
	int rc = ringq_put(race->queue, large, LARGE, RINGQ_NOWAIT);
	race->done = 1;
	check(rc == 0 || rc == -EBADF);
	return NULL;
}

static int64_t own_cpu(void)
{
	struct timespec t;

	check_eq(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t), 0);
	return RINGQ_SEC(t.tv_sec) + t.tv_nsec;
}

/* It takes the processor from the put, somewhere in it. */
static void *releases(void *arg)
{
	struct race *race = arg;
	int64_t before;

	check(become_real_time());
	wait_set(&race->begun);
	pause_ns(RINGQ_MS(1));
	race->met = !race->done;
	before = own_cpu();
	ringq_queue_release(race->queue);
	race->cpu = own_cpu() - before;
	return NULL;
}

/* By yielding alone it would take the processor until the kernel holds real-time threads up, nearly a second. */
static void a_release_lets_the_call_end(void *arg)
{
	ringq_region *region = region_new(256 << 20);
	int met = 0;

	(void)arg;
	stay_on_one_processor();
	memset(large, 'x', LARGE);
	for (int i = 0; i < 20 * ROUNDS && met < ROUNDS; i++) {
		struct race race = {
			.queue = queue_in(region, &(struct ringq_queue_options){.max_bytes = RINGQ_UNBOUNDED})};
		ringq_queue *other;

		check_eq(ringq_queue_open_id(&other, region, ringq_queue_id(race.queue)), 0);
		pthread_t low = start_thread(puts_slowly, &race), high = start_thread(releases, &race);
		join_thread(low);
		join_thread(high);
		met += race.met;
		check_compare(race.cpu, <, RINGQ_MS(300));
		check_eq(ringq_queue_delete(other), 0);
		ringq_queue_release(other);
	}
	check_compare(met, >, 0);
	ringq_region_detach(region);
}

/* ---- the watching thread ---- */

static pid_t find_watcher(void)
{
	DIR *tasks = opendir("/proc/self/task");
	pid_t found = 0;

	check(tasks);
	for (struct dirent *d; (d = readdir(tasks));) {
		char path[300], name[32] = "";
		FILE *file;

		snprintf(path, sizeof(path), "/proc/self/task/%s/comm", d->d_name);
		if (d->d_name[0] == '.' || !(file = fopen(path, "r")))
			continue;
		if (fgets(name, sizeof(name), file) && !strcmp(name, "ringq-watcher\n"))
			found = atoi(d->d_name);
		fclose(file);
	}
	closedir(tasks);
	return found;
}

static void the_watching_thread_is_as_who_asked(void *arg)
{
	ringq_queue *queue = queue_new(NULL);
	cpu_set_t own, its;
	struct sched_param param;
	pid_t watcher;

	(void)arg;
	stay_on_one_processor();
	check(become_real_time());
	check_compare(ringq_event_fd(queue), >=, 0);
	watcher = find_watcher();
	check_compare(watcher, >, 0);
	check_eq(sched_getscheduler(watcher), SCHED_FIFO);
	check_eq(sched_getparam(watcher, &param), 0);
	check_eq(param.sched_priority, PRIORITY);
	check_eq(sched_getaffinity(0, sizeof(own), &own), 0);
	check_eq(sched_getaffinity(watcher, sizeof(its), &its), 0);
	check(CPU_EQUAL(&own, &its));
	ringq_queue_release(queue);
}

int main(void)
{
	if (wait_status(fork_child(may_be_real_time, NULL)) == TEST_SKIPPED) {
		puts("skipped: no thread may have a real-time priority here");
		return TEST_SKIPPED;
	}
	reap_child(fork_child(a_release_lets_the_call_end, NULL));
	reap_child(fork_child(the_watching_thread_is_as_who_asked, NULL));
	return 0;
}
