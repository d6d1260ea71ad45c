/* SPDX-License-Identifier: MIT */
/* Browsing: what waits in a queue, shown without being taken, from a region that is attached and from one that is observed. */
#include "../common.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static ringq_browser *browse(const ringq_queue *queue)
{
	ringq_browser *browser;
	check_eq(ringq_browse(&browser, queue), 0);
	return browser;
}

/* The number in the next record, or a negative errno. */
static int64_t next_number(ringq_browser *browser, struct ringq_record_info *info)
{
	int64_t number;
	ssize_t n = ringq_browse_next(browser, &number, sizeof(number), info);
	return n == (ssize_t)sizeof(number) ? number : n < 0 ? n : -EMSGSIZE;
}

Test(browse, shows_what_waits_in_order_and_takes_nothing)
{
	for (size_t kind = 0; kind < kinds_count; kind++) {
		ringq_queue *queue = queue_new(&kinds[kind].options), *observed = observe_queue(queue);
		struct ringq_record_info info;

		test_context = kinds[kind].name;
		for (int i = 0; i < 5000; i++)
			check_eq(put_number(queue, i, RINGQ_NOWAIT), 0);
		for (int i = 0; i < 100; i++)
			check_eq(get_number(queue, RINGQ_NOWAIT), i);
		for (int round = 0; round < 2; round++) {
			ringq_browser *browser = browse(round ? observed : queue);
			for (int i = 100; i < 5000; i++) {
				check_eq(next_number(browser, &info), i);
				check_eq(info.sequence, i);
				check_eq(info.lane, 0);
				check_eq(info.in_hand, 0);
				check_eq(info.attempt, 1);
				check_eq(info.producer.process, getpid());
				check_eq(info.producer.state, RINGQ_ALIVE);
			}
			check_eq(next_number(browser, &info), -ENOENT);
			check_eq(next_number(browser, &info), -ENOENT);
			ringq_browse_end(browser);
		}
		for (int i = 100; i < 5000; i++)
			check_eq(get_number(queue, RINGQ_NOWAIT), i);
		ringq_queue_release(observed);
		ringq_queue_release(queue);
	}
}

Test(browse, goes_on_with_what_is_put_later_and_skips_what_is_taken)
{
	for (size_t kind = 0; kind < kinds_count; kind++) {
		ringq_queue *queue = queue_new(&kinds[kind].options);
		ringq_browser *browser = browse(queue);

		test_context = kinds[kind].name;
		check_eq(next_number(browser, NULL), -ENOENT);
		for (int i = 0; i < 10; i++)
			check_eq(put_number(queue, i, RINGQ_NOWAIT), 0);
		check_eq(next_number(browser, NULL), 0);
		check_eq(next_number(browser, NULL), 1);
		for (int i = 0; i < 6; i++)
			check_eq(get_number(queue, RINGQ_NOWAIT), i);
		check_eq(next_number(browser, NULL), 6);
		for (int i = 6; i < 10; i++)
			check_eq(get_number(queue, RINGQ_NOWAIT), i);
		check_eq(next_number(browser, NULL), -ENOENT);
		check_eq(put_number(queue, 10, RINGQ_NOWAIT), 0);
		check_eq(next_number(browser, NULL), 10);
		check_eq(next_number(browser, NULL), -ENOENT);
		ringq_browse_end(browser);
		ringq_queue_release(queue);
	}
}

/* Records of all sizes: empty, longer than a window, longer than a ring; through several chunks, and round a ring. */
Test(browse, records_of_all_sizes_are_whole)
{
	for (size_t kind = 0; kind < kinds_count; kind++) {
		ringq_queue *queue = queue_new(&kinds[kind].options);
		enum { N = 200 };
		static size_t lens[N];
		size_t most = 400000;
		unsigned char *data = malloc(most), *seen = malloc(most);
		struct rng rng = {7};

		test_context = kinds[kind].name;
		for (int round = 0; round < 3; round++) {
			ringq_browser *browser;
			for (int i = 0; i < N; i++) {
				lens[i] = i % 50 == 49 ? most - (size_t)i : rng_below(&rng, i % 10 ? 300 : 9000);
				if (i % 7 == 0)
					lens[i] = 0;
				memset(data, i + round, lens[i]);
				check_eq(ringq_put(queue, data, lens[i], RINGQ_NOWAIT), 0);
			}
			browser = browse(queue);
			for (int i = 0; i < N; i++) {
				memset(seen, ~(i + round), most);
				check_eq(ringq_browse_next(browser, seen, most, NULL), lens[i]);
				memset(data, i + round, lens[i]);
				check_eq(memcmp(seen, data, lens[i]), 0);
			}
			check_eq(ringq_browse_next(browser, seen, most, NULL), -ENOENT);
			ringq_browse_end(browser);
			for (int i = 0; i < N; i++)
				check_eq(ringq_get(queue, seen, most, RINGQ_NOWAIT), lens[i]);
		}
		free(data);
		free(seen);
		ringq_queue_release(queue);
	}
}

Test(browse, a_short_buffer_gets_the_beginning)
{
	ringq_queue *queue = queue_new(&(struct ringq_queue_options){0});
	ringq_browser *browser;
	static char large[100000];
	char buf[8] = "-------";

	memset(large, 'x', sizeof(large));
	check_eq(ringq_put(queue, "abcdef", 6, RINGQ_NOWAIT), 0);
	check_eq(ringq_put(queue, large, sizeof(large), RINGQ_NOWAIT), 0);
	check_eq(ringq_put(queue, "ghi", 3, RINGQ_NOWAIT), 0);
	browser = browse(queue);
	check_eq(ringq_browse_next(browser, buf, 3, NULL), 6);
	check_eq(memcmp(buf, "abc----", 7), 0);
	check_eq(ringq_browse_next(browser, buf, 5, NULL), sizeof(large));
	check_eq(memcmp(buf, "xxxxx--", 7), 0);
	check_eq(ringq_browse_next(browser, NULL, 0, NULL), 3);
	check_eq(ringq_browse_next(browser, buf, 8, NULL), -ENOENT);
	ringq_browse_end(browser);
	ringq_queue_release(queue);
}

struct turns {
	ringq_queue *queue;
	int number;
};

static void *put_one(void *arg)
{
	struct turns *t = arg;
	check_eq(put_number(t->queue, t->number++, RINGQ_NOWAIT), 0);
	return NULL;
}

static void put_from_child(void *arg)
{
	prctl(PR_SET_NAME, "a child");
	put_one(arg);
}

/* Producers that live on, each with a lane of its own: two processes and this one. */
Test(browse, total_order_is_kept_across_producers)
{
	ringq_queue *queue = queue_new(&(struct ringq_queue_options){0}), *observed = observe_queue(queue);
	enum { CHILDREN = 3, ROUNDS = 40 };
	struct gate {
		atomic_int turn;
	} *gate = share_memory(sizeof(*gate));
	pid_t children[CHILDREN];
	ringq_browser *browser;
	struct ringq_record_info info;

	for (int c = 0; c < CHILDREN; c++) {
		children[c] = fork();
		if (children[c] == 0) {
			for (int i = 0; i < ROUNDS; i++) {
				while (atomic_load(&gate->turn) != i * (CHILDREN + 1) + c)
					pause_ns(RINGQ_US(20));
				check_eq(put_number(queue, i * (CHILDREN + 1) + c, RINGQ_NOWAIT), 0);
				atomic_fetch_add(&gate->turn, 1);
			}
			while (atomic_load(&gate->turn) >= 0)
				pause_ns(RINGQ_MS(1));
			_exit(0);
		}
	}
	for (int i = 0; i < ROUNDS; i++) {
		int mine = i * (CHILDREN + 1) + CHILDREN;
		while (atomic_load(&gate->turn) != mine)
			pause_ns(RINGQ_US(20));
		check_eq(put_number(queue, mine, RINGQ_NOWAIT), 0);
		atomic_fetch_add(&gate->turn, 1);
	}
	browser = browse(observed);
	for (int i = 0; i < ROUNDS * (CHILDREN + 1); i++) {
		pid_t who = i % (CHILDREN + 1) == CHILDREN ? getpid() : children[i % (CHILDREN + 1)];
		check_eq(next_number(browser, &info), i);
		check_eq(info.producer.process, who);
		check_eq(info.sequence, i / (CHILDREN + 1));
	}
	check_eq(next_number(browser, &info), -ENOENT);
	ringq_browse_end(browser);
	for (int i = 0; i < 10; i++)
		check_eq(get_number(queue, RINGQ_NOWAIT), i);
	browser = browse(observed);
	check_eq(next_number(browser, &info), 10);
	ringq_browse_end(browser);
	atomic_store(&gate->turn, -1);
	for (int c = 0; c < CHILDREN; c++)
		reap_child(children[c]);
	ringq_queue_release(observed);
	ringq_queue_release(queue);
}

Test(browse, tells_whose_records_of_a_lane_that_has_changed_hands_are)
{
	ringq_queue *queue = queue_new(&(struct ringq_queue_options){0});
	struct turns t = {.queue = queue};
	ringq_browser *browser;
	struct ringq_record_info info;
	pid_t children[3];

	for (int i = 0; i < 3; i++) { /* each takes the lane of the one before, who is dead */
		children[i] = fork_child(put_from_child, &t);
		reap_child(children[i]);
		t.number++;
	}
	browser = browse(queue);
	check_eq(next_number(browser, &info), 0);
	check_eq(info.lane, 0);
	check_eq(info.producer.state, RINGQ_NOBODY); /* two have had the lane since */
	check_eq(next_number(browser, &info), 1);
	check_eq(info.lane, 0);
	check_eq(info.producer.state, RINGQ_LEFT);
	check_eq(info.producer.process, children[1]);
	check_eq(next_number(browser, &info), 2);
	check_eq(info.producer.state, RINGQ_DEAD);
	check_eq(info.producer.process, children[2]);
	check_eq(strcmp(info.producer.name, "a child"), 0);
	ringq_browse_end(browser);
	ringq_queue_release(queue);
}

Test(browse, a_browser_outlives_the_handle)
{
	unsigned descriptors = count_descriptors();
	ringq_region *region = region_new(1 << 20);
	ringq_queue *queue = queue_in(region, &(struct ringq_queue_options){0});
	ringq_browser *browser;

	check_eq(put_number(queue, 3, RINGQ_NOWAIT), 0);
	browser = browse(queue);
	ringq_queue_release(queue);
	ringq_region_detach(region);
	check_eq(next_number(browser, NULL), 3);
	ringq_browse_end(browser);
	check_eq(count_descriptors(), descriptors);
}

Test(browse, bad_arguments_are_einval)
{
	ringq_queue *queue = queue_new(&(struct ringq_queue_options){0});
	ringq_browser *browser = browse(queue);

	check_eq(ringq_browse(NULL, queue), -EINVAL);
	check_eq(ringq_browse(&browser, NULL), -EINVAL);
	check_eq(ringq_browse_next(NULL, NULL, 0, NULL), -EINVAL);
	check_eq(ringq_browse_next(browser, NULL, 1, NULL), -EINVAL);
	ringq_browse_end(browser);
	ringq_browse_end(NULL);
	ringq_queue_release(queue);
}
