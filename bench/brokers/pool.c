/* SPDX-License-Identifier: MIT */
/*
 * A pool of four workers, over one way to carry jobs: how many jobs a second, from the first put until the last one is
 * acknowledged; and how long after a kill -9 of a worker another one has the job that the dead one had in its hands.
 *
 * usage: ringq-pool WAY PORT JOBS KILLS
 *        ringq-pool --ways
 *
 * Prints jobs a second, then the median and the longest time to redelivery in ms. Each job is done once, or the program fails.
 */
#include "brokers/way.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WORKERS = 4, PATIENCE = 300 /* s */, PAUSE = 200 /* us */, IDLE = 300000 /* us */ };

static const struct way *const ways[] = {
	&way_ringq,
#ifdef BROKERS_REDIS
	&way_redis,
#endif
	&way_beanstalkd,
#ifdef BROKERS_RABBITMQ
	&way_rabbitmq_1,
	&way_rabbitmq_100,
#endif
};

/* In memory that all share. */
static struct board {
	_Atomic uint32_t joined, acknowledged;
	_Atomic uint32_t holds[WORKERS]; /* the number + 1 of the job that it has taken, where it keeps it */
	_Atomic double taken_at;         /* when the last of these was */
	_Atomic uint8_t done[];
} * board;

static int port;
static pid_t children[WORKERS + 2];

/* A child that ends with its parent. */
static pid_t start(void (*run)(unsigned), unsigned who)
{
	pid_t parent = getpid(), child = fork();

	way_must(child >= 0, "fork");
	if (child)
		return child;
	way_must(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent, "prctl");
	run(who);
	exit(0);
}

static void end(pid_t *child)
{
	int status;

	if (!*child)
		return;
	kill(*child, SIGKILL);
	waitpid(*child, &status, 0);
	*child = 0;
	way_must(WIFSIGNALED(status) || WEXITSTATUS(status) == 0, "a process of the pool failed");
}

static void end_all(void)
{
	for (size_t i = 0; i < sizeof children / sizeof *children; i++)
		end(&children[i]);
}

/* Until the counter is there, or a process has failed. */
static void await(const _Atomic uint32_t *count, uint32_t at_least, const char *what)
{
	double until = seconds() + PATIENCE;
	int status;

	for (; *count < at_least; usleep(PAUSE)) {
		pid_t ended = waitpid(-1, &status, WNOHANG);

		way_must(ended <= 0 || (WIFEXITED(status) && WEXITSTATUS(status) == 0), "a process of the pool failed");
		for (size_t i = 0; ended > 0 && i < sizeof children / sizeof *children; i++)
			children[i] = children[i] == ended ? 0 : children[i];
		way_must(seconds() < until, what);
	}
}

static void work(unsigned who)
{
	void *connection = way->join(port, who + 1);
	struct job job;

	for (board->joined++;;) {
		way->take(connection, &job);
		board->done[job.number]++;
		way->ack(connection);
		board->acknowledged++;
	}
}

/* Keeps what it takes. */
static void hold(unsigned who)
{
	void *connection = way->join(port, who + 1);
	struct job job;

	board->joined++;
	way->take(connection, &job);
	board->taken_at = seconds();
	board->holds[who] = job.number + 1;
	for (;;)
		pause();
}

static void watch(unsigned workers)
{
	way->watch(way->join(port, workers + 1), workers);
}

static double carry(void *connection, uint32_t jobs)
{
	struct job job = {.rest = "a job of fifty-six bytes"};
	double begin;

	for (unsigned i = 0; i < WORKERS; i++)
		children[i] = start(work, i);
	await(&board->joined, WORKERS, "workers join");
	begin = seconds();
	for (job.number = 0; job.number < jobs; job.number++)
		way->put(connection, &job);
	if (way->flush)
		way->flush(connection);
	await(&board->acknowledged, jobs, "all is done");
	double took = seconds() - begin;
	for (uint32_t i = 0; i < jobs; i++)
		way_must(board->done[i] == 1, "each job is done once");
	end_all();
	return (double)jobs / took;
}

/* One worker has a job in its hands; another has waited for one for a while; the first is killed. */
static double redeliver(void *connection, uint32_t number)
{
	struct job job = {.number = number};

	memset(board, 0, sizeof *board);
	children[0] = start(hold, 0);
	await(&board->joined, 1, "the first worker joins");
	way->put(connection, &job);
	if (way->flush)
		way->flush(connection);
	await(&board->holds[0], number + 1, "the first worker has the job");
	children[1] = start(hold, 1);
	await(&board->joined, 2, "the second worker joins");
	usleep(IDLE);
	double begin = seconds();
	end(&children[0]);
	await(&board->holds[1], number + 1, "the second worker has the job");
	double took = board->taken_at - begin;
	/* The job goes to one who acknowledges it. */
	end(&children[1]);
	board->acknowledged = 0;
	children[0] = start(work, 0);
	await(&board->acknowledged, 1, "the job is done");
	end(&children[0]);
	return took * 1e3;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	uint32_t jobs, kills;
	double *times;

	if (argc == 2 && strcmp(argv[1], "--ways") == 0) {
		for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
			printf("%s\n", ways[i]->name);
		return 0;
	}
	way_must(argc == 5, "usage: ringq-pool WAY PORT JOBS KILLS");
	for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
		if (strcmp(ways[i]->name, argv[1]) == 0)
			way = ways[i];
	way_must(way != NULL, "no such way");
	port = atoi(argv[2]);
	jobs = (uint32_t)strtoul(argv[3], NULL, 10);
	kills = (uint32_t)strtoul(argv[4], NULL, 10);
	times = calloc(kills + 1, sizeof *times);
	board = mmap(NULL, sizeof *board + jobs + kills, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	way_must(times && board != MAP_FAILED, "memory");
	void *connection = way->join(port, 0);
	double rate = carry(connection, jobs);
	if (way->watch)
		children[WORKERS] = start(watch, WORKERS);
	for (uint32_t i = 0; i < kills; i++)
		times[i] = redeliver(connection, i);
	end_all();
	qsort(times, kills, sizeof *times, by_size);
	printf("%.0f %.3f %.3f\n", rate, times[kills / 2], kills ? times[kills - 1] : 0);
	return 0;
}
