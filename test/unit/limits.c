/* SPDX-License-Identifier: MIT */
/* How much goes in: max_bytes, the region's size, large records. (max_records has its own file.) */
#include "../common.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MIB ((size_t)1 << 20)
#define OVERHEAD 32 /* a record's, at most */

#define BUFFER (4 << 20)
static char *buffer;

__attribute__((constructor)) static void make_buffer(void)
{
	buffer = private_memory(BUFFER);
}

/* Puts records of a length, numbered from first on, until the queue is full. Returns how many went in. */
static uint32_t fill(ringq_queue *queue, size_t len, uint32_t first)
{
	uint32_t count = 0;
	int rc;

	for (;; count++) {
		record_fill(buffer, len, (struct record_id){.number = first + count});
		rc = ringq_put(queue, buffer, len, RINGQ_NOWAIT);
		if (rc < 0)
			break;
	}
	check_eq(rc, -EAGAIN);
	check_eq(ringq_size(queue), count);
	return count;
}

static void take(ringq_queue *queue, size_t len, uint32_t number)
{
	check_eq(ringq_get(queue, buffer, len, RINGQ_NOWAIT), len);
	check_eq(record_check(buffer, len).number, number);
}

static bool put_next(ringq_queue *queue, size_t len, uint32_t *in)
{
	int rc;

	record_fill(buffer, len, (struct record_id){.number = *in});
	rc = ringq_put(queue, buffer, len, RINGQ_NOWAIT);
	check(rc == 0 || rc == -EAGAIN);
	*in += rc == 0;
	return rc == 0;
}

/* Fills a queue, goes round in it while it is full, and drains it, some times over. */
static void check_max_bytes(const struct ringq_queue_options *options, size_t len)
{
	uint64_t max_bytes = options->max_bytes ? options->max_bytes : 8 * MIB;
	ringq_queue *queue = queue_new(options);
	uint32_t in = 0, out = 0;

	for (int round = 0; round < 3; round++) {
		uint32_t count = fill(queue, len, in);

		in += count;
		check_compare(count * len, <=, max_bytes);
		check_compare((count + 1) * (len + OVERHEAD), >=, max_bytes);
		/* Where padding goes in, too, it takes a second record that goes to make room for one. */
		for (uint32_t i = 0; i < count + 10; i++) {
			while (put_next(queue, len, &in))
				continue;
			take(queue, len, out++);
			if (!put_next(queue, len, &in)) {
				take(queue, len, out++);
				check(put_next(queue, len, &in));
			}
		}
		while (out < in)
			take(queue, len, out++);
		check(ringq_empty(queue) && !ringq_full(queue));
	}
	ringq_queue_release(queue);
}

static void check_all_max_bytes(unsigned order)
{
	static const uint64_t max_bytes[] = {2000, 4096, 65536, 100000, MIB, 0};
	static const size_t lens[] = {8, 9, 100, 1000};
	bool quick = test_size() == TEST_QUICK; /* one length of each, another one in each order */

	for (size_t i = 0; i < COUNT(max_bytes); i++)
		for (size_t k = 0; k < COUNT(lens); k++)
			if (!quick || k == (COUNT(max_bytes) + 1 + order - i) % COUNT(lens))
				check_max_bytes(&(struct ringq_queue_options){.order = order, .max_bytes = max_bytes[i]},
					lens[k]);
}

Test(max_bytes, holds_that_much_in_total_order, .timeout = 200)
{
	check_all_max_bytes(RINGQ_ORDER_TOTAL);
}

Test(max_bytes, holds_that_much_in_producer_order, .timeout = 200)
{
	check_all_max_bytes(RINGQ_ORDER_PRODUCER);
}

static void *put_small(void *queue)
{
	check_eq(put_number(queue, 1, RINGQ_NOWAIT), 0);
	return NULL;
}

Test(max_bytes, of_one_producer_do_not_bound_another)
{
	ringq_queue *queue = queue_new(&(struct ringq_queue_options){.max_bytes = 4096});

	fill(queue, 100, 0);
	join_thread(start_thread(put_small, queue));
	check_eq(ringq_put(queue, buffer, 100, RINGQ_NOWAIT), -EAGAIN);
	ringq_queue_release(queue);
}

static void *fill_part(void *queue)
{
	while (ringq_put(queue, buffer, 1000, RINGQ_NOWAIT) == 0)
		continue;
	check(ringq_full(queue));
	return NULL;
}

/* As many as fill their part one after the other, each in the lane of the last. */
Test(max_bytes, that_an_ended_producer_left_do_not_count_for_another)
{
	for (unsigned order = 0; order < 2; order++) {
		ringq_queue *queue = queue_new(
			&(struct ringq_queue_options){.order = order, .max_bytes = 65 * 1008, .max_producers = 1});
		uint64_t part = 65;

		for (uint64_t i = 1; i <= 100; i++) {
			join_thread(start_thread(fill_part, queue));
			check_eq(ringq_size(queue), i * part);
		}
		for (uint64_t i = 0; i < 100 * part; i++)
			check_eq(ringq_get(queue, buffer, 1000, RINGQ_NOWAIT), 1000);
		check_eq(ringq_get(queue, buffer, 1000, RINGQ_NOWAIT), -EAGAIN);
		ringq_queue_release(queue);
	}
}

/* Whatever the ends of rings leave unused: a record goes in as long as all are no more than max_bytes. */
static void check_large(uint64_t max_bytes, size_t len)
{
	ringq_queue *queue = queue_new(&(struct ringq_queue_options){.max_bytes = max_bytes});
	uint64_t most = max_bytes / ((len + 8 + 15) / 16 * 16), in = 0, out = 0;

	test_row((size_t)max_bytes + len);
	for (int round = 0; round < 6; round++) {
		for (; in - out < most; in++)
			check_eq(ringq_put(queue, buffer, len, RINGQ_NOWAIT), 0);
		check_eq(ringq_put(queue, buffer, len, RINGQ_NOWAIT), -EAGAIN);
		for (uint64_t left = (uint64_t)round % most; in - out > left; out++)
			check_eq(ringq_get(queue, buffer, len, RINGQ_NOWAIT), len);
	}
	ringq_queue_release(queue);
}

Test(max_bytes, holds_that_much_of_large_records, .timeout = 50)
{
	static const struct {
		uint64_t max_bytes;
		size_t len;
	} rows[] = {{MIB, 200000}, {MIB, 350000}, {4 * MIB, 700000}, {8 * MIB, 260000}, {8 * MIB, 3000000},
		{16 * MIB, 1500000}, {48 * MIB, 262000}, {48 * MIB, 3000000}};

	for (size_t i = 0; i < COUNT(rows); i++)
		check_large(rows[i].max_bytes, rows[i].len);
}

/* The largest region that there is; address space only. */
Test(max_bytes, of_all_that_the_largest_region_holds)
{
	ringq_region *region;
	ringq_queue *queue, *again;

	if (ringq_region_create(&region, &(struct ringq_region_options){.size = (size_t)64 << 30}))
		cr_skip_test("no region of that size here");
	check_eq(ringq_queue_create(
			 &queue, region, &(struct ringq_queue_options){.name = "q", .max_bytes = RINGQ_UNBOUNDED}),
		0);
	check_eq(ringq_queue_open(&again, region, "q"), 0);
	check_eq(put_number(queue, 1, RINGQ_NOWAIT), 0);
	check_eq(get_number(again, RINGQ_NOWAIT), 1);
	ringq_queue_release(queue);
	ringq_queue_release(again);
	ringq_region_detach(region);
}

Test(max_bytes, a_full_queue_times_out_no_sooner_than_asked)
{
	static const int64_t timeouts[] = {1, RINGQ_MS(1), RINGQ_MS(50)};

	for (size_t kind = 0; kind < kinds_count; kind++) {
		struct ringq_queue_options options = kinds[kind].options;
		ringq_queue *queue;
		void *out;

		options.max_bytes = 4096;
		queue = queue_new(&options);
		test_context = kinds[kind].name;
		fill(queue, 100, 0);
		for (size_t i = 0; i < COUNT(timeouts); i++) {
			int64_t start = now_ns();

			check_eq(ringq_put(queue, buffer, 100, timeouts[i]), -ETIMEDOUT);
			check_waited(start, timeouts[i]);
			start = now_ns();
			check_eq(ringq_put_many(queue, &(struct iovec){buffer, 100}, 1, timeouts[i]), -ETIMEDOUT);
			check_waited(start, timeouts[i]);
			start = now_ns();
			check_eq(ringq_reserve(queue, &out, 100, timeouts[i]), -ETIMEDOUT);
			check_waited(start, timeouts[i]);
		}
		ringq_queue_release(queue);
	}
}

Test(max_bytes, one_larger_record_passes_alone)
{
	for (unsigned order = RINGQ_ORDER_TOTAL; order <= RINGQ_ORDER_PRODUCER; order++) {
		ringq_queue *queue = queue_new(&(struct ringq_queue_options){.order = order, .max_bytes = 4096});
		int64_t start;

		for (size_t len = 5000; len < MIB; len *= 3) {
			record_fill(buffer, len, (struct record_id){.number = 1});
			check_eq(ringq_put(queue, buffer, len, RINGQ_NOWAIT), 0);
			check(ringq_full(queue));
			check_eq(ringq_put(queue, NULL, 0, RINGQ_NOWAIT), -EAGAIN);
			check_eq(ringq_put(queue, buffer, len, RINGQ_NOWAIT), -EAGAIN);
			take(queue, len, 1);

			record_fill(buffer, len, (struct record_id){.number = 2});
			check_eq(put_number(queue, 3, RINGQ_NOWAIT), 0);
			check_eq(ringq_put(queue, buffer, len, RINGQ_NOWAIT), -EAGAIN);
			start = now_ns();
			check_eq(ringq_put(queue, buffer, len, RINGQ_MS(5)), -ETIMEDOUT);
			check_waited(start, RINGQ_MS(5));
			check_eq(get_number(queue, RINGQ_NOWAIT), 3);
			check(ringq_empty(queue));
		}
		ringq_queue_release(queue);
	}
}

Test(size, of_100_mib_passes, .timeout = 200)
{
	size_t len = 100 * MIB;
	char *record = malloc(len);

	check(record);
	record_fill(record, len, (struct record_id){.number = 9});
	for (size_t i = 0; i < 2; i++) {
		ringq_queue *queue = queue_new(&(struct ringq_queue_options){.order = i});
		void *got;

		for (int round = 0; round < (test_size() == TEST_QUICK ? 1 : 3); round++) {
			check_eq(ringq_put(queue, record, len, RINGQ_NOWAIT), 0);
			check_eq(ringq_get(queue, buffer, BUFFER, RINGQ_NOWAIT), -EMSGSIZE);
			check_eq(ringq_get_alloc(queue, &got, RINGQ_NOWAIT), len);
			check(!memcmp(got, record, len));
			free(got);
		}
		ringq_queue_release(queue);
	}
	free(record);
}

Test(size, no_region_can_hold_is_emsgsize_with_any_timeout)
{
	static const size_t lens[] = {2 * MIB, MIB, 4 * MIB - 1, (size_t)1 << 31, ((size_t)1 << 32) - 1,
		(size_t)1 << 32, ((size_t)1 << 32) + 8, (size_t)1 << 40, SIZE_MAX / 2, (size_t)1 << 63, SIZE_MAX - 4096,
		SIZE_MAX - 64, SIZE_MAX - 16, SIZE_MAX - 8, SIZE_MAX - 7, SIZE_MAX - 1, SIZE_MAX};
	static const int64_t timeouts[] = {RINGQ_NOWAIT, RINGQ_MS(1), RINGQ_FOREVER};

	for (size_t kind = 0; kind < kinds_count; kind++) {
		ringq_region *region = region_new(MIB);
		ringq_queue *queue = queue_in(region, &(struct ringq_queue_options){
							      .order = kinds[kind].options.order,
							      .max_bytes = kinds[kind].options.max_bytes,
							      .flags = kinds[kind].options.flags,
						      });
		void *out;

		test_context = kinds[kind].name;
		for (size_t i = 0; i < COUNT(lens); i++) {
			for (size_t k = 0; k < COUNT(timeouts); k++) {
				struct iovec iov = {buffer, lens[i]};

				check_eq(ringq_put(queue, buffer, lens[i], timeouts[k]), -EMSGSIZE);
				check_eq(ringq_put_many(queue, &iov, 1, timeouts[k]), -EMSGSIZE);
				check_eq(ringq_reserve(queue, &out, lens[i], timeouts[k]), -EMSGSIZE);
			}
		}
		check(ringq_empty(queue));
		check_eq(put_number(queue, 1, RINGQ_NOWAIT), 0);
		check_eq(get_number(queue, RINGQ_NOWAIT), 1);
		ringq_queue_release(queue);
		ringq_region_detach(region);
	}
}

Test(size, what_fits_goes_in_and_what_does_not_harms_nobody)
{
	bool fits = false;

	for (size_t len = MIB; len > 4096; len -= 4096) {
		ringq_region *region = region_new(MIB);
		ringq_queue *queue = queue_in(region, &(struct ringq_queue_options){0});
		int rc;

		record_fill(buffer, len, (struct record_id){.number = 1});
		rc = ringq_put(queue, buffer, len, RINGQ_NOWAIT);
		check(rc == 0 || (!fits && (rc == -EMSGSIZE || rc == -ENOMEM)));
		fits = rc == 0;
		check(fits || len > MIB / 4);
		if (fits)
			take(queue, len, 1);
		check_eq(put_number(queue, 2, RINGQ_NOWAIT), 0);
		check_eq(get_number(queue, RINGQ_NOWAIT), 2);
		ringq_queue_release(queue);
		ringq_region_detach(region);
	}
}

/* Puts random records until the region is full. Returns how many went in. */
static uint32_t fill_region(ringq_queue *queue, size_t max_len, uint32_t first, uint64_t *bytes)
{
	struct rng rng = {first};
	uint32_t count = 0;

	for (;;) {
		size_t len = record_random_len(&rng, max_len);
		int rc;

		record_fill(buffer, len, (struct record_id){.number = first + count});
		rc = ringq_put(queue, buffer, len, RINGQ_NOWAIT);
		if (rc < 0) {
			check(rc == -EAGAIN || rc == -ENOMEM);
			return count;
		}
		*bytes += len + OVERHEAD;
		count++;
	}
}

static void check_unbounded(unsigned order, size_t max_len)
{
	ringq_region *region = region_new(4 * MIB);
	ringq_queue *queue =
		queue_in(region, &(struct ringq_queue_options){.order = order, .max_bytes = RINGQ_UNBOUNDED});
	uint32_t in = 0, out = 0;

	for (int round = 0; round < 5; round++) {
		uint64_t bytes = 0;

		in += fill_region(queue, max_len, in, &bytes);
		check_compare(bytes, >, 3 * MIB / 2);
		while (out < in) {
			ssize_t len = ringq_get(queue, buffer, BUFFER, RINGQ_NOWAIT);

			check_eq(record_check(buffer, len).number, out++);
		}
		check(ringq_empty(queue));
		check_eq(put_number(queue, 1, RINGQ_NOWAIT), 0);
		check_eq(get_number(queue, RINGQ_NOWAIT), 1);
	}
	ringq_queue_release(queue);
	ringq_region_detach(region);
}

Test(unbounded, fills_the_region_and_keeps_what_went_in)
{
	static const size_t max_lens[] = {8, 200, 3000, 50000, 500000};

	for (size_t i = 0; i < COUNT(max_lens); i++) {
		check_unbounded(RINGQ_ORDER_TOTAL, max_lens[i]);
		check_unbounded(RINGQ_ORDER_PRODUCER, max_lens[i]);
	}
}

Test(unbounded, a_second_queue_gets_the_memory_that_the_first_gave_back)
{
	ringq_region *region = region_new(16 * MIB);
	const struct ringq_queue_options options = {.max_bytes = RINGQ_UNBOUNDED};
	ringq_queue *queues[2] = {queue_in(region, &options), queue_in(region, &options)};

	for (uint32_t round = 0; round < 6; round++) {
		ringq_queue *queue = queues[round % 2];
		uint64_t bytes = 0;
		uint32_t count = fill_region(queue, 3000, 0, &bytes);

		check_compare(bytes, >, 12 * MIB);
		for (uint32_t i = 0; i < count; i++) {
			ssize_t len = ringq_get(queue, buffer, BUFFER, RINGQ_NOWAIT);

			check_eq(record_check(buffer, len).number, i);
		}
	}
	ringq_queue_release(queues[0]);
	ringq_queue_release(queues[1]);
	ringq_region_detach(region);
}
