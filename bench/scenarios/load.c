/* SPDX-License-Identifier: MIT */
/*
 * One-way latency under a fixed offered load. The producer puts by a timetable and each record carries the time when it
 * was due, not when it went in: what waits because the queue, or the producer, was held up counts in full, so that
 * nothing is omitted just because it was slow.
 */
#include "harness/channel.h"

#include "harness/histogram.h"
#include "scenarios/scenarios.h"

enum { LEN_MOST = 64 }; /* bytes of a record */

struct load_shared {
	struct bench_gate gate, done;
	uint64_t begin, end; /* of the producer */
};

struct load {
	const struct scenario *s;
	struct channel channel;
	struct load_shared *shared;
	int cpus[2];
	uint64_t n;
};

static void load_producer(void *arg)
{
	const struct load *l = arg;
	char record[LEN_MOST] = {0};
	uint64_t due;
	struct end end;

	bench_pin(l->cpus[0]);
	channel_join(&l->channel, &end, true, 0);
	bench_arrive(&l->shared->gate, 2);
	due = l->shared->begin = bench_now() + l->s->each_ns;
	for (uint64_t i = 0; i < l->n; i++, due += l->s->each_ns) {
		while (bench_now() < due)
			;
		record_stamp(record, l->s->len, i);
		memcpy(record + sizeof(i), &due, sizeof(due));
		end_put(&end, record, l->s->len);
	}
	l->shared->end = bench_now();
	bench_await(&l->shared->done, 1);
	channel_leave(&end);
}

static void load_consume(const struct load *l, struct end *end, struct histogram *h)
{
	char record[LEN_MOST];

	for (uint64_t i = 0; i < l->n; i++) {
		uint64_t due, now;

		if (l->channel.ops.try_get)
			end_spin(end, record, l->s->len);
		else if (!end_get(end, record, l->s->len))
			bench_die(0, "closed too early");
		now = bench_now();
		memcpy(&due, record + sizeof(i), sizeof(due));
		if (record_check(record, l->s->len) != i)
			bench_die(0, "a record out of order");
		histogram_add(h, now - due);
	}
}

/* The consumer spins where the peer has tries. The value is the median. */
void scenario_load(const struct scenario *s, uint64_t n, struct sample *out)
{
	static struct histogram h;
	struct load l = {.s = s, .n = n};
	struct end end;

	if (bench_cpus(l.cpus) < 2)
		bench_die(0, "latency under load needs two cpus");
	scenario_check_len(s, LEN_MOST);
	l.channel = scenario_channel(s, 1, 1);
	l.shared = bench_shared(sizeof(*l.shared));
	bench_start(!s->threads, load_producer, &l);
	bench_pin(l.cpus[1]);
	channel_join(&l.channel, &end, false, 0);
	bench_arrive(&l.shared->gate, 2);
	load_consume(&l, &end, &h);
	bench_enter(&l.shared->done);
	channel_leave(&end);
	if (!bench_join())
		bench_die(0, "the producer failed");
	out->seconds = (double)(l.shared->end - l.shared->begin) / 1e9;
	sample_percentiles(out, &h);
	out->value = out->figures[P50];
	out->figures[ACHIEVED] = (double)n * s->each_ns / 1e9 / out->seconds;
}
