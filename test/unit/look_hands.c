/* SPDX-License-Identifier: MIT */
/* Looks from outside at acknowledged queues: what has come back is shown first and counted, what is in hand is
 * counted, and shown with its holder. */
#include "../common.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <ringq/look.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const unsigned orders[] = {RINGQ_ORDER_TOTAL, RINGQ_ORDER_PRODUCER};

/* A queue, and the same one as somebody sees it who has only the region's file. */
struct both {
	ringq_queue *queue, *observed;
	ringq_region *region;
};

static struct both make(unsigned order)
{
	struct both b;

	b.queue = queue_new(&(struct ringq_queue_options){.order = order, .flags = RINGQ_ACKNOWLEDGED, .name = "q"});
	b.region = observe_region(ringq_queue_region(b.queue));
	check_eq(ringq_queue_open(&b.observed, b.region, "q"), 0);
	return b;
}

static void end(struct both *b)
{
	ringq_queue_release(b->observed);
	ringq_region_detach(b->region);
	ringq_queue_release(b->queue);
}

static void take_numbers(ringq_queue *queue, struct ringq_delivery *d, int64_t from, int64_t to)
{
	for (int64_t i = from; i < to; i++, d++) {
		check_eq(ringq_take(queue, d, TEST_SOON), 0);
		check_eq(memcmp(d->data, &i, sizeof i), 0);
	}
}

struct shown {
	int64_t number;
	uint32_t attempt;
};

/* The next one is that number, delivered so often. */
static struct ringq_record_info check_next(ringq_browser *browser, int64_t expected, uint32_t attempt)
{
	struct ringq_record_info info;
	int64_t number;

	check_eq(ringq_browse_next(browser, &number, sizeof number, &info), sizeof number);
	check_eq(number, expected);
	check_eq(info.attempt, attempt);
	check_eq(info.sequence, number);
	check_eq(info.producer.process, getpid());
	return info;
}

static void check_shown(ringq_browser *browser, const struct shown *shown, size_t n)
{
	for (size_t i = 0; i < n; i++)
		check_eq(check_next(browser, shown[i].number, shown[i].attempt).in_hand, 0);
}

static void check_browse(const ringq_queue *queue, const struct shown *shown, size_t n)
{
	ringq_browser *browser;

	check_eq(ringq_browse(&browser, queue), 0);
	check_shown(browser, shown, n);
	check_eq(ringq_browse_next(browser, NULL, 0, NULL), -ENOENT);
	ringq_browse_end(browser);
}

static void check_stat(const ringq_queue *queue, uint64_t waiting, uint64_t returned, uint64_t in_hand)
{
	struct ringq_queue_stat stat;

	check_eq(ringq_queue_stat(queue, &stat), 0);
	check_eq(stat.records_in - stat.records_out, waiting);
	check_eq(stat.returned, returned);
	check_eq(stat.in_hand, in_hand);
	check(in_hand || !stat.oldest_ns);
}

struct held {
	int64_t number;
	uint32_t attempt;
	pid_t holder;
};

static void check_in_hand(ringq_browser *browser, const struct held *held, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct ringq_record_info info = check_next(browser, held[i].number, held[i].attempt);

		check_eq(info.in_hand, 1);
		check_eq(info.holder.process, held[i].holder);
		check_eq(info.holder.state, RINGQ_ALIVE);
	}
}

static void check_all_in_hand(const ringq_queue *queue, const struct held *held, size_t n)
{
	ringq_browser *browser;

	check_eq(ringq_browse_in_hand(&browser, queue), 0);
	check_in_hand(browser, held, n);
	for (int i = 0; i < 2; i++)
		check_eq(ringq_browse_next(browser, NULL, 0, NULL), -ENOENT);
	ringq_browse_end(browser);
}

Test(look_hands, what_is_in_hand_is_shown_with_its_holder)
{
	for (size_t o = 0; o < COUNT(orders); o++) {
		struct both b = make(orders[o]);
		struct ringq_delivery d[8];
		pid_t own = getpid();

		put_numbers(b.queue, 0, 8);
		check_all_in_hand(b.observed, NULL, 0);
		take_numbers(b.queue, d, 0, 2);
		check_eq(ringq_take_many(b.queue, d + 2, 2, RINGQ_NOWAIT), 2);
		for (int outside = 0; outside < 2; outside++)
			check_all_in_hand(outside ? b.observed : b.queue,
				(struct held[]){{0, 1, own}, {1, 1, own}, {2, 1, own}, {3, 1, own}}, 4);
		check_eq(ringq_ack(b.queue, &d[2]), 0);
		check_eq(ringq_requeue(b.queue, &d[1]), 0);
		check_all_in_hand(b.observed, (struct held[]){{0, 1, own}, {3, 1, own}}, 2);
		pause_ns(RINGQ_MS(20)); /* who had it longest comes first: when is known to some ms */
		take_numbers(b.queue, d + 1, 1, 2);
		check_all_in_hand(b.observed, (struct held[]){{0, 1, own}, {3, 1, own}, {1, 2, own}}, 3);
		die_with(b.queue, 4, 2, 1); /* what the dead had is in nobody's hand */
		check_all_in_hand(b.observed, (struct held[]){{0, 1, own}, {3, 1, own}, {1, 2, own}}, 3);
		end(&b);
	}
}

Test(look_hands, another_process_has_it_in_hand)
{
	struct both b = make(RINGQ_ORDER_TOTAL);
	struct ringq_record_info info;
	ringq_browser *browser;
	int ready[2], go[2];
	char byte = 0;

	put_numbers(b.queue, 0, 1);
	check_eq(pipe(ready), 0);
	check_eq(pipe(go), 0);
	pid_t child = fork();
	if (child == 0) {
		struct ringq_delivery d;
		int ok = ringq_take(b.queue, &d, TEST_SOON) == 0 && write(ready[1], &byte, 1) == 1;
		_exit(ok && read(go[0], &byte, 1) == 1 ? 0 : 1);
	}
	check_eq(read(ready[0], &byte, 1), 1);
	check_eq(ringq_browse_in_hand(&browser, b.observed), 0);
	check_in_hand(browser, (struct held[]){{0, 1, child}}, 1);
	ringq_browse_end(browser);
	for (uint32_t before = 0, i = 0; i < 2; i++) { /* the time grows */
		check_eq(ringq_browse_in_hand(&browser, b.observed), 0);
		check_eq(ringq_browse_next(browser, NULL, 0, &info), sizeof(int64_t));
		ringq_browse_end(browser);
		check(i == 0 || info.held_ms > before);
		check_eq(info.holder.thread, child);
		before = info.held_ms;
		pause_ns(RINGQ_MS(30));
	}
	check_eq(write(go[1], &byte, 1), 1);
	int status;
	check_eq(waitpid(child, &status, 0), child);
	check_eq(status, 0);
	check_all_in_hand(b.observed, NULL, 0);
	end(&b);
}

/* What is let go while a browse is under way is skipped; a queue that does not acknowledge has nothing in hand. */
Test(look_hands, what_is_let_go_meanwhile_is_not_in_hand)
{
	struct both b = make(RINGQ_ORDER_TOTAL);
	ringq_queue *plain = queue_new(NULL);
	struct ringq_delivery d[4];
	ringq_browser *browser;
	pid_t own = getpid();

	put_numbers(b.queue, 0, 6);
	take_numbers(b.queue, d, 0, 4);
	check_eq(ringq_browse_in_hand(&browser, b.observed), 0);
	check_in_hand(browser, (struct held[]){{0, 1, own}}, 1);
	check_eq(ringq_ack(b.queue, &d[1]), 0);
	check_eq(ringq_requeue(b.queue, &d[2]), 0);
	take_numbers(b.queue, d + 1, 2, 3);
	check_in_hand(browser, (struct held[]){{3, 1, own}}, 1);
	check_eq(ringq_browse_next(browser, NULL, 0, NULL), -ENOENT);
	ringq_browse_end(browser);

	put_numbers(plain, 0, 2);
	check_all_in_hand(plain, NULL, 0);
	check_eq(ringq_browse_in_hand(NULL, plain), -EINVAL);
	check_eq(ringq_browse_in_hand(&browser, NULL), -EINVAL);
	ringq_queue_release(plain);
	end(&b);
}

Test(look_hands, what_has_come_back_is_first)
{
	for (size_t o = 0; o < COUNT(orders); o++) {
		struct both b = make(orders[o]);
		struct ringq_delivery d[8];

		put_numbers(b.queue, 0, 10);
		take_numbers(b.queue, d, 0, 6);
		check_browse(b.observed, (struct shown[]){{6, 1}, {7, 1}, {8, 1}, {9, 1}}, 4);
		check_eq(ringq_requeue(b.queue, &d[4]), 0);
		check_eq(ringq_requeue(b.queue, &d[1]), 0);
		check_eq(ringq_ack(b.queue, &d[0]), 0);
		for (int outside = 0; outside < 2; outside++) {
			const ringq_queue *queue = outside ? b.observed : b.queue;
			check_browse(queue, (struct shown[]){{1, 2}, {4, 2}, {6, 1}, {7, 1}, {8, 1}, {9, 1}}, 6);
			check_stat(queue, 6, 2, 3);
		}
		take_numbers(b.queue, d, 1, 2);
		check_eq(ringq_requeue(b.queue, &d[0]), 0);
		check_browse(b.observed, (struct shown[]){{1, 3}, {4, 2}, {6, 1}, {7, 1}, {8, 1}, {9, 1}}, 6);
		end(&b);
	}
}

Test(look_hands, stat_tells_who_has_the_oldest_and_where_dead_letters_go)
{
	ringq_queue *dead = queue_new(&(struct ringq_queue_options){.name = "dead"}), *queue;
	ringq_region *region = ringq_queue_region(dead);
	struct ringq_delivery d[2];
	struct ringq_queue_stat stat;

	check_eq(ringq_queue_create(&queue, region,
			 &(struct ringq_queue_options){
				 .flags = RINGQ_ACKNOWLEDGED, .name = "q", .max_attempts = 3, .dead_letters = "dead"}),
		0);
	put_numbers(queue, 0, 2);
	check_eq(ringq_queue_stat(queue, &stat), 0);
	check_eq(stat.max_attempts, 3);
	check(!strcmp(stat.dead_letters, "dead"));
	check_eq(stat.oldest_process, 0);
	take_numbers(queue, d, 0, 2);
	check_eq(ringq_queue_stat(queue, &stat), 0);
	check_eq(stat.oldest_process, getpid());
	check_eq(stat.oldest_thread, gettid());
	check_eq(ringq_ack(queue, &d[0]), 0);
	check_eq(ringq_requeue(queue, &d[1]), 0);
	check_eq(ringq_queue_delete(dead), 0);
	ringq_queue_release(dead);
	check_eq(ringq_queue_stat(queue, &stat), 0);
	check_eq(stat.oldest_process, 0);
	check_eq(stat.oldest_thread, 0);
	check(!*stat.dead_letters);
	ringq_queue_release(queue);
}

Test(look_hands, so_is_what_the_dead_had)
{
	for (size_t o = 0; o < COUNT(orders); o++) {
		struct both b = make(orders[o]);
		struct ringq_delivery d[8];

		put_numbers(b.queue, 0, 6);
		take_numbers(b.queue, d, 0, 1);
		die_with(b.queue, 1, 3, 1);
		for (int outside = 0; outside < 2; outside++) {
			const ringq_queue *queue = outside ? b.observed : b.queue;
			check_browse(queue, (struct shown[]){{1, 2}, {2, 2}, {3, 2}, {4, 1}, {5, 1}}, 5);
			check_stat(queue, 5, 3, 1);
		}
		check_eq(ringq_size(b.queue), 5);
		take_numbers(b.queue, d + 1, 1, 3);
		check_browse(b.observed, (struct shown[]){{3, 2}, {4, 1}, {5, 1}}, 3);
		check_stat(b.observed, 3, 1, 3);
		end(&b);
	}
}

/* A browse shows what still waits when it comes to it, and then what lies in the lanes. */
Test(look_hands, what_is_taken_meanwhile_is_skipped)
{
	struct both b = make(RINGQ_ORDER_TOTAL);
	struct ringq_delivery d[8];
	ringq_browser *browser;

	put_numbers(b.queue, 0, 8);
	take_numbers(b.queue, d, 0, 5);
	for (int i = 0; i < 4; i++)
		check_eq(ringq_requeue(b.queue, &d[i]), 0);
	check_eq(ringq_browse(&browser, b.observed), 0);
	check_shown(browser, (struct shown[]){{0, 2}}, 1);
	take_numbers(b.queue, d, 0, 2);
	check_eq(ringq_requeue(b.queue, &d[4]), 0);
	check_shown(browser, (struct shown[]){{2, 2}, {3, 2}, {5, 1}}, 3);
	take_numbers(b.queue, d, 2, 5);
	check_eq(ringq_ack_many(b.queue, d, 2), 0);
	check_shown(browser, (struct shown[]){{6, 1}, {7, 1}}, 2);
	check_eq(ringq_browse_next(browser, NULL, 0, NULL), -ENOENT);
	ringq_browse_end(browser);
	end(&b);
}

Test(look_hands, many_in_many_books_and_long_ones)
{
	static char record[200000], seen[200000];
	struct both b = make(RINGQ_ORDER_TOTAL);
	ringq_browser *browser;
	struct ringq_delivery d[300];
	struct ringq_record_info info;

	for (int i = 0; i < 300; i++) {
		memset(record, i, sizeof record);
		check_eq(ringq_put(b.queue, record, i == 150 ? sizeof record : 64, RINGQ_NOWAIT), 0);
	}
	check_eq(ringq_take_many(b.queue, d, 300, RINGQ_NOWAIT), 300);
	check_stat(b.observed, 0, 0, 300);
	for (int i = 299; i >= 0; i--)
		check_eq(ringq_requeue(b.queue, &d[i]), 0);
	check_stat(b.observed, 300, 300, 0);
	check_eq(ringq_browse(&browser, b.observed), 0);
	for (int i = 0; i < 300; i++) {
		size_t len = i == 150 ? sizeof record : 64;
		check_eq(ringq_browse_next(browser, seen, i % 2 ? 10 : sizeof seen, &info), len);
		memset(record, i, sizeof record);
		check_eq(memcmp(seen, record, i % 2 ? 10 : len), 0);
		check_eq(info.attempt, 2);
	}
	check_eq(ringq_browse_next(browser, NULL, 0, NULL), -ENOENT);
	ringq_browse_end(browser);
	end(&b);
}

/* Beside one who takes and gives back all the time: nothing torn, and each figure is possible. */
static atomic_int stop;

static void *give_back(void *queue)
{
	struct ringq_delivery d[4];

	while (!atomic_load(&stop)) {
		ssize_t n = ringq_take_many(queue, d, 4, RINGQ_NOWAIT);
		for (ssize_t i = 0; i < n; i++)
			check_eq(ringq_requeue(queue, &d[i]), 0);
	}
	return NULL;
}

Test(look_hands, beside_who_gives_back)
{
	struct both b = make(RINGQ_ORDER_TOTAL);
	pthread_t threads[2];
	uint64_t seen = 0, held = 0;

	put_numbers(b.queue, 0, 20);
	for (int i = 0; i < 2; i++)
		threads[i] = start_thread(give_back, b.queue);
	for (uint64_t i = 0; i < brief_or_long(500, 50000); i++) {
		struct ringq_queue_stat stat;
		struct ringq_record_info info;
		ringq_browser *browser;
		int64_t number;
		bool here[20] = {0};

		check_eq(ringq_queue_stat(b.observed, &stat), 0);
		check_compare(stat.in_hand, <=, 40); /* what moves all the time may be seen in both hands */
		check_compare(stat.returned, <=, 20);
		check_eq(ringq_browse(&browser, b.observed), 0);
		while (ringq_browse_next(browser, &number, sizeof number, NULL) >= 0) {
			check_compare(number, >=, 0);
			check_compare(number, <, 20);
			check(!here[number]);
			here[number] = true;
			seen++;
		}
		ringq_browse_end(browser);
		check_eq(ringq_browse_in_hand(&browser, b.observed), 0);
		while (ringq_browse_next(browser, &number, sizeof number, &info) >= 0) {
			check_compare(number, >=, 0);
			check_compare(number, <, 20);
			check_eq(info.in_hand, 1);
			check_eq(info.sequence, number);
			check_eq(info.holder.process, getpid());
			held++;
		}
		ringq_browse_end(browser);
	}
	check_compare(seen, >, 0);
	check_compare(held, >, 0);
	atomic_store(&stop, 1);
	for (int i = 0; i < 2; i++)
		join_thread(threads[i]);
	end(&b);
}
