/* SPDX-License-Identifier: MIT */
/* What others did before does not make a call slow: counted in system calls, or in what is used up. */
#include "../common.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/sys.h"

static int (*real_back)(const struct rq_file *file, uint64_t offset, uint64_t len);
static int (*real_held)(const struct rq_file *file, int fd, uint64_t byte);
static unsigned backs, helds;

static int count_back(const struct rq_file *file, uint64_t offset, uint64_t len)
{
	backs++;
	return real_back(file, offset, len);
}

static int count_held(const struct rq_file *file, int fd, uint64_t byte)
{
	helds++;
	return real_held(file, fd, byte);
}

/* ---- names ---- */

enum { NAMES = 4096 };

static ringq_region *region;

static long faults;

static void name_many(void *queue)
{
	check_eq(ringq_put(queue, "x", 1, RINGQ_NOWAIT), 0); /* who has used a queue leaves more to be looked for */
	for (int i = 0; i < NAMES; i++) {
		ringq_array *array;
		char name[32];

		snprintf(name, sizeof(name), "name-%d", i);
		check_eq(ringq_array_create(&array, region, name, RINGQ_INT32, 1), 0);
	}
}

static void *first_put(void *queue)
{
	struct rusage before, behind;

	getrusage(RUSAGE_THREAD, &before);
	backs = 0;
	check_eq(ringq_put(queue, "x", 1, RINGQ_NOWAIT), 0);
	getrusage(RUSAGE_THREAD, &behind);
	faults = behind.ru_minflt - before.ru_minflt;
	return NULL;
}

/* The thread joins in the place of one that died, and so looks through all that the region holds. */
Test(costs, of_joining_do_not_grow_with_the_names_of_the_dead)
{
	ringq_queue *queue;
	ringq_array *array;

	region = region_new((size_t)NAMES << 16);
	queue = queue_in(region, NULL);
	reap_child(fork_child(name_many, queue));
	check_eq(ringq_array_create(&array, region, "one-more", RINGQ_INT32, 1), -ENOSPC); /* the table is full */
	real_back = rq_sys.back;
	rq_sys.back = count_back;
	join_thread(start_thread(first_put, queue));
	check_compare(backs, <, 20);
	check_compare(faults, <, NAMES / 32); /* the kernel may map sixteen pages at a time */
	backs = 0;
	check_eq(ringq_array_open(&array, region, "name-1000"), 0);
	check_eq(ringq_array_open(&array, region, "not there"), -ENOENT);
	check_compare(backs, <, 5);
	rq_sys.back = real_back;
	ringq_array_release(array);
	ringq_queue_release(queue);
	ringq_region_detach(region);
}

/* ---- arrays of who is no member ---- */

static atomic_int members, go;
static ringq_array *given;

static void *be_a_member(void *queue)
{
	check_eq(ringq_size(queue), 0);
	atomic_fetch_add(&members, 1);
	while (!atomic_load(&go)) /* until the test is over, however long it takes */
		pause_ns(RINGQ_MS(10));
	return NULL;
}

static void *release_given(void *queue)
{
	char buffer[8];

	check_eq(ringq_get(queue, buffer, sizeof(buffer), RINGQ_NOWAIT), -EUSERS);
	ringq_array_release(given);
	return NULL;
}

/* A region of this size has 64 members at most, and room for some hundred such arrays. */
Test(costs, of_an_array_that_a_thread_releases_which_is_no_member_are_none, .timeout = 60)
{
	static const size_t counts[] = {9, 40, 2000};
	enum { MEMBERS = 64, SIZE = 1 << 20 };
	pthread_t threads[MEMBERS - 1];
	ringq_queue *queue;

	region = region_new(SIZE);
	queue = queue_in(region, &(struct ringq_queue_options){.max_producers = 1});
	check_eq(ringq_size(queue), 0);
	for (size_t i = 0; i < COUNT(threads); i++)
		threads[i] = start_thread(be_a_member, queue);
	while (atomic_load(&members) < MEMBERS - 1)
		pause_ns(100000);
	/* More than the region has room for. The least take the most threads. */
	for (size_t c = test_size() == TEST_QUICK ? COUNT(counts) - 1 : 0; c < COUNT(counts); c++)
		for (size_t i = 0; i < 2 * SIZE / (64 + 16 * counts[c]); i++) {
			check_eq(ringq_array_create(&given, region, NULL, RINGQ_INT64, counts[c]), 0);
			join_thread(start_thread(release_given, queue));
		}
	atomic_store(&go, 1);
	for (size_t i = 0; i < COUNT(threads); i++)
		join_thread(threads[i]);
	ringq_queue_release(queue);
	ringq_region_detach(region);
}

/* ---- many who join at once ---- */

enum { JOINERS = 128, LANES = 256, MANY = LANES }; /* at once, no more than the last */

static pthread_barrier_t all_there;
static atomic_uint tries;

/* Who tries to join maps a page once more, by this in the place of libc's: slowly, so that the others come to try, too. */
void *mremap(void *old, size_t old_size, size_t new_size, int flags, ...)
{
	va_list more;

	va_start(more, flags);
	void *at = va_arg(more, void *);
	va_end(more);
	atomic_fetch_add(&tries, 1);
	pause_ns(50000);
	return (void *)syscall(SYS_mremap, old, old_size, new_size, flags, at);
}

/* A queue in a region of its own, in which so many threads have done that, which ends at the barrier. */
static ringq_queue *queue_after(void *(*body)(void *queue), unsigned n)
{
	pthread_t threads[MANY];
	ringq_queue *queue;

	region = region_new((size_t)64 << 20);
	queue = queue_in(region, NULL);
	pthread_barrier_init(&all_there, NULL, n);
	for (unsigned i = 0; i < n; i++)
		threads[i] = start_thread(body, queue);
	for (unsigned i = 0; i < n; i++)
		join_thread(threads[i]);
	pthread_barrier_destroy(&all_there);
	return queue;
}

static void *join_at_once(void *queue)
{
	pthread_barrier_wait(&all_there);
	check_eq(ringq_size(queue), 0);
	pthread_barrier_wait(&all_there); /* nobody leaves a place to others */
	return NULL;
}

/* If all who lose a place tried the next one, each would try about as many as there are others. */
Test(costs, of_joining_do_not_grow_with_how_many_join_at_once, .timeout = 60)
{
	ringq_queue *queue = queue_after(join_at_once, JOINERS);

	check_compare(tries, >=, JOINERS);
	check_compare(tries, <, 16 * JOINERS);
	ringq_queue_release(queue);
	ringq_region_detach(region);
}

/* ---- what is spent before a sleep ---- */

static int64_t processor_time(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * RINGQ_SEC(1) + t.tv_nsec;
}

static void *put_one(void *queue)
{
	check_eq(ringq_put(queue, "x", 1, RINGQ_NOWAIT), 0);
	pthread_barrier_wait(&all_there); /* as its lane would else be the next one's */
	return NULL;
}

enum { LOOKS = 80 };

/* A look at many lanes takes longer, so a wait looks less often before it sleeps: else 1024 times. */
static void *look_and_wait(void *queue)
{
	char buffer[8];

	while (ringq_get(queue, buffer, sizeof(buffer), RINGQ_NOWAIT) == 1)
		;
	int64_t began = processor_time();
	for (int i = 0; i < LOOKS; i++)
		check_eq(ringq_get(queue, buffer, sizeof(buffer), RINGQ_NOWAIT), -EAGAIN);
	int64_t looked = processor_time();
	check_eq(ringq_get(queue, buffer, sizeof(buffer), RINGQ_MS(90)), -ETIMEDOUT);
	check_compare(processor_time() - looked, <, looked - began);
	return NULL;
}

Test(costs, of_waiting_do_not_grow_with_the_lanes, .timeout = 60)
{
	ringq_queue *queue = queue_after(put_one, LANES);

	join_thread(start_thread(look_and_wait, queue));
	ringq_queue_release(queue);
	ringq_region_detach(region);
}

/* ---- many in hand ---- */

/*
 * In chunks that head has left each end asks whether it was the last one. If each looked through all in hand, all ends would take
 * 25 times as long as all puts, and more.
 */
Test(costs, of_an_end_do_not_grow_with_what_is_in_hand, .timeout = 60)
{
	enum { IN_HAND = 80000, LENGTH = 1000 };
	static struct ringq_delivery in_hand[IN_HAND];
	static char record[LENGTH];
	ringq_queue *queue;

	region = region_new((size_t)256 << 20);
	queue = queue_in(
		region, &(struct ringq_queue_options){.flags = RINGQ_ACKNOWLEDGED, .max_bytes = RINGQ_UNBOUNDED});
	int64_t began = processor_time();
	for (int i = 0; i < IN_HAND; i++)
		check_eq(ringq_put(queue, record, LENGTH, RINGQ_NOWAIT), 0);
	int64_t put = processor_time() - began;
	for (int i = 0; i < IN_HAND; i++)
		check_eq(ringq_take(queue, &in_hand[i], RINGQ_NOWAIT), 0);
	began = processor_time();
	for (int i = 0; i < IN_HAND; i++)
		check_eq(ringq_ack(queue, &in_hand[i]), 0);
	check_compare(processor_time() - began, <, 15 * put);
	ringq_queue_release(queue);
	ringq_region_detach(region);
}

/* ---- a pipe whose witness has ended ---- */

static atomic_int received, may_end;

static void *receive_one(void *end)
{
	char buffer[8];

	check_eq(ringq_receive(end, buffer, sizeof(buffer), RINGQ_NOWAIT), 1);
	atomic_store(&received, 1);
	wait_set(&may_end);
	return NULL;
}

Test(costs, of_a_send_stay_the_same_when_the_thread_that_received_has_ended)
{
	ringq_pipe *in, *out;
	pthread_t first;
	char buffer[8];

	check_eq(ringq_pipe_create(&in, &out, NULL, 0), 0);
	for (int i = 0; i < 2000; i++) /* never drained from here on */
		check_eq(ringq_send(out, "x", 1, RINGQ_NOWAIT), 0);
	first = start_thread(receive_one, in);
	wait_set(&received);
	check_eq(ringq_receive(in, buffer, sizeof(buffer), RINGQ_NOWAIT), 1); /* while the other one is known */
	atomic_store(&may_end, 1);
	join_thread(first);
	real_held = rq_sys.held;
	rq_sys.held = count_held;
	for (int i = 0; i < 1000; i++)
		check_eq(ringq_receive(in, buffer, sizeof(buffer), RINGQ_NOWAIT), 1);
	check_eq(ringq_send(out, "x", 1, RINGQ_NOWAIT), 0); /* notices the new one */
	helds = 0;
	for (int i = 0; i < 100; i++)
		check_eq(ringq_send(out, "x", 1, RINGQ_NOWAIT), 0);
	check_eq(helds, 0);
	rq_sys.held = real_held;
	ringq_pipe_close(in);
	ringq_pipe_close(out);
}
