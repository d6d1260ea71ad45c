/* SPDX-License-Identifier: MIT */
#include "common.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/sys.h"

const char *test_context = "";

void test_row(size_t index)
{
	static char row[32];

	snprintf(row, sizeof(row), "(row %zu)", index);
	test_context = row;
}

void test_fail(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: failed: %s %s\n", file, line, what, test_context);
	_exit(1);
}

/* A libc that is not glibc, or an older one, has no names. */
static const char *error_name(int error)
{
#ifdef __GLIBC_PREREQ
#if __GLIBC_PREREQ(2, 32)
	return strerrorname_np(error);
#endif
#endif
	return strerror(error);
}

static const char *errno_name(long long value)
{
	const char *name = value < 0 && value > -200 ? error_name((int)-value) : NULL;

	return name ? name : "";
}

void test_fail_compare(const char *file, int line, const char *what, long long a, long long b)
{
	fprintf(stderr, "%s:%d: failed: %s: %lld %s, %lld %s %s\n", file, line, what, a, errno_name(a), b,
		errno_name(b), test_context);
	_exit(1);
}

enum test_size test_size(void)
{
	const char *size = getenv("RINGQ_TEST_SIZE");

	if (!size || strcmp(size, "whole") == 0)
		return TEST_WHOLE;
	if (strcmp(size, "quick") == 0)
		return TEST_QUICK;
	check(strcmp(size, "long") == 0);
	return TEST_LONG;
}

uint64_t brief_or_long(uint64_t brief, uint64_t long_form)
{
	switch (test_size()) {
	case TEST_QUICK:
		return brief / 8 ? brief / 8 : brief > 0;
	case TEST_LONG:
		return long_form;
	default:
		return brief;
	}
}

static unsigned part_of(unsigned *parts)
{
	const char *text = getenv("RINGQ_TEST_PART");
	unsigned part = 1;

	*parts = 1;
	if (text)
		check(sscanf(text, "%u/%u", &part, parts) == 2 && part >= 1 && part <= *parts);
	return part - 1;
}

unsigned test_parts(void)
{
	unsigned parts;

	part_of(&parts);
	return parts;
}

bool test_in_part(size_t i)
{
	unsigned parts, part = part_of(&parts);

	return i % parts == part;
}

int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return RINGQ_SEC(now.tv_sec) + now.tv_nsec;
}

void pause_ns(int64_t ns)
{
	struct timespec left = {ns / RINGQ_SEC(1), ns % RINGQ_SEC(1)};

	while (nanosleep(&left, &left) && errno == EINTR)
		continue;
}

void check_waited(int64_t start, int64_t timeout)
{
	int64_t waited = now_ns() - start;

	check_compare(waited, >=, timeout);
	check_compare(waited, <, timeout + TEST_SOON);
}

pthread_t start_thread(void *(*run)(void *arg), void *arg)
{
	pthread_t thread;

	check_eq(pthread_create(&thread, NULL, run, arg), 0);
	return thread;
}

void join_thread(pthread_t thread)
{
	check_eq(pthread_join(thread, NULL), 0);
}

pid_t thread_id(void)
{
	return (pid_t)syscall(SYS_gettid);
}

static bool is_asleep(pid_t thread)
{
	char path[64], line[256] = "";
	FILE *file;
	const char *after_name;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)thread);
	file = fopen(path, "r");
	check(file);
	check(fgets(line, sizeof(line), file));
	fclose(file);
	after_name = strrchr(line, ')');
	return after_name && after_name[2] == 'S';
}

void wait_asleep(pid_t thread)
{
	int64_t deadline = now_ns() + TEST_SOON;
	int times = 0;

	while (times < 5) {
		times = is_asleep(thread) ? times + 1 : 0;
		check_compare(now_ns(), <, deadline);
		pause_ns(RINGQ_MS(2));
	}
}

static int (*bounded_wait)(const _Atomic uint32_t *word, uint32_t value, int64_t until);
static int (*bounded_waitv)(const struct rq_sys_wait *waits, unsigned n, int64_t until);
static _Thread_local bool waitv_refused; /* just now */

static int64_t unbounded(int64_t until)
{
	return until >= 0 && until - now_ns() < RINGQ_MS(60) ? until : -1;
}

static int unbounded_wait(const _Atomic uint32_t *word, uint32_t value, int64_t until)
{
	bool in_its_place = waitv_refused;

	waitv_refused = false;
	return bounded_wait(word, value, in_its_place ? until : unbounded(until));
}

static int unbounded_waitv(const struct rq_sys_wait *waits, unsigned n, int64_t until)
{
	int r = bounded_waitv(waits, n, unbounded(until));

	waitv_refused = r == -ENOSYS;
	return r;
}

void sleep_without_bounds(void)
{
	bounded_wait = rq_sys.futex_wait;
	rq_sys.futex_wait = unbounded_wait;
	bounded_waitv = rq_sys.futex_waitv;
	rq_sys.futex_waitv = unbounded_waitv;
}

void wait_set(const atomic_int *flag)
{
	int64_t deadline = now_ns() + TEST_SOON;

	while (!atomic_load(flag)) {
		check_compare(now_ns(), <, deadline);
		sched_yield();
	}
}

void *share_memory(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	check(memory != MAP_FAILED);
	return memory;
}

void *private_memory(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	check(memory != MAP_FAILED);
	return memory;
}

pid_t fork_child(void (*run)(void *arg), void *arg)
{
	pid_t parent = getpid(), child = fork();

	check_compare(child, >=, 0);
	if (child)
		return child;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	run(arg);
	_exit(0);
}

struct program {
	void (*run)(void *arg);
	void *arg;
};

static void become_another(void *program)
{
	const struct program *p = program;

	p->run(p->arg);
	execlp("sleep", "sleep", "1000", (char *)NULL);
	_exit(1);
}

pid_t fork_program(void (*run)(void *arg), void *arg)
{
	struct program program = {run, arg};
	int ends[2];
	char byte;

	check_eq(pipe2(ends, O_CLOEXEC), 0);
	pid_t child = fork_child(become_another, &program);
	close(ends[1]);
	check_eq(read(ends[0], &byte, 1), 0); /* the other end went with the old program */
	close(ends[0]);
	return child;
}

int wait_status(pid_t child)
{
	int status;

	check_eq(waitpid(child, &status, 0), child);
	check_eq(WIFSIGNALED(status) ? WTERMSIG(status) : 0, 0);
	return WEXITSTATUS(status);
}

void reap_child(pid_t child)
{
	check_eq(wait_status(child), 0);
}

void kill_child(pid_t child)
{
	int status;

	check_eq(kill(child, SIGKILL), 0);
	check_eq(waitpid(child, &status, 0), child);
	/* It may have failed a check before the signal came. */
	check(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
}

void await_death(pid_t child)
{
	int status;

	check_eq(waitpid(child, &status, 0), child);
	check(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* The finalizer of splitmix64. */
static uint64_t mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

uint64_t rng_next(struct rng *rng)
{
	return mix(rng->state += UINT64_C(0x9e3779b97f4a7c15));
}

uint64_t rng_below(struct rng *rng, uint64_t limit)
{
	return rng_next(rng) % limit;
}

/* The eight bytes (or fewer, at the end) of a record from offset on. */
static uint64_t record_word(struct record_id id, size_t len, size_t offset)
{
	uint64_t first = (uint64_t)id.number << 32 | id.producer;

	return offset ? mix(first ^ len << 40 ^ offset) : first;
}

void record_fill(void *buf, size_t len, struct record_id id)
{
	for (size_t at = 0; at < len; at += 8) {
		uint64_t word = record_word(id, len, at);

		memcpy((char *)buf + at, &word, len - at < 8 ? len - at : 8);
	}
}

struct record_id record_check(const void *buf, size_t len)
{
	struct record_id id;

	check_compare(len, >=, RECORD_MIN);
	memcpy(&id, buf, sizeof(id));
	for (size_t at = 0; at < len; at += 8) {
		uint64_t word = record_word(id, len, at);

		check(!memcmp((const char *)buf + at, &word, len - at < 8 ? len - at : 8));
	}
	return id;
}

size_t record_random_len(struct rng *rng, size_t max)
{
	size_t limit = rng_below(rng, 4) ? 120 : max;

	return RECORD_MIN + rng_below(rng, (limit < max ? limit : max) - RECORD_MIN + 1);
}

struct tally *tally_new(uint32_t producers, uint32_t records)
{
	struct tally *tally = share_memory(sizeof(*tally) + (size_t)producers * records);

	tally->producers = producers;
	tally->records = records;
	return tally;
}

void tally_see(struct tally *tally, struct record_id id)
{
	check_compare(id.producer, <, tally->producers);
	check_compare(id.number, <, tally->records);
	check_eq(atomic_fetch_add(&tally->seen[(size_t)id.producer * tally->records + id.number], 1), 0);
}

void tally_check_complete(const struct tally *tally)
{
	for (size_t i = 0; i < (size_t)tally->producers * tally->records; i++)
		check_eq(tally->seen[i], 1);
}

#define SINGLE_BOTH (RINGQ_SINGLE_PRODUCER | RINGQ_SINGLE_CONSUMER)

const struct kind kinds[] = {
	{"(total)", {.order = RINGQ_ORDER_TOTAL}},
	{"(total, single producer)", {.order = RINGQ_ORDER_TOTAL, .flags = RINGQ_SINGLE_PRODUCER}},
	{"(total, single consumer)", {.order = RINGQ_ORDER_TOTAL, .flags = RINGQ_SINGLE_CONSUMER}},
	{"(total, single both)", {.order = RINGQ_ORDER_TOTAL, .flags = SINGLE_BOTH}},
	{"(total, bounded)", {.order = RINGQ_ORDER_TOTAL, .max_records = 1 << 20}},
	{"(total, bounded, single both)", {.max_records = 1 << 20, .flags = SINGLE_BOTH}},
	{"(total, unbounded)", {.order = RINGQ_ORDER_TOTAL, .max_bytes = RINGQ_UNBOUNDED}},
	{"(producer)", {.order = RINGQ_ORDER_PRODUCER}},
	{"(producer, single producer)", {.order = RINGQ_ORDER_PRODUCER, .flags = RINGQ_SINGLE_PRODUCER}},
	{"(producer, single consumer)", {.order = RINGQ_ORDER_PRODUCER, .flags = RINGQ_SINGLE_CONSUMER}},
	{"(producer, single both)", {.order = RINGQ_ORDER_PRODUCER, .flags = SINGLE_BOTH}},
	{"(producer, bounded)", {.order = RINGQ_ORDER_PRODUCER, .max_records = 1 << 20}},
	{"(producer, bounded, single both)",
		{.order = RINGQ_ORDER_PRODUCER, .max_records = 1 << 20, .flags = SINGLE_BOTH}},
	{"(producer, unbounded)", {.order = RINGQ_ORDER_PRODUCER, .max_bytes = RINGQ_UNBOUNDED}},
};
const size_t kinds_count = COUNT(kinds);

ringq_queue *queue_new(const struct ringq_queue_options *options)
{
	return queue_in(NULL, options);
}

ringq_queue *queue_in(ringq_region *region, const struct ringq_queue_options *options)
{
	ringq_queue *queue = NULL;

	check_eq(ringq_queue_create(&queue, region, options), 0);
	check(queue);
	return queue;
}

ringq_region *region_new(size_t size)
{
	ringq_region *region = NULL;

	check_eq(ringq_region_create(&region, &(struct ringq_region_options){.size = size}), 0);
	check(region);
	return region;
}

int count_queues_that_fit(ringq_region *region)
{
	static const struct ringq_queue_options options = {.max_producers = 16};
	static ringq_queue *queues[600];
	int n = 0;

	while (n < (int)COUNT(queues) && ringq_queue_create(&queues[n], region, &options) == 0)
		n++;
	for (int i = 0; i < n; i++) {
		check_eq(ringq_queue_delete(queues[i]), 0);
		ringq_queue_release(queues[i]);
	}
	return n;
}

int open_read_only(const ringq_region *region)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", ringq_region_fd(region));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	check_compare(fd, >=, 0);
	return fd;
}

ringq_region *observe_region(const ringq_region *region)
{
	ringq_region *observed;
	int fd = open_read_only(region);

	check_eq(ringq_region_observe(&observed, fd), 0);
	close(fd);
	return observed;
}

ringq_queue *observe_queue(const ringq_queue *queue)
{
	ringq_region *region = observe_region(ringq_queue_region(queue));
	ringq_queue *observed;

	check_eq(ringq_queue_open_id(&observed, region, ringq_queue_id(queue)), 0);
	ringq_region_detach(region);
	return observed;
}

int put_number(ringq_queue *queue, int64_t number, int64_t timeout)
{
	return ringq_put(queue, &number, sizeof(number), timeout);
}

void put_numbers(ringq_queue *queue, int64_t from, int64_t to)
{
	for (int64_t i = from; i < to; i++)
		check_eq(put_number(queue, i, RINGQ_NOWAIT), 0);
}

struct ringq_delivery take_number(ringq_queue *queue, int64_t number, unsigned attempt)
{
	struct ringq_delivery d;

	check_eq(ringq_take(queue, &d, TEST_SOON), 0);
	check_eq(d.len, sizeof number);
	check_eq(memcmp(d.data, &number, sizeof number), 0);
	check_eq(d.attempt, attempt);
	return d;
}

pid_t die_with(ringq_queue *queue, int64_t from, int n, unsigned attempt)
{
	pid_t child = fork();

	check_compare(child, >=, 0);
	if (child == 0) {
		for (int i = 0; i < n; i++)
			take_number(queue, from + i, attempt);
		kill(getpid(), SIGKILL);
	}
	await_death(child);
	return child;
}

struct ringq_queue_stat stat_of(const ringq_queue *queue)
{
	struct ringq_queue_stat stat;

	check_eq(ringq_queue_stat(queue, &stat), 0);
	return stat;
}

int64_t get_number(ringq_queue *queue, int64_t timeout)
{
	int64_t number;
	ssize_t len = ringq_get(queue, &number, sizeof(number), timeout);

	if (len < 0)
		return len;
	check_eq(len, sizeof(number));
	return number;
}

void *put_later(void *queue)
{
	pause_ns(RINGQ_MS(20));
	check_eq(put_number(queue, 1, RINGQ_NOWAIT), 0);
	return NULL;
}

void *close_later(void *queue)
{
	pause_ns(RINGQ_MS(20));
	check_eq(ringq_close(queue), 0);
	return NULL;
}

void release_queues(ringq_queue **queues, size_t n)
{
	for (size_t i = 0; i < n; i++)
		ringq_queue_release(queues[i]);
}

unsigned count_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned count = 0;

	check(dir);
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

unsigned count_region_mappings(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[512];
	unsigned count = 0;

	check(maps);
	while (fgets(line, sizeof(line), maps))
		count += strstr(line, "/memfd:") || strstr(line, "/dev/shm/");
	fclose(maps);
	return count;
}

const char *unique_name(void)
{
	static char name[64];
	static unsigned count;

	snprintf(name, sizeof(name), "ringq-test-%d-%u", (int)getpid(), count++);
	return name;
}
