/* SPDX-License-Identifier: MIT */
/* Ending waits: ringq_interrupt() from anywhere, and handles whose waits a signal handler ends. */
#include "../common.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <sys/resource.h>

static ringq_queue *interrupted;

struct wait {
	ringq_queue *queue;
	ringq_array *array;
	atomic_int thread;
	int64_t result;
};

static void *get(void *arg)
{
	struct wait *wait = arg;

	wait->thread = thread_id();
	wait->result = get_number(wait->queue, RINGQ_FOREVER);
	return NULL;
}

static void *wait_for_any(void *arg)
{
	struct wait *wait = arg;

	wait->thread = thread_id();
	wait->result = ringq_wait_any(&wait->queue, 1, RINGQ_FOREVER);
	return NULL;
}

static void *put(void *arg)
{
	struct wait *wait = arg;

	while (put_number(wait->queue, 1, RINGQ_NOWAIT) == 0)
		continue;
	wait->thread = thread_id();
	wait->result = put_number(wait->queue, 2, RINGQ_FOREVER);
	return NULL;
}

static void *lock(void *arg)
{
	struct wait *wait = arg;

	wait->thread = thread_id();
	wait->result = ringq_lock(wait->array, RINGQ_FOREVER);
	if (wait->result == 0)
		check_eq(ringq_unlock(wait->array), 0);
	return NULL;
}

static void *write_all(void *arg)
{
	struct wait *wait = arg;
	int64_t number = 5;

	wait->thread = thread_id();
	wait->result = ringq_array_write(wait->array, &number, sizeof(number));
	return NULL;
}

/* Locked by the caller. */
static ringq_array *locked_array(void)
{
	ringq_array *array;

	check_eq(ringq_array_create(&array, NULL, NULL, RINGQ_INT64, 1), 0);
	check_eq(ringq_lock(array, RINGQ_NOWAIT), 0);
	return array;
}

static pthread_t start_asleep(struct wait *wait, void *(*run)(void *))
{
	pthread_t thread = start_thread(run, wait);

	wait_set(&wait->thread);
	wait_asleep(wait->thread);
	return thread;
}

static void interrupt_from_handler(int signal)
{
	(void)signal;
	errno = 1234;
	check_eq(ringq_interrupt(interrupted), 0);
	check_eq(errno, 1234);
}

static void do_nothing(int signal)
{
	(void)signal;
}

static void handle_with(int signal, void (*handler)(int), int flags)
{
	struct sigaction action = {.sa_handler = handler, .sa_flags = flags};

	check_eq(sigaction(signal, &action, NULL), 0);
}

static void handle(int signal, void (*handler)(int))
{
	handle_with(signal, handler, SA_RESTART);
}

Test(interrupt, ends_each_call_that_waits)
{
	static void *(*const calls[])(void *) = {get, wait_for_any};

	for (size_t k = 0; k < kinds_count; k++) {
		for (size_t c = 0; c < COUNT(calls); c++) {
			ringq_queue *queue = queue_new(&kinds[k].options);
			struct wait waits[3] = {{.queue = queue}, {.queue = queue}, {.queue = queue}};
			size_t n = kinds[k].options.flags & RINGQ_SINGLE_CONSUMER ? 1 : COUNT(waits);
			pthread_t threads[COUNT(waits)];

			test_context = kinds[k].name;
			for (size_t i = 0; i < n; i++)
				threads[i] = start_asleep(&waits[i], calls[c]);
			check_eq(ringq_interrupt(queue), 0);
			for (size_t i = 0; i < n; i++) {
				join_thread(threads[i]);
				check_eq(waits[i].result, -EINTR);
			}
			/* It is used up. */
			check_eq(get_number(queue, RINGQ_MS(1)), -ETIMEDOUT);
			ringq_queue_release(queue);
		}
	}
}

Test(interrupt, ends_a_put_that_waits_for_room)
{
	static const struct ringq_queue_options full[] = {{.max_records = 3}, {.max_bytes = 1000}};

	for (size_t i = 0; i < COUNT(full); i++) {
		ringq_queue *queue = queue_new(&full[i]);
		struct wait wait = {.queue = queue};
		pthread_t thread = start_asleep(&wait, put);

		check_eq(ringq_interrupt(queue), 0);
		join_thread(thread);
		check_eq(wait.result, -EINTR);
		ringq_queue_release(queue);
	}
}

Test(interrupt, is_left_for_the_next_call_that_would_wait)
{
	ringq_queue *queue = queue_new(&kinds[0].options);

	check_eq(ringq_interrupt(NULL), -EINVAL);
	check_eq(ringq_interrupt(queue), 0);
	check_eq(ringq_interrupt(queue), 0);
	check_eq(get_number(queue, RINGQ_NOWAIT), -EAGAIN);
	check_eq(put_number(queue, 7, RINGQ_FOREVER), 0);
	check_eq(get_number(queue, RINGQ_FOREVER), 7);
	check_eq(get_number(queue, RINGQ_FOREVER), -EINTR);
	check_eq(ringq_wait_any(&queue, 1, RINGQ_MS(1)), -ETIMEDOUT);
	ringq_queue_release(queue);
}

Test(interrupt, ends_the_wait_of_this_handle_alone)
{
	ringq_queue *queue = queue_new(&kinds[0].options), *other;
	struct wait wait;
	pthread_t thread;

	check_eq(ringq_queue_open(&other, ringq_queue_region(queue), NULL), 0);
	wait = (struct wait){.queue = other};
	thread = start_asleep(&wait, get);
	check_eq(ringq_interrupt(queue), 0);
	pause_ns(RINGQ_MS(20));
	check_eq(put_number(queue, 3, RINGQ_NOWAIT), 0);
	join_thread(thread);
	check_eq(wait.result, 3);
	ringq_queue_release(other);
	ringq_queue_release(queue);
}

Test(interrupt, may_be_made_by_a_handler)
{
	struct wait wait = {.queue = interrupted = queue_new(&kinds[0].options)};
	pthread_t thread = start_asleep(&wait, get);

	handle(SIGUSR1, interrupt_from_handler);
	check_eq(pthread_kill(thread, SIGUSR1), 0);
	join_thread(thread);
	check_eq(wait.result, -EINTR);
	ringq_queue_release(interrupted);
}

static bool ends_within_a_second(pthread_t thread)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec++;
	return pthread_timedjoin_np(thread, NULL, &until) == 0;
}

/* A signal ends a call that is in its second sleep, or a later one; but one that comes between two sleeps is not seen. */
static void end_by_signal(struct wait *wait, void *(*call)(void *))
{
	pthread_t thread = start_asleep(wait, call);
	int signals = 0;

	pause_ns(RINGQ_MS(250)); /* longer than a first sleep */
	do {
		wait_asleep(wait->thread);
		check_eq(pthread_kill(thread, SIGUSR1), 0);
		check_compare(signals++, <, 10);
	} while (!ends_within_a_second(thread));
	check_eq(wait->result, -EINTR);
}

static const int restarts_or_not[] = {SA_RESTART, 0};

Test(interruptible, a_handler_that_has_run_ends_the_wait)
{
	static void *(*const calls[])(void *) = {get, wait_for_any, put};

	for (size_t i = 0; i < COUNT(calls) * COUNT(restarts_or_not); i++) {
		struct wait wait = {.queue = queue_new(&(struct ringq_queue_options){.max_records = 3})};

		handle_with(SIGUSR1, do_nothing, restarts_or_not[i % 2]);
		check_eq(ringq_queue_interruptible(wait.queue, true), 0);
		end_by_signal(&wait, calls[i / 2]);
		ringq_queue_release(wait.queue);
	}
	check_eq(ringq_queue_interruptible(NULL, true), -EINVAL);
}

static void *get_for_two_seconds(void *arg)
{
	struct wait *wait = arg;
	struct rusage before, after;

	check_eq(getrusage(RUSAGE_THREAD, &before), 0);
	check_eq(get_number(wait->queue, RINGQ_MS(2000)), -ETIMEDOUT);
	check_eq(getrusage(RUSAGE_THREAD, &after), 0);
	wait->result = after.ru_nvcsw - before.ru_nvcsw;
	return NULL;
}

/* But where a handler makes sleeps begin anew: there it wakes ten times a second. */
Test(interruptible, a_wait_is_as_idle_as_another)
{
	int64_t slept[COUNT(restarts_or_not)];

	for (size_t i = 0; i < COUNT(slept); i++) {
		struct wait wait = {.queue = queue_new(NULL)};

		handle_with(SIGUSR1, do_nothing, restarts_or_not[i]);
		check_eq(ringq_queue_interruptible(wait.queue, true), 0);
		join_thread(start_thread(get_for_two_seconds, &wait));
		slept[i] = wait.result;
		ringq_queue_release(wait.queue);
	}
	check(2 * slept[1] <= slept[0]);
}

Test(interruptible, otherwise_a_wait_goes_on_after_a_handler)
{
	struct wait wait = {.queue = queue_new(&kinds[0].options)};
	pthread_t thread;

	handle(SIGUSR1, do_nothing);
	check_eq(ringq_queue_interruptible(wait.queue, true), 0);
	check_eq(ringq_queue_interruptible(wait.queue, false), 0);
	thread = start_asleep(&wait, get);
	check_eq(pthread_kill(thread, SIGUSR1), 0);
	pause_ns(RINGQ_MS(20));
	check_eq(put_number(wait.queue, 4, RINGQ_NOWAIT), 0);
	join_thread(thread);
	check_eq(wait.result, 4);
	ringq_queue_release(wait.queue);
}

Test(interruptible, a_handler_that_has_run_ends_the_wait_for_a_lock)
{
	static void *(*const calls[])(void *) = {lock, write_all};

	for (size_t i = 0; i < COUNT(calls) * COUNT(restarts_or_not); i++) {
		struct wait wait = {.array = locked_array()};
		int64_t number = 1;

		handle_with(SIGUSR1, do_nothing, restarts_or_not[i % 2]);
		check_eq(ringq_array_interruptible(wait.array, true), 0);
		end_by_signal(&wait, calls[i / 2]);
		check_eq(ringq_load(wait.array, 0, &number), 0);
		check_eq(number, 0);
		check_eq(ringq_unlock(wait.array), 0);
		ringq_array_release(wait.array);
	}
	check_eq(ringq_array_interruptible(NULL, true), -EINVAL);
}

Test(interruptible, otherwise_a_wait_for_a_lock_goes_on_after_a_handler)
{
	struct wait wait = {.array = locked_array()};
	pthread_t thread;

	handle(SIGUSR1, do_nothing);
	check_eq(ringq_array_interruptible(wait.array, true), 0);
	check_eq(ringq_array_interruptible(wait.array, false), 0);
	thread = start_asleep(&wait, lock);
	check_eq(pthread_kill(thread, SIGUSR1), 0);
	pause_ns(RINGQ_MS(20));
	check_eq(ringq_unlock(wait.array), 0);
	join_thread(thread);
	check_eq(wait.result, 0);
	ringq_array_release(wait.array);
}

/* Whichever of the two is woken by the unlock, the other gets the lock, too, or has been interrupted. */
Test(interruptible, a_wait_for_a_lock_that_ends_takes_no_wake_up_along)
{
	sleep_without_bounds();
	handle_with(SIGUSR1, do_nothing, 0); /* as else a sleep that has no end begins anew by itself */
	for (int round = 0; round < 50; round++) {
		ringq_array *array = locked_array();
		struct wait waits[] = {{.array = array}, {.array = array}};
		pthread_t threads[COUNT(waits)];

		check_eq(ringq_array_interruptible(array, true), 0);
		for (size_t i = 0; i < COUNT(waits); i++)
			threads[i] = start_asleep(&waits[i], lock);
		if (round % 2)
			check_eq(pthread_kill(threads[0], SIGUSR1), 0);
		check_eq(ringq_unlock(array), 0);
		if (round % 2 == 0)
			pthread_kill(threads[0], SIGUSR1); /* it may have ended */
		for (size_t i = 0; i < COUNT(waits); i++)
			join_thread(threads[i]);
		check(waits[0].result == 0 || waits[0].result == -EINTR);
		check_eq(waits[1].result, 0);
		ringq_array_release(array);
	}
}
