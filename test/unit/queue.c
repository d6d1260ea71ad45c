/* SPDX-License-Identifier: MIT */
/* Queues: creating them, finding them, letting go of them. */
#include "../common.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MIB ((size_t)1 << 20)

static const struct ringq_queue_options defaults;

static ringq_queue *named_in(ringq_region *region, const char *name)
{
	return queue_in(region, &(struct ringq_queue_options){.name = name});
}

Test(queue, refuses_bad_options_and_leaves_the_output_alone)
{
	static const char name64[] = "0123456789012345678901234567890123456789012345678901234567890123";
	static const struct ringq_queue_options bad[] = {
		{.name = ""},
		{.name = name64},
		{.max_records = (1 << 24) + 1},
		{.max_records = UINT64_MAX},
		{.order = 2},
		{.order = ~0u},
		{.max_producers = 4097},
		{.max_producers = ~0u},
		{.flags = 4},
		{.flags = ~0u},
	};
	ringq_queue *untouched = (ringq_queue *)&bad, *queue = untouched;
	ringq_region *region = region_new(0);

	check_eq(strlen(name64), 64);
	for (size_t i = 0; i < COUNT(bad); i++) {
		check_eq(ringq_queue_create(&queue, region, &bad[i]), -EINVAL);
		check_eq(ringq_queue_create(&queue, NULL, &bad[i]), -EINVAL);
	}
	check(queue == untouched);
	check_eq(ringq_queue_create(NULL, region, &defaults), -EINVAL);
	check_eq(ringq_queue_open(&queue, region, NULL), -ENOENT);
	ringq_region_detach(region);
}

Test(queue, a_refused_queue_leaves_no_region_behind)
{
	unsigned descriptors, mappings;
	ringq_queue *queue;

	ringq_queue_release(queue_new(&defaults));
	descriptors = count_descriptors();
	mappings = count_region_mappings();
	check_eq(ringq_queue_create(&queue, NULL, &(struct ringq_queue_options){.order = 7}), -EINVAL);
	check_eq(count_descriptors(), descriptors);
	check_eq(count_region_mappings(), mappings);
}

Test(queue, takes_options_at_their_limits)
{
	char name63[64];
	const struct ringq_queue_options good[] = {
		{.name = "x"},
		{.name = name63},
		{.max_records = 1},
		{.max_records = 1 << 24},
		{.max_producers = 1},
		{.max_producers = 4096},
		{.max_bytes = 1},
		{.max_bytes = RINGQ_UNBOUNDED},
		{.max_bytes = RINGQ_UNBOUNDED - 1},
		{.flags = RINGQ_SINGLE_PRODUCER | RINGQ_SINGLE_CONSUMER},
	};

	memset(name63, 'n', 63);
	name63[63] = 0;
	for (size_t i = 0; i < COUNT(good); i++) {
		ringq_queue *queue = queue_new(&good[i]);

		check_eq(put_number(queue, i, RINGQ_NOWAIT), 0);
		check_eq(get_number(queue, RINGQ_NOWAIT), i);
		ringq_queue_release(queue);
	}
}

Test(queue, names_are_unique_in_a_region)
{
	ringq_region *one = region_new(0), *two = region_new(0);
	ringq_queue *a = named_in(one, "name"), *b = named_in(one, "other"), *c = named_in(two, "name"), *taken;

	check_eq(ringq_queue_create(&taken, one, &(struct ringq_queue_options){.name = "name"}), -EEXIST);
	check_eq(ringq_queue_create(&taken, two, &(struct ringq_queue_options){.name = "name"}), -EEXIST);
	ringq_queue_release(a);
	check_eq(ringq_queue_create(&taken, one, &(struct ringq_queue_options){.name = "name"}), -EEXIST);
	ringq_queue_release(b);
	ringq_queue_release(c);
	ringq_region_detach(one);
	ringq_region_detach(two);
}

enum { RACERS = 6, RACED_NAMES = 200 };

static struct {
	ringq_region *region;
	pthread_barrier_t start;
	atomic_int winners[RACED_NAMES];
} race;

/* Those who lose give their memory back, which others then take for the next name. */
static void *create_all_names(void *unused)
{
	for (int i = 0; i < RACED_NAMES; i++) {
		ringq_queue *queue;
		char name[32];
		int rc;

		snprintf(name, sizeof(name), "raced %d", i);
		if (i % 10 == 0)
			pthread_barrier_wait(&race.start);
		rc = ringq_queue_create(&queue, race.region, &(struct ringq_queue_options){.name = name});
		check(rc == 0 || rc == -EEXIST);
		if (rc == 0)
			ringq_queue_release(queue);
		atomic_fetch_add(&race.winners[i], rc == 0);
	}
	return unused;
}

Test(queue, one_of_many_creators_of_a_name_wins, .timeout = 200)
{
	for (uint64_t round = 0; round < brief_or_long(5, 200); round++) {
		pthread_t threads[RACERS];

		race.region = region_new(0);
		pthread_barrier_init(&race.start, NULL, RACERS);
		for (size_t i = 0; i < RACERS; i++)
			threads[i] = start_thread(create_all_names, NULL);
		for (size_t i = 0; i < RACERS; i++)
			join_thread(threads[i]);
		for (size_t i = 0; i < RACED_NAMES; i++)
			check_eq(atomic_exchange(&race.winners[i], 0), 1);
		ringq_region_detach(race.region);
	}
}

Test(queue, open_finds_by_name)
{
	ringq_region *region = region_new(0);
	ringq_queue *a = named_in(region, "a"), *ab = named_in(region, "ab"), *found;

	check_eq(put_number(a, 1, RINGQ_NOWAIT), 0);
	check_eq(put_number(ab, 2, RINGQ_NOWAIT), 0);
	check_eq(ringq_queue_open(&found, region, "ab"), 0);
	check_eq(get_number(found, RINGQ_NOWAIT), 2);
	ringq_queue_release(found);
	check_eq(ringq_queue_open(&found, region, "a"), 0);
	check_eq(get_number(found, RINGQ_NOWAIT), 1);
	ringq_queue_release(found);
	check_eq(ringq_queue_open(&found, region, "abc"), -ENOENT);
	check_eq(ringq_queue_open(&found, region, "b"), -ENOENT);
	ringq_queue_release(a);
	ringq_queue_release(ab);
	ringq_region_detach(region);
}

Test(queue, open_without_a_name_finds_the_first)
{
	static const char *const first_names[] = {NULL, "first"};

	for (size_t i = 0; i < COUNT(first_names); i++) {
		ringq_region *region = region_new(0);
		ringq_queue *first = named_in(region, first_names[i]), *second = named_in(region, "second"),
			    *third = named_in(region, NULL), *found;

		check_eq(put_number(first, 1, RINGQ_NOWAIT), 0);
		check_eq(put_number(second, 2, RINGQ_NOWAIT), 0);
		check_eq(put_number(third, 3, RINGQ_NOWAIT), 0);
		check_eq(ringq_queue_open(&found, region, NULL), 0);
		check_eq(get_number(found, RINGQ_NOWAIT), 1);
		ringq_queue_release(first);
		ringq_queue_release(second);
		ringq_queue_release(third);
		ringq_queue_release(found);
		ringq_region_detach(region);
	}
}

Test(queue, open_refuses_bad_arguments)
{
	static const char name64[] = "0123456789012345678901234567890123456789012345678901234567890123";
	ringq_region *region = region_new(0);
	ringq_queue *queue;

	check_eq(ringq_queue_open(&queue, region, NULL), -ENOENT);
	check_eq(ringq_queue_open(&queue, region, "none"), -ENOENT);
	check_eq(ringq_queue_open(&queue, region, ""), -EINVAL);
	check_eq(ringq_queue_open(&queue, region, name64), -EINVAL);
	check_eq(ringq_queue_open(&queue, NULL, "none"), -EINVAL);
	check_eq(ringq_queue_open(NULL, region, "none"), -EINVAL);
	ringq_region_detach(region);
}

Test(queue, two_handles_are_one_queue)
{
	ringq_queue *one = queue_new(&(struct ringq_queue_options){.max_records = 2}), *two;

	check_eq(ringq_queue_open(&two, ringq_queue_region(one), NULL), 0);
	check(ringq_queue_region(two) == ringq_queue_region(one));
	check_eq(put_number(one, 1, RINGQ_NOWAIT), 0);
	check_eq(put_number(two, 2, RINGQ_NOWAIT), 0);
	check_eq(put_number(one, 3, RINGQ_NOWAIT), -EAGAIN);
	check_eq(ringq_size(two), 2);
	check(ringq_full(two));
	check_eq(get_number(two, RINGQ_NOWAIT), 1);
	check_eq(get_number(one, RINGQ_NOWAIT), 2);
	ringq_queue_release(one);
	check_eq(put_number(two, 4, RINGQ_NOWAIT), 0);
	check_eq(get_number(two, RINGQ_NOWAIT), 4);
	check_eq(ringq_close(two), 0);
	ringq_queue_release(two);
}

Test(queue, holds_its_region_and_lets_it_go)
{
	unsigned mappings = count_region_mappings(), descriptors = count_descriptors();
	ringq_queue *queue = queue_new(&defaults), *second;
	ringq_region *region;

	check_eq(ringq_queue_open(&second, ringq_queue_region(queue), NULL), 0);
	check_eq(put_number(queue, 1, RINGQ_NOWAIT), 0);
	ringq_queue_release(queue);
	check_eq(get_number(second, RINGQ_NOWAIT), 1);

	check_eq(ringq_region_attach(&region, ringq_region_fd(ringq_queue_region(second))), 0);
	check(region == ringq_queue_region(second));
	check_eq(put_number(second, 2, RINGQ_NOWAIT), 0);
	ringq_queue_release(second);
	check_eq(ringq_queue_open(&second, region, NULL), 0);
	ringq_region_detach(region);
	check_eq(get_number(second, RINGQ_NOWAIT), 2);
	ringq_queue_release(second);
	check_eq(count_region_mappings(), mappings);
	check_eq(count_descriptors(), descriptors);
}

Test(queue, null_is_nobody)
{
	check(ringq_queue_region(NULL) == NULL);
	ringq_queue_release(NULL);
	check(ringq_empty(NULL));
	check_eq(ringq_size(NULL), 0);
	check(!ringq_full(NULL));
	check_eq(ringq_close(NULL), -EINVAL);
	check_eq(ringq_event_fd(NULL), -EINVAL);
}

Test(queue, many_queues_in_a_region_stay_apart)
{
	enum { QUEUES = 300 };
	ringq_region *region = region_new(0);
	ringq_queue *queues[QUEUES];
	char name[32];

	for (int i = 0; i < QUEUES; i++) {
		snprintf(name, sizeof(name), "queue %d", i);
		queues[i] = named_in(region, name);
		check_eq(put_number(queues[i], i, RINGQ_NOWAIT), 0);
	}
	for (int i = QUEUES; i--;) {
		ringq_queue *found;

		snprintf(name, sizeof(name), "queue %d", i);
		check_eq(ringq_queue_open(&found, region, name), 0);
		check_eq(get_number(queues[i], RINGQ_NOWAIT), i);
		check_eq(get_number(found, RINGQ_NOWAIT), -EAGAIN);
		ringq_queue_release(found);
		ringq_queue_release(queues[i]);
	}
	ringq_region_detach(region);
}

Test(queue, creating_until_memory_ends_harms_no_other)
{
	ringq_region *region = region_new(MIB);
	ringq_queue *first = queue_in(region, &(struct ringq_queue_options){.max_records = 10}), *last;
	int rc, count = 0;

	check_eq(put_number(first, 42, RINGQ_NOWAIT), 0);
	while ((rc = ringq_queue_create(&last, region, &defaults)) == 0) {
		ringq_queue_release(last);
		check_compare(++count, <, MIB);
	}
	check_eq(rc, -ENOMEM);
	check_compare(count, >, 0);
	check_eq(get_number(first, RINGQ_NOWAIT), 42);
	ringq_queue_release(first);
	ringq_region_detach(region);
}
