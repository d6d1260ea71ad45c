/* SPDX-License-Identifier: MIT */
/* Reads and writes of a whole array among threads: never a mixture. */
#include "../common.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { WRITERS = 2, READERS = 2, MOST = 1500 };

struct scene {
	ringq_array *array;
	size_t count;
	int64_t until;
	atomic_int writers_left;
};

/* All elements the same number: two of them in one copy are a mixture. */
static void *write_many(void *arg)
{
	struct scene *s = arg;
	uint64_t content[MOST];

	for (uint64_t n = 1; now_ns() < s->until; n++) {
		for (size_t i = 0; i < s->count; i++)
			content[i] = n << 16 | ((uintptr_t)&content >> 12 & 0xffff);
		check_eq(ringq_array_write(s->array, content, s->count * 8), 0);
	}
	s->writers_left--;
	return NULL;
}

static void *read_many(void *arg)
{
	struct scene *s = arg;
	uint64_t content[MOST], changes = 0, last = 0;

	while (s->writers_left || !changes) {
		check_eq(ringq_array_read(s->array, content, s->count * 8), 0);
		for (size_t i = 1; i < s->count; i++)
			check_eq(content[i], content[0]);
		changes += content[0] != last;
		last = content[0];
	}
	return NULL;
}

Test(snapshot, is_never_torn)
{
	static const size_t counts[] = {1, 2, 9, 100, MOST};

	for (size_t c = 0; c < COUNT(counts); c++) {
		struct scene s = {.count = counts[c], .until = now_ns() + RINGQ_MS(300), .writers_left = WRITERS};
		pthread_t threads[WRITERS + READERS];

		test_row(c);
		check_eq(ringq_array_create(&s.array, NULL, NULL, RINGQ_UINT64, s.count), 0);
		for (int i = 0; i < WRITERS + READERS; i++)
			threads[i] = start_thread(i < WRITERS ? write_many : read_many, &s);
		for (int i = 0; i < WRITERS + READERS; i++)
			join_thread(threads[i]);
		ringq_array_release(s.array);
	}
}

Test(snapshot, of_odd_sizes_touches_nothing_beyond)
{
	for (size_t bytes = 1; bytes < 200; bytes++) {
		ringq_array *array;
		unsigned char in[256], out[256];

		test_row(bytes);
		for (size_t i = 0; i < sizeof(in); i++)
			in[i] = (unsigned char)(i * 7 + bytes);
		memset(out, 0xee, sizeof(out));
		check_eq(ringq_array_create(&array, NULL, NULL, RINGQ_BYTES, bytes), 0);
		check_eq(ringq_array_write(array, in, bytes), 0);
		check_eq(ringq_array_read(array, out, bytes), 0);
		check_eq(memcmp(in, out, bytes), 0);
		for (size_t i = bytes; i < sizeof(out); i++)
			check_eq(out[i], 0xee);
		ringq_array_release(array);
	}
}

/* A write waits for who holds the lock; a read does not; the holder itself writes on. */
static void *write_once(void *arg)
{
	struct scene *s = arg;
	uint64_t content[4] = {1, 1, 1, 1};

	check_eq(ringq_array_write(s->array, content, sizeof(content)), 0);
	s->writers_left = 0;
	return NULL;
}

Test(snapshot, of_a_locked_array_is_read_but_not_written)
{
	struct scene s = {.writers_left = 1};
	uint64_t content[4] = {0}, own[4] = {5, 5, 5, 5};
	pthread_t writer;

	check_eq(ringq_array_create(&s.array, NULL, NULL, RINGQ_UINT64, 4), 0);
	check_eq(ringq_lock(s.array, RINGQ_NOWAIT), 0);
	writer = start_thread(write_once, &s);
	pause_ns(20000000);
	check_eq(ringq_array_write(s.array, own, sizeof(own)), 0);
	check_eq(ringq_array_read(s.array, content, sizeof(content)), 0);
	check_eq(content[3], 5);
	check_eq(s.writers_left, 1);
	check_eq(ringq_unlock(s.array), 0);
	join_thread(writer);
	check_eq(ringq_array_read(s.array, content, sizeof(content)), 0);
	check_eq(content[3], 1);
	ringq_array_release(s.array);
}
