/* SPDX-License-Identifier: MIT */
#ifndef TEST_COMMON_H
#define TEST_COMMON_H

/*
 * What the tests share: checks that tell what they saw, time, threads, child processes, random numbers that can be had
 * again, and records that know who they are.
 */

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <ringq/ringq.h>

#define TEST_SKIPPED 77
#define TEST_SOON RINGQ_SEC(10) /* what should come at once has come by then, however slow the machine is */
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* clang and gcc say it in different ways. */
#ifndef __has_feature
#define __has_feature(feature) 0
#endif
#if defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
#define TEST_UNDER_TSAN 1
#else
#define TEST_UNDER_TSAN 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define TEST_UNDER_ASAN 1
#else
#define TEST_UNDER_ASAN 0
#endif

/* A check that fails says where, what and with which values, and ends its process with 1. */
#define check(condition) ((condition) ? (void)0 : test_fail(__FILE__, __LINE__, #condition))
#define check_eq(a, b) check_as(a, ==, b, #a " == " #b)
#define check_compare(a, op, b) check_as(a, op, b, #a " " #op " " #b)
#define check_as(a, op, b, text)                                                       \
	do {                                                                           \
		long long seen_a_ = (long long)(a), seen_b_ = (long long)(b);          \
		if (!(seen_a_ op seen_b_))                                             \
			test_fail_compare(__FILE__, __LINE__, text, seen_a_, seen_b_); \
	} while (0)

_Noreturn void test_fail(const char *file, int line, const char *what);
_Noreturn void test_fail_compare(const char *file, int line, const char *what, long long a, long long b);

/* Added to what a failed check prints: which row of a table it was, say. */
extern const char *test_context;
void test_row(size_t index);

/* How much a test does: RINGQ_TEST_SIZE in the environment says quick, whole or long; whole if it is not set. */
enum test_size { TEST_QUICK, TEST_WHOLE, TEST_LONG };
enum test_size test_size(void);

/* An amount, rounds or nanoseconds: `brief` in the whole size, an eighth of it in the quick one, but one at least, or long_form. */
uint64_t brief_or_long(uint64_t brief, uint64_t long_form);

/*
 * Programs that take long and want one processor run side by side, each a part: RINGQ_TEST_PART=I/N, I from 1. Whether the
 * i-th case is of this run's part; all are where nothing is set. test_parts() is N, or 1.
 */
unsigned test_parts(void);
bool test_in_part(size_t i);

int64_t now_ns(void);
void pause_ns(int64_t ns);

/* Checks that what began at start took its whole timeout, and not much more. */
void check_waited(int64_t start, int64_t timeout);

pthread_t start_thread(void *(*run)(void *arg), void *arg);
void join_thread(pthread_t thread);
pid_t thread_id(void);

/* Waits until a thread of this process or of a child is asleep in the kernel, and has been for some milliseconds. */
void wait_asleep(pid_t thread);

/*
 * Sleeps that the library bounds, so that it looks again by itself, have no bound from now on in this process and its
 * children to come: who is not woken sleeps on, and the test hangs. Two kinds keep theirs: those of a moment, as callers
 * bound theirs; and those in place of a sleep on several words that the kernel has not, as nothing else tells them of a
 * death. Once in a process.
 */
void sleep_without_bounds(void);

/* Waits until *flag is not 0. */
void wait_set(const atomic_int *flag);

/* Memory, zeroed, that children share. */
void *share_memory(size_t size);
/* Memory, zeroed, that is no leak sanitizer's to search at the end of each test, as large static arrays would be. */
void *private_memory(size_t size);

/* Forks a child that runs, exits with 0, and dies with the thread that forked it. */
pid_t fork_child(void (*run)(void *arg), void *arg);
/* The same, and then it goes on as a program that has nothing of this one's: it has become that when this returns. */
pid_t fork_program(void (*run)(void *arg), void *arg);
int wait_status(pid_t child);  /* what it exits with; it must exit */
void reap_child(pid_t child);  /* it must exit with 0 */
void kill_child(pid_t child);  /* with SIGKILL, and reaps it */
void await_death(pid_t child); /* by a SIGKILL that it sends itself, or gets: a check that failed is none */

struct rng {
	uint64_t state;
};

uint64_t rng_next(struct rng *rng);
uint64_t rng_below(struct rng *rng, uint64_t limit);

/* Fills a record with what follows from who put it as which; from RECORD_MIN bytes on it can be checked. */
#define RECORD_MIN 8

struct record_id {
	uint32_t producer;
	uint32_t number;
};

void record_fill(void *buf, size_t len, struct record_id id);
struct record_id record_check(const void *buf, size_t len);

/* Mostly short, sometimes as long as max. */
size_t record_random_len(struct rng *rng, size_t max);

/* Which records came out, to be shared by any number of consumers, threads or processes: each must come once. */
struct tally {
	uint32_t producers;
	uint32_t records;
	atomic_uchar seen[];
};

struct tally *tally_new(uint32_t producers, uint32_t records);
void tally_see(struct tally *tally, struct record_id id);
void tally_check_complete(const struct tally *tally);

/* Queues of all kinds, for what is true of all kinds. None of them is full before 2^20 records or 8 MiB. */
struct kind {
	const char *name;
	struct ringq_queue_options options;
};

extern const struct kind kinds[];
extern const size_t kinds_count;

/* A queue in a region of its own. */
ringq_queue *queue_new(const struct ringq_queue_options *options);
ringq_queue *queue_in(ringq_region *region, const struct ringq_queue_options *options);
ringq_region *region_new(size_t size);
void release_queues(ringq_queue **queues, size_t n);

/* As many queues of 16 producers as a region holds: it makes them, and deletes them. */
int count_queues_that_fit(ringq_region *region);

/* What an observer has: a descriptor that may only read, and by such a one the region, or a queue in a region of its own. */
int open_read_only(const ringq_region *region);
ringq_region *observe_region(const ringq_region *region);
ringq_queue *observe_queue(const ringq_queue *queue);

/* Records that are a number. get_number returns the number, or a negative errno. */
int put_number(ringq_queue *queue, int64_t number, int64_t timeout);
void put_numbers(ringq_queue *queue, int64_t from, int64_t to); /* up to, not including, `to`; they must fit */
int64_t get_number(ringq_queue *queue, int64_t timeout);
struct ringq_delivery take_number(ringq_queue *queue, int64_t number, unsigned attempt);

/* A child takes n records from number `from` on, and is killed with them in its hands. */
pid_t die_with(ringq_queue *queue, int64_t from, int n, unsigned attempt);

struct ringq_queue_stat stat_of(const ringq_queue *queue);

/* For a thread: in a moment it puts the number 1, or closes the queue. */
void *put_later(void *queue);
void *close_later(void *queue);

/* What this process holds: descriptors, and mappings of regions. */
unsigned count_descriptors(void);
unsigned count_region_mappings(void);

/* A name for a region that no other test run has, in static memory: good until the next call. */
const char *unique_name(void);

#endif
