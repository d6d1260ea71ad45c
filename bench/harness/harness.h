/* SPDX-License-Identifier: MIT */
#ifndef BENCH_HARNESS_H
#define BENCH_HARNESS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* What every program here needs: time, cpus, processes, and the raw cache line, which bounds what cores exchange. */

/** Nanoseconds of the monotonic clock, which all processes of the machine share. */
uint64_t bench_now(void);

/** Says what went wrong, with what the error code means if it is not 0, and ends this process with 1. */
void bench_die(int error, const char *format, ...) __attribute__((noreturn, format(printf, 2, 3)));

/** Shows a line of progress on stderr in the place of the last one; NULL clears it. Silent unless it is a terminal. */
void bench_progress(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** Picks two of the allowed cpus, on different cores where there are two. Returns how many cpus are allowed. */
unsigned bench_cpus(int cpus[2]);

/** Binds the calling thread to one cpu; a negative one leaves it free. */
void bench_pin(int cpu);

/** Lets the calling thread run on all cpus that the process began with. */
void bench_unpin(void);

/** Zeroed memory that children share. It is never freed: processes here are short. */
void *bench_shared(size_t size);

/** Forks a child that runs body(arg) and ends with 0. It dies with its parent. */
pid_t bench_fork(void (*body)(void *arg), void *arg);

/** Starts body(arg) as a thread of this process, which ends as a whole when one of its threads fails. */
pthread_t bench_thread(void (*body)(void *arg), void *arg);

/** Starts body(arg) as either. */
void bench_start(bool process, void (*body)(void *arg), void *arg);

/** Waits for all children, and all that was started as threads. False as soon as one has failed. */
bool bench_join(void);

enum { BENCH_WHY = 80 };
#define BENCH_HANGS "hangs" /* how the reason of what was killed for its time begins */

/**
 * Runs body(arg) in a process of its own, which is killed after so many seconds. Returns whether it ended well; if not,
 * why, which lies in shared memory, says what the first bench_die() in it or its children said, or what ended it.
 */
bool bench_isolated(void (*body)(void *arg), void *arg, double seconds, char why[BENCH_WHY]);

/** A gate, all zero to begin with, that opens when all of the given number of threads or processes have arrived. */
struct bench_gate {
	_Atomic unsigned arrived;
};
void bench_arrive(struct bench_gate *gate, unsigned number);

/** The parts of it: counts itself in; tells whether all have; waits, asleep, without counting itself. */
void bench_enter(struct bench_gate *gate);
bool bench_all_there(struct bench_gate *gate, unsigned number);
void bench_await(struct bench_gate *gate, unsigned number);

struct bench_spread {
	double median, min, max;
};

/** Of n values, at least one. The values get sorted. */
struct bench_spread bench_spread(double *values, size_t n);

/** How a raw line goes there and back: by stores and loads; on one line each way, as two queues would; by CAS alone. */
enum bench_line { BENCH_LINE, BENCH_TWO_LINES, BENCH_LINE_SWAPPED };

/** Two threads on two cpus answer each other n times. Returns the seconds it took. */
double bench_pingpong(const int cpus[2], enum bench_line kind, uint64_t n);

#endif
