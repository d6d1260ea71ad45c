/* SPDX-License-Identifier: MIT */
/*
 * Event descriptors and ringq_wait_any where the kernel has no futex_waitv, or a sandbox refuses it, from the start or later:
 * they work, for more queues than one sleep could be on, and wait without using the processor. And where no thread is to be had,
 * as at a limit of processes: that is an error of the call that would begin the library's, and what has begun does without more.
 */
#include "../common.h"
#include "../sandbox.h"

#include <errno.h>
#include <poll.h>
#include <sys/syscall.h>
#include <time.h>

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif

enum { QUEUES = 140 };

static ringq_queue *queues[QUEUES];

static int64_t cpu_ns(void)
{
	struct timespec t;

	check_eq(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t), 0);
	return RINGQ_SEC(t.tv_sec) + t.tv_nsec;
}

static bool readable(int fd, int64_t timeout)
{
	struct pollfd pollfd = {.fd = fd, .events = POLLIN};

	return poll(&pollfd, 1, timeout / RINGQ_MS(1)) == 1;
}

static void use(void)
{
	int64_t cpu;

	for (int i = 0; i < QUEUES; i += 23) {
		check_eq(put_number(queues[i], 1, RINGQ_NOWAIT), 0);
		check(readable(ringq_event_fd(queues[i]), TEST_SOON));
		check_eq(get_number(queues[i], RINGQ_NOWAIT), 1);
		check_eq(get_number(queues[i], RINGQ_NOWAIT), -EAGAIN);
		pthread_t other = start_thread(put_later, queues[i]);
		check_eq(ringq_wait_any(queues, QUEUES, TEST_SOON), i);
		join_thread(other);
		check_eq(get_number(queues[i], RINGQ_NOWAIT), 1);
		check_eq(ringq_wait_any(queues + i, 1, RINGQ_MS(1)), -ETIMEDOUT);
	}
	cpu = cpu_ns();
	check_eq(ringq_wait_any(queues, QUEUES, RINGQ_MS(500)), -ETIMEDOUT);
	check_compare(cpu_ns() - cpu, <, RINGQ_MS(200));
}

struct way {
	int error;
	bool later;
};

static void end(ringq_region *region)
{
	for (int i = 0; i < QUEUES; i++)
		ringq_queue_release(queues[i]);
	ringq_region_detach(region);
}

static void refused(void *arg)
{
	const struct way *way = arg;
	ringq_region *region;

	if (!way->later)
		sandbox_refuse(SYS_futex_waitv, way->error, 1);
	check_eq(ringq_region_create(&region, NULL), 0);
	for (int i = 0; i < QUEUES; i++) {
		check_eq(ringq_queue_create(&queues[i], region, NULL), 0);
		check_compare(ringq_event_fd(queues[i]), >=, 0);
	}
	if (way->later) {
		use();
		sandbox_refuse(SYS_futex_waitv, way->error, 1);
	}
	use();
	end(region);
}

/* ---- no thread to be had ---- */

static void refuse_threads(int all_threads)
{
	sandbox_refuse(SYS_clone3, EAGAIN, all_threads);
	sandbox_refuse(SYS_clone, EAGAIN, all_threads);
}

static void no_thread_is_an_error(void *arg)
{
	ringq_region *region;
	unsigned descriptors;

	(void)arg;
	check_eq(ringq_region_create(&region, NULL), 0);
	for (int i = 0; i < QUEUES; i++)
		check_eq(ringq_queue_create(&queues[i], region, NULL), 0);
	refuse_threads(0);
	descriptors = count_descriptors();
	for (int i = 0; i < 2; i++) {
		check_eq(ringq_event_fd(queues[0]), -EAGAIN);
		check_eq(ringq_event_fd_for(queues[0], RINGQ_WRITABLE), -EAGAIN);
		check_eq(ringq_wait_any(queues, QUEUES, TEST_SOON), -EAGAIN);
		check_eq(ringq_wait_any(queues, 2, RINGQ_MS(1)), -ETIMEDOUT);
	}
	check_eq(count_descriptors(), descriptors);
	check_eq(put_number(queues[1], 1, RINGQ_NOWAIT), 0);
	check_eq(ringq_wait_any(queues, 2, TEST_SOON), 1);
	check_eq(get_number(queues[1], RINGQ_NOWAIT), 1);
	end(region);
}

/* The watching thread has begun; the others that it would have sleep for it are not to be had. */
static void a_watcher_alone_does_all(void *arg)
{
	ringq_region *region;
	int fds[QUEUES];

	(void)arg;
	check_eq(ringq_region_create(&region, NULL), 0);
	for (int i = 0; i < QUEUES; i++) {
		check_eq(ringq_queue_create(&queues[i], region, NULL), 0);
		fds[i] = ringq_event_fd(queues[i]);
		check_compare(fds[i], >=, 0);
		if (i == 0)
			refuse_threads(1);
	}
	for (int i = 0; i < QUEUES; i++) {
		check_eq(put_number(queues[i], 1, RINGQ_NOWAIT), 0);
		check(readable(fds[i], TEST_SOON));
		check_eq(get_number(queues[i], RINGQ_NOWAIT), 1);
		check_eq(get_number(queues[i], RINGQ_NOWAIT), -EAGAIN);
		check(!readable(fds[i], 0));
	}
	end(region);
}

int main(void)
{
	static const int errors[] = {ENOSYS, EPERM, EACCES};

	if (!sandbox_works() || TEST_UNDER_TSAN)
		return TEST_SKIPPED;
	for (size_t i = 0; i < 2 * COUNT(errors); i++) {
		struct way way = {errors[i / 2], i % 2};

		test_row(i);
		reap_child(fork_child(refused, &way));
	}
	test_context = "without threads";
	reap_child(fork_child(no_thread_is_an_error, NULL));
	reap_child(fork_child(a_watcher_alone_does_all, NULL));
	return 0;
}
