/* SPDX-License-Identifier: MIT */
/* What a kernel or a sandbox refuses, by whatever errno, from the start or from some moment on. */
#include "../common.h"
#include "../sandbox.h"

#include <errno.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif

#define MIB ((size_t)1 << 20)

static const int errors[] = {ENOSYS, EPERM, EACCES, EINVAL, EOPNOTSUPP};

struct refusal {
	const char *name;
	long call;
	int error;
};

static void in_child(void (*run)(void *arg), const struct refusal *refusal)
{
	char name[64];

	snprintf(name, sizeof(name), "%s: %s", refusal->name, strerror(refusal->error));
	test_context = name;
	reap_child(fork_child(run, (void *)(uintptr_t)refusal));
	test_context = NULL;
}

/* ---- what is needed ---- */

static void create_says_so(void *arg)
{
	const struct refusal *refusal = arg;
	ringq_region *region = NULL;
	ringq_queue *queue = NULL;
	unsigned before = count_descriptors();

	sandbox_refuse(refusal->call, refusal->error, 0);
	check_eq(ringq_region_create(&region, &(struct ringq_region_options){.size = MIB}), -ENOSYS);
	check_eq(ringq_queue_create(&queue, NULL, NULL), -ENOSYS);
	check(!region && !queue);
	check_eq(count_descriptors(), before);
}

/* The message is taken from another process, as a region is mapped once a process. */
static void attach_says_so(void *arg)
{
	const struct refusal *refusal = arg;
	const char *name = unique_name();
	ringq_region *region = NULL;
	pid_t maker = fork();

	check_compare(maker, >=, 0);
	if (maker == 0) {
		check_eq(ringq_region_create(&region, &(struct ringq_region_options){.name = name, .size = MIB}), 0);
		_exit(0);
	}
	check_eq(wait_status(maker), 0);
	sandbox_refuse(refusal->call, refusal->error, 0);
	check_eq(ringq_region_open(&region, name), -ENOSYS);
	check_eq(ringq_region_unlink(name), 0);
}

static void what_is_needed_is_one_error_of_create_and_attach(void)
{
	static const struct refusal needed[] = {
		{"futex", SYS_futex, 0},
		{"get_robust_list", SYS_get_robust_list, 0},
		{"gettid", SYS_gettid, 0},
		{"madvise", SYS_madvise, 0},
		{"mprotect", SYS_mprotect, 0},
	};
	static const struct refusal makes[] = {
		{"memfd_create", SYS_memfd_create, 0},
		{"ftruncate", SYS_ftruncate, 0},
		{"pwrite64", SYS_pwrite64, 0},
	};

	for (size_t e = 0; e < COUNT(errors); e++) {
		for (size_t i = 0; i < COUNT(needed) + COUNT(makes); i++) {
			struct refusal refusal = i < COUNT(needed) ? needed[i] : makes[i - COUNT(needed)];

			/* That errno has a meaning of its own where a file is made. */
			if (i >= COUNT(needed) && errors[e] == EACCES)
				continue;
			refusal.error = errors[e];
			in_child(create_says_so, &refusal);
			if (i < COUNT(needed))
				in_child(attach_says_so, &refusal);
		}
	}
}

/* Some sandboxes let futex be, but not its operations that lend priority, which libc's locks ask for. */
enum { LOCKERS = 4 };

static void *opens_and_releases(void *region)
{
	for (int i = 0; i < 300; i++) {
		ringq_queue *queue;

		check_eq(ringq_queue_open(&queue, region, NULL), 0);
		check_eq(put_number(queue, i, RINGQ_NOWAIT), 0);
		ringq_queue_release(queue);
	}
	return NULL;
}

static void the_librarys_locks_do_without_lent_priority(void *arg)
{
	int error = *(const int *)arg;
	ringq_queue *queue = queue_new(NULL);
	pthread_t threads[LOCKERS];

	sandbox_refuse_value(SYS_futex, 1, FUTEX_LOCK_PI | FUTEX_PRIVATE_FLAG, error);
	sandbox_refuse_value(SYS_futex, 1, FUTEX_UNLOCK_PI | FUTEX_PRIVATE_FLAG, error);
	for (int i = 0; i < LOCKERS; i++)
		threads[i] = start_thread(opens_and_releases, ringq_queue_region(queue));
	for (int i = 0; i < LOCKERS; i++)
		join_thread(threads[i]);
	check_eq(ringq_size(queue), LOCKERS * 300);
	ringq_queue_release(queue);
}

/* ---- what is optional ---- */

static int64_t cpu_ns(void)
{
	struct rusage u;

	check_eq(getrusage(RUSAGE_SELF, &u), 0);
	return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * INT64_C(1000000000) +
	       (u.ru_utime.tv_usec + u.ru_stime.tv_usec) * INT64_C(1000);
}

/* All that is waited for in vain, at once, each by a thread of its own. */
struct waits {
	ringq_queue *empty, *full;
	ringq_array *locked;
	ringq_pipe *pipe;
};

#define IN_VAIN RINGQ_MS(250)

static void *gets(void *arg)
{
	char c;

	check_eq(ringq_get(((struct waits *)arg)->empty, &c, 1, IN_VAIN), -ETIMEDOUT);
	return NULL;
}

static void *puts_one(void *arg)
{
	check_eq(ringq_put(((struct waits *)arg)->full, "y", 1, IN_VAIN), -ETIMEDOUT);
	return NULL;
}

static void *locks(void *arg)
{
	check_eq(ringq_lock(((struct waits *)arg)->locked, IN_VAIN), -ETIMEDOUT);
	return NULL;
}

static void *receives(void *arg)
{
	char c;

	check_eq(ringq_receive(((struct waits *)arg)->pipe, &c, 1, IN_VAIN), -ETIMEDOUT);
	return NULL;
}

static void sleeps_do_not_burn(void)
{
	void *(*const ways[])(void *) = {gets, puts_one, locks, receives};
	pthread_t threads[COUNT(ways)];
	ringq_pipe *other;
	struct waits w;
	int64_t start, cpu;

	w.full = queue_new(&(struct ringq_queue_options){.max_records = 1});
	w.empty = queue_in(ringq_queue_region(w.full), NULL);
	check_eq(ringq_put(w.full, "x", 1, RINGQ_NOWAIT), 0);
	check_eq(ringq_array_create(&w.locked, ringq_queue_region(w.full), NULL, RINGQ_INT32, 1), 0);
	check_eq(ringq_lock(w.locked, RINGQ_NOWAIT), 0);
	check_eq(ringq_pipe_create(&w.pipe, &other, ringq_queue_region(w.full), 0), 0);
	start = now_ns();
	cpu = cpu_ns();
	for (size_t i = 0; i < COUNT(ways); i++)
		threads[i] = start_thread(ways[i], &w);
	for (size_t i = 0; i < COUNT(ways); i++)
		join_thread(threads[i]);
	cpu = cpu_ns() - cpu;
	check_compare(now_ns() - start, >=, IN_VAIN);
	check_compare(cpu, <, IN_VAIN / 4); /* of four threads; one that burns takes all of it */
	ringq_pipe_close(w.pipe);
	ringq_pipe_close(other);
	ringq_array_release(w.locked);
	ringq_queue_release(w.empty);
	ringq_queue_release(w.full);
}

static void sleeps(void *arg)
{
	const struct refusal *refusal = arg;

	sandbox_refuse(refusal->call, refusal->error, 0);
	sleeps_do_not_burn();
}

static void sleeps_after_use(void *arg)
{
	const struct refusal *refusal = arg;
	ringq_queue *queue = queue_new(NULL);
	char c;

	check_eq(ringq_get(queue, &c, 1, RINGQ_MS(1)), -ETIMEDOUT);
	sandbox_refuse(refusal->call, refusal->error, 1);
	sleeps_do_not_burn();
	ringq_queue_release(queue);
}

/* Both ends sleep each time. */
enum { TRIPS = 50 };

static void echoes(void *arg)
{
	ringq_queue **queues = arg;
	int64_t n;

	for (int i = 0; i < TRIPS; i++) {
		check_eq(n = get_number(queues[0], TEST_SOON), i);
		check_eq(put_number(queues[1], n, TEST_SOON), 0);
	}
}

static void round_trips(ringq_queue *queues[2])
{
	int64_t longest[2] = {0};
	pid_t echo = fork_child(echoes, queues);

	for (int i = 0; i < TRIPS; i++) {
		int64_t start, took;

		pause_ns(RINGQ_MS(2));
		start = now_ns();
		check_eq(put_number(queues[0], i, TEST_SOON), 0);
		check_eq(get_number(queues[1], TEST_SOON), i);
		took = now_ns() - start;
		if (took > longest[0]) {
			longest[1] = longest[0];
			longest[0] = took;
		} else if (took > longest[1]) {
			longest[1] = took;
		}
	}
	reap_child(echo);
	/* A lost wake-up is noticed after 100 ms. One trip may have met a busy machine. */
	check_compare(longest[1], <, RINGQ_MS(95));
}

/* A region that uses membarrier, which is refused later. */
static void goes_on_without_barriers(void *arg)
{
	const struct refusal *refusal = arg;
	static char block[64 << 10];
	ringq_queue *queues[2], *again, *big;
	ringq_pipe *a, *b;

	queues[0] = queue_new(NULL);
	queues[1] = queue_in(ringq_queue_region(queues[0]), NULL);
	check_eq(put_number(queues[0], 1, RINGQ_NOWAIT), 0);
	check_eq(get_number(queues[0], RINGQ_NOWAIT), 1);
	big = queue_in(ringq_queue_region(queues[0]), &(struct ringq_queue_options){.max_bytes = RINGQ_UNBOUNDED});
	check_eq(ringq_queue_open(&again, ringq_queue_region(big), NULL), 0);
	check_eq(put_number(again, 2, RINGQ_NOWAIT), 0);
	check_eq(get_number(queues[0], RINGQ_NOWAIT), 2);
	check_eq(ringq_pipe_create(&a, &b, ringq_queue_region(big), 0), 0);
	check_eq(ringq_send(a, "x", 1, RINGQ_NOWAIT), 0);
	sandbox_refuse(refusal->call, refusal->error, 1);
	round_trips(queues);
	for (int i = 0; i < 1000; i++)
		check_eq(ringq_put(big, block, sizeof(block), RINGQ_NOWAIT), 0);
	for (int i = 0; i < 1000; i++)
		check_eq(ringq_get(big, block, sizeof(block), RINGQ_NOWAIT), (ssize_t)sizeof(block));
	check_eq(ringq_get(big, block, sizeof(block), RINGQ_MS(250)), -ETIMEDOUT);
	check_compare(ringq_region_memory(ringq_queue_region(big)), <, 4 * MIB);
	ringq_queue_release(again);
	ringq_pipe_close(a);
	ringq_pipe_close(b);
	ringq_queue_release(big);
	ringq_queue_release(queues[1]);
	ringq_queue_release(queues[0]);
}

static void what_is_optional_is_done_without(void)
{
	static const struct refusal optional[] = {
		{"futex_waitv", SYS_futex_waitv, 0},
		{"membarrier", SYS_membarrier, 0},
		{"sched_yield", SYS_sched_yield, 0},
		{"mremap", SYS_mremap, 0},
		{"fallocate", SYS_fallocate, 0},
		{"prctl", SYS_prctl, 0},
	};

	for (size_t i = 0; i < COUNT(optional); i++) {
		struct refusal refusal = optional[i];

		for (size_t e = 0; e < 2; e++) { /* ENOSYS and EPERM in all ways, which take half a second each */
			refusal.error = errors[e];
			if (refusal.call != SYS_prctl) /* which enters the sandbox itself */
				in_child(sleeps_after_use, &refusal);
		}
		refusal.error = errors[i % COUNT(errors)];
		in_child(sleeps, &refusal);
	}
	for (size_t e = 0; e < COUNT(errors); e++) {
		struct refusal refusal = {"membarrier", SYS_membarrier, errors[e]};

		in_child(goes_on_without_barriers, &refusal);
	}
}

/* ---- older kernels ---- */

static void works_on_linux_4_18(void *arg)
{
	ringq_queue *queues[2];
	ringq_region *named;
	const char *name = unique_name();

	(void)arg;
	sandbox_play_linux_4_18();
	sleeps_do_not_burn();
	queues[0] = queue_new(NULL);
	queues[1] = queue_in(ringq_queue_region(queues[0]), NULL);
	round_trips(queues);
	check_eq(ringq_region_create(&named, &(struct ringq_region_options){.name = name, .size = MIB}), 0);
	ringq_region_detach(named);
	check_eq(ringq_region_unlink(name), 0);
	ringq_queue_release(queues[0]);
	ringq_queue_release(queues[1]);
}

/* ---- a thread's list ---- */

enum { MUTEXES = 2000 };

static void *joins_with_a_long_list(void *arg)
{
	static pthread_mutex_t mutexes[MUTEXES];
	pthread_mutexattr_t robust;
	int n;

	check_eq(pthread_mutexattr_init(&robust), 0);
	check_eq(pthread_mutexattr_setrobust(&robust, PTHREAD_MUTEX_ROBUST), 0);
	for (n = 0; n < MUTEXES; n++) {
		check_eq(pthread_mutex_init(&mutexes[n], &robust), 0);
		check_eq(pthread_mutex_lock(&mutexes[n]), 0);
	}
	check_eq(ringq_put(arg, "x", 1, RINGQ_NOWAIT), -EUSERS);
	while (n > 0)
		check_eq(pthread_mutex_unlock(&mutexes[--n]), 0);
	check_eq(ringq_put(arg, "x", 1, RINGQ_NOWAIT), 0);
	return NULL;
}

/* Else the kernel would not come as far as the lease when the thread ends, and it would count as living for ever. */
static void a_thread_whose_robust_list_is_full_does_not_join(void *arg)
{
	ringq_queue *queue = queue_new(NULL);

	(void)arg;
	join_thread(start_thread(joins_with_a_long_list, queue));
	ringq_queue_release(queue);
}

int main(void)
{
	reap_child(fork_child(a_thread_whose_robust_list_is_full_does_not_join, NULL));
	if (!sandbox_works())
		return TEST_SKIPPED;
	what_is_needed_is_one_error_of_create_and_attach();
	what_is_optional_is_done_without();
	reap_child(fork_child(works_on_linux_4_18, NULL));
	for (size_t e = 0; e < COUNT(errors); e++)
		reap_child(fork_child(the_librarys_locks_do_without_lent_priority, (void *)(uintptr_t)&errors[e]));
	return 0;
}
