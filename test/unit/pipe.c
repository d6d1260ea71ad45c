/* SPDX-License-Identifier: MIT */
/* Pipes within one process: records and their borders, both directions, ends that close, and all that queues do. */
#include "../common.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

static const unsigned flags[] = {
	0,
	RINGQ_SINGLE_PRODUCER,
	RINGQ_SINGLE_CONSUMER,
	RINGQ_SINGLE_PRODUCER | RINGQ_SINGLE_CONSUMER,
};

struct ends {
	ringq_pipe *a, *b;
};

static struct ends pipe_new(unsigned with)
{
	struct ends ends = {NULL, NULL};

	check_eq(ringq_pipe_create(&ends.a, &ends.b, NULL, with), 0);
	check(ends.a && ends.b);
	return ends;
}

static void pipe_end(struct ends ends)
{
	ringq_pipe_close(ends.a);
	ringq_pipe_close(ends.b);
}

static int send_number(ringq_pipe *end, int64_t number, int64_t timeout)
{
	return ringq_send(end, &number, sizeof(number), timeout);
}

static int64_t receive_number(ringq_pipe *end, int64_t timeout)
{
	int64_t number;
	ssize_t len = ringq_receive(end, &number, sizeof(number), timeout);

	return len == sizeof(number) ? number : len;
}

static bool readable(int fd, int64_t timeout)
{
	struct pollfd pollfd = {.fd = fd, .events = POLLIN};

	return poll(&pollfd, 1, timeout / RINGQ_MS(1)) == 1;
}

Test(pipe, is_two_ways)
{
	for (size_t i = 0; i < COUNT(flags); i++) {
		struct ends ends = pipe_new(flags[i]);

		for (int k = 0; k < 1000; k++) {
			check_eq(send_number(ends.a, k, RINGQ_NOWAIT), 0);
			check_eq(send_number(ends.b, -1000 - k, RINGQ_NOWAIT), 0);
		}
		for (int k = 0; k < 1000; k++) {
			check_eq(receive_number(ends.b, RINGQ_NOWAIT), k);
			check_eq(receive_number(ends.a, RINGQ_NOWAIT), -1000 - k);
		}
		check_eq(receive_number(ends.a, RINGQ_NOWAIT), -EAGAIN);
		check_eq(receive_number(ends.b, RINGQ_NOWAIT), -EAGAIN);
		pipe_end(ends);
	}
}

Test(pipe, simplex_goes_from_the_second_end_to_the_first)
{
	struct ends ends = pipe_new(RINGQ_SIMPLEX);

	check_eq(send_number(ends.b, 1, RINGQ_NOWAIT), 0);
	check_eq(receive_number(ends.a, RINGQ_NOWAIT), 1);
	check_eq(send_number(ends.a, 1, RINGQ_NOWAIT), -EINVAL);
	check_eq(receive_number(ends.b, RINGQ_NOWAIT), -EINVAL);
	check_eq(ringq_poll(ends.b, RINGQ_NOWAIT), -EINVAL);
	check(ringq_pipe_input(ends.a) && !ringq_pipe_output(ends.a));
	check(!ringq_pipe_input(ends.b) && ringq_pipe_output(ends.b));
	pipe_end(ends);
}

Test(pipe, keeps_borders_of_records_of_all_sizes)
{
	static const size_t sizes[] = {0, 1, 7, 8, 9, 100, 4096, 65536, 1 << 20, 20 << 20};
	char *in = malloc(20 << 20), *out = malloc(20 << 20);
	struct ends ends = pipe_new(0);

	for (size_t i = 0; i < COUNT(sizes); i++) {
		memset(in, 'a' + (int)i, sizes[i]);
		check_eq(ringq_send(ends.a, in, sizes[i], RINGQ_NOWAIT), 0);
		if (sizes[i])
			check_eq(ringq_receive(ends.b, out, sizes[i] - 1, RINGQ_NOWAIT), -EMSGSIZE);
		check_eq(ringq_receive(ends.b, out, 20 << 20, RINGQ_NOWAIT), sizes[i]);
		check(!memcmp(in, out, sizes[i]));
	}
	for (int k = 0; k < 50; k++)
		check_eq(ringq_send(ends.a, in, (size_t)k, RINGQ_NOWAIT), 0);
	for (int k = 0; k < 50; k++)
		check_eq(ringq_receive(ends.b, out, 100, RINGQ_NOWAIT), k);
	pipe_end(ends);
	free(in);
	free(out);
}

Test(pipe, receive_is_epipe_once_drained_when_the_other_end_is_closed)
{
	for (size_t i = 0; i < COUNT(flags); i++) {
		struct ends ends = pipe_new(flags[i]);

		check_eq(send_number(ends.a, 1, RINGQ_NOWAIT), 0);
		check_eq(send_number(ends.a, 2, RINGQ_NOWAIT), 0);
		ringq_pipe_close(ends.a);
		check_eq(send_number(ends.b, 3, RINGQ_NOWAIT), -EPIPE);
		check_eq(receive_number(ends.b, RINGQ_FOREVER), 1);
		check_eq(receive_number(ends.b, RINGQ_FOREVER), 2);
		for (int k = 0; k < 3; k++) {
			check_eq(receive_number(ends.b, RINGQ_FOREVER), -EPIPE);
			check_eq(receive_number(ends.b, RINGQ_NOWAIT), -EPIPE);
			check_eq(ringq_poll(ends.b, RINGQ_NOWAIT), 1);
		}
		ringq_pipe_close(ends.b);
	}
}

Test(pipe, send_is_epipe_at_once_without_anybody_to_receive)
{
	struct ends used = pipe_new(RINGQ_SIMPLEX), fresh = pipe_new(RINGQ_SIMPLEX);

	check_eq(send_number(used.b, 1, RINGQ_NOWAIT), 0);
	check_eq(receive_number(used.a, RINGQ_NOWAIT), 1);
	ringq_pipe_close(used.a);
	ringq_pipe_close(fresh.a);
	check_eq(send_number(used.b, 1, RINGQ_FOREVER), -EPIPE);
	check_eq(send_number(fresh.b, 1, RINGQ_FOREVER), -EPIPE);
	ringq_pipe_close(used.b);
	ringq_pipe_close(fresh.b);
}

struct later {
	ringq_pipe *end;
	int result;
};

static void *close_end_later(void *arg)
{
	pause_ns(RINGQ_MS(30));
	ringq_pipe_close(arg);
	return NULL;
}

static void *send_later(void *arg)
{
	pause_ns(RINGQ_MS(30));
	check_eq(send_number(arg, 5, RINGQ_NOWAIT), 0);
	return NULL;
}

Test(pipe, close_wakes_who_sleeps_at_the_other_end)
{
	char record[1 << 20] = {0};

	for (size_t i = 0; i < COUNT(flags); i++) {
		struct ends ends = pipe_new(flags[i]);
		pthread_t thread = start_thread(close_end_later, ends.a);

		check_eq(receive_number(ends.b, RINGQ_FOREVER), -EPIPE);
		join_thread(thread);
		ringq_pipe_close(ends.b);

		ends = pipe_new(flags[i]);
		thread = start_thread(close_end_later, ends.a);
		int rc;
		while ((rc = ringq_send(ends.b, record, sizeof(record), RINGQ_FOREVER)) == 0)
			continue;
		check_eq(rc, -EPIPE);
		join_thread(thread);
		ringq_pipe_close(ends.b);

		ends = pipe_new(flags[i]);
		thread = start_thread(close_end_later, ends.a);
		check_eq(ringq_poll(ends.b, RINGQ_FOREVER), 1);
		join_thread(thread);
		ringq_pipe_close(ends.b);
	}
}

static void *sleep_in_receive(void *arg)
{
	struct later *later = arg;

	later->result = (int)receive_number(later->end, RINGQ_FOREVER);
	return NULL;
}

Test(pipe, close_ends_calls_of_other_threads_on_the_same_end)
{
	struct ends ends = pipe_new(0);
	struct later later[3] = {{ends.a, 0}, {ends.a, 0}, {ends.a, 0}};
	pthread_t threads[3];

	for (size_t i = 0; i < COUNT(threads); i++)
		threads[i] = start_thread(sleep_in_receive, &later[i]);
	pause_ns(RINGQ_MS(150));
	ringq_pipe_close(ends.a);
	for (size_t i = 0; i < COUNT(threads); i++) {
		join_thread(threads[i]);
		check_eq(later[i].result, -EBADF);
	}
	check_eq(receive_number(ends.b, RINGQ_FOREVER), -EPIPE);
	ringq_pipe_close(ends.b);
}

Test(pipe, times_out_no_sooner_than_asked)
{
	struct ends ends = pipe_new(0);
	char record[1 << 20] = {0};
	int64_t start = now_ns();

	check_eq(receive_number(ends.a, RINGQ_MS(250)), -ETIMEDOUT);
	check_waited(start, RINGQ_MS(250));
	start = now_ns();
	check_eq(ringq_poll(ends.a, RINGQ_MS(250)), 0);
	check_waited(start, RINGQ_MS(250));
	check_eq(ringq_poll(ends.a, RINGQ_NOWAIT), 0);
	while (ringq_send(ends.a, record, sizeof(record), RINGQ_NOWAIT) == 0)
		continue;
	check_eq(ringq_send(ends.a, record, sizeof(record), RINGQ_NOWAIT), -EAGAIN);
	start = now_ns();
	check_eq(ringq_send(ends.a, record, sizeof(record), RINGQ_MS(250)), -ETIMEDOUT);
	check_waited(start, RINGQ_MS(250));
	pipe_end(ends);
}

Test(pipe, poll_wakes_for_a_record_and_leaves_it)
{
	struct ends ends = pipe_new(0);
	pthread_t thread = start_thread(send_later, ends.a);

	check_eq(ringq_poll(ends.b, RINGQ_FOREVER), 1);
	check_eq(ringq_poll(ends.b, RINGQ_NOWAIT), 1);
	check_eq(receive_number(ends.b, RINGQ_NOWAIT), 5);
	check_eq(ringq_poll(ends.b, RINGQ_NOWAIT), 0);
	join_thread(thread);
	pipe_end(ends);
}

Test(pipe, event_fd_tells_of_records_and_of_the_end)
{
	struct ends ends = pipe_new(0);
	int fd = ringq_event_fd(ringq_pipe_input(ends.b));
	pthread_t thread;

	check_compare(fd, >=, 0);
	while (receive_number(ends.b, RINGQ_NOWAIT) != -EAGAIN || readable(fd, RINGQ_MS(20)))
		continue;
	thread = start_thread(send_later, ends.a);
	check(readable(fd, TEST_SOON));
	join_thread(thread);
	check_eq(receive_number(ends.b, RINGQ_NOWAIT), 5);
	while (receive_number(ends.b, RINGQ_NOWAIT) != -EAGAIN || readable(fd, RINGQ_MS(20)))
		continue;
	thread = start_thread(close_end_later, ends.a);
	check(readable(fd, TEST_SOON));
	join_thread(thread);
	check_eq(receive_number(ends.b, RINGQ_NOWAIT), -EPIPE);
	check(readable(fd, TEST_SOON));
	ringq_pipe_close(ends.b);
}

Test(pipe, waits_beside_queues)
{
	struct ends ends = pipe_new(0);
	ringq_queue *queue = queue_in(ringq_pipe_region(ends.a), NULL);
	ringq_queue *all[] = {queue, ringq_pipe_input(ends.b)};
	pthread_t thread;

	check_eq(ringq_wait_any(all, 2, RINGQ_NOWAIT), -EAGAIN);
	check_eq(put_number(queue, 1, RINGQ_NOWAIT), 0);
	check_eq(ringq_wait_any(all, 2, RINGQ_FOREVER), 0);
	check_eq(get_number(queue, RINGQ_NOWAIT), 1);
	thread = start_thread(send_later, ends.a);
	check_eq(ringq_wait_any(all, 2, RINGQ_FOREVER), 1);
	join_thread(thread);
	check_eq(receive_number(ends.b, RINGQ_NOWAIT), 5);
	thread = start_thread(close_end_later, ends.a);
	check_eq(ringq_wait_any(all, 2, RINGQ_FOREVER), 1);
	join_thread(thread);
	check_eq(receive_number(ends.b, RINGQ_NOWAIT), -EPIPE);
	ringq_queue_release(queue);
	ringq_pipe_close(ends.b);
}

Test(pipe, batches_and_reservations)
{
	struct ends ends = pipe_new(0);
	int64_t numbers[64];
	struct iovec in[64], out[64];
	void *place, *data;

	for (int i = 0; i < 64; i++) {
		in[i] = (struct iovec){&numbers[i], sizeof(numbers[i])};
		out[i] = (struct iovec){malloc(8), 8};
		numbers[i] = i;
	}
	check_eq(ringq_put_many(ringq_pipe_output(ends.a), in, 64, RINGQ_NOWAIT), 64);
	check_eq(ringq_get_many(ringq_pipe_input(ends.b), out, 64, RINGQ_NOWAIT), 64);
	for (int i = 0; i < 64; i++) {
		check(!memcmp(out[i].iov_base, &numbers[i], 8));
		free(out[i].iov_base);
	}
	check_eq(ringq_reserve(ringq_pipe_output(ends.a), &place, 100, RINGQ_NOWAIT), 0);
	memcpy(place, "hello", 5);
	check_eq(ringq_commit(ringq_pipe_output(ends.a), place, 5), 0);
	check_eq(ringq_get_alloc(ringq_pipe_input(ends.b), &data, RINGQ_NOWAIT), 5);
	check(!memcmp(data, "hello", 5));
	free(data);
	ringq_pipe_close(ends.b);
	check_eq(ringq_put_many(ringq_pipe_output(ends.a), in, 64, RINGQ_FOREVER), -EPIPE);
	check_eq(ringq_reserve(ringq_pipe_output(ends.a), &place, 100, RINGQ_FOREVER), -EPIPE);
	check_eq(ringq_get_many(ringq_pipe_input(ends.a), out, 64, RINGQ_FOREVER), -EPIPE);
	check_eq(ringq_get_alloc(ringq_pipe_input(ends.a), &data, RINGQ_FOREVER), -EPIPE);
	check_eq(ringq_peek(ringq_pipe_input(ends.a), numbers, 8), -EPIPE);
	ringq_pipe_close(ends.a);
}

Test(pipe, refuses_calls_of_the_wrong_side)
{
	struct ends ends = pipe_new(0);
	ringq_queue *in = ringq_pipe_input(ends.a), *out = ringq_pipe_output(ends.a);
	int64_t number = 1;
	struct iovec record = {&number, sizeof(number)};
	void *place;

	check_eq(send_number(ends.a, 1, RINGQ_NOWAIT), 0);
	check_eq(get_number(out, RINGQ_NOWAIT), -EINVAL);
	check_eq(ringq_peek(out, &number, 8), -EINVAL);
	check_eq(ringq_get_many(out, &record, 1, RINGQ_NOWAIT), -EINVAL);
	check_eq(ringq_get_alloc(out, &place, RINGQ_NOWAIT), -EINVAL);
	check_eq(put_number(in, 1, RINGQ_NOWAIT), -EINVAL);
	check_eq(ringq_put_many(in, &record, 1, RINGQ_NOWAIT), -EINVAL);
	check_eq(ringq_reserve(in, &place, 8, RINGQ_NOWAIT), -EINVAL);
	check_eq(receive_number(ends.b, RINGQ_NOWAIT), 1);
	check_eq(receive_number(ends.a, RINGQ_NOWAIT), -EAGAIN);
	pipe_end(ends);
}

Test(pipe, one_direction_can_be_closed)
{
	struct ends ends = pipe_new(0);

	check_eq(send_number(ends.a, 1, RINGQ_NOWAIT), 0);
	check_eq(ringq_close(ringq_pipe_output(ends.a)), 0);
	check_eq(send_number(ends.a, 2, RINGQ_NOWAIT), -EPIPE);
	check_eq(receive_number(ends.b, RINGQ_NOWAIT), 1);
	check_eq(receive_number(ends.b, RINGQ_NOWAIT), -EPIPE);
	check_eq(send_number(ends.b, 3, RINGQ_NOWAIT), 0);
	check_eq(receive_number(ends.a, RINGQ_NOWAIT), 3);
	pipe_end(ends);
}

Test(pipe, refuses_bad_arguments)
{
	ringq_pipe *a = NULL, *b = NULL;
	struct ends ends = pipe_new(0);

	check_eq(ringq_pipe_create(NULL, &b, NULL, 0), -EINVAL);
	check_eq(ringq_pipe_create(&a, NULL, NULL, 0), -EINVAL);
	check_eq(ringq_pipe_create(&a, &b, NULL, 8), -EINVAL);
	check(!a && !b);
	check_eq(ringq_send(NULL, "", 0, RINGQ_NOWAIT), -EINVAL);
	check_eq(ringq_send(ends.a, NULL, 1, RINGQ_NOWAIT), -EINVAL);
	check_eq(ringq_send(ends.a, "", 0, -2), -EINVAL);
	check_eq(ringq_receive(NULL, NULL, 0, RINGQ_NOWAIT), -EINVAL);
	check_eq(ringq_receive(ends.a, NULL, 1, RINGQ_NOWAIT), -EINVAL);
	check_eq(ringq_poll(NULL, RINGQ_NOWAIT), -EINVAL);
	check_eq(ringq_poll(ends.a, -2), -EINVAL);
	check_eq(ringq_pipe_give(NULL, 0), -EINVAL);
	check_eq(ringq_pipe_give(ends.a, -1), -EBADF);
	check_eq(ringq_pipe_take(NULL, 0), -EINVAL);
	check_eq(ringq_pipe_take(&a, -1), -EBADF);
	check(!ringq_pipe_input(NULL) && !ringq_pipe_output(NULL) && !ringq_pipe_region(NULL));
	ringq_pipe_close(NULL);
	pipe_end(ends);
}

Test(pipe, is_not_the_first_queue_of_its_region)
{
	struct ends ends = pipe_new(0);
	ringq_region *region = ringq_pipe_region(ends.a);
	ringq_queue *queue, *found;

	check_eq(ringq_queue_open(&found, region, NULL), -ENOENT);
	queue = queue_in(region, NULL);
	check_eq(ringq_queue_open(&found, region, NULL), 0);
	check_eq(put_number(queue, 7, RINGQ_NOWAIT), 0);
	check_eq(get_number(found, RINGQ_NOWAIT), 7);
	ringq_queue_release(found);
	ringq_queue_release(queue);
	pipe_end(ends);
}

Test(pipe, leaves_nothing_open)
{
	unsigned descriptors = 0, mappings = count_region_mappings();

	for (int round = 0; round < 20; round++) {
		struct ends ends = pipe_new(round % 2 ? RINGQ_SIMPLEX : 0);

		check_eq(send_number(ends.b, 1, RINGQ_NOWAIT), 0);
		pipe_end(ends);
		if (round == 1)
			descriptors = count_descriptors();
	}
	check_eq(count_descriptors(), descriptors);
	check_eq(count_region_mappings(), mappings);
}

/* Units that belong to somebody, seen by what is left for a queue to take: a record as large as the region allows. */
Test(pipe, gives_its_memory_back)
{
	ringq_region *region = region_new(1 << 20);
	char *record = calloc(1, 400000);
	int64_t before = 0;

	for (uint64_t round = 0; round < brief_or_long(2000, 20000); round++) {
		struct ends ends;

		check_eq(ringq_pipe_create(&ends.a, &ends.b, region, 0), 0);
		check_eq(ringq_send(ends.a, record, 100000, RINGQ_NOWAIT), 0);
		check_eq(ringq_send(ends.b, record, 100000, RINGQ_NOWAIT), 0);
		for (int i = 0; i < 100; i++)
			check_eq(ringq_send(ends.a, record, 100, RINGQ_NOWAIT), 0);
		if (round % 2)
			check_eq(ringq_receive(ends.b, record, 400000, RINGQ_NOWAIT), 100000);
		pipe_end(ends);
		if (round == 2)
			before = ringq_region_memory(region);
	}
	check_compare(ringq_region_memory(region), <=, before);
	ringq_region_detach(region);
	free(record);
}
