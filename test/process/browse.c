/* SPDX-License-Identifier: MIT */
/*
 * Browsing beside eight processes that take: each record that is shown is whole, none is shown twice, and none is missed that
 * nobody has taken. All records are in the queue before the first look, so what one look shows and the look before it
 * did not, was missed.
 */
#include "../common.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { TAKERS = 8, PRODUCERS = 3, RECORD_MOST = 3000 };

struct shared {
	atomic_int puts;
	atomic_int left; /* records that takers may take */
	atomic_int stop;
};

static struct shared *shared;
static ringq_queue *queue;
static uint32_t each; /* records of a producer */

static size_t len_of(uint32_t number)
{
	return RECORD_MIN + number * 2654435761u % (number % 16 ? 100 : RECORD_MOST - RECORD_MIN);
}

static void produce(void *arg)
{
	uint32_t producer = (uint32_t)(uintptr_t)arg;
	char buf[RECORD_MOST];
	for (uint32_t i = 0; i < each; i++) {
		record_fill(buf, len_of(i), (struct record_id){.producer = producer, .number = i});
		check_eq(ringq_put(queue, buf, len_of(i), RINGQ_FOREVER), 0);
	}
	atomic_fetch_add(&shared->puts, 1);
	while (!atomic_load(&shared->stop))
		pause_ns(RINGQ_MS(5));
}

static void take(void *arg)
{
	char buf[RECORD_MOST];
	(void)arg;
	while (atomic_fetch_sub(&shared->left, 1) > 0) {
		ssize_t n = ringq_get(queue, buf, sizeof(buf), RINGQ_FOREVER);
		check_compare(n, >=, RECORD_MIN);
		record_check(buf, (size_t)n);
	}
}

/* One look at all that waits. Marks what it has seen, of which none may be new. How many. */
static uint32_t look(ringq_queue *observed, uint8_t *seen, uint8_t pass)
{
	ringq_browser *browser;
	char buf[RECORD_MOST];
	uint32_t n = 0;
	ssize_t len;
	check_eq(ringq_browse(&browser, observed), 0);
	while ((len = ringq_browse_next(browser, buf, sizeof(buf), NULL)) != -ENOENT) {
		if (len == -EAGAIN)
			continue;
		check_compare(len, >=, RECORD_MIN);
		struct record_id id = record_check(buf, (size_t)len);
		uint8_t *mark = &seen[id.producer * each + id.number];
		check_eq((size_t)len, len_of(id.number));
		check_eq(*mark, (uint8_t)(pass - 1)); /* shown by the look before, and not yet by this one */
		*mark = pass;
		n++;
	}
	ringq_browse_end(browser);
	return n;
}

static void run(const struct ringq_queue_options *options)
{
	pid_t producers[PRODUCERS], takers[TAKERS];
	uint32_t kept = each / 10, all = PRODUCERS * each, before;
	uint8_t *seen = calloc(all, 1), pass = 1;
	queue = queue_new(options);
	shared = share_memory(sizeof(*shared));
	ringq_queue *observed = observe_queue(queue);
	for (uintptr_t i = 0; i < PRODUCERS; i++)
		producers[i] = fork_child(produce, (void *)i);
	while (atomic_load(&shared->puts) < PRODUCERS)
		pause_ns(RINGQ_MS(1));
	check_eq(look(observed, seen, pass), all);
	atomic_store(&shared->left, (int)(all - kept));
	for (int i = 0; i < TAKERS; i++)
		takers[i] = fork_child(take, NULL);
	before = all;
	do {
		uint32_t n = look(observed, seen, ++pass);
		check_compare(n, <=, before);
		before = n;
	} while (before > kept && pass < 250);
	for (int i = 0; i < TAKERS; i++)
		reap_child(takers[i]);
	check_eq(look(observed, seen, ++pass), kept);
	atomic_store(&shared->stop, 1);
	for (int i = 0; i < PRODUCERS; i++)
		reap_child(producers[i]);
	check_eq(look(observed, seen, ++pass), kept); /* the dead ones' records too */
	free(seen);
	ringq_queue_release(observed);
	ringq_queue_release(queue);
}

int main(void)
{
	each = (uint32_t)brief_or_long(6000, 60000);
	for (size_t kind = 0; kind < kinds_count; kind++) {
		if (kinds[kind].options.flags)
			continue; /* several producers, several takers */
		test_context = kinds[kind].name;
		run(&kinds[kind].options);
	}
	return 0;
}
