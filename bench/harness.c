/* SPDX-License-Identifier: MIT */
#include "harness.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

uint64_t bench_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

void bench_die(int error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	if (error)
		fprintf(stderr, ": %s", strerror(abs(error)));
	fputc('\n', stderr);
	/* Not exit(): a forked child would write its parent's buffered output a second time. */
	_exit(1);
}

void bench_progress(const char *format, ...)
{
	va_list args;

	if (!isatty(STDERR_FILENO))
		return;
	fputs("\r\033[K", stderr);
	if (!format)
		return;
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fflush(stderr);
}

/* Reads one number of a cpu's topology; -1 where the kernel does not tell. */
static int topology(int cpu, const char *what)
{
	char path[96];
	int value;
	FILE *f;

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/topology/%s", cpu, what);
	f = fopen(path, "r");
	if (!f)
		return -1;
	if (fscanf(f, "%d", &value) != 1)
		value = -1;
	fclose(f);
	return value;
}

/* Siblings share their caches: a line that "moves" between them does not move. */
static bool siblings(int a, int b)
{
	return topology(a, "core_id") >= 0 && topology(a, "core_id") == topology(b, "core_id") &&
	       topology(a, "physical_package_id") == topology(b, "physical_package_id");
}

unsigned bench_cpus(int cpus[2])
{
	cpu_set_t set;
	unsigned n = 0;

	cpus[0] = cpus[1] = -1;
	if (sched_getaffinity(0, sizeof(set), &set))
		bench_die(errno, "sched_getaffinity");
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &set))
			continue;
		n++;
		if (cpus[0] < 0)
			cpus[0] = cpu;
		else if (cpus[1] < 0 || (siblings(cpus[0], cpus[1]) && !siblings(cpus[0], cpu)))
			cpus[1] = cpu;
	}
	if (n == 1)
		cpus[1] = cpus[0];
	return n;
}

void bench_pin(int cpu)
{
	cpu_set_t set;

	if (cpu < 0)
		return;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		bench_die(errno, "cannot bind to cpu %d", cpu);
}

void *bench_shared(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		bench_die(errno, "mmap");
	return p;
}

pid_t bench_fork(void (*body)(void *arg), void *arg)
{
	pid_t parent = getpid(), pid;

	fflush(stdout);
	pid = fork();
	if (pid < 0)
		bench_die(errno, "fork");
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent) /* it died before the line above */
		_exit(1);
	body(arg);
	_exit(0);
}

/* Reaps one child, any if pid is -1. Returns 0 if it ended well, 1 if not, -1 if there was none. */
static int reap(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return status != 0;
}

bool bench_join(void)
{
	int r;

	do
		r = reap(-1);
	while (r == 0);
	return r < 0;
}

struct isolated {
	void (*body)(void *arg);
	void *arg;
	unsigned seconds;
};

static void isolated_body(void *arg)
{
	const struct isolated *i = arg;

	alarm(i->seconds);
	i->body(i->arg);
}

bool bench_isolated(void (*body)(void *arg), void *arg, unsigned seconds)
{
	return reap(bench_fork(isolated_body, &(struct isolated){body, arg, seconds})) == 0;
}

/* Yields, as there may be far fewer cpus than parties. */
void bench_arrive(struct bench_gate *gate, unsigned number)
{
	atomic_fetch_add(&gate->arrived, 1);
	while (atomic_load(&gate->arrived) < number)
		sched_yield();
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

struct bench_spread bench_spread(double *values, size_t n)
{
	qsort(values, n, sizeof(*values), ascending);
	return (struct bench_spread){(values[(n - 1) / 2] + values[n / 2]) / 2, values[0], values[n - 1]};
}

struct line {
	_Alignas(64) _Atomic uint64_t word;
	_Alignas(64) uint64_t n; /* on a line of its own, as are the neighbours of the struct */
	int cpu;
};

/* Turns each odd value into the next even one. */
static void *pingpong_back(void *arg)
{
	struct line *line = arg;

	bench_pin(line->cpu);
	for (uint64_t i = 0; i < line->n; i++) {
		while (atomic_load_explicit(&line->word, memory_order_acquire) != 2 * i + 1)
			;
		atomic_store_explicit(&line->word, 2 * i + 2, memory_order_release);
	}
	return NULL;
}

/* The first trips, until both threads run and the line is where it will be, are not timed. */
enum { PINGPONG_WARM = 1000 };

double bench_pingpong(const int cpus[2], uint64_t n)
{
	static struct line line;
	uint64_t begin = 0;
	pthread_t thread;
	int r;

	line.n = n + PINGPONG_WARM;
	line.cpu = cpus[1];
	atomic_store(&line.word, 0);
	bench_pin(cpus[0]);
	r = pthread_create(&thread, NULL, pingpong_back, &line);
	if (r)
		bench_die(r, "pthread_create");
	for (uint64_t i = 0; i < line.n; i++) {
		if (i == PINGPONG_WARM)
			begin = bench_now();
		atomic_store_explicit(&line.word, 2 * i + 1, memory_order_release);
		while (atomic_load_explicit(&line.word, memory_order_acquire) != 2 * i + 2)
			;
	}
	begin = bench_now() - begin;
	pthread_join(thread, NULL);
	return (double)begin / 1e9;
}
