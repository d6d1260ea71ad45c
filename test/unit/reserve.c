/* SPDX-License-Identifier: MIT */
/* Records written in place. */
#include "../common.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#define MIB ((size_t)1 << 20)

static const struct ringq_queue_options defaults;
#define BUFFER (4 << 20)
static char *buffer;

__attribute__((constructor)) static void make_buffer(void)
{
	buffer = private_memory(BUFFER);
}

static void *reserve(ringq_queue *queue, size_t len)
{
	void *reserved = NULL;

	check_eq(ringq_reserve(queue, &reserved, len, RINGQ_NOWAIT), 0);
	check(reserved);
	check_eq((uintptr_t)reserved % 8, 0);
	return reserved;
}

static void for_each_kind(void (*run)(ringq_queue *queue))
{
	for (size_t i = 0; i < kinds_count; i++) {
		ringq_queue *queue = queue_new(&kinds[i].options);

		test_context = kinds[i].name;
		run(queue);
		check(ringq_empty(queue));
		check_eq(put_number(queue, 1, RINGQ_NOWAIT), 0);
		check_eq(get_number(queue, RINGQ_NOWAIT), 1);
		ringq_queue_release(queue);
	}
}

static void commit_lengths(ringq_queue *queue)
{
	static const size_t lens[] = {0, 1, 7, 8, 9, 100, 4000, 70000, 3 * MIB};

	for (size_t i = 0; i < COUNT(lens); i++) {
		for (size_t k = 0; k <= i; k++) {
			void *reserved = reserve(queue, lens[i]);

			memset(reserved, 0xee, lens[i]);
			record_fill(reserved, lens[k], (struct record_id){.number = i});
			check_eq(ringq_commit(queue, reserved, lens[k]), 0);
			check_eq(ringq_size(queue), 1);
			check_eq(ringq_get(queue, buffer, BUFFER, RINGQ_NOWAIT), lens[k]);
			if (lens[k] >= RECORD_MIN)
				check_eq(record_check(buffer, lens[k]).number, i);
		}
	}
}

Test(reserve, commits_whole_or_shrunk)
{
	for_each_kind(commit_lengths);
}

static void commit_between_puts(ringq_queue *queue)
{
	for (int i = 0; i < 3000; i += 3) {
		int64_t *reserved;

		check_eq(put_number(queue, i, RINGQ_NOWAIT), 0);
		reserved = reserve(queue, 200);
		*reserved = i + 1;
		check_eq(ringq_commit(queue, reserved, 8), 0);
		check_eq(put_number(queue, i + 2, RINGQ_NOWAIT), 0);
	}
	for (int i = 0; i < 3000; i++)
		check_eq(get_number(queue, RINGQ_NOWAIT), i);
}

Test(reserve, keeps_its_place_among_puts)
{
	for_each_kind(commit_between_puts);
}

static void abort_leaves_nothing(ringq_queue *queue)
{
	static const size_t lens[] = {0, 8, 100, 70000, 3 * MIB};

	for (size_t i = 0; i < COUNT(lens); i++) {
		check_eq(put_number(queue, 1, RINGQ_NOWAIT), 0);
		ringq_abort(queue, reserve(queue, lens[i]));
		check_eq(put_number(queue, 2, RINGQ_NOWAIT), 0);
		ringq_abort(queue, reserve(queue, lens[i]));
		check_eq(ringq_size(queue), 2);
		check_eq(get_number(queue, RINGQ_NOWAIT), 1);
		check_eq(get_number(queue, RINGQ_NOWAIT), 2);
		check_eq(get_number(queue, RINGQ_NOWAIT), -EAGAIN);
	}
}

Test(reserve, aborted_never_existed)
{
	for_each_kind(abort_leaves_nothing);
}

static void one_at_a_time(ringq_queue *queue)
{
	struct iovec iov = {buffer, 8};
	void *reserved = reserve(queue, 64), *second = &iov;

	check_eq(ringq_reserve(queue, &second, 8, RINGQ_NOWAIT), -EBUSY);
	check_eq(ringq_reserve(queue, &second, 8, RINGQ_FOREVER), -EBUSY);
	check(second == &iov);
	check_eq(put_number(queue, 1, RINGQ_NOWAIT), -EBUSY);
	check_eq(put_number(queue, 1, RINGQ_FOREVER), -EBUSY);
	check_eq(ringq_put_many(queue, &iov, 1, RINGQ_NOWAIT), -EBUSY);
	check_eq(get_number(queue, RINGQ_NOWAIT), -EAGAIN);
	memcpy(reserved, &(int64_t){7}, 8);
	check_eq(ringq_commit(queue, reserved, 8), 0);
	check_eq(put_number(queue, 8, RINGQ_NOWAIT), 0);
	check_eq(get_number(queue, RINGQ_NOWAIT), 7);
	check_eq(get_number(queue, RINGQ_NOWAIT), 8);
}

Test(reserve, one_at_a_time_for_a_thread_and_queue)
{
	for_each_kind(one_at_a_time);
}

static void refuse_what_is_not_reserved(ringq_queue *queue)
{
	char *reserved = reserve(queue, 64);

	check_eq(ringq_commit(queue, buffer, 8), -EINVAL);
	check_eq(ringq_commit(queue, reserved + 8, 8), -EINVAL);
	check_eq(ringq_commit(queue, reserved - 8, 8), -EINVAL);
	check_eq(ringq_commit(queue, reserved, 65), -EINVAL);
	check_eq(ringq_commit(queue, reserved, SIZE_MAX), -EINVAL);
	ringq_abort(queue, buffer);
	ringq_abort(queue, reserved + 8);
	check(ringq_empty(queue));
	memcpy(reserved, &(int64_t){7}, 8);
	check_eq(ringq_commit(queue, reserved, 8), 0);
	check_eq(ringq_commit(queue, reserved, 8), -EINVAL);
	ringq_abort(queue, reserved);
	check_eq(get_number(queue, RINGQ_NOWAIT), 7);
	check_eq(ringq_commit(queue, reserved, 8), -EINVAL);
}

Test(reserve, commit_of_anything_else_is_einval_and_harmless)
{
	for_each_kind(refuse_what_is_not_reserved);
}

Test(reserve, two_queues_have_a_reservation_each)
{
	ringq_queue *one = queue_new(&defaults), *two = queue_new(&defaults);
	void *in_one = reserve(one, 8), *in_two = reserve(two, 8);

	check_eq(ringq_commit(one, in_two, 8), -EINVAL);
	check_eq(ringq_commit(two, in_one, 8), -EINVAL);
	memcpy(in_one, &(int64_t){1}, 8);
	memcpy(in_two, &(int64_t){2}, 8);
	check_eq(ringq_commit(two, in_two, 8), 0);
	check_eq(ringq_commit(one, in_one, 8), 0);
	check_eq(get_number(one, RINGQ_NOWAIT), 1);
	check_eq(get_number(two, RINGQ_NOWAIT), 2);
	ringq_queue_release(one);
	ringq_queue_release(two);
}

struct handed {
	ringq_queue *queue;
	void *reserved;
};

static void *meddle(void *arg)
{
	struct handed *handed = arg;

	check_eq(ringq_commit(handed->queue, handed->reserved, 8), -EINVAL);
	ringq_abort(handed->queue, handed->reserved);
	check_eq(put_number(handed->queue, 1, RINGQ_NOWAIT), 0);
	check_eq(get_number(handed->queue, RINGQ_NOWAIT), 1);
	check_eq(get_number(handed->queue, RINGQ_NOWAIT), -EAGAIN);
	return NULL;
}

Test(reserve, belongs_to_its_thread_and_nobody_waits_for_it)
{
	for (unsigned order = RINGQ_ORDER_TOTAL; order <= RINGQ_ORDER_PRODUCER; order++) {
		ringq_queue *queue = queue_new(&(struct ringq_queue_options){.order = order});
		struct handed handed = {queue, reserve(queue, 64)};

		join_thread(start_thread(meddle, &handed));
		memcpy(handed.reserved, &(int64_t){2}, 8);
		check_eq(ringq_commit(queue, handed.reserved, 8), 0);
		check_eq(get_number(queue, RINGQ_NOWAIT), 2);
		ringq_queue_release(queue);
	}
}

static void *reserve_and_end(void *queue)
{
	memset(reserve(queue, 5000), 0xff, 5000);
	return NULL;
}

Test(reserve, dropped_with_its_thread_never_existed)
{
	static const struct ringq_queue_options options[] = {
		{.max_producers = 2},
		{.max_producers = 2, .order = RINGQ_ORDER_PRODUCER},
		{.max_producers = 2, .max_records = 1},
		{.max_producers = 2, .max_records = 1, .order = RINGQ_ORDER_PRODUCER},
	};

	for (size_t i = 0; i < COUNT(options); i++) {
		ringq_queue *queue = queue_new(&options[i]);

		for (int round = 0; round < 50; round++) {
			join_thread(start_thread(reserve_and_end, queue));
			check_eq(get_number(queue, RINGQ_NOWAIT), -EAGAIN);
			check_eq(put_number(queue, round, RINGQ_NOWAIT), 0);
			check_eq(get_number(queue, RINGQ_NOWAIT), round);
			check(ringq_empty(queue));
		}
		ringq_queue_release(queue);
	}
}

Test(reserve, holds_a_place_of_a_bounded_queue)
{
	ringq_queue *queue = queue_new(&(struct ringq_queue_options){.max_records = 2});
	void *reserved, *second;

	for (int round = 0; round < 10; round++) {
		check_eq(put_number(queue, 1, RINGQ_NOWAIT), 0);
		reserved = reserve(queue, 8);
		memcpy(reserved, &(int64_t){2}, 8);
		check_eq(ringq_commit(queue, reserved, 8), 0);
		check_eq(ringq_reserve(queue, &second, 8, RINGQ_NOWAIT), -EAGAIN);
		check_eq(get_number(queue, RINGQ_NOWAIT), 1);
		ringq_abort(queue, reserve(queue, 8));
		check_eq(put_number(queue, 3, RINGQ_NOWAIT), 0);
		check_eq(put_number(queue, 4, RINGQ_NOWAIT), -EAGAIN);
		check_eq(get_number(queue, RINGQ_NOWAIT), 2);
		check_eq(get_number(queue, RINGQ_NOWAIT), 3);
	}
	ringq_queue_release(queue);
}

Test(reserve, of_a_full_queue_waits_as_long_as_it_may)
{
	ringq_queue *queue = queue_new(&(struct ringq_queue_options){.max_records = 1});
	int64_t start = now_ns();
	void *reserved;

	check_eq(put_number(queue, 1, RINGQ_NOWAIT), 0);
	check_eq(ringq_reserve(queue, &reserved, 8, RINGQ_NOWAIT), -EAGAIN);
	check_eq(ringq_reserve(queue, &reserved, 8, RINGQ_MS(20)), -ETIMEDOUT);
	check_waited(start, RINGQ_MS(20));
	check_eq(get_number(queue, RINGQ_NOWAIT), 1);
	ringq_queue_release(queue);
}

Test(reserve, gives_back_what_a_shrunk_commit_did_not_need)
{
	ringq_queue *queue = queue_new(&(struct ringq_queue_options){.max_bytes = 100000});

	for (int i = 0; i < 100; i++) {
		void *reserved = reserve(queue, 90000);

		memcpy(reserved, &(int64_t){i}, 8);
		check_eq(ringq_commit(queue, reserved, 8), 0);
	}
	for (int i = 0; i < 100; i++)
		check_eq(get_number(queue, RINGQ_NOWAIT), i);
	ringq_queue_release(queue);
}

Test(reserve, ends_with_its_handle)
{
	ringq_region *region = region_new(0);

	for (int round = 0; round < 20; round++) {
		ringq_queue *queue;

		if (ringq_queue_open(&queue, region, NULL) < 0)
			queue = queue_in(region, &(struct ringq_queue_options){.max_records = 1});
		reserve(queue, 100 * round);
		ringq_queue_release(queue);

		check_eq(ringq_queue_open(&queue, region, NULL), 0);
		check_eq(get_number(queue, RINGQ_NOWAIT), -EAGAIN);
		check_eq(put_number(queue, round, RINGQ_NOWAIT), 0);
		check_eq(get_number(queue, RINGQ_NOWAIT), round);
		ringq_queue_release(queue);
	}
	ringq_region_detach(region);
}

Test(reserve, that_overlaps_close_goes_in_or_does_not)
{
	for (unsigned order = RINGQ_ORDER_TOTAL; order <= RINGQ_ORDER_PRODUCER; order++) {
		ringq_queue *queue = queue_new(&(struct ringq_queue_options){.order = order});
		void *reserved = reserve(queue, 8);
		int rc;

		memcpy(reserved, &(int64_t){3}, 8);
		check_eq(ringq_close(queue), 0);
		rc = ringq_commit(queue, reserved, 8);
		check(rc == 0 || rc == -EPIPE);
		if (rc == 0)
			check_eq(get_number(queue, RINGQ_NOWAIT), 3);
		check_eq(get_number(queue, RINGQ_NOWAIT), -EPIPE);
		check_eq(ringq_reserve(queue, &reserved, 8, RINGQ_NOWAIT), -EPIPE);
		ringq_queue_release(queue);
	}
}
