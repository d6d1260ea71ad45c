/* SPDX-License-Identifier: MIT */
/*
 * ringq with takes: an acknowledged queue, and in place by a single consumer. What is taken is read where it lies, every byte
 * of it; of long records only the ends, which say whether it is whole, go to the caller's buffer. In place the producer, too,
 * writes every byte of a record where it will lie.
 */
#include "peers/ringq.h"

#include <errno.h>
#include <string.h>

#include <ringq/ringq.h>

enum {
	FLAGS = PEER_THREADS | PEER_PROCESSES | PEER_TRIES | PEER_SLEEPS | PEER_MANY,
	BATCH_MAX = 64,
	SHORT = 64,
};

static int put_in_place(struct end *end, const void *record, size_t len)
{
	void *at;
	int r = ringq_reserve(end->state, &at, len, RINGQ_FOREVER);

	if (r)
		bench_die(r, "reserve");
	if (len <= SHORT) {
		memcpy(at, record, len);
	} else {
		memset(at, *(const char *)record, len);
		memcpy(at, record, 8);
		memcpy((char *)at + len - 8, (const char *)record + len - 8, 8);
	}
	r = ringq_commit(end->state, at, len);
	if (r)
		bench_die(r, "commit");
	return 1;
}

/* The sum goes nowhere, but the compiler does not know that. */
static void read_all(const char *data, size_t len)
{
	uint64_t sum = 0, word;

	for (size_t at = 0; at + sizeof(word) <= len; at += sizeof(word)) {
		memcpy(&word, data + at, sizeof(word));
		sum += word;
	}
	__asm__ volatile("" : : "r"(sum));
}

static void see(char *record, const struct ringq_delivery *d, size_t len)
{
	const char *data = d->data;

	if (d->len != len)
		bench_die(0, "a record of a wrong length");
	if (len <= SHORT) {
		memcpy(record, data, len);
		return;
	}
	read_all(data, len);
	memcpy(record, data, 8);
	memcpy(record + len - 8, data + len - 8, 8);
}

static int take(struct end *end, void *record, size_t len, int64_t timeout)
{
	struct ringq_delivery d;
	int r = ringq_take(end->state, &d, timeout);

	if (r == -EPIPE || r == -EAGAIN)
		return r == -EPIPE ? -1 : 0;
	if (r)
		bench_die(r, "take");
	see(record, &d, len);
	r = ringq_ack(end->state, &d);
	if (r)
		bench_die(r, "ack");
	return 1;
}

static int try_get(struct end *end, void *record, size_t len)
{
	return take(end, record, len, RINGQ_NOWAIT);
}

static int get(struct end *end, void *record, size_t len)
{
	return take(end, record, len, RINGQ_FOREVER);
}

static int get_many(struct end *end, void *records, size_t len, unsigned n)
{
	struct ringq_delivery d[BATCH_MAX];

	if (n > BATCH_MAX)
		bench_die(0, "a batch of %u", n);
	ssize_t r = ringq_take_many(end->state, d, n, RINGQ_FOREVER);
	if (r == -EPIPE)
		return -1;
	if (r <= 0)
		bench_die((int)r, "take_many");
	for (ssize_t i = 0; i < r; i++)
		see((char *)records + (size_t)i * len, &d[i], len);
	int e = ringq_ack_many(end->state, d, (size_t)r);
	if (e)
		bench_die(e, "ack_many");
	return (int)r;
}

/* Puts as any queue of ringq. */
static void open_with(struct channel *c, unsigned flags)
{
	ringq_open_with(c, RINGQ_ORDER_PRODUCER, flags);
	c->ops.try_get = try_get;
	c->ops.get = get;
	c->ops.get_many = get_many;
}

static void open_acknowledged(struct channel *c)
{
	open_with(c, RINGQ_ACKNOWLEDGED);
}

static void open_in_place(struct channel *c)
{
	open_with(c, RINGQ_SINGLE_PRODUCER | RINGQ_SINGLE_CONSUMER);
	c->ops.put = put_in_place;
	c->ops.put_many = NULL;
	c->ops.get_many = NULL;
}

static struct peer acknowledged = {
	.name = "ringq, acknowledged",
	.mode = "`RINGQ_ORDER_PRODUCER` and `RINGQ_ACKNOWLEDGED`, take and ack",
	.flags = FLAGS,
	.open = open_acknowledged,
};

static struct peer in_place = {
	.name = "ringq, in place",
	.mode = "as with single flags; reserve and commit, take and ack",
	.flags = FLAGS & ~PEER_MANY,
	.max_producers = 1,
	.max_consumers = 1,
	.open = open_in_place,
};

__attribute__((constructor)) static void add(void)
{
	peer_add(&acknowledged);
	peer_add(&in_place);
}
