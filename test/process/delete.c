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
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WORKERS = 5, NAMES = 3, FIT_MOST = 600 };

struct record {
	uint32_t name, number;
	uint64_t check;
	char rest[3000];
};

static const struct ringq_queue_options queues_made[NAMES] = {
	{.name = "plain", .max_producers = 8},
	{.name = "acknowledged", .max_producers = 8, .flags = RINGQ_ACKNOWLEDGED},
	{.name = "counted", .max_producers = 8, .max_records = 20, .order = RINGQ_ORDER_PRODUCER},
};

static ringq_region *region;
static _Atomic unsigned *deletions; /* shared */

static uint64_t check_of(const struct record *r)
{
	return (uint64_t)r->number * 0x9e3779b97f4a7c15 ^ r->name;
}

static void see(const struct record *r, size_t len, uint32_t name)
{
	check_compare(len, >=, offsetof(struct record, rest));
	check_eq(r->name, name);
	check_eq(r->check, check_of(r));
	for (size_t i = offsetof(struct record, rest); i < len; i++)
		check_eq(((const unsigned char *)r)[i], r->number & 0xff);
}

/* What any call may say of a queue that others delete, where memory may be short. */
static bool is_usual(long r)
{
	return r >= 0 || r == -EPIPE || r == -EAGAIN || r == -ENOMEM || r == -EUSERS || r == -ETIMEDOUT || r == -ESTALE;
}

static void put_some(ringq_queue *queue, uint32_t name, struct record *r)
{
	for (int n = rand() % 20; n > 0; n--) {
		size_t len = offsetof(struct record, rest) + (size_t)rand() % sizeof r->rest;
		r->name = name;
		r->number = (uint32_t)rand();
		r->check = check_of(r);
		memset(r->rest, (int)(r->number & 0xff), sizeof r->rest);
		check(is_usual(ringq_put(queue, r, len, rand() % 4 ? RINGQ_NOWAIT : RINGQ_MS(1))));
	}
}

static void get_some(ringq_queue *queue, uint32_t name, struct record *r)
{
	for (int n = rand() % 20; n > 0; n--) {
		ssize_t len = ringq_get(queue, r, sizeof *r, rand() % 4 ? RINGQ_NOWAIT : RINGQ_MS(1));
		check(is_usual(len));
		if (len >= 0)
			see(r, (size_t)len, name);
	}
}

/* In hand while others delete: it stays what it is until it is finished. */
static void take_some(ringq_queue *queue, uint32_t name)
{
	struct ringq_delivery d;
	for (int n = rand() % 5; n > 0; n--) {
		int r = ringq_take(queue, &d, RINGQ_NOWAIT);
		check(is_usual(r));
		if (r)
			continue;
		if (rand() % 4 == 0)
			pause_ns(RINGQ_US(100));
		see(d.data, d.len, name);
		check(is_usual(rand() % 3 ? ringq_ack(queue, &d) : ringq_requeue(queue, &d)));
	}
}

static void use(uint32_t name, struct record *r)
{
	ringq_queue *queue;
	int e = ringq_queue_open(&queue, region, queues_made[name].name);
	if (e == -ENOENT)
		e = ringq_queue_create(&queue, region, &queues_made[name]);
	if (e) {
		check(e == -EEXIST || e == -ENOENT || is_usual(e));
		return;
	}
	put_some(queue, name, r);
	if (queues_made[name].flags & RINGQ_ACKNOWLEDGED)
		take_some(queue, name);
	get_some(queue, name, r);
	if (rand() % 3 == 0) {
		e = ringq_queue_delete(queue);
		check(is_usual(e));
		*deletions += e == 0;
		if (e == 0)
			check_eq(ringq_put(queue, r, sizeof *r, RINGQ_FOREVER), -EPIPE);
	}
	ringq_queue_release(queue);
}

static void work(void *seed)
{
	static struct record record;
	srand((unsigned)(uintptr_t)seed);
	check_compare(nice(5), !=, -1);
	for (;;) {
		use((uint32_t)rand() % NAMES, &record);
		pause_ns(RINGQ_US(rand() % 500));
	}
}

/* No two of a name. */
static void check_names(void)
{
	struct ringq_object objects[16];
	ssize_t n = ringq_region_objects(region, objects, COUNT(objects));
	check_compare(n, >=, 0);
	check_compare(n, <=, NAMES + 1); /* as they come and go while it looks */
}

/* Makes as many queues as the region holds, and deletes them. */
static int count_that_fit(void)
{
	static ringq_queue *queues[FIT_MOST];
	int n = 0;
	while (n < FIT_MOST &&
		ringq_queue_create(&queues[n], region, &(struct ringq_queue_options){.max_producers = 16}) == 0)
		n++;
	for (int i = 0; i < n; i++) {
		check_eq(ringq_queue_delete(queues[i]), 0);
		ringq_queue_release(queues[i]);
	}
	return n;
}

int main(void)
{
	pid_t children[WORKERS];
	unsigned seed = (unsigned)now_ns(), deaths = 0;
	int64_t end = now_ns() + (int64_t)brief_or_long((uint64_t)RINGQ_SEC(4), (uint64_t)RINGQ_SEC(60));

	deletions = share_memory(sizeof *deletions);
	region = region_new((size_t)8 << 20);
	int fit = count_that_fit();
	printf("seed %u\n", seed);
	fflush(stdout);
	srand(seed);
	for (int i = 0; i < WORKERS; i++)
		children[i] = fork_child(work, (void *)(uintptr_t)++seed);
	while (now_ns() < end) {
		int i = rand() % WORKERS, status;
		pause_ns(RINGQ_US(rand() % 6000));
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
	}
	count_that_fit(); /* runs short, and so sweeps */
	int left = count_that_fit();
	printf("%u deletions, %u deaths; of %d queues %d fit again\n", *deletions, deaths, fit, left);
	check_compare(*deletions, >, 0);
	/* What the members' books have stays theirs. */
	check_compare(left, >=, fit - 2 * WORKERS);
	ringq_region_detach(region);
	return 0;
}
