/* SPDX-License-Identifier: MIT */
/* Calls on arrays, and what must be true of them while the child is stopped and after all. */
#include "arrays.h"

#include <errno.h>

enum { WRITTEN = 2, AFTER = 3, CREATED = 700, MARGIN = 8 };

/* ---- states ---- */

static void write_all(ringq_array *array, int64_t value)
{
	int64_t content[ARRAYS_CONTENT];

	for (int i = 0; i < ARRAYS_CONTENT; i++)
		content[i] = value;
	check_eq(ringq_array_write(array, content, sizeof(content)), 0);
}

static int64_t read_all(ringq_array *array)
{
	int64_t content[ARRAYS_CONTENT];

	check_eq(ringq_array_read(array, content, sizeof(content)), 0);
	for (int i = 1; i < ARRAYS_CONTENT; i++)
		check_eq(content[i], content[0]);
	return content[0];
}

/* Of a pile, the first makes it. */
void arrays_prepare(struct stage *s)
{
	if (!s->array)
		check_eq(ringq_array_create(&s->array, s->region, NULL, RINGQ_INT64, ARRAYS_CONTENT), 0);
	write_all(s->array, ARRAYS_BEFORE);
}

void arrays_prepare_named(struct stage *s)
{
	if (!s->array)
		check_eq(ringq_array_create(&s->array, s->region, ARRAYS_NAME, RINGQ_INT64, ARRAYS_CONTENT), 0);
	write_all(s->array, ARRAYS_BEFORE);
}

static void lock_and_die(void *stage)
{
	struct stage *s = stage;
	int rc = ringq_lock(s->array, RINGQ_NOWAIT);

	check(rc == 0 || rc == -EOWNERDEAD);
}

void arrays_prepare_dead(struct stage *s)
{
	arrays_prepare(s);
	reap_child(fork_child(lock_and_die, s));
}

/* The child is a member, and has used what it will use. */
void arrays_setup(struct stage *s)
{
	int rc = ringq_lock(s->array, RINGQ_NOWAIT);

	check(rc == 0 || rc == -EOWNERDEAD);
	check_eq(ringq_unlock(s->array), 0);
}

void arrays_setup_locked(struct stage *s)
{
	int rc = ringq_lock(s->array, RINGQ_NOWAIT);

	check(rc == 0 || rc == -EOWNERDEAD);
}

void arrays_setup_value(struct stage *s)
{
	check_eq(ringq_array_create(&s->made, s->region, NULL, RINGQ_INT64, 1), 0);
}

void arrays_setup_large(struct stage *s)
{
	check_eq(ringq_array_create(&s->made, s->region, NULL, RINGQ_INT64, CREATED), 0);
}

/* ---- what must be true ---- */

/* Whether or not the child has the lock, it has written all or nothing. */
void arrays_during(struct stage *s)
{
	int64_t seen = read_all(s->array);

	check(seen == ARRAYS_BEFORE || seen == WRITTEN);
	check_eq(ringq_add(s->array, 0, 0, NULL), 0);
}

/* The lock is free or a dead one's, of which one is told; then data are whole, and a write works as ever. */
void arrays_after(struct stage *s)
{
	const int64_t *data = ringq_array_data(s->array);
	int64_t seen = read_all(s->array);
	int rc;

	check(seen == ARRAYS_BEFORE || seen == WRITTEN);
	rc = ringq_lock(s->array, RINGQ_NOWAIT);
	check(rc == 0 || rc == -EOWNERDEAD);
	check_eq(ringq_lock(s->array, RINGQ_NOWAIT), 0);
	for (int i = 0; i < ARRAYS_CONTENT; i++)
		check_eq(data[i], seen);
	check_eq(ringq_unlock(s->array), 0);
	check_eq(ringq_unlock(s->array), 0);
	check_eq(ringq_lock(s->array, RINGQ_NOWAIT), 0);
	check_eq(ringq_unlock(s->array), 0);
	write_all(s->array, AFTER);
	check_eq(read_all(s->array), AFTER);
	ringq_array_release(s->array);
}

/* Added once or not at all: the first element alone may differ. */
void arrays_after_add(struct stage *s)
{
	int64_t *data = ringq_array_data(s->array);

	check(data[0] == ARRAYS_BEFORE || data[0] == ARRAYS_BEFORE + 1);
	data[0] = ARRAYS_BEFORE;
	arrays_after(s);
}

static void fill_some(struct stage *s, size_t count, unsigned n)
{
	ringq_array *arrays[128];

	for (unsigned i = 0; i < n; i++) {
		int64_t value = -1;

		check_eq(ringq_array_create(&arrays[i], s->region, NULL, RINGQ_INT64, count), 0);
		check_eq(ringq_load(arrays[i], count - 1, &value), 0);
		check_eq(value, 0);
		value = i;
		check_eq(ringq_store(arrays[i], count - 1, &value), 0);
	}
	for (unsigned i = 0; i < n; i++) {
		int64_t value;

		check_eq(ringq_load(arrays[i], count - 1, &value), 0);
		check_eq(value, i);
		ringq_array_release(arrays[i]);
	}
}

/* Others make and release arrays of all sizes, and what they have is theirs alone. */
void arrays_during_create(struct stage *s)
{
	fill_some(s, 1, 100);
	fill_some(s, 50, 20);
	fill_some(s, CREATED, 3);
}

/* Whoever runs short frees what the dead held: almost all of the region can be had, however often. */
void arrays_after_sweep(struct stage *s)
{
	static ringq_array *arrays[20000];

	for (int round = 0; round < 2; round++) {
		unsigned n = 0;

		while (n < COUNT(arrays) && ringq_array_create(&arrays[n], s->region, NULL, RINGQ_INT64, CREATED) == 0)
			n++;
		check_compare(n, <, COUNT(arrays));
		if (s->undisturbed)
			s->book->arrays = n;
		else
			check_compare(n + MARGIN, >=, s->book->arrays); /* what the queue's lanes keep differs */
		while (n)
			ringq_array_release(arrays[--n]);
	}
	arrays_during_create(s);
}

void arrays_check_named(struct stage *s)
{
	ringq_array *array;
	int rc = ringq_array_create(&array, s->region, ACT_ARRAY_NAME, RINGQ_INT64, 3);
	int64_t was;

	if (rc == -EEXIST)
		rc = ringq_array_open(&array, s->region, ACT_ARRAY_NAME);
	check_eq(rc, 0);
	check_eq(ringq_array_count(array), 3);
	check_eq(ringq_add(array, 2, 1, &was), 0);
	ringq_array_release(array);
}

/* ---- calls ---- */

static void create(struct stage *s, const char *name, size_t count)
{
	s->result = ringq_array_create(&s->made, s->region, name, RINGQ_INT64, count);
}

static void create_value(struct stage *s)
{
	create(s, NULL, 1);
}

static void create_large(struct stage *s)
{
	create(s, NULL, CREATED);
}

static void create_named(struct stage *s)
{
	create(s, ACT_ARRAY_NAME, 3);
}

static void finish_create(struct stage *s)
{
	int64_t value;

	if (s->result == -EEXIST)
		return;
	check_eq(s->result, 0);
	check_eq(ringq_load(s->made, 0, &value), 0);
	check_eq(value, 0);
}

static void release(struct stage *s)
{
	ringq_array_release(s->made);
}

static void lock(struct stage *s)
{
	s->result = ringq_lock(s->array, RINGQ_NOWAIT);
}

static void finish_lock(struct stage *s)
{
	check(s->result == 0 || s->result == -EOWNERDEAD);
}

static void unlock(struct stage *s)
{
	s->result = ringq_unlock(s->array);
}

static void add(struct stage *s)
{
	s->result = ringq_add(s->array, 0, 1, NULL);
}

static void write_it(struct stage *s)
{
	static int64_t content[ARRAYS_CONTENT];

	for (int i = 0; i < ARRAYS_CONTENT; i++)
		content[i] = WRITTEN;
	s->result = ringq_array_write(s->array, content, sizeof(content));
}

static void read_it(struct stage *s)
{
	static int64_t content[ARRAYS_CONTENT];

	s->result = ringq_array_read(s->array, content, sizeof(content));
}

static void open_it(struct stage *s)
{
	s->result = ringq_array_open(&s->made, s->region, ARRAYS_NAME);
}

const struct act act_array_value = {create_value, finish_create}, act_array_large = {create_large, finish_create},
		 act_array_named = {create_named, finish_create}, act_array_release = {release, NULL},
		 act_lock = {lock, finish_lock}, act_unlock = {unlock, NULL}, act_add = {add, NULL},
		 act_array_write = {write_it, NULL}, act_array_read = {read_it, NULL}, act_array_open = {open_it, NULL};
