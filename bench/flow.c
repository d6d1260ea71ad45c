/* SPDX-License-Identifier: MIT */
/* Throughput: processes put, processes get, and every record is accounted for. */
#include "channel.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { FLOW_MAX = 64 }; /* producers, and consumers */

#define STAMP(who, seq) ((uint64_t)(who) << 48 | (seq))
#define STAMP_WHO(stamp) ((stamp) >> 48)
#define STAMP_SEQ(stamp) ((stamp) & (((uint64_t)1 << 48) - 1))

/* What one consumer has seen. A cache line each, as they all count at the same time. */
struct seen {
	_Alignas(64) uint64_t records;
	uint64_t sum; /* of the sequence numbers */
	uint64_t end; /* when it found the channel closed and drained */
};

struct flow_shared {
	struct bench_gate gate;
	_Alignas(64) _Atomic unsigned producers_left;
	_Atomic uint64_t begin; /* when the first producer began */
	struct seen seen[FLOW_MAX];
};

struct flow {
	const struct scenario *s;
	struct channel channel;
	struct flow_shared *shared;
	uint64_t each; /* records from each producer */
	int cpus[2];   /* of producers and consumers; -1 = any */
};

struct role {
	const struct flow *flow;
	unsigned index;
};

/* One buffer and its iovec for each record of a batch. */
struct batch {
	unsigned n;
	struct iovec *records;
};

static struct batch batch_make(const struct scenario *s)
{
	struct batch b = {s->batch ? s->batch : 1, NULL};
	char *buffers = calloc(b.n, s->len);

	b.records = calloc(b.n, sizeof(*b.records));
	if (!buffers || !b.records)
		bench_die(0, "out of memory");
	for (unsigned i = 0; i < b.n; i++)
		b.records[i] = (struct iovec){buffers + i * s->len, s->len};
	return b;
}

static void put_batch(const struct flow *f, const struct batch *b, uint64_t stamp, unsigned n)
{
	ssize_t r;

	for (unsigned i = 0; i < n; i++)
		record_stamp(b->records[i].iov_base, f->s->len, stamp + i);
	for (unsigned done = 0; done < n; done += (unsigned)r) {
		r = ringq_put_many(f->channel.queue, b->records + done, n - done, RINGQ_FOREVER);
		if (r < 0)
			bench_die((int)r, "put_many");
	}
}

static void produce(const struct flow *f, const struct batch *b, unsigned who)
{
	void *record = b->records[0].iov_base;

	if (!f->s->batch) {
		for (uint64_t seq = 1; seq <= f->each; seq++) {
			record_stamp(record, f->s->len, STAMP(who, seq));
			channel_put(&f->channel, record, f->s->len);
		}
		return;
	}
	for (uint64_t seq = 1; seq <= f->each; seq += b->n) {
		uint64_t left = f->each - seq + 1;

		put_batch(f, b, STAMP(who, seq), left < b->n ? (unsigned)left : b->n);
	}
}

static void producer(void *arg)
{
	const struct role *role = arg;
	const struct flow *f = role->flow;
	struct batch b = batch_make(f->s);
	uint64_t none = 0;

	bench_pin(f->cpus[0]);
	bench_arrive(&f->shared->gate, f->s->producers + f->s->consumers);
	atomic_compare_exchange_strong(&f->shared->begin, &none, bench_now());
	produce(f, &b, role->index);
	/* The pipe closes with its last writer, by itself. */
	if (atomic_fetch_sub(&f->shared->producers_left, 1) == 1 && f->channel.queue)
		ringq_close(f->channel.queue);
}

/* Takes up to a batch. Returns how many; 0 = closed and drained. */
static unsigned take(const struct flow *f, struct batch *b)
{
	ssize_t r;

	if (!f->s->batch)
		return channel_get(&f->channel, b->records[0].iov_base, f->s->len);
	for (unsigned i = 0; i < b->n; i++)
		b->records[i].iov_len = f->s->len;
	r = ringq_get_many(f->channel.queue, b->records, b->n, RINGQ_FOREVER);
	if (r <= 0 && r != -EPIPE)
		bench_die((int)r, "get_many");
	for (ssize_t i = 0; i < r; i++)
		if (b->records[i].iov_len != f->s->len)
			bench_die(0, "a record of a wrong length");
	return r < 0 ? 0 : (unsigned)r;
}

/* Each consumer sees a part of each producer's records, in that producer's order; a lone one sees all. */
static uint64_t check(const struct flow *f, const void *record, uint64_t last[FLOW_MAX])
{
	uint64_t stamp = record_check(record, f->s->len), who = STAMP_WHO(stamp), seq = STAMP_SEQ(stamp);

	if (who >= f->s->producers || seq > f->each)
		bench_die(0, "a record that nobody put");
	if (seq <= last[who] || (f->s->consumers == 1 && seq != last[who] + 1))
		bench_die(0, "a record out of order");
	last[who] = seq;
	return seq;
}

static void consumer(void *arg)
{
	const struct role *role = arg;
	const struct flow *f = role->flow;
	struct seen seen = {0};
	uint64_t last[FLOW_MAX] = {0};
	struct batch b = batch_make(f->s);
	unsigned n;

	if (f->s->medium == PIPE)
		close(f->channel.fd[1]);
	bench_pin(f->cpus[1]);
	bench_arrive(&f->shared->gate, f->s->producers + f->s->consumers);
	while ((n = take(f, &b)) > 0) {
		for (unsigned i = 0; i < n; i++)
			seen.sum += check(f, b.records[i].iov_base, last);
		seen.records += n;
	}
	seen.end = bench_now();
	f->shared->seen[role->index] = seen;
}

/* All went through once, if as many came out as went in and their numbers add up: no consumer saw any twice. */
static void account(const struct flow *f, struct sample *out)
{
	const struct scenario *s = f->s;
	uint64_t records = 0, sum = 0, end = 0, slowest = UINT64_MAX, total = f->each * s->producers;

	for (unsigned i = 0; i < s->consumers; i++) {
		const struct seen *seen = &f->shared->seen[i];

		records += seen->records;
		sum += seen->sum;
		end = seen->end > end ? seen->end : end;
		slowest = seen->records < slowest ? seen->records : slowest;
	}
	if (records != total || sum != s->producers * (f->each * (f->each + 1) / 2))
		bench_die(0, "%llu records of %llu came out", (unsigned long long)records, (unsigned long long)total);
	out->seconds = (double)(end - atomic_load(&f->shared->begin)) / 1e9;
	out->value = (double)total / out->seconds / 1e6;
	if (s->unit[0] == 'G')
		out->value *= (double)s->len / 1e3;
	if (s->consumers > 1)
		out->share = (double)slowest * s->consumers / (double)total;
}

/* One producer and one consumer are bound to a cpu each; more go where the kernel puts them. */
void scenario_flow(const struct scenario *s, uint64_t n, struct sample *out)
{
	struct flow f = {s, channel_open(s), bench_shared(sizeof(*f.shared)), n / s->producers + 1, {-1, -1}};

	if (s->producers == 1 && s->consumers == 1)
		bench_cpus(f.cpus);
	atomic_store(&f.shared->producers_left, s->producers);
	for (unsigned i = 0; i < s->consumers; i++)
		bench_fork(consumer, &(struct role){&f, i});
	for (unsigned i = 0; i < s->producers; i++)
		bench_fork(producer, &(struct role){&f, i});
	if (s->medium == PIPE)
		close(f.channel.fd[1]);
	if (!bench_join())
		bench_die(0, "a producer or consumer failed");
	account(&f, out);
}
