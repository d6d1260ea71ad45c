/* SPDX-License-Identifier: MIT */
#include "harness/harness.h"

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
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Who waits in a crowd looks so rarely that all together leave the cpus to those who are waited for. */
enum { CROWD = 16, CROWD_US = 1000 };

uint64_t bench_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* Where an isolated process and its children say why they failed: the first of them only. */
static char *failure;

void bench_die(int error, const char *format, ...)
{
	char text[BENCH_WHY];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (error && n >= 0 && (size_t)n < sizeof(text))
		snprintf(text + n, sizeof(text) - (size_t)n, ": %s", strerror(abs(error)));
	if (failure && !failure[0])
		memcpy(failure, text, sizeof(text));
	else if (!failure)
		fprintf(stderr, "%s\n", text);
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

/* The cpus that the process began with, whatever its threads are bound to. */
static cpu_set_t allowed;

unsigned bench_cpus(int cpus[2])
{
	unsigned n = 0;

	cpus[0] = cpus[1] = -1;
	if (!CPU_COUNT(&allowed) && sched_getaffinity(0, sizeof(allowed), &allowed))
		bench_die(errno, "sched_getaffinity");
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &allowed))
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

void bench_unpin(void)
{
	if (CPU_COUNT(&allowed) && sched_setaffinity(0, sizeof(allowed), &allowed))
		bench_die(errno, "cannot let go of a cpu");
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

struct started {
	void (*body)(void *arg);
	void *arg;
};

static void *started_body(void *arg)
{
	struct started started = *(struct started *)arg;

	free(arg);
	started.body(started.arg);
	return NULL;
}

pthread_t bench_thread(void (*body)(void *arg), void *arg)
{
	struct started *started = malloc(sizeof(*started));
	pthread_t thread;
	int r;

	if (!started)
		bench_die(0, "out of memory");
	*started = (struct started){body, arg};
	r = pthread_create(&thread, NULL, started_body, started);
	if (r)
		bench_die(r, "pthread_create");
	return thread;
}

enum { THREADS_MAX = 2048 };
static pthread_t threads[THREADS_MAX];
static unsigned threads_n;

void bench_start(bool process, void (*body)(void *arg), void *arg)
{
	if (process)
		bench_fork(body, arg);
	else if (threads_n < THREADS_MAX)
		threads[threads_n++] = bench_thread(body, arg);
	else
		bench_die(0, "too many threads");
}

/* Reaps one child, any if pid is -1. Returns its status, -1 if there was none. */
static int reap(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return status;
}

bool bench_join(void)
{
	int r;

	while (threads_n)
		pthread_join(threads[--threads_n], NULL);
	do
		r = reap(-1);
	while (r == 0);
	return r < 0;
}

struct isolated {
	void (*body)(void *arg);
	void *arg;
	double seconds;
	char *why;
};

static void isolated_body(void *arg)
{
	const struct isolated *i = arg;
	struct itimerval limit = {0};

	failure = i->why;
	limit.it_value.tv_sec = (time_t)i->seconds;
	limit.it_value.tv_usec = (suseconds_t)((i->seconds - (double)limit.it_value.tv_sec) * 1e6);
	setitimer(ITIMER_REAL, &limit, NULL);
	i->body(i->arg);
}

bool bench_isolated(void (*body)(void *arg), void *arg, double seconds, char why[BENCH_WHY])
{
	int status;

	why[0] = 0;
	status = reap(bench_fork(isolated_body, &(struct isolated){body, arg, seconds, why}));
	if (status == 0)
		return true;
	if (!why[0] && WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
		snprintf(why, BENCH_WHY, BENCH_HANGS ": not done after %g s", seconds);
	else if (!why[0] && WIFSIGNALED(status))
		snprintf(why, BENCH_WHY, "crashes: %s", strsignal(WTERMSIG(status)));
	else if (!why[0])
		snprintf(why, BENCH_WHY, "fails without a word");
	return false;
}

/* Yields, as there may be far fewer cpus than parties. */
void bench_arrive(struct bench_gate *gate, unsigned number)
{
	bench_enter(gate);
	while (!bench_all_there(gate, number))
		sched_yield();
}

void bench_enter(struct bench_gate *gate)
{
	atomic_fetch_add(&gate->arrived, 1);
}

bool bench_all_there(struct bench_gate *gate, unsigned number)
{
	return atomic_load(&gate->arrived) >= number;
}

void bench_await(struct bench_gate *gate, unsigned number)
{
	while (!bench_all_there(gate, number))
		usleep(CROWD_US * (1 + number / CROWD));
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

/* Two words that are far enough apart that no prefetch brings both. */
struct lines {
	_Alignas(256) _Atomic uint64_t there;
	_Alignas(256) _Atomic uint64_t back;
	_Alignas(256) uint64_t n; /* on a line of its own, as are the neighbours of the struct */
	_Atomic uint64_t *answer; /* one of the two */
	bool swaps;
	int cpu;
};

static void await(const _Atomic uint64_t *word, uint64_t value)
{
	while (atomic_load_explicit(word, memory_order_acquire) != value)
		;
}

/* Its first look takes the line for writing, as a claim does. */
static void await_and_swap(_Atomic uint64_t *word, uint64_t value, uint64_t answer)
{
	uint64_t seen = value;

	while (!atomic_compare_exchange_strong(word, &seen, answer))
		seen = value;
}

/* Answers each odd value with the next even one. */
static void *pingpong_back(void *arg)
{
	struct lines *lines = arg;

	bench_pin(lines->cpu);
	for (uint64_t i = 0; i < lines->n; i++) {
		if (lines->swaps) {
			await_and_swap(&lines->there, 2 * i + 1, 2 * i + 2);
			continue;
		}
		await(&lines->there, 2 * i + 1);
		atomic_store_explicit(lines->answer, 2 * i + 2, memory_order_release);
	}
	return NULL;
}

/* The first trips, until both threads run and the lines are where they will be, are not timed. */
enum { PINGPONG_WARM = 1000 };

double bench_pingpong(const int cpus[2], enum bench_line kind, uint64_t n)
{
	static struct lines lines;
	uint64_t begin = 0;
	pthread_t thread;
	int r;

	lines.n = n + PINGPONG_WARM;
	lines.cpu = cpus[1];
	lines.answer = kind == BENCH_TWO_LINES ? &lines.back : &lines.there;
	lines.swaps = kind == BENCH_LINE_SWAPPED;
	atomic_store(&lines.there, 0);
	atomic_store(&lines.back, 0);
	bench_pin(cpus[0]);
	r = pthread_create(&thread, NULL, pingpong_back, &lines);
	if (r)
		bench_die(r, "pthread_create");
	for (uint64_t i = 0; i < lines.n; i++) {
		if (i == PINGPONG_WARM)
			begin = bench_now();
		if (lines.swaps) {
			await_and_swap(&lines.there, 2 * i, 2 * i + 1);
			continue;
		}
		atomic_store_explicit(&lines.there, 2 * i + 1, memory_order_release);
		await(lines.answer, 2 * i + 2);
	}
	begin = bench_now() - begin;
	pthread_join(thread, NULL);
	return (double)begin / 1e9;
}
