/* SPDX-License-Identifier: MIT */
/* What it costs to be many, and to have been large: idle lanes, an idle queue, a backlog that is over. */
#include "harness/channel.h"

#include <pthread.h>
#include <stdatomic.h>

#include <ringq/ringq.h>

#include "scenarios/scenarios.h"

enum { LEN_MOST = 64 }; /* bytes of a record */

struct lanes {
	ringq_queue *queue;
	size_t len;
	struct bench_gate gate;
	pthread_mutex_t forever; /* held by the main thread: who locks it stays */
};

/* Has a lane of its own from its put on, for as long as it lives. */
static void *lanes_idle(void *arg)
{
	struct lanes *l = arg;
	char record[LEN_MOST] = {0};
	int r = ringq_put(l->queue, record, l->len, RINGQ_FOREVER);

	if (r)
		bench_die(r, "put");
	bench_arrive(&l->gate, 1);
	pthread_mutex_lock(&l->forever);
	return NULL;
}

static void lanes_fill(struct lanes *l, unsigned n)
{
	char record[LEN_MOST];
	pthread_t thread;
	int r;

	pthread_mutex_lock(&l->forever);
	for (unsigned i = 0; i < n; i++) {
		r = pthread_create(&thread, NULL, lanes_idle, l);
		if (r)
			bench_die(r, "pthread_create");
	}
	bench_arrive(&l->gate, n + 1);
	for (unsigned i = 0; i < n; i++) {
		ssize_t len = ringq_get(l->queue, record, sizeof(record), RINGQ_NOWAIT);

		if (len != (ssize_t)l->len)
			bench_die(len < 0 ? (int)len : 0, "get from an idle lane");
	}
}

static void lanes_get(const struct lanes *l, uint64_t expected)
{
	char record[LEN_MOST];
	ssize_t r = ringq_get(l->queue, record, sizeof(record), RINGQ_NOWAIT);

	if (r != (ssize_t)l->len)
		bench_die(r < 0 ? (int)r : 0, "get");
	if (record_check(record, l->len) != expected)
		bench_die(0, "a record out of order");
}

static void lanes_put(const struct lanes *l, uint64_t stamp)
{
	char record[LEN_MOST] = {0};
	int r;

	record_stamp(record, l->len, stamp);
	r = ringq_put(l->queue, record, l->len, RINGQ_NOWAIT);
	if (r)
		bench_die(r, "put");
}

/* The gets of whole batches, put before and not timed; for a batch of one, the put too, as the clock costs as much. */
void scenario_lanes(const struct scenario *s, uint64_t n, struct sample *out)
{
	struct lanes l = {.queue = scenario_channel(s, 0, 0).state, .len = s->len, .forever = PTHREAD_MUTEX_INITIALIZER};
	uint64_t ns = 0, begin, rounds = n / s->batch + 1;
	int cpus[2];

	scenario_check_len(s, LEN_MOST);
	bench_cpus(cpus);
	lanes_fill(&l, s->lanes - 1);
	bench_pin(cpus[0]);
	begin = bench_now();
	for (uint64_t round = 0; round < rounds; round++) {
		for (unsigned i = 0; i < s->batch; i++)
			lanes_put(&l, round * s->batch + i);
		if (s->batch > 1)
			begin = bench_now();
		for (unsigned i = 0; i < s->batch; i++)
			lanes_get(&l, round * s->batch + i);
		if (s->batch > 1)
			ns += bench_now() - begin;
	}
	if (s->batch == 1)
		ns = bench_now() - begin;
	out->seconds = (double)ns / 1e9;
	out->value = (double)ns / (double)(rounds * s->batch);
}

/* A put and a get by turns, with so many records between them. */
void scenario_depth(const struct scenario *s, uint64_t n, struct sample *out)
{
	struct ringq_region_options size = {.size = (size_t)4 << 30};
	struct ringq_queue_options options = {.order = RINGQ_ORDER_PRODUCER, .max_bytes = RINGQ_UNBOUNDED};
	struct lanes l = {.len = s->len};
	ringq_region *region;
	uint64_t begin;
	int cpus[2], r = ringq_region_create(&region, &size);

	scenario_check_len(s, LEN_MOST);
	if (!r)
		r = ringq_queue_create(&l.queue, region, &options);
	if (r)
		bench_die(r, "cannot make a queue");
	bench_cpus(cpus);
	bench_pin(cpus[0]);
	for (uint64_t i = 0; i < s->depth; i++)
		lanes_put(&l, i);
	begin = bench_now();
	for (uint64_t i = 0; i < n; i++) {
		lanes_put(&l, s->depth + i);
		lanes_get(&l, i);
	}
	out->seconds = (double)(bench_now() - begin) / 1e9;
	out->value = out->seconds * 1e9 / (double)n;
}

enum { MANY_MOST = 256 };

/* One thread puts a record into each queue, then gets them, over and over. */
static void by_turns(const struct lanes *lanes, unsigned many, uint64_t n, struct sample *out)
{
	uint64_t begin = 0, rounds = n / many + 1;
	int cpus[2];

	bench_cpus(cpus);
	bench_pin(cpus[0]);
	for (uint64_t round = 0; round < rounds + 1; round++) {
		if (round == 1) /* the first makes the thread's lanes */
			begin = bench_now();
		for (unsigned i = 0; i < many; i++)
			lanes_put(&lanes[i], round);
		for (unsigned i = 0; i < many; i++)
			lanes_get(&lanes[i], round);
	}
	out->seconds = (double)(bench_now() - begin) / 1e9;
	out->value = out->seconds * 1e9 / (double)(rounds * many);
}

static void many_queues(const struct scenario *s, bool one_region, uint64_t n, struct sample *out)
{
	const struct ringq_queue_options options = {.order = RINGQ_ORDER_PRODUCER};
	struct lanes lanes[MANY_MOST];
	ringq_region *region = NULL; /* each queue makes its own */
	int r = one_region ? ringq_region_create(&region, NULL) : 0;

	scenario_check_len(s, LEN_MOST);
	for (unsigned i = 0; i < s->number && !r; i++) {
		lanes[i] = (struct lanes){.len = s->len};
		r = ringq_queue_create(&lanes[i].queue, region, &options);
	}
	if (r)
		bench_die(r, "cannot make so many queues");
	by_turns(lanes, s->number, n, out);
}

void scenario_queues(const struct scenario *s, uint64_t n, struct sample *out)
{
	many_queues(s, true, n, out);
}

void scenario_regions(const struct scenario *s, uint64_t n, struct sample *out)
{
	many_queues(s, false, n, out);
}

/* The idle members are threads that have put into another queue of the region. */
void scenario_members(const struct scenario *s, uint64_t n, struct sample *out)
{
	const struct ringq_queue_options options = {.order = RINGQ_ORDER_PRODUCER, .max_producers = s->number};
	struct lanes others = {.len = s->len, .forever = PTHREAD_MUTEX_INITIALIZER}, l = {.len = s->len};
	ringq_region *region;
	int r = ringq_region_create(&region, NULL);

	scenario_check_len(s, LEN_MOST);
	if (!r)
		r = ringq_queue_create(&others.queue, region, &options);
	if (!r)
		r = ringq_queue_create(&l.queue, region, &options);
	if (r)
		bench_die(r, "cannot make a queue");
	lanes_fill(&others, s->number - 1);
	by_turns(&l, 1, n, out);
}

static double memory_kib(const ringq_queue *queue)
{
	int64_t bytes = ringq_region_memory(ringq_queue_region(queue));

	if (bytes < 0)
		bench_die((int)bytes, "ringq_region_memory");
	return (double)bytes / 1024;
}

/* Idle: one record has gone through it, and it is empty. */
void scenario_idle_memory(const struct scenario *s, uint64_t n, struct sample *out)
{
	struct lanes l = {.queue = scenario_channel(s, 0, 0).state, .len = s->len};

	scenario_check_len(s, LEN_MOST);
	(void)n;
	lanes_put(&l, 1);
	lanes_get(&l, 1);
	out->value = memory_kib(l.queue);
}

enum {
	BACKLOG_LEN = 1024,
	BACKLOG_RECORDS = 500000000 / BACKLOG_LEN,
};

static ringq_queue *backlog_queue(void)
{
	struct ringq_region_options size = {.size = (size_t)2 << 30};
	struct ringq_queue_options options = {.order = RINGQ_ORDER_PRODUCER, .max_bytes = RINGQ_UNBOUNDED};
	ringq_region *region;
	ringq_queue *queue;
	int r = ringq_region_create(&region, &size);

	if (!r)
		r = ringq_queue_create(&queue, region, &options);
	if (r)
		bench_die(r, "cannot make a queue");
	return queue;
}

static void backlog_put(ringq_queue *queue, uint64_t stamp)
{
	static char record[BACKLOG_LEN];
	int r;

	record_stamp(record, sizeof(record), stamp);
	r = ringq_put(queue, record, sizeof(record), RINGQ_NOWAIT);
	if (r)
		bench_die(r, "put into the backlog");
}

static void backlog_get(ringq_queue *queue, uint64_t expected)
{
	static char record[BACKLOG_LEN];
	ssize_t r = ringq_get(queue, record, sizeof(record), RINGQ_NOWAIT);

	if (r != BACKLOG_LEN || record_check(record, sizeof(record)) != expected)
		bench_die(r < 0 ? (int)r : 0, "get from the backlog");
}

/* Only a producer gives its lane's memory back, when it puts: one more record follows the drained backlog. */
void scenario_backlog(const struct scenario *s, uint64_t n, struct sample *out)
{
	ringq_queue *queue = backlog_queue();

	(void)s;
	(void)n;
	for (uint64_t i = 0; i < BACKLOG_RECORDS; i++)
		backlog_put(queue, i);
	for (uint64_t i = 0; i < BACKLOG_RECORDS; i++)
		backlog_get(queue, i);
	backlog_put(queue, BACKLOG_RECORDS);
	backlog_get(queue, BACKLOG_RECORDS);
	out->value = memory_kib(queue);
}
