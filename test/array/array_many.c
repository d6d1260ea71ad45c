/* SPDX-License-Identifier: MIT */
/*
 * A million Values at a time in one region, made and released in random order by eight processes: none is shared by two,
 * and nothing is left behind. Then fewer, with processes killed in the middle.
 */
#include "../common.h"

#include <errno.h>
#include <stdlib.h>

enum { PROCESSES = 8, HELD = 2000 };

struct scene {
	ringq_region *region;
	uint64_t each;
	bool endless;
};

static uint64_t seed;

static void shuffle(struct rng *rng, ringq_array **arrays, size_t n)
{
	for (size_t i = n; i > 1; i--) {
		size_t j = rng_below(rng, i);
		ringq_array *a = arrays[i - 1];

		arrays[i - 1] = arrays[j];
		arrays[j] = a;
	}
}

/* Its own mark is in it still, in whatever way it came to it. */
static void release_marked(ringq_array *array)
{
	int64_t mark;

	check_eq(ringq_load(array, 0, &mark), 0);
	check_eq(mark, (int64_t)seed << 40 | (int64_t)((uintptr_t)array >> 4 & 0xffffffffff));
	ringq_array_release(array);
}

static ringq_array *create_marked(struct scene *s, size_t count)
{
	ringq_array *array;
	int64_t mark, was;

	check_eq(ringq_array_create(&array, s->region, NULL, RINGQ_INT64, count), 0);
	mark = (int64_t)seed << 40 | (int64_t)((uintptr_t)array >> 4 & 0xffffffffff);
	check_eq(ringq_load(array, 0, &was), 0);
	check_eq(was, 0);
	check_eq(ringq_store(array, 0, &mark), 0);
	return array;
}

/* Random ones of those held are replaced, over and over; the rest are released in random order. */
static void come_and_go(void *arg)
{
	struct scene *s = arg;
	struct rng rng = {seed};
	size_t held = s->each < HELD ? s->each : s->each / 2;
	ringq_array **arrays = calloc(held, sizeof(*arrays));

	for (uint64_t i = 0; s->endless || i < s->each; i++) {
		size_t at = i < held ? i : rng_below(&rng, held);

		if (i >= held)
			release_marked(arrays[at]);
		arrays[at] = create_marked(s, rng_below(&rng, 50) ? 1 : 1 + rng_below(&rng, 200));
	}
	shuffle(&rng, arrays, held);
	for (size_t i = 0; i < held; i++)
		release_marked(arrays[i]);
	free(arrays);
}

static int64_t full_of_values(struct scene *s)
{
	int64_t n = 0;
	static ringq_array *arrays[200000];

	while (n < (int64_t)COUNT(arrays) && ringq_array_create(&arrays[n], s->region, NULL, RINGQ_INT64, 1) == 0)
		n++;
	for (int64_t i = 0; i < n; i++)
		ringq_array_release(arrays[i]);
	return n;
}

/* Memory behind the words stays, an eighth of what there were cells; and what each process keeps in spare. */
static void without_deaths(struct scene *s)
{
	pid_t children[PROCESSES];
	int64_t before;

	s->region = region_new(1u << 30);
	s->each = TEST_UNDER_ASAN ? 20000 : brief_or_long(250000, 250000); /* and half of them at a time */
	before = ringq_region_memory(s->region);
	for (int i = 0; i < PROCESSES; i++) {
		seed++;
		children[i] = fork_child(come_and_go, s);
	}
	for (int i = 0; i < PROCESSES; i++)
		reap_child(children[i]);
	check_compare(ringq_region_memory(s->region) - before, <,
		(int64_t)(PROCESSES * s->each * 64 / 8) + (int64_t)(2 << 20));
	ringq_region_detach(s->region);
}

static void with_deaths(struct scene *s, struct rng *rng)
{
	pid_t children[PROCESSES];
	int64_t before;

	s->region = region_new(16u << 20);
	s->each = 4000;
	before = full_of_values(s);
	s->endless = true;
	for (int i = 0; i < PROCESSES; i++) {
		seed++;
		children[i] = fork_child(come_and_go, s);
	}
	for (uint64_t k = 0; k < brief_or_long(100, 3000); k++) {
		int i = (int)rng_below(rng, PROCESSES);

		pause_ns((int64_t)rng_below(rng, 4000000));
		kill_child(children[i]);
		seed++;
		children[i] = fork_child(come_and_go, s);
	}
	for (int i = 0; i < PROCESSES; i++)
		kill_child(children[i]);
	check_compare(full_of_values(s), >=, before - 64 * 4);
	check_compare(full_of_values(s), >=, before - 64 * 4);
	ringq_region_detach(s->region);
}

int main(void)
{
	struct scene s = {0};
	struct rng rng = {(uint64_t)now_ns()};

	without_deaths(&s);
	with_deaths(&s, &rng);
	return 0;
}
