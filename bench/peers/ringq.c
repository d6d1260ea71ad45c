/* SPDX-License-Identifier: MIT */
/*
 * ringq in its modes: total order, the default; producer order; producer order with both single flags, which is one to
 * one; and a pipe, by the queues of its two ends, which is what ringq_send and ringq_receive call. Calls sleep by
 * themselves; batches are ringq_put_many and ringq_get_many. Records are copied in and out.
 */
#include "peers/ringq.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/uio.h>

#include <ringq/ringq.h>

enum {
	ALL_FLAGS = PEER_THREADS | PEER_PROCESSES | PEER_TRIES | PEER_SLEEPS | PEER_MANY | PEER_BACKLOG,
	BATCH_MAX = 64,
	BYTES_DEFAULT = 8 << 20,
	PRODUCERS_DEFAULT = 256,
	BYTES_BESIDE = 32, /* what a record takes beside itself, at most */
};

static int try_put(struct end *end, const void *record, size_t len)
{
	int r = ringq_put(end->state, record, len, RINGQ_NOWAIT);

	if (r && r != -EAGAIN)
		bench_die(r, "put");
	return r == 0;
}

static int put(struct end *end, const void *record, size_t len)
{
	int r = ringq_put(end->state, record, len, RINGQ_FOREVER);

	if (r)
		bench_die(r, "put");
	return 1;
}

static int got(ssize_t r, size_t len)
{
	if (r == (ssize_t)len)
		return 1;
	if (r == -EPIPE)
		return -1;
	if (r != -EAGAIN)
		bench_die(r < 0 ? (int)r : 0, "get");
	return 0;
}

static int try_get(struct end *end, void *record, size_t len)
{
	return got(ringq_get(end->state, record, len, RINGQ_NOWAIT), len);
}

static int get(struct end *end, void *record, size_t len)
{
	return got(ringq_get(end->state, record, len, RINGQ_FOREVER), len);
}

/* Each end has one buffer of records of one length, so what describes it is made once, as in any program. */
static struct iovec *describe(const void *records, size_t len, unsigned n)
{
	static _Thread_local struct iovec v[BATCH_MAX];
	static _Thread_local const void *described;
	static _Thread_local unsigned count;

	if (described == records && count >= n)
		return v;
	if (n > BATCH_MAX)
		bench_die(0, "a batch of %u", n);
	for (unsigned i = 0; i < n; i++)
		v[i] = (struct iovec){(char *)records + i * len, len};
	described = records;
	count = n;
	return v;
}

static int put_many(struct end *end, const void *records, size_t len, unsigned n)
{
	ssize_t r = ringq_put_many(end->state, describe(records, len, n), n, RINGQ_FOREVER);

	if (r < 0)
		bench_die((int)r, "put_many");
	return (int)r;
}

static int get_many(struct end *end, void *records, size_t len, unsigned n)
{
	struct iovec *v = describe(records, len, n);
	ssize_t r = ringq_get_many(end->state, v, n, RINGQ_FOREVER);

	if (r == -EPIPE)
		return -1;
	if (r <= 0)
		bench_die((int)r, "get_many");
	for (ssize_t i = 0; i < r; i++)
		if (v[i].iov_len != len)
			bench_die(0, "a record of a wrong length");
	return (int)r;
}

static void close_it(struct end *end)
{
	ringq_close(end->state);
}

static const struct channel_ops queue_ops = {
	.try_put = try_put,
	.try_get = try_get,
	.put = put,
	.get = get,
	.put_many = put_many,
	.get_many = get_many,
	.close = close_it,
};

void ringq_open_with(struct channel *c, unsigned order, unsigned flags)
{
	struct ringq_queue_options options = {.order = order, .flags = flags};
	struct ringq_region_options size = {.size = (size_t)4 << 30};
	bool many = c->options.producers > PRODUCERS_DEFAULT, large = c->options.depth * c->options.len > BYTES_DEFAULT;
	ringq_region *region = NULL;
	ringq_queue *queue;
	int r = 0;

	if (many)
		options.max_producers = c->options.producers;
	if (large)
		options.max_bytes = c->options.depth * (c->options.len + BYTES_BESIDE);
	if (many || large)
		r = ringq_region_create(&region, &size);
	if (!r)
		r = ringq_queue_create(&queue, region, &options);
	if (r)
		bench_die(r, "cannot make a queue");
	c->state = queue;
	c->ops = queue_ops;
}

static void open_total(struct channel *c)
{
	ringq_open_with(c, RINGQ_ORDER_TOTAL, 0);
}

static void open_producer(struct channel *c)
{
	ringq_open_with(c, RINGQ_ORDER_PRODUCER, 0);
}

static void open_single(struct channel *c)
{
	ringq_open_with(c, RINGQ_ORDER_PRODUCER, RINGQ_SINGLE_PRODUCER | RINGQ_SINGLE_CONSUMER);
}

struct pipe_ends {
	ringq_pipe *reader, *writer;
};

static void join_pipe(struct end *end)
{
	const struct pipe_ends *ends = end->channel->state;

	end->state = end->producer ? ringq_pipe_output(ends->writer) : ringq_pipe_input(ends->reader);
}

static void open_pipe(struct channel *c)
{
	struct pipe_ends *ends = malloc(sizeof(*ends));
	unsigned flags = RINGQ_SIMPLEX | RINGQ_SINGLE_PRODUCER | RINGQ_SINGLE_CONSUMER;
	int r = ends ? ringq_pipe_create(&ends->reader, &ends->writer, NULL, flags) : -ENOMEM;

	if (r)
		bench_die(r, "cannot make a pipe");
	c->state = ends;
	c->ops = queue_ops;
	c->ops.join = join_pipe;
}

static struct peer total = {
	.name = "ringq",
	.mode = "total order, the default",
	.flags = ALL_FLAGS,
	.open = open_total,
};

static struct peer producer = {
	.name = "ringq, producer order",
	.mode = "`RINGQ_ORDER_PRODUCER`",
	.flags = ALL_FLAGS,
	.open = open_producer,
};

static struct peer single = {
	.name = "ringq, single flags",
	.mode = "producer order, `RINGQ_SINGLE_PRODUCER` and `RINGQ_SINGLE_CONSUMER`",
	.flags = ALL_FLAGS,
	.max_producers = 1,
	.max_consumers = 1,
	.open = open_single,
};

static struct peer pipe_of_ringq = {
	.name = "ringq pipe",
	.mode = "a simplex pipe with both single flags; 8 MiB, whatever the scenario asks for",
	.flags = PEER_THREADS | PEER_PROCESSES | PEER_TRIES | PEER_SLEEPS | PEER_MANY,
	.max_producers = 1,
	.max_consumers = 1,
	.open = open_pipe,
};

__attribute__((constructor)) static void add(void)
{
	peer_add(&total);
	peer_add(&producer);
	peer_add(&single);
	peer_add(&pipe_of_ringq);
}
