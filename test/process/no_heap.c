/* SPDX-License-Identifier: MIT */
/*
 * A call that makes something is refused memory by the heap at each place where it asks: it says -ENOMEM, keeps
 * no name, no descriptor and no memory of the region, and the same call works when it is made again.
 */
#include "../common.h"
#include "heap.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- what is made, and what says that it is not there ---- */

static ringq_region *region;
static const char *region_name;

union made {
	ringq_region *region;
	ringq_queue *queue;
	ringq_array *array;
	struct {
		ringq_pipe *a, *b;
	} pipe;
};

static int make_region(union made *m)
{
	return ringq_region_create(&m->region, &(struct ringq_region_options){.name = region_name, .size = 1 << 20});
}

static int find_region(union made *m)
{
	return ringq_region_open(&m->region, region_name);
}

static void drop_region(union made *m)
{
	ringq_region_unlink(region_name);
	ringq_region_detach(m->region);
}

static int make_queue(union made *m)
{
	return ringq_queue_create(&m->queue, region, &(struct ringq_queue_options){.name = "queue"});
}

static int find_queue(union made *m)
{
	return ringq_queue_open(&m->queue, region, "queue");
}

static int make_bounded(union made *m)
{
	return ringq_queue_create(&m->queue, region,
		&(struct ringq_queue_options){.name = "bounded", .max_records = 10, .flags = RINGQ_ACKNOWLEDGED});
}

static int find_bounded(union made *m)
{
	return ringq_queue_open(&m->queue, region, "bounded");
}

static void drop_queue(union made *m)
{
	ringq_queue_release(m->queue);
}

static int make_array(union made *m)
{
	return ringq_array_create(&m->array, region, "array", RINGQ_INT64, 100);
}

static int find_array(union made *m)
{
	return ringq_array_open(&m->array, region, "array");
}

static int make_large_array(union made *m)
{
	return ringq_array_create(&m->array, region, "large", RINGQ_INT64, 10000);
}

static int find_large_array(union made *m)
{
	return ringq_array_open(&m->array, region, "large");
}

static int make_nameless_array(union made *m)
{
	return ringq_array_create(&m->array, region, NULL, RINGQ_INT64, 10000);
}

static void drop_array(union made *m)
{
	ringq_array_release(m->array);
}

static int make_pipe(union made *m)
{
	return ringq_pipe_create(&m->pipe.a, &m->pipe.b, region, 0);
}

static void drop_pipe(union made *m)
{
	ringq_pipe_close(m->pipe.a);
	ringq_pipe_close(m->pipe.b);
}

static const struct {
	const char *name;
	int (*make)(union made *);
	int (*find)(union made *); /* by its name; NULL: it has none */
	void (*drop)(union made *);
} cases[] = {
	{"a named region", make_region, find_region, drop_region},
	{"a queue", make_queue, find_queue, drop_queue},
	{"a bounded, acknowledged queue", make_bounded, find_bounded, drop_queue},
	{"an array", make_array, find_array, drop_array},
	{"a large array", make_large_array, find_large_array, drop_array},
	{"an array without a name", make_nameless_array, NULL, drop_array},
	{"a pipe", make_pipe, NULL, drop_pipe},
};

/* Returns how often it was refused before it worked. */
static int refuse_each(size_t row)
{
	union made made, found;
	int64_t memory = -1;
	unsigned descriptors = count_descriptors(), mappings = count_region_mappings();

	test_context = cases[row].name;
	for (int n = 0;; n++) {
		heap_refuse_after(n);
		int r = cases[row].make(&made);
		if (!heap_grant()) {
			check_eq(r, 0);
			if (cases[row].find) {
				check_eq(cases[row].find(&found), 0);
				cases[row].drop(&found);
			}
			cases[row].drop(&made);
			return n;
		}
		check_eq(r, -ENOMEM);
		if (cases[row].find)
			check_eq(cases[row].find(&found), -ENOENT);
		check_eq(count_descriptors(), descriptors);
		check_eq(count_region_mappings(), mappings);
		/* The first refusal may back what is there once for all objects. */
		if (n > 1)
			check_eq(ringq_region_memory(region), memory);
		memory = ringq_region_memory(region);
	}
}

int main(void)
{
	ringq_array *once;

	region = region_new(64 << 20);
	region_name = unique_name();
	/* What a process has once: this thread is a member, and its family holds its arrays. */
	ringq_queue_release(queue_in(region, NULL));
	check_eq(ringq_array_create(&once, region, NULL, RINGQ_INT64, 10000), 0);
	ringq_array_release(once);
	for (size_t row = 0; row < COUNT(cases); row++)
		check_compare(refuse_each(row), >, 0);
	ringq_region_detach(region);
	return 0;
}
