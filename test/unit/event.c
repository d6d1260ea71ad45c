/* SPDX-License-Identifier: MIT */
/* Waiting for many queues by event descriptors. */
#include "../common.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { MOST = 120 };

static const struct ringq_queue_options defaults;

static bool readable(int fd, int64_t timeout)
{
	struct pollfd pollfd = {.fd = fd, .events = POLLIN};
	int rc = poll(&pollfd, 1, timeout / RINGQ_MS(1));

	check_compare(rc, >=, 0);
	check(!(pollfd.revents & (POLLERR | POLLNVAL)));
	return rc == 1;
}

/* Gets until -EAGAIN, and once more if that came before the descriptor told of what had been got. */
static int drain_until_quiet(ringq_queue *queue, int fd)
{
	int64_t deadline = now_ns() + TEST_SOON;
	int got = 0;

	do {
		int64_t rc;

		while ((rc = get_number(queue, RINGQ_NOWAIT)) >= 0)
			got++;
		check_eq(rc, -EAGAIN);
		check_compare(now_ns(), <, deadline);
	} while (readable(fd, RINGQ_MS(20)));
	return got;
}

Test(event_fd, is_readable_when_there_is_a_record_and_not_when_drained)
{
	for (size_t kind = 0; kind < kinds_count; kind++) {
		ringq_queue *queue = queue_new(&kinds[kind].options);
		int fd = ringq_event_fd(queue);

		test_context = kinds[kind].name;
		check_compare(fd, >=, 0);
		check_eq(ringq_event_fd(queue), fd);
		check_eq(drain_until_quiet(queue, fd), 0);
		for (int round = 0; round < 5; round++) {
			pthread_t putter = start_thread(put_later, queue);

			check(readable(fd, TEST_SOON));
			join_thread(putter);
			check(readable(fd, TEST_SOON));
			check_eq(drain_until_quiet(queue, fd), 1);
		}
		ringq_queue_release(queue);
	}
}

Test(event_fd, is_readable_for_what_was_there_before)
{
	ringq_queue *queue = queue_new(&defaults);
	int fd;

	check_eq(put_number(queue, 1, RINGQ_NOWAIT), 0);
	check_eq(put_number(queue, 2, RINGQ_NOWAIT), 0);
	fd = ringq_event_fd(queue);
	check(readable(fd, TEST_SOON));
	check_eq(get_number(queue, RINGQ_NOWAIT), 1);
	check(readable(fd, TEST_SOON));
	check_eq(drain_until_quiet(queue, fd), 1);
	ringq_queue_release(queue);
}

Test(event_fd, is_readable_when_closed_and_stays_so)
{
	ringq_queue *queue = queue_new(&defaults), *closed = queue_new(&defaults);
	int fd = ringq_event_fd(queue);
	pthread_t closer;

	check_eq(drain_until_quiet(queue, fd), 0);
	closer = start_thread(close_later, queue);
	check(readable(fd, TEST_SOON));
	join_thread(closer);
	for (int i = 0; i < 3; i++) {
		check_eq(get_number(queue, RINGQ_NOWAIT), -EPIPE);
		check(readable(fd, TEST_SOON));
	}
	check_eq(ringq_close(closed), 0);
	check(readable(ringq_event_fd(closed), TEST_SOON));
	ringq_queue_release(queue);
	ringq_queue_release(closed);
}

Test(event_fd, leaves_nothing_open)
{
	unsigned descriptors;

	for (int round = 0; round < 2 * MOST; round++) {
		ringq_queue *queue = queue_new(&defaults);

		check_compare(ringq_event_fd(queue), >=, 0);
		ringq_queue_release(queue);
		if (round == 0)
			descriptors = count_descriptors();
	}
	check_compare(count_descriptors(), <=, descriptors);
}

/* More than one sleep can be on. */
Test(event_fd, is_there_for_more_queues_than_one_sleep_is_on)
{
	enum { MANY = 300 };
	ringq_region *region = region_new(0);
	ringq_queue *queues[MANY];

	for (int i = 0; i < MANY; i++) {
		queues[i] = queue_in(region, &defaults);
		check_compare(ringq_event_fd(queues[i]), >=, 0);
		check(!readable(ringq_event_fd(queues[i]), 0));
	}
	for (int i = 0; i < MANY; i += 7) {
		check_eq(put_number(queues[i], i, RINGQ_NOWAIT), 0);
		check(readable(ringq_event_fd(queues[i]), TEST_SOON));
	}
	for (int i = 0; i < MANY; i += 7) {
		check_eq(get_number(queues[i], RINGQ_NOWAIT), i);
		check_eq(drain_until_quiet(queues[i], ringq_event_fd(queues[i])), 0);
	}
	release_queues(queues, MANY / 2);
	for (int i = MANY / 2; i < MANY; i += 50) {
		check_eq(put_number(queues[i], i, RINGQ_NOWAIT), 0);
		check(readable(ringq_event_fd(queues[i]), TEST_SOON));
	}
	release_queues(queues + MANY / 2, MANY - MANY / 2);
	ringq_region_detach(region);
}

/*
 * The thread sanitizer does not let a child of several threads start one, as the library does in a child that uses a queue
 * that is watched: there no child takes part.
 */
enum { WATCHED = 10, PUTTERS = 3, CHILDREN = !TEST_UNDER_TSAN, EACH = 5000 };

static ringq_queue *watched[WATCHED];

static void put_around(void *arg)
{
	struct rng rng = {(uintptr_t)arg};

	for (int i = 0; i < EACH; i++) {
		check_eq(put_number(watched[rng_below(&rng, WATCHED)], i, RINGQ_FOREVER), 0);
		if (rng_below(&rng, 100) == 0)
			pause_ns(RINGQ_US(rng_below(&rng, 500)));
	}
}

static void *put_around_thread(void *arg)
{
	put_around(arg);
	return NULL;
}

static int get_all_now(ringq_queue *queue)
{
	int got = 0;

	while (get_number(queue, RINGQ_NOWAIT) >= 0)
		got++;
	return got;
}

/* Collects by epoll what threads and a child put to many queues. Nothing else would tell of a wake-up that is lost. */
static void collect(uint32_t epoll_flags)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC), got = 0;
	pthread_t putters[PUTTERS];
	pid_t child;

	for (size_t i = 0; i < WATCHED; i++) {
		struct epoll_event event = {.events = EPOLLIN | epoll_flags, .data.u64 = i};

		watched[i] = queue_new(&(struct ringq_queue_options){.order = i % 2, .max_records = 40});
		check_eq(epoll_ctl(epoll, EPOLL_CTL_ADD, ringq_event_fd(watched[i]), &event), 0);
	}
	child = CHILDREN ? fork_child(put_around, (void *)77) : 0;
	for (size_t i = 0; i < PUTTERS; i++)
		putters[i] = start_thread(put_around_thread, (void *)i);
	while (got < (PUTTERS + CHILDREN) * EACH) {
		struct epoll_event events[WATCHED];
		int n = epoll_wait(epoll, events, WATCHED, TEST_SOON / RINGQ_MS(1));

		check_compare(n, >, 0);
		for (int i = 0; i < n; i++)
			got += get_all_now(watched[events[i].data.u64]);
	}
	if (CHILDREN)
		reap_child(child);
	for (size_t i = 0; i < PUTTERS; i++)
		join_thread(putters[i]);
	for (size_t i = 0; i < WATCHED; i++) {
		check(ringq_empty(watched[i]));
		ringq_queue_release(watched[i]);
	}
	close(epoll);
}

Test(event_fd, loses_no_wake_up_in_epoll, .timeout = 200)
{
	collect(0);
}

Test(event_fd, loses_no_wake_up_in_edge_triggered_epoll, .timeout = 200)
{
	collect(EPOLLET);
}

#if !TEST_UNDER_TSAN
static void event_in_child(void *queue)
{
	int fd = ringq_event_fd(queue);

	check_compare(fd, >=, 0);
	check(readable(fd, TEST_SOON));
	check_eq(drain_until_quiet(queue, fd), 1);
	check_eq(put_number(queue, 2, RINGQ_NOWAIT), 0);
	check(readable(fd, TEST_SOON));
}

Test(event_fd, works_on_after_fork_in_both_processes)
{
	ringq_queue *queue = queue_new(&defaults);
	int fd = ringq_event_fd(queue);
	pid_t child;

	check_compare(fd, >=, 0);
	/* The library's thread is asleep then: the address sanitizer does not stand a fork beside an allocation. */
	check_eq(drain_until_quiet(queue, fd), 0);
	child = fork_child(event_in_child, queue);
	check_eq(put_number(queue, 1, RINGQ_NOWAIT), 0);
	reap_child(child);
	check(readable(fd, TEST_SOON));
	check_eq(get_number(queue, RINGQ_NOWAIT), 2);
	ringq_queue_release(queue);
}
#endif

/* ---- whatever call has found nothing ---- */

static void look_by_poll(ringq_pipe *pipe)
{
	check_eq(ringq_poll(pipe, RINGQ_NOWAIT), 0);
}

static void look_by_empty(ringq_pipe *pipe)
{
	check(ringq_empty(ringq_pipe_input(pipe)));
}

static void look_by_size(ringq_pipe *pipe)
{
	check_eq(ringq_size(ringq_pipe_input(pipe)), 0);
}

static void look_by_peek(ringq_pipe *pipe)
{
	char c;

	check_eq(ringq_peek(ringq_pipe_input(pipe), &c, 1), -EAGAIN);
}

static void look_by_get(ringq_pipe *pipe)
{
	char c;

	check_eq(ringq_receive(pipe, &c, 1, RINGQ_NOWAIT), -EAGAIN);
}

static void look_not_at_all(ringq_pipe *pipe)
{
	(void)pipe;
	pause_ns(RINGQ_MS(5)); /* the library's thread has looked */
}

Test(event_fd, is_not_readable_once_any_call_has_found_nothing)
{
	static void (*const looks[])(ringq_pipe *) = {
		look_by_poll, look_by_empty, look_by_size, look_by_peek, look_by_get, look_not_at_all};
	ringq_pipe *here, *there;
	char c;

	check_eq(ringq_pipe_create(&here, &there, NULL, 0), 0);
	int fd = ringq_event_fd(ringq_pipe_input(here));
	for (int round = 0; round < 20; round++) {
		for (size_t i = 0; i < COUNT(looks); i++) {
			int64_t deadline = now_ns() + TEST_SOON;

			test_row(i);
			check_eq(ringq_send(there, "x", 1, RINGQ_NOWAIT), 0);
			check(readable(fd, TEST_SOON));
			check_eq(ringq_receive(here, &c, 1, RINGQ_NOWAIT), 1);
			do {
				looks[i](here);
				check_compare(now_ns(), <, deadline);
			} while (readable(fd, 0));
		}
	}
	ringq_pipe_close(here);
	ringq_pipe_close(there);
}

Test(event_fd, of_edges_tells_of_what_comes_after_a_short_batch)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLET};
	ringq_queue *queue = queue_new(&defaults);
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	check_eq(epoll_ctl(epoll, EPOLL_CTL_ADD, ringq_event_fd(queue), &event), 0);
	for (int i = 0; i < 100; i++) {
		uint64_t numbers[4];
		struct iovec records[4];

		for (size_t k = 0; k < COUNT(records); k++)
			records[k] = (struct iovec){&numbers[k], sizeof(numbers[k])};
		check_eq(put_number(queue, i, RINGQ_NOWAIT), 0);
		check_eq(epoll_wait(epoll, &event, 1, TEST_SOON / RINGQ_MS(1)), 1);
		check_eq(ringq_get_many(queue, records, COUNT(records), RINGQ_FOREVER), 1);
	}
	close(epoll);
	ringq_queue_release(queue);
}

/* A loop that takes one record for each edge, of those that come while others wait, too. */
Test(event_fd, of_edges_tells_of_what_comes_while_others_wait)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLET};
	ringq_queue *queue = queue_new(&defaults);
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	check_eq(epoll_ctl(epoll, EPOLL_CTL_ADD, ringq_event_fd(queue), &event), 0);
	check_eq(put_number(queue, 1, RINGQ_NOWAIT), 0);
	for (int i = 0; i < 50; i++) {
		check_eq(put_number(queue, i, RINGQ_NOWAIT), 0);
		check_eq(epoll_wait(epoll, &event, 1, TEST_SOON / RINGQ_MS(1)), 1);
	}
	close(epoll);
	ringq_queue_release(queue);
}

/* ---- room ---- */

static void fill(ringq_queue *queue)
{
	while (put_number(queue, 1, RINGQ_NOWAIT) == 0)
		continue;
	check_eq(put_number(queue, 1, RINGQ_NOWAIT), -EAGAIN);
}

Test(event_fd_for, room_is_readable_while_a_put_goes_in)
{
	static const struct ringq_queue_options kinds_of_full[] = {{.max_bytes = 2000}, {.max_records = 5},
		{.max_records = 5, .order = RINGQ_ORDER_PRODUCER}, {.max_bytes = 2000, .flags = RINGQ_SINGLE_PRODUCER}};

	for (size_t i = 0; i < COUNT(kinds_of_full); i++) {
		ringq_queue *queue = queue_new(&kinds_of_full[i]);
		int fd = ringq_event_fd_for(queue, RINGQ_WRITABLE);

		test_row(i);
		check_compare(fd, >=, 0);
		check_eq(ringq_event_fd_for(queue, RINGQ_WRITABLE), fd);
		check_compare(ringq_event_fd(queue), !=, fd);
		for (int round = 0; round < 20; round++) {
			check(readable(fd, 0));
			fill(queue);
			check(!readable(fd, 20 * RINGQ_MS(1)));
			check_eq(get_number(queue, RINGQ_NOWAIT), 1);
			if (kinds_of_full[i].max_records) {
				check(readable(fd, TEST_SOON));
				check_eq(put_number(queue, 1, RINGQ_NOWAIT), 0); /* the last that goes in */
				check(!readable(fd, RINGQ_MS(20)));
			}
			while (get_number(queue, RINGQ_NOWAIT) == 1)
				continue;
			check(readable(fd, TEST_SOON));
		}
		ringq_close(queue);
		check(readable(fd, TEST_SOON)); /* a put says -EPIPE, not -EAGAIN */
		ringq_queue_release(queue);
	}
}

#if !TEST_UNDER_TSAN
static void fill_in_child(void *queue)
{
	fill(queue);
}

static void drain_in_child(void *queue)
{
	while (get_number(queue, RINGQ_NOWAIT) >= 0)
		continue;
}

Test(event_fd_for, room_that_others_take_is_told_of)
{
	ringq_queue *queue = queue_new(&(struct ringq_queue_options){.max_records = 5});
	int fd = ringq_event_fd_for(queue, RINGQ_WRITABLE);

	for (int round = 0; round < 5; round++) {
		int64_t deadline = now_ns() + TEST_SOON;

		check(readable(fd, 0));
		reap_child(fork_child(fill_in_child, queue));
		while (readable(fd, 0))
			check_compare(now_ns(), <, deadline);
		reap_child(fork_child(drain_in_child, queue));
		check(readable(fd, TEST_SOON));
	}
	ringq_queue_release(queue);
}
#endif

Test(event_fd_for, asks_for_one_kind_of_what_the_handle_can_do)
{
	ringq_pipe *here, *there;
	ringq_queue *queue = queue_new(&defaults);

	check_eq(ringq_event_fd_for(NULL, RINGQ_READABLE), -EINVAL);
	check_eq(ringq_event_fd_for(queue, 0), -EINVAL);
	check_eq(ringq_event_fd_for(queue, 3), -EINVAL);
	check_eq(ringq_event_fd_for(queue, 4), -EINVAL);
	check_eq(ringq_pipe_create(&here, &there, NULL, 0), 0);
	check_eq(ringq_event_fd_for(ringq_pipe_output(here), RINGQ_READABLE), -EINVAL);
	check_eq(ringq_event_fd_for(ringq_pipe_input(here), RINGQ_WRITABLE), -EINVAL);
	check_compare(ringq_event_fd_for(ringq_pipe_output(here), RINGQ_WRITABLE), >=, 0);
	ringq_pipe_close(here);
	ringq_pipe_close(there);
	ringq_queue_release(queue);
}
