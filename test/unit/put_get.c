/* SPDX-License-Identifier: MIT */
/* Putting and getting single records, by one thread. */
#include "../common.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MIB ((size_t)1 << 20)

#define BUFFER (5 << 20)
static char *sent, *received;

__attribute__((constructor)) static void make_buffers(void)
{
	sent = private_memory(BUFFER);
	received = private_memory(BUFFER);
}

/* Calls run with a queue of each kind. */
static void for_each_kind(void (*run)(ringq_queue *queue))
{
	struct rng rng = {1};

	for (size_t i = 0; i < BUFFER; i += 8)
		memcpy(sent + i, &(uint64_t){rng_next(&rng)}, 8);
	for (size_t i = 0; i < kinds_count; i++) {
		ringq_queue *queue = queue_new(&kinds[i].options);

		test_context = kinds[i].name;
		run(queue);
		ringq_queue_release(queue);
	}
}

/* Puts and gets a record of len bytes that begins at some offset of what is random, and comes to one of its own. */
static void pass_to(ringq_queue *queue, size_t len, size_t offset, size_t to)
{
	received[to + len] = 'g';
	check_eq(ringq_put(queue, sent + offset, len, RINGQ_NOWAIT), 0);
	check_eq(ringq_get(queue, received + to, len, RINGQ_NOWAIT), len);
	check(!memcmp(sent + offset, received + to, len));
	check_eq(received[to + len], 'g');
}

static void pass(ringq_queue *queue, size_t len, size_t offset)
{
	pass_to(queue, len, offset, offset % 8);
}

/* In a page, a copy's two sides lie one just behind the other here: then it is made in pieces. */
static void pass_side_by_side(ringq_queue *queue)
{
	static const size_t lengths[] = {2048, 2049, 3071, 4088, 4096, 8191, 32767, 300001};

	for (size_t l = 0; l < COUNT(lengths); l++) {
		size_t step = lengths[l] > 5000 ? 8 : 1;

		for (size_t at = 0; at < 96; at += step)
			pass_to(queue, lengths[l], 96 - at, at);
	}
}

static void pass_in_order(ringq_queue *queue)
{
	static char record[3000];
	uint32_t in = 0, out = 0;
	struct rng rng = {2};

	for (int batch = 1; batch < 200; batch++) {
		for (int i = 0; i < batch; i++) {
			size_t len = record_random_len(&rng, sizeof(record));

			record_fill(record, len, (struct record_id){.number = in++});
			check_eq(ringq_put(queue, record, len, RINGQ_NOWAIT), 0);
		}
		check_eq(ringq_size(queue), batch);
		while (out < in) {
			ssize_t len = ringq_get(queue, record, sizeof(record), RINGQ_NOWAIT);

			check_eq(record_check(record, len).number, out++);
		}
		check(ringq_empty(queue));
	}
}

Test(put_get, first_in_first_out)
{
	for_each_kind(pass_in_order);
}

static void pass_empty(ringq_queue *queue)
{
	check_eq(ringq_put(queue, NULL, 0, RINGQ_NOWAIT), 0);
	check_eq(ringq_put(queue, "x", 1, RINGQ_NOWAIT), 0);
	check_eq(ringq_put(queue, "", 0, RINGQ_NOWAIT), 0);
	check_eq(ringq_size(queue), 3);
	check(!ringq_empty(queue));
	check_eq(ringq_peek(queue, received, 10), 0);
	check_eq(ringq_get(queue, received, 10, RINGQ_NOWAIT), 0);
	check_eq(ringq_get(queue, received, 10, RINGQ_NOWAIT), 1);
	check_eq(ringq_get(queue, NULL, 0, RINGQ_NOWAIT), 0);
	check_eq(ringq_get(queue, NULL, 0, RINGQ_NOWAIT), -EAGAIN);
	check(ringq_empty(queue));
	for (int i = 0; i < 10000; i++)
		check_eq(ringq_put(queue, NULL, 0, RINGQ_NOWAIT), 0);
	for (int i = 0; i < 10000; i++)
		check_eq(ringq_get(queue, NULL, 0, RINGQ_NOWAIT), 0);
	check_eq(ringq_get(queue, NULL, 0, RINGQ_NOWAIT), -EAGAIN);
}

Test(put_get, empty_record_is_a_record)
{
	for_each_kind(pass_empty);
}

static void pass_small(ringq_queue *queue)
{
	for (size_t len = 0; len <= 300; len++)
		for (size_t offset = 0; offset < 9; offset++)
			pass(queue, len, offset);
}

Test(put_get, every_small_size_comes_out_exact_at_any_alignment)
{
	for_each_kind(pass_small);
}

static void pass_around_powers(ringq_queue *queue)
{
	static const int around[] = {-65, -64, -33, -32, -17, -16, -9, -8, -7, -1, 0, 1, 7, 8, 9, 64};

	for (size_t power = 128; power <= 4 * MIB; power *= 2)
		for (size_t i = 0; i < COUNT(around); i++)
			pass(queue, power + around[i], i);
}

Test(put_get, long_records_come_out_exact_wherever_they_lie_in_a_page)
{
	for_each_kind(pass_side_by_side);
}

Test(put_get, sizes_around_powers_of_two_come_out_exact, .timeout = 200)
{
	for_each_kind(pass_around_powers);
}

static void pass_growing_backlog(ringq_queue *queue)
{
	enum { RECORDS = 60 };

	/* Of all sizes at once, so that large ones lie behind and between small ones. */
	for (size_t step = 1; step < 2000; step *= 3) {
		for (size_t i = 0; i < RECORDS; i++)
			check_eq(ringq_put(queue, sent + i, i * step, RINGQ_NOWAIT), 0);
		for (size_t i = 0; i < RECORDS; i++) {
			check_eq(ringq_get(queue, received, BUFFER, RINGQ_NOWAIT), i * step);
			check(!memcmp(sent + i, received, i * step));
		}
	}
}

Test(put_get, sizes_mix_in_a_backlog)
{
	for_each_kind(pass_growing_backlog);
}

static void check_too_small(ringq_queue *queue)
{
	void *record = NULL;

	check_eq(ringq_put(queue, sent, 1000, RINGQ_NOWAIT), 0);
	check_eq(ringq_put(queue, "next", 4, RINGQ_NOWAIT), 0);
	received[999] = 'g';
	check_eq(ringq_get(queue, received, 999, RINGQ_NOWAIT), -EMSGSIZE);
	check_eq(ringq_get(queue, received, 999, RINGQ_FOREVER), -EMSGSIZE);
	check_eq(ringq_get(queue, NULL, 0, RINGQ_NOWAIT), -EMSGSIZE);
	check_eq(ringq_peek(queue, received, 999), -EMSGSIZE);
	check_eq(received[999], 'g');
	check_eq(ringq_size(queue), 2);
	check_eq(ringq_get_alloc(queue, &record, RINGQ_NOWAIT), 1000);
	check(!memcmp(record, sent, 1000));
	free(record);
	check_eq(ringq_get(queue, received, 4, RINGQ_NOWAIT), 4);
}

/* Each after one of the same length, so that it is the quick call that looks. */
static void check_short_too_small(ringq_queue *queue)
{
	for (size_t len = 1; len <= 80; len++) {
		pass(queue, len, len);
		check_eq(ringq_get(queue, received, SIZE_MAX, RINGQ_NOWAIT), -EAGAIN);
		check_eq(ringq_put(queue, sent + len, len, RINGQ_NOWAIT), 0);
		received[len - 1] = 'g';
		check_eq(ringq_get(queue, received, len - 1, RINGQ_NOWAIT), -EMSGSIZE);
		check_eq(received[len - 1], 'g');
		check_eq(ringq_size(queue), 1);
		check_eq(ringq_get(queue, received, SIZE_MAX, RINGQ_NOWAIT), len);
		check(!memcmp(sent + len, received, len));
	}
}

Test(get, too_small_a_buffer_leaves_a_short_record_where_it_is)
{
	for_each_kind(check_short_too_small);
}

Test(get, too_small_a_buffer_leaves_the_record_to_get_alloc)
{
	for_each_kind(check_too_small);
}

static void check_alloc(ringq_queue *queue)
{
	void *untouched = &queue, *record = untouched;
	static const size_t sizes[] = {0, 1, 7, 8, 100, 4096, 100000, 4 * MIB};

	check_eq(ringq_get_alloc(queue, &record, RINGQ_NOWAIT), -EAGAIN);
	check(record == untouched);
	for (size_t i = 0; i < COUNT(sizes); i++) {
		record = NULL;
		check_eq(ringq_put(queue, sent, sizes[i], RINGQ_NOWAIT), 0);
		check_eq(ringq_get_alloc(queue, &record, RINGQ_NOWAIT), sizes[i]);
		check(record);
		check(!memcmp(record, sent, sizes[i]));
		free(record);
	}
}

Test(get_alloc, gives_memory_to_free_also_for_an_empty_record)
{
	for_each_kind(check_alloc);
}

static void check_peek(ringq_queue *queue)
{
	check_eq(ringq_peek(queue, received, 10), -EAGAIN);
	check_eq(ringq_put(queue, "first", 5, RINGQ_NOWAIT), 0);
	check_eq(ringq_put(queue, "second", 6, RINGQ_NOWAIT), 0);
	for (int i = 0; i < 3; i++) {
		check_eq(ringq_peek(queue, received, 5 + i), 5);
		check(!memcmp(received, "first", 5));
	}
	check_eq(ringq_size(queue), 2);
	check_eq(ringq_get(queue, received, 10, RINGQ_NOWAIT), 5);
	check_eq(ringq_peek(queue, received, 10), 6);
	check_eq(ringq_get(queue, received, 10, RINGQ_NOWAIT), 6);
	check(!memcmp(received, "second", 6));
	check_eq(ringq_peek(queue, received, 10), -EAGAIN);
}

Test(peek, leaves_the_record)
{
	for_each_kind(check_peek);
}

Test(put_get, null_is_einval)
{
	ringq_queue *queue = queue_new(&(struct ringq_queue_options){0});
	struct iovec iov = {received, 10};
	void *out;

	check_eq(ringq_put(NULL, "x", 1, RINGQ_NOWAIT), -EINVAL);
	check_eq(ringq_put(queue, NULL, 1, RINGQ_NOWAIT), -EINVAL);
	check_eq(ringq_get(NULL, received, 1, RINGQ_NOWAIT), -EINVAL);
	check_eq(ringq_get(queue, NULL, 1, RINGQ_NOWAIT), -EINVAL);
	check_eq(ringq_get_alloc(NULL, &out, RINGQ_NOWAIT), -EINVAL);
	check_eq(ringq_get_alloc(queue, NULL, RINGQ_NOWAIT), -EINVAL);
	check_eq(ringq_peek(NULL, received, 1), -EINVAL);
	check_eq(ringq_peek(queue, NULL, 1), -EINVAL);
	check_eq(ringq_put_many(NULL, &iov, 1, RINGQ_NOWAIT), -EINVAL);
	check_eq(ringq_put_many(queue, NULL, 1, RINGQ_NOWAIT), -EINVAL);
	check_eq(ringq_get_many(NULL, &iov, 1, RINGQ_NOWAIT), -EINVAL);
	check_eq(ringq_get_many(queue, NULL, 1, RINGQ_NOWAIT), -EINVAL);
	check_eq(ringq_reserve(NULL, &out, 1, RINGQ_NOWAIT), -EINVAL);
	check_eq(ringq_reserve(queue, NULL, 1, RINGQ_NOWAIT), -EINVAL);
	check_eq(ringq_commit(NULL, received, 1), -EINVAL);
	check_eq(ringq_commit(queue, NULL, 0), -EINVAL);
	ringq_abort(NULL, received);
	ringq_abort(queue, NULL);
	check(ringq_empty(queue));
	ringq_queue_release(queue);
}

Test(timeout, of_another_negative_value_is_einval_also_where_nothing_would_wait)
{
	static const int64_t bad[] = {-2, -3, -RINGQ_SEC(1), INT64_MIN};
	ringq_queue *queue = queue_new(&(struct ringq_queue_options){0});
	struct iovec iov = {received, 10};
	void *out;

	check_eq(put_number(queue, 1, RINGQ_NOWAIT), 0);
	for (size_t i = 0; i < COUNT(bad); i++) {
		check_eq(put_number(queue, 2, bad[i]), -EINVAL);
		check_eq(get_number(queue, bad[i]), -EINVAL);
		check_eq(ringq_get_alloc(queue, &out, bad[i]), -EINVAL);
		check_eq(ringq_put_many(queue, &iov, 1, bad[i]), -EINVAL);
		check_eq(ringq_get_many(queue, &iov, 1, bad[i]), -EINVAL);
		check_eq(ringq_reserve(queue, &out, 1, bad[i]), -EINVAL);
		check_eq(ringq_wait_any(&queue, 1, bad[i]), -EINVAL);
	}
	check_eq(ringq_size(queue), 1);
	check_eq(get_number(queue, INT64_MAX), 1);
	ringq_queue_release(queue);
}

static void check_empty(ringq_queue *queue)
{
	static const int64_t timeouts[] = {1, RINGQ_US(10), RINGQ_MS(1), RINGQ_MS(30)};
	struct iovec iov = {received, 10};
	void *out;

	check_eq(ringq_get(queue, received, 10, RINGQ_NOWAIT), -EAGAIN);
	check_eq(ringq_get_alloc(queue, &out, RINGQ_NOWAIT), -EAGAIN);
	check_eq(ringq_get_many(queue, &iov, 1, RINGQ_NOWAIT), -EAGAIN);
	check_eq(ringq_peek(queue, received, 10), -EAGAIN);
	for (size_t i = 0; i < COUNT(timeouts); i++) {
		int64_t start = now_ns();

		check_eq(ringq_get(queue, received, 10, timeouts[i]), -ETIMEDOUT);
		check_waited(start, timeouts[i]);
		start = now_ns();
		check_eq(ringq_get_alloc(queue, &out, timeouts[i]), -ETIMEDOUT);
		check_waited(start, timeouts[i]);
		start = now_ns();
		check_eq(ringq_get_many(queue, &iov, 1, timeouts[i]), -ETIMEDOUT);
		check_waited(start, timeouts[i]);
	}
}

Test(get, of_an_empty_queue_waits_as_long_as_it_may)
{
	for_each_kind(check_empty);
}

Test(times, may_be_fractions)
{
	check_eq(RINGQ_SEC(0.5), 500000000);
	check_eq(RINGQ_MS(1.5), 1500000);
	check_eq(RINGQ_US(2), 2000);
	check_eq(RINGQ_SEC(4000000000u), 4000000000000000000);
}
