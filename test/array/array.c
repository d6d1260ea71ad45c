/* SPDX-License-Identifier: MIT */
/* Arrays and their elements: types, bounds, names, what a wrong call says; atomics among threads. */
#include "../common.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <float.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	enum ringq_type type;
	size_t width;
	bool integer;
} types[] = {
	{RINGQ_BYTES, 1, false},
	{RINGQ_INT8, 1, true},
	{RINGQ_UINT8, 1, true},
	{RINGQ_INT16, 2, true},
	{RINGQ_UINT16, 2, true},
	{RINGQ_INT32, 4, true},
	{RINGQ_UINT32, 4, true},
	{RINGQ_INT64, 8, true},
	{RINGQ_UINT64, 8, true},
	{RINGQ_FLOAT, 4, false},
	{RINGQ_DOUBLE, 8, false},
};

/* One word, cells, the most of cells and just beyond, pages. */
static const size_t counts[] = {1, 2, 7, 9, 100, 123, 124, 1000, 10000};

static ringq_array *array_in(ringq_region *region, const char *name, enum ringq_type type, size_t count)
{
	ringq_array *array;

	check_eq(ringq_array_create(&array, region, name, type, count), 0);
	return array;
}

static bool is_zero(const char *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (bytes[i])
			return false;
	return true;
}

/* Fresh memory, and memory that another array has just left full of ones. */
static void check_new(ringq_region *region, const char *name, size_t t, size_t count)
{
	ringq_array *array = array_in(region, name, types[t].type, count);
	size_t bytes = count * types[t].width;
	char *data = ringq_array_data(array), *copy = malloc(bytes);

	check_eq(ringq_array_type(array), types[t].type);
	check_eq(ringq_array_count(array), count);
	check(ringq_array_region(array) == region);
	check_eq((uintptr_t)data % (bytes > 8 ? 64 : 8), 0);
	check(is_zero(data, bytes));
	check_eq(ringq_array_read(array, copy, bytes), 0);
	check(is_zero(copy, bytes));
	memset(copy, 0xff, bytes);
	check_eq(ringq_array_write(array, copy, bytes), 0);
	check_eq(memcmp(data, copy, bytes), 0);
	memset(copy, 0, bytes);
	check_eq(ringq_array_read(array, copy, bytes), 0);
	check_eq(memcmp(data, copy, bytes), 0);
	check_eq((unsigned char)copy[bytes - 1], 0xff);
	free(copy);
	ringq_array_release(array);
}

Test(array, of_all_types_and_sizes_is_zero_and_holds_what_is_written)
{
	ringq_region *region = region_new(64 << 20);
	char name[64];

	for (size_t t = 0; t < COUNT(types); t++)
		for (size_t c = 0; c < COUNT(counts); c++) {
			test_row(t * 100 + c);
			for (int again = 0; again < 3; again++)
				check_new(region, NULL, t, counts[c]);
			snprintf(name, sizeof(name), "%zu-%zu", t, c);
			check_new(region, name, t, counts[c]);
		}
	ringq_region_detach(region);
}

Test(array, neighbours_do_not_overlap)
{
	enum { N = 400 };
	ringq_region *region = region_new(64 << 20);
	ringq_array *arrays[N];
	struct rng rng = {1};
	size_t bytes[N];
	unsigned char *copy = malloc(70000);

	for (int i = 0; i < N; i++) {
		bytes[i] = 1 + rng_below(&rng, i % 20 ? 300 : 60000);
		arrays[i] = array_in(region, NULL, RINGQ_BYTES, bytes[i]);
		memset(copy, i % 255 + 1, bytes[i]);
		check_eq(ringq_array_write(arrays[i], copy, bytes[i]), 0);
	}
	for (int i = 0; i < N; i++) {
		check_eq(ringq_array_read(arrays[i], copy, bytes[i]), 0);
		for (size_t b = 0; b < bytes[i]; b++)
			check_eq(copy[b], i % 255 + 1);
		ringq_array_release(arrays[i]);
	}
	free(copy);
	ringq_region_detach(region);
}

Test(array, refuses_bad_arguments)
{
	ringq_region *region = region_new(1 << 20);
	ringq_array *array = array_in(region, NULL, RINGQ_INT32, 4), *other;
	char bytes[64] = {0};
	int64_t number = 0;

	check_eq(ringq_array_create(NULL, region, NULL, RINGQ_INT8, 1), -EINVAL);
	check_eq(ringq_array_create(&other, region, NULL, RINGQ_DOUBLE + 1, 1), -EINVAL);
	check_eq(ringq_array_create(&other, region, NULL, RINGQ_INT8, 0), -EINVAL);
	check_eq(ringq_array_create(&other, region, "", RINGQ_INT8, 1), -EINVAL);
	check_eq(ringq_array_create(&other, region, "a-name-of-64-bytes-is-too-long-by-one-and-so-it-must-be-refused.",
			 RINGQ_INT8, 1),
		-EINVAL);
	check_eq(ringq_array_create(&other, region, NULL, RINGQ_INT64, SIZE_MAX / 8 + 2), -ENOMEM);
	check_eq(ringq_array_create(&other, region, NULL, RINGQ_INT64, SIZE_MAX), -ENOMEM);
	check_eq(ringq_array_create(&other, region, NULL, RINGQ_INT64, 1 << 20), -ENOMEM);
	check_eq(ringq_array_create(&other, region, "large", RINGQ_INT64, 1 << 20), -ENOMEM);
	check_eq(ringq_array_open(&other, region, NULL), -EINVAL);
	check_eq(ringq_array_open(&other, NULL, "x"), -EINVAL);
	check_eq(ringq_array_open(&other, region, ""), -EINVAL);
	check_eq(ringq_load(array, 4, bytes), -EINVAL);
	check_eq(ringq_load(array, SIZE_MAX, bytes), -EINVAL);
	check_eq(ringq_store(array, 4, bytes), -EINVAL);
	check_eq(ringq_store(array, 0, NULL), -EINVAL);
	check_eq(ringq_add(array, 4, 1, NULL), -EINVAL);
	check_eq(ringq_compare_exchange(array, 4, &number, 1), -EINVAL);
	check_eq(ringq_compare_exchange(array, 0, NULL, 1), -EINVAL);
	check_eq(ringq_array_read(array, bytes, 15), -EINVAL);
	check_eq(ringq_array_read(array, bytes, 17), -EINVAL);
	check_eq(ringq_array_write(array, bytes, 12), -EINVAL);
	check_eq(ringq_array_write(array, NULL, 16), -EINVAL);
	check_eq(ringq_lock(array, -2), -EINVAL);
	check_eq(ringq_lock(NULL, 0), -EINVAL);
	check_eq(ringq_unlock(NULL), -EINVAL);
	check_eq(ringq_array_type(NULL), -EINVAL);
	check_eq(ringq_array_count(NULL), 0);
	check(ringq_array_data(NULL) == NULL && ringq_array_region(NULL) == NULL);
	ringq_array_release(NULL);
	ringq_array_release(array);
	ringq_region_detach(region);
}

Test(array, has_a_region_of_its_own_and_lets_it_go)
{
	unsigned descriptors = count_descriptors(), mappings = count_region_mappings();
	ringq_array *array = array_in(NULL, NULL, RINGQ_DOUBLE, 1), *other;
	double pi = 3.25, seen = 0;

	check(ringq_array_region(array) != NULL);
	check_eq(ringq_array_create(&other, ringq_array_region(array), "named", RINGQ_INT8, 3), 0);
	check_eq(ringq_store(array, 0, &pi), 0);
	check_eq(ringq_load(array, 0, &seen), 0);
	check(seen == pi);
	ringq_array_release(array);
	ringq_array_release(other);
	check_eq(count_descriptors(), descriptors);
	check_eq(count_region_mappings(), mappings);
}

Test(names, find_what_was_made_and_nothing_else)
{
	ringq_region *region = region_new(1 << 20);
	ringq_array *made = array_in(region, "numbers", RINGQ_UINT16, 50), *found;
	ringq_queue *queue, *first;
	uint16_t value = 77, seen = 0;

	check_eq(ringq_array_create(&found, region, "numbers", RINGQ_UINT16, 50), -EEXIST);
	check_eq(ringq_queue_create(&queue, region, &(struct ringq_queue_options){.name = "numbers"}), -EEXIST);
	check_eq(ringq_queue_open(&first, region, "numbers"), -ENOENT);
	check_eq(ringq_queue_open(&first, region, NULL), -ENOENT);
	queue = queue_in(region, &(struct ringq_queue_options){.name = "records"});
	check_eq(ringq_array_open(&found, region, "records"), -ENOENT);
	check_eq(ringq_array_create(&found, region, "records", RINGQ_INT8, 1), -EEXIST);
	check_eq(ringq_array_open(&found, region, "nothing"), -ENOENT);
	check_eq(ringq_queue_open(&first, region, NULL), 0);
	check_eq(put_number(first, 5, RINGQ_NOWAIT), 0);
	check_eq(get_number(queue, RINGQ_NOWAIT), 5);

	check_eq(ringq_store(made, 49, &value), 0);
	ringq_array_release(made); /* it lives on */
	check_eq(ringq_array_open(&found, region, "numbers"), 0);
	check_eq(ringq_array_type(found), RINGQ_UINT16);
	check_eq(ringq_array_count(found), 50);
	check_eq(ringq_load(found, 49, &seen), 0);
	check_eq(seen, 77);
	ringq_array_release(found);
	ringq_queue_release(first);
	ringq_queue_release(queue);
	ringq_region_detach(region);
}

/* Every bad value of every word of a named array's page: an error, or an array within its page. */
Test(names, of_a_scribbled_array_are_an_error)
{
	static const uint64_t bad[] = {0, 1, 11, 0x80000000, UINT32_MAX, UINT64_MAX, UINT64_C(1) << 60, 4096, 65536};
	ringq_region *region = region_new(1 << 20);
	ringq_array *made = array_in(region, "a", RINGQ_INT64, 4), *found;
	uint64_t *page = (uint64_t *)((uintptr_t)ringq_array_data(made) / 4096 * 4096);
	char seen[4096];

	for (size_t i = 0; i < 24; i++)
		for (size_t b = 0; b < COUNT(bad); b++)
			for (int half = 0; half < 3; half++) {
				uint64_t was = page[i], mask = half == 0   ? UINT64_MAX
				                               : half == 1 ? UINT32_MAX
				                                           : UINT64_MAX << 32;

				page[i] = (was & ~mask) | ((half == 2 ? bad[b] << 32 : bad[b]) & mask);
				if (ringq_array_open(&found, region, "a") == 0) {
					char *data = ringq_array_data(found);
					size_t bytes = ringq_array_count(found) * 8;

					check(data >= (char *)page &&
						data + ringq_array_count(found) <= (char *)(page + 512));
					if (bytes <= sizeof(seen))
						ringq_array_read(found, seen, bytes);
					ringq_array_release(found);
				}
				page[i] = was;
			}
	ringq_array_release(made);
	ringq_region_detach(region);
}

/* ---- elements ---- */

Test(elements, wrap_and_keep_to_themselves)
{
	ringq_region *region = region_new(1 << 20);

	for (size_t t = 0; t < COUNT(types); t++) {
		ringq_array *array = array_in(region, NULL, types[t].type, 3);
		unsigned char *bytes = ringq_array_data(array);
		size_t width = types[t].width;
		int64_t was = 99, top = width == 8 ? INT64_MAX : (INT64_C(1) << (8 * width - 1)) - 1;
		bool is_signed = t % 2 == 1;

		test_row(t);
		if (!types[t].integer) {
			check_eq(ringq_add(array, 1, 1, &was), -EINVAL);
			check_eq(ringq_compare_exchange(array, 1, &was, 1), -EINVAL);
			ringq_array_release(array);
			continue;
		}
		check_eq(ringq_add(array, 1, -1, &was), 0);
		check_eq(was, 0);
		for (size_t i = 0; i < 3 * width; i++)
			check_eq(bytes[i], i >= width && i < 2 * width ? 0xff : 0);
		check_eq(ringq_add(array, 1, 1, &was), 0);
		check_eq(was, is_signed || width == 8 ? -1 : 2 * top + 1);
		check_eq(ringq_add(array, 1, top, NULL), 0);
		check_eq(ringq_add(array, 1, 1, &was), 0);
		check_eq(was, top);
		check_eq(ringq_add(array, 1, 0, &was), 0);
		check_eq(was, is_signed || width == 8 ? -top - 1 : top + 1);
		was = 5;
		check_eq(ringq_compare_exchange(array, 1, &was, 7), -EAGAIN);
		check_eq(was, is_signed || width == 8 ? -top - 1 : top + 1);
		check_eq(ringq_compare_exchange(array, 1, &was, -3), 0);
		was = -3;
		check_eq(ringq_compare_exchange(array, 1, &was, 7), 0);
		for (size_t i = 0; i < 3 * width; i++)
			check_eq(bytes[i], i == width ? 7 : 0);
		ringq_array_release(array);
	}
	ringq_region_detach(region);
}

Test(elements, of_floating_types_are_loaded_and_stored)
{
	ringq_region *region = region_new(1 << 20);
	ringq_array *floats = array_in(region, NULL, RINGQ_FLOAT, 5), *doubles = array_in(region, NULL, RINGQ_DOUBLE, 5);
	float f = FLT_MIN, f_seen;
	double d = -DBL_MAX, d_seen;

	check_eq(ringq_store(floats, 4, &f), 0);
	check_eq(ringq_store(doubles, 4, &d), 0);
	check_eq(ringq_load(floats, 4, &f_seen), 0);
	check_eq(ringq_load(doubles, 4, &d_seen), 0);
	check(f_seen == f && d_seen == d && ((double *)ringq_array_data(doubles))[4] == d);
	check_eq(ringq_load(floats, 3, &f_seen), 0);
	check(f_seen == 0);
	ringq_array_release(floats);
	ringq_array_release(doubles);
	ringq_region_detach(region);
}

enum { THREADS = 4, ADDS = 20000 };

static void *add_many(void *arg)
{
	ringq_array *array = arg;

	for (int i = 0; i < ADDS; i++) {
		int64_t was = 0;

		check_eq(ringq_add(array, 1, 1, NULL), 0);
		while (ringq_compare_exchange(array, 2, &was, was + 3))
			continue;
	}
	return NULL;
}

Test(elements, lose_nothing_among_threads)
{
	for (size_t t = 0; t < COUNT(types); t++) {
		ringq_array *array;
		pthread_t threads[THREADS];
		int64_t ones, threes;
		uint64_t mask;

		if (!types[t].integer)
			continue;
		test_row(t);
		array = array_in(NULL, NULL, types[t].type, 3);
		for (int i = 0; i < THREADS; i++)
			threads[i] = start_thread(add_many, array);
		for (int i = 0; i < THREADS; i++)
			join_thread(threads[i]);
		mask = types[t].width == 8 ? UINT64_MAX : (UINT64_C(1) << 8 * types[t].width) - 1;
		check_eq(ringq_add(array, 1, 0, &ones), 0);
		check_eq(ringq_add(array, 2, 0, &threes), 0);
		check_eq(ones & mask, THREADS * ADDS & mask);
		check_eq(threes & mask, 3 * THREADS * ADDS & mask);
		ringq_array_release(array);
	}
}
