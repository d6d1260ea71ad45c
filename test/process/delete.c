/* SPDX-License-Identifier: MIT */
/*
 * Queues are made, used and deleted by many processes under a few names, and the processes are killed all the time. What comes
 * out of a queue was put into a queue of that name, whole; no name is ever had by two; and when all is over, all memory of
 * the region is there again.
 */
#include "../common.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WORKERS = 5, NAMES = 3, LEN_LEAST = 16, LEN_MOST = 3015 };

static const struct ringq_queue_options queues_made[NAMES] = {
	{.name = "plain", .max_producers = 8},
	{.name = "acknowledged", .max_producers = 8, .flags = RINGQ_ACKNOWLEDGED},
	{.name = "counted", .max_producers = 8, .max_records = 20, .order = RINGQ_ORDER_PRODUCER},
};

static ringq_region *region;
static struct {
	atomic_uint uses, deletions;
} * done;              /* shared */
static struct rng rng; /* each process has its own */

static uint64_t below(uint64_t limit)
{
	return rng_below(&rng, limit);
}

/* Who puts it is, to a record, the name of the queue. */
static void see(const void *record, size_t len, uint32_t name)
{
	check_compare(len, >=, LEN_LEAST);
	check_eq(record_check(record, len).producer, name);
}

/* What any call may say of a queue that others delete, where memory may be short. */
static bool is_usual(long r)
{
	return r >= 0 || r == -EPIPE || r == -EAGAIN || r == -ENOMEM || r == -EUSERS || r == -ETIMEDOUT || r == -ESTALE;
}

static void put_some(ringq_queue *queue, uint32_t name)
{
	char record[LEN_MOST];
	for (uint64_t n = below(20); n > 0; n--) {
		size_t len = LEN_LEAST + below(LEN_MOST - LEN_LEAST + 1);
		record_fill(record, len, (struct record_id){name, (uint32_t)rng_next(&rng)});
		check(is_usual(ringq_put(queue, record, len, below(4) ? RINGQ_NOWAIT : RINGQ_MS(1))));
	}
}

static void get_some(ringq_queue *queue, uint32_t name)
{
	char record[LEN_MOST];
	for (uint64_t n = below(20); n > 0; n--) {
		ssize_t len = ringq_get(queue, record, sizeof record, below(4) ? RINGQ_NOWAIT : RINGQ_MS(1));
		check(is_usual(len));
		if (len >= 0)
			see(record, (size_t)len, name);
	}
}

/* In hand while others delete: it stays what it is until it is finished. */
static void take_some(ringq_queue *queue, uint32_t name)
{
	struct ringq_delivery d;
	for (uint64_t n = below(5); n > 0; n--) {
		int r = ringq_take(queue, &d, RINGQ_NOWAIT);
		check(is_usual(r));
		if (r)
			continue;
		if (below(4) == 0)
			pause_ns(RINGQ_US(100));
		see(d.data, d.len, name);
		check(is_usual(below(3) ? ringq_ack(queue, &d) : ringq_requeue(queue, &d)));
	}
}

static void use(uint32_t name)
{
	ringq_queue *queue;
	int e = ringq_queue_open(&queue, region, queues_made[name].name);
	if (e == -ENOENT)
		e = ringq_queue_create(&queue, region, &queues_made[name]);
	if (e) {
		check(e == -EEXIST || e == -ENOENT || is_usual(e));
		return;
	}
	put_some(queue, name);
	if (queues_made[name].flags & RINGQ_ACKNOWLEDGED)
		take_some(queue, name);
	get_some(queue, name);
	if (below(3) == 0) {
		e = ringq_queue_delete(queue);
		check(is_usual(e));
		done->deletions += e == 0;
		if (e == 0)
			check_eq(put_number(queue, 0, RINGQ_FOREVER), -EPIPE);
	}
	ringq_queue_release(queue);
	done->uses++;
}

static void work(void *seed)
{
	rng.state = (uintptr_t)seed;
	check_compare(nice(5), !=, -1);
	for (;;) {
		use((uint32_t)below(NAMES));
		pause_ns(RINGQ_US(below(500)));
	}
}

/* No more than there are names. */
static void check_names(void)
{
	struct ringq_object objects[16];
	ssize_t n = ringq_region_objects(region, objects, COUNT(objects));
	check_compare(n, >=, 0);
	check_compare(n, <=, NAMES + 1); /* as they come and go while it looks */
}

int main(int argc, char **argv)
{
	pid_t children[WORKERS];
	uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 10) : (uint64_t)now_ns();
	unsigned deaths = 0;

	done = share_memory(sizeof *done);
	region = region_new((size_t)8 << 20);
	int fit = count_queues_that_fit(region);
	printf("seed %llu\n", (unsigned long long)seed);
	fflush(stdout);
	rng.state = seed;
	for (int i = 0; i < WORKERS; i++)
		children[i] = fork_child(work, (void *)(uintptr_t)++seed);
	int64_t end = now_ns() + (int64_t)brief_or_long((uint64_t)RINGQ_SEC(4), (uint64_t)RINGQ_SEC(60));
	while (now_ns() < end || (!done->deletions && now_ns() < end + TEST_SOON)) {
		int i = (int)below(WORKERS), status;
		unsigned uses = done->uses;
		pause_ns(RINGQ_US(below(6000)));
		for (int64_t late = now_ns() + TEST_SOON; done->uses == uses && now_ns() < late;) /* else all die early */
			pause_ns(RINGQ_US(100));
		check_names();
		check_eq(waitpid(children[i], &status, WNOHANG), 0); /* no check of its own has failed */
		kill_child(children[i]);
		deaths++;
		children[i] = fork_child(work, (void *)(uintptr_t)++seed);
	}
	for (int i = 0; i < WORKERS; i++)
		kill_child(children[i]);
	for (int i = 0; i < NAMES; i++) {
		ringq_queue *queue;
		int e = ringq_queue_open(&queue, region, queues_made[i].name);
		if (e == 0) {
			check_eq(ringq_queue_delete(queue), 0);
			ringq_queue_release(queue);
		}
		check(e == 0 || e == -ENOENT);
		check_eq(ringq_queue_open(&queue, region, queues_made[i].name), -ENOENT); /* no two had it */
	}
	count_queues_that_fit(region); /* runs short, and so sweeps */
	int left = count_queues_that_fit(region);
	printf("%u deletions, %u deaths; of %d queues %d fit again\n", done->deletions, deaths, fit, left);
	check_compare(done->deletions, >, 0);
	/* What the members' books have stays theirs. */
	check_compare(left, >=, fit - 2 * WORKERS);
	ringq_region_detach(region);
	return 0;
}
