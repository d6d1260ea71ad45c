/* SPDX-License-Identifier: MIT */
/*
 * Random histories of calls that do not overlap, by several threads through several handles, compared with a list: what each
 * call says is then known. All ways to put and get, looks, ends of threads and of children, releases; single flags in
 * turns; lengths at every border; regions so small that memory runs out; counters that are about to come round.
 *
 *     history_sequential [SEED]
 *
 * A failure prints the seed of its history and the step, and history_sequential SEED repeats it.
 */
#include "../common.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lane/lane.h"
#include "queue/handle.h"

enum { THREADS = 5, HANDLES = 2, STEPS = 2000, BATCH = 40, LEN_MOST = 3 << 20, PORTS_MOST = 1 << 16 };

/* What waits, in the order in which it was put. */
struct waiting {
	struct waiting *next;
	size_t len;
	struct record_id id; /* whose: which life of a thread, or child, with which life of a handle */
};

static struct {
	struct rng rng;
	uint64_t seed;
	unsigned step;
	struct ringq_queue_options options;
	bool short_of_memory;
	ringq_region *region;
	ringq_queue *handles[HANDLES];
	uint32_t handle_lives[HANDLES];
	struct waiting *first, **last;
	uint64_t count;
	uint32_t next_port, numbers[PORTS_MOST];
} h;

static char *buffer, *taken; /* LEN_MOST each */

/* ---- threads that do one thing at a time, when they are told to ---- */

struct worker {
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	void (*task)(struct worker *);
	bool lives;
	uint32_t ports[HANDLES], handle_lives[HANDLES]; /* who it is as a producer, for as long as the handle lives */
	unsigned handle;
};

static struct worker workers[THREADS];

static void *work(void *arg)
{
	struct worker *w = arg;

	pthread_mutex_lock(&w->mutex);
	while (w->lives) {
		if (w->task) {
			w->task(w);
			w->task = NULL;
			pthread_cond_broadcast(&w->changed);
		}
		pthread_cond_wait(&w->changed, &w->mutex);
	}
	pthread_mutex_unlock(&w->mutex);
	return NULL;
}

static void end_thread(struct worker *w)
{
	if (!w->lives)
		return;
	pthread_mutex_lock(&w->mutex);
	w->lives = false;
	pthread_cond_broadcast(&w->changed);
	pthread_mutex_unlock(&w->mutex);
	join_thread(w->thread);
}

static void have_done(struct worker *w, void (*task)(struct worker *))
{
	if (!w->lives) {
		memset(w->handle_lives, 0, sizeof(w->handle_lives));
		w->lives = true;
		w->thread = start_thread(work, w);
	}
	pthread_mutex_lock(&w->mutex);
	w->task = task;
	pthread_cond_broadcast(&w->changed);
	while (w->task)
		pthread_cond_wait(&w->changed, &w->mutex);
	pthread_mutex_unlock(&w->mutex);
}

static ringq_queue *queue_of(const struct worker *w)
{
	return h.handles[w->handle];
}

/* ---- the list ---- */

static void said(const char *call, long result)
{
	static char context[128];

	snprintf(context, sizeof(context), "(seed %llu, step %u: %s says %ld)", (unsigned long long)h.seed, h.step,
		call, result);
	test_context = context;
}

static uint32_t new_port(void)
{
	check_compare(h.next_port, <, PORTS_MOST);
	return h.next_port++;
}

static uint32_t port_of(struct worker *w)
{
	if (w->handle_lives[w->handle] != h.handle_lives[w->handle]) {
		w->handle_lives[w->handle] = h.handle_lives[w->handle];
		w->ports[w->handle] = new_port();
	}
	return w->ports[w->handle];
}

static void note_put(struct record_id id, size_t len)
{
	struct waiting *record = malloc(sizeof(*record));

	*record = (struct waiting){NULL, len, id};
	*h.last = record;
	h.last = &record->next;
	h.count++;
}

static void write_next(uint32_t port, char *at, size_t len)
{
	record_fill(at, len, (struct record_id){port, h.numbers[port]});
}

static void note_next(uint32_t port, size_t len)
{
	note_put((struct record_id){port, h.numbers[port]++}, len);
}

/* What came out is the first, or with order by producer the first of its producer; it is gone then, or stays. */
static void note_get(const void *record, size_t len, bool stays)
{
	struct record_id id = record_check(record, len);
	struct waiting **link = &h.first;
	bool total = h.options.order == RINGQ_ORDER_TOTAL;

	while (*link && !total && (*link)->id.producer != id.producer)
		link = &(*link)->next;
	check(*link);
	check_eq((*link)->id.producer, id.producer);
	check_eq((*link)->id.number, id.number);
	check_eq((*link)->len, len);
	if (stays)
		return;
	struct waiting *gone = *link;
	*link = gone->next;
	if (h.last == &gone->next)
		h.last = link;
	free(gone);
	h.count--;
}

static uint64_t footprint(size_t len, bool stamped)
{
	return (len + (stamped ? 16 : 8) + 15) / 16 * 16;
}

/* Bytes that count for who puts now: the least and the most, as it may not be known which have a stamp. */
static uint64_t bytes_waiting(uint32_t port, bool stamped)
{
	uint64_t bytes = 0;

	for (const struct waiting *r = h.first; r; r = r->next)
		if (h.options.flags & RINGQ_SINGLE_PRODUCER || r->id.producer == port)
			bytes += footprint(r->len, stamped);
	return bytes;
}

/* Whether a put may, and whether it must, be refused. */
static bool may_be_full(uint32_t port, size_t len)
{
	uint64_t most = bytes_waiting(port, true);

	return (h.options.max_records && h.count == h.options.max_records) ||
	       (most && most + footprint(len, true) > h.options.max_bytes);
}

static bool is_full(uint32_t port, size_t len)
{
	uint64_t least = bytes_waiting(port, false);

	return (h.options.max_records && h.count == h.options.max_records) ||
	       (least && least + footprint(len, false) > h.options.max_bytes);
}

static void check_put(uint32_t port, size_t len, int rc)
{
	if (rc == -ENOMEM && h.short_of_memory)
		return;
	if (rc == 0)
		check(!is_full(port, len));
	else
		check_eq(rc, -EAGAIN);
	if (rc)
		check(may_be_full(port, len));
}

static size_t random_len(void)
{
	static const size_t borders[] = {8, 9, 24, 40, 56, 64, 65, 1008, 4064, 4072, 4080, 4096, 65520, 262136, 1048560};
	size_t most = h.short_of_memory ? 100000 : LEN_MOST, len;

	switch (rng_below(&h.rng, 8)) {
	case 0:
		len = borders[rng_below(&h.rng, COUNT(borders))] + rng_below(&h.rng, 3);
		break;
	case 1:
		len = rng_below(&h.rng, 16) ? rng_below(&h.rng, 9000) : rng_below(&h.rng, most);
		break;
	default:
		len = rng_below(&h.rng, 120);
	}
	return len < RECORD_MIN ? RECORD_MIN : len > most ? most : len;
}

/* ---- what the threads do ---- */

static void put(struct worker *w)
{
	uint32_t port = port_of(w);
	size_t len = random_len();

	write_next(port, buffer, len);
	int rc = ringq_put(queue_of(w), buffer, len, RINGQ_NOWAIT);
	said("put", rc);
	check_put(port, len, rc);
	if (rc == 0)
		note_next(port, len);
}

static void put_many(struct worker *w)
{
	uint32_t port = port_of(w), first = h.numbers[port];
	size_t n = 1 + rng_below(&h.rng, BATCH), len = RECORD_MIN + rng_below(&h.rng, rng_below(&h.rng, 4) ? 100 : 5000);
	struct iovec records[BATCH];

	for (size_t i = 0; i < n; i++) {
		records[i] = (struct iovec){buffer + i * len, len};
		record_fill(buffer + i * len, len, (struct record_id){port, first + (uint32_t)i});
	}
	ssize_t done = ringq_put_many(queue_of(w), records, n, RINGQ_NOWAIT);
	said("put_many", done);
	for (ssize_t i = 0; i < done; i++) {
		check(!is_full(port, len));
		note_next(port, len);
	}
	if (done < (ssize_t)n && !h.short_of_memory)
		check(may_be_full(port, len));
	if (done < 0)
		check_put(port, len, (int)done);
}

static void reserve(struct worker *w)
{
	uint32_t port = port_of(w);
	size_t len = random_len(), shorter = RECORD_MIN + rng_below(&h.rng, len - RECORD_MIN + 1);
	void *reserved;
	int rc = ringq_reserve(queue_of(w), &reserved, len, RINGQ_NOWAIT);

	said("reserve", rc);
	if (rc == -ENOMEM)
		check(h.short_of_memory);
	else if (rc)
		check(may_be_full(port, len));
	if (rc)
		return;
	check_eq(put_number(queue_of(w), 0, RINGQ_NOWAIT), -EBUSY);
	check_eq(ringq_size(queue_of(w)), h.count);
	if (rng_below(&h.rng, 4) == 0) {
		ringq_abort(queue_of(w), reserved);
		return;
	}
	write_next(port, reserved, shorter);
	check_eq(ringq_commit(queue_of(w), reserved, shorter), 0);
	note_next(port, shorter);
}

static void get(struct worker *w)
{
	size_t size = rng_below(&h.rng, 4) ? LEN_MOST : 100;
	ssize_t len = ringq_get(queue_of(w), taken, size, RINGQ_NOWAIT);

	said("get", len);
	if (len == -EMSGSIZE)
		check_compare(size, <, LEN_MOST);
	else if (len < 0)
		check_eq(len, h.count ? 0 : -EAGAIN);
	else
		note_get(taken, (size_t)len, false);
}

static void get_alloc(struct worker *w)
{
	void *record;
	ssize_t len = ringq_get_alloc(queue_of(w), &record, RINGQ_NOWAIT);

	said("get_alloc", len);
	if (len < 0) {
		check_eq(len, h.count ? 0 : -EAGAIN);
		return;
	}
	note_get(record, (size_t)len, false);
	free(record);
}

static void get_many(struct worker *w)
{
	size_t n = 1 + rng_below(&h.rng, BATCH), size = LEN_MOST / BATCH;
	struct iovec records[BATCH];

	for (size_t i = 0; i < n; i++)
		records[i] = (struct iovec){taken + i * size, size};
	ssize_t done = ringq_get_many(queue_of(w), records, n, RINGQ_NOWAIT);
	said("get_many", done);
	if (done == -EAGAIN)
		check_eq(h.count, 0);
	else if (done < 0)
		check_eq(done, -EMSGSIZE);
	for (ssize_t i = 0; i < done; i++)
		note_get(records[i].iov_base, records[i].iov_len, false);
}

static void peek(struct worker *w)
{
	ssize_t len = ringq_peek(queue_of(w), taken, LEN_MOST);

	said("peek", len);
	if (len < 0)
		check_eq(len, h.count ? 0 : -EAGAIN);
	else
		note_get(taken, (size_t)len, true);
}

static void look(struct worker *w)
{
	ringq_queue *queue = queue_of(w);
	struct ringq_queue_stat stat;

	said("size", (long)ringq_size(queue));
	check_eq(ringq_size(queue), h.count);
	check_eq(ringq_empty(queue), h.count == 0);
	check_eq(ringq_queue_stat(queue, &stat), 0);
	check_eq(stat.records_in - stat.records_out, h.count);
	if (is_full(port_of(w), 0))
		check(ringq_full(queue));
	if (!may_be_full(port_of(w), 0))
		check(!ringq_full(queue));
}

/* ---- what happens to threads, children and handles ---- */

static void put_as_child(void *port)
{
	write_next(*(uint32_t *)port, buffer, 100);
	check_eq(ringq_put(h.handles[0], buffer, 100, RINGQ_NOWAIT), 0);
}

static void child(void)
{
	uint32_t port = new_port();

	if (may_be_full(port, 100) || h.short_of_memory)
		return;
	said("child", 0);
	reap_child(fork_child(put_as_child, &port));
	note_next(port, 100);
}

static void reopen(unsigned handle)
{
	ringq_queue_release(h.handles[handle]);
	check_eq(ringq_queue_open(&h.handles[handle], h.region, "q"), 0);
	h.handle_lives[handle]++;
}

static void step(void)
{
	static void (*const tasks[])(struct worker *) = {put, put, put, put, put_many, put_many, reserve, get, get, get,
		get_alloc, get_many, get_many, peek, look};
	struct worker *w = &workers[rng_below(&h.rng, THREADS)];
	uint64_t what = rng_below(&h.rng, 200);

	if (what == 0)
		child();
	else if (what < 4)
		reopen((unsigned)rng_below(&h.rng, HANDLES));
	else if (what < 8)
		end_thread(w);
	w->handle = (unsigned)rng_below(&h.rng, HANDLES);
	have_done(w, tasks[rng_below(&h.rng, COUNT(tasks))]);
}

/* ---- histories ---- */

/* All that counts is near its end. */
static void start_late(const ringq_queue *queue, uint32_t lanes)
{
	rq_store(&queue->shared->not_empty, UINT32_MAX - 34);
	rq_store(&queue->shared->not_full, UINT32_MAX - 34);
	for (uint32_t i = 0; i < lanes; i++) {
		struct rq_lane *lane = rq_lane_at(&queue->set, i);

		rq_store(&lane->head, rq_head(UINT32_MAX - i, 0));
		rq_store(&lane->tail, rq_head(UINT32_MAX - i, 0));
		rq_store(&lane->newest, UINT32_MAX - i);
		rq_store(&lane->puts, RQ_SEQUENCE_MASK - 15);
		rq_store(&lane->not_full, UINT32_MAX - 34);
	}
}

static void begin(uint64_t seed)
{
	static const uint64_t max_bytes[] = {2000, 65536, 1 << 20, 8 << 20, RINGQ_UNBOUNDED};
	static const uint64_t max_records[] = {0, 0, 1, 3, 100};
	bool late;

	memset(h.numbers, 0, sizeof(h.numbers));
	h.next_port = 0;
	h.seed = seed;
	h.rng.state = seed;
	h.options = (struct ringq_queue_options){.name = "q",
		.order = (unsigned)rng_below(&h.rng, 2),
		.flags = (unsigned)rng_below(&h.rng, 4),
		.max_records = max_records[rng_below(&h.rng, COUNT(max_records))],
		.max_bytes = max_bytes[rng_below(&h.rng, COUNT(max_bytes))],
		.max_producers = 32};
	late = rng_below(&h.rng, 2);
	h.short_of_memory = rng_below(&h.rng, 4) == 0;
	h.region = region_new(h.short_of_memory ? 1 << 20 : 256 << 20);
	h.first = NULL;
	h.last = &h.first;
	h.count = 0;
	h.handles[0] = queue_in(h.region, &h.options);
	if (late && !h.short_of_memory)
		start_late(h.handles[0], h.options.flags & RINGQ_SINGLE_PRODUCER ? 1 : 8);
	check_eq(ringq_queue_open(&h.handles[1], h.region, "q"), 0);
	for (unsigned i = 0; i < HANDLES; i++)
		h.handle_lives[i]++;
	if (h.options.max_bytes == RINGQ_UNBOUNDED)
		h.options.max_bytes = UINT64_MAX / 2; /* sums of it do not come round */
}

static void history(uint64_t seed)
{
	begin(seed);
	for (h.step = 0; h.step < STEPS; h.step++)
		step();
	while (h.count)
		have_done(&workers[0], get_alloc);
	have_done(&workers[0], look);
	for (unsigned i = 0; i < THREADS; i++)
		end_thread(&workers[i]);
	for (unsigned i = 0; i < HANDLES; i++)
		ringq_queue_release(h.handles[i]);
	ringq_region_detach(h.region);
}

int main(int argc, char **argv)
{
	int64_t until = now_ns() + (int64_t)brief_or_long(RINGQ_SEC(3), RINGQ_SEC(600));
	uint64_t seed = (uint64_t)now_ns() % 1000000007, histories = 0;

	buffer = malloc(LEN_MOST + 1024);
	taken = malloc(LEN_MOST);
	check(buffer && taken);
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_mutex_init(&workers[i].mutex, NULL);
		pthread_cond_init(&workers[i].changed, NULL);
	}
	if (argc > 1)
		history(strtoull(argv[1], NULL, 0));
	for (; argc == 1 && now_ns() < until; histories++)
		history(seed + histories);
	printf("%llu histories from seed %llu on\n", (unsigned long long)histories, (unsigned long long)seed);
	return 0;
}
