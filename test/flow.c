/* SPDX-License-Identifier: MIT */
#include "flow.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define BATCH 16

const struct flow_options flows[] = {
	{{.order = RINGQ_ORDER_TOTAL}, 4, 4, 5000, 20000},
	{{.order = RINGQ_ORDER_PRODUCER}, 4, 4, 5000, 20000},
	{{.order = RINGQ_ORDER_TOTAL, .max_records = 7}, 4, 4, 5000, 20000},
	{{.order = RINGQ_ORDER_PRODUCER, .max_records = 7}, 4, 4, 5000, 20000},
	{{.order = RINGQ_ORDER_TOTAL, .max_bytes = 10000}, 3, 2, 5000, 20000},
	{{.order = RINGQ_ORDER_PRODUCER, .max_bytes = 10000}, 3, 2, 5000, 20000},
	{{.order = RINGQ_ORDER_TOTAL}, 8, 1, 5000, 100},
	{{.order = RINGQ_ORDER_PRODUCER}, 8, 1, 5000, 100},
	{{.order = RINGQ_ORDER_TOTAL}, 1, 8, 20000, 100},
	{{.order = RINGQ_ORDER_PRODUCER}, 1, 8, 20000, 100},
	{{.order = RINGQ_ORDER_PRODUCER, .flags = RINGQ_SINGLE_PRODUCER}, 1, 3, 20000, 500},
	{{.order = RINGQ_ORDER_PRODUCER, .flags = RINGQ_SINGLE_CONSUMER}, 3, 1, 10000, 500},
	{{.order = RINGQ_ORDER_TOTAL, .flags = RINGQ_SINGLE_CONSUMER}, 3, 1, 10000, 500},
	{{.flags = RINGQ_SINGLE_PRODUCER | RINGQ_SINGLE_CONSUMER}, 1, 1, 30000, 3000},
	{{.order = RINGQ_ORDER_TOTAL, .max_records = 1}, 3, 3, 2000, 100},
	{{.order = RINGQ_ORDER_PRODUCER, .max_records = 1}, 3, 3, 2000, 100},
};
const size_t flows_count = COUNT(flows);

struct flow *flow_new(const struct flow_options *options, ringq_region *region)
{
	struct flow *flow = share_memory(sizeof(*flow));

	flow->queue = queue_in(region, &options->queue);
	flow->tally = tally_new(options->producers, options->records);
	flow->max_len = options->max_len;
	flow->order = options->queue.order;
	return flow;
}

/* What one thread works with. */
struct worker {
	struct flow *flow;
	struct rng rng;
	struct iovec records[BATCH];
	char *bufs;
	uint32_t *next; /* of each producer, what may come */
};

static struct worker worker_new(struct flow *flow, uint64_t seed)
{
	struct worker worker = {
		.flow = flow,
		.rng = {seed},
		.bufs = malloc(BATCH * flow->max_len),
		.next = calloc(flow->tally->producers, sizeof(uint32_t)),
	};

	check(worker.bufs && worker.next);
	return worker;
}

static void worker_end(struct worker *worker)
{
	free(worker->bufs);
	free(worker->next);
}

static void set_buffers(struct worker *worker)
{
	for (size_t i = 0; i < BATCH; i++)
		worker->records[i] = (struct iovec){worker->bufs + i * worker->flow->max_len, worker->flow->max_len};
}

static int64_t random_timeout(struct worker *worker)
{
	return rng_below(&worker->rng, 2) ? RINGQ_FOREVER : TEST_SOON;
}

/*
 * Copies what the thread sanitizer need not know of: a consumer that was overtaken may still look at what is reserved
 * now. It throws away what it saw.
 */
__attribute__((no_sanitize("thread"))) static void copy_unwatched(char *to, const char *from, size_t len)
{
	for (size_t i = 0; i < len; i++)
		to[i] = from[i];
}

/* Puts some records, from number on, in one of the three ways. Returns how many. */
static uint32_t produce_some(struct worker *worker, uint32_t producer, uint32_t number)
{
	ringq_queue *queue = worker->flow->queue;
	size_t max_len = worker->flow->max_len, len = record_random_len(&worker->rng, max_len), n;
	struct record_id id = {producer, number};
	int64_t timeout = random_timeout(worker);
	void *reserved;
	ssize_t rc;

	switch (rng_below(&worker->rng, 4)) {
	case 0:
		record_fill(worker->bufs, len, id);
		check_eq(ringq_reserve(queue, &reserved, len, timeout), 0);
		copy_unwatched(reserved, worker->bufs, len);
		check_eq(ringq_commit(queue, reserved, len), 0);
		return 1;
	case 1:
		n = 1 + rng_below(&worker->rng, BATCH);
		if (n > worker->flow->tally->records - number)
			n = worker->flow->tally->records - number;
		set_buffers(worker);
		for (size_t i = 0; i < n; i++, id.number++) {
			worker->records[i].iov_len = record_random_len(&worker->rng, max_len);
			record_fill(worker->records[i].iov_base, worker->records[i].iov_len, id);
		}
		rc = ringq_put_many(queue, worker->records, n, timeout);
		check_compare(rc, >, 0);
		check(rc == (ssize_t)n || timeout != RINGQ_FOREVER);
		return rc;
	default:
		record_fill(worker->bufs, len, id);
		check_eq(ringq_put(queue, worker->bufs, len, timeout), 0);
		return 1;
	}
}

void flow_produce(void *arg)
{
	struct flow *flow = arg;
	uint32_t producer = atomic_fetch_add(&flow->producers_named, 1), number = 0;
	struct worker worker = worker_new(flow, producer);

	while (number < flow->tally->records)
		number += produce_some(&worker, producer, number);
	worker_end(&worker);
}

static void consume_one(struct worker *worker, const void *record, size_t len)
{
	struct record_id id = record_check(record, len);

	tally_see(worker->flow->tally, id);
	check_compare(id.number, >=, worker->next[id.producer]);
	worker->next[id.producer] = id.number + 1;
}

/* Gets some records in one of the three ways. Returns how many, or a negative errno. */
static ssize_t consume_some(struct worker *worker)
{
	ringq_queue *queue = worker->flow->queue;
	int64_t timeout = random_timeout(worker);
	void *record;
	ssize_t rc;

	switch (rng_below(&worker->rng, 4)) {
	case 0:
		rc = ringq_get_alloc(queue, &record, timeout);
		if (rc < 0)
			return rc;
		consume_one(worker, record, rc);
		free(record);
		return 1;
	case 1:
		set_buffers(worker);
		rc = ringq_get_many(queue, worker->records, 1 + rng_below(&worker->rng, BATCH), timeout);
		for (ssize_t i = 0; i < rc; i++)
			consume_one(worker, worker->records[i].iov_base, worker->records[i].iov_len);
		return rc;
	default:
		rc = ringq_get(queue, worker->bufs, worker->flow->max_len, timeout);
		if (rc < 0)
			return rc;
		consume_one(worker, worker->bufs, rc);
		return 1;
	}
}

void flow_consume(void *arg)
{
	struct flow *flow = arg;
	struct worker worker = worker_new(flow, (uint64_t)thread_id() << 32);
	ssize_t rc;

	do
		rc = consume_some(&worker);
	while (rc > 0);
	check_eq(rc, -EPIPE);
	worker_end(&worker);
}

void flow_end(struct flow *flow)
{
	tally_check_complete(flow->tally);
	check(ringq_empty(flow->queue));
	ringq_queue_release(flow->queue);
	munmap(flow->tally, sizeof(*flow->tally) + (size_t)flow->tally->producers * flow->tally->records);
	munmap(flow, sizeof(*flow));
}
