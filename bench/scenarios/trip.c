/* SPDX-License-Identifier: MIT */
/* Round trips: how long an answer takes. And what bounds all: the raw line, and a copy. */
#include "harness/channel.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "harness/histogram.h"
#include "scenarios/scenarios.h"

void scenario_pingpong(const struct scenario *s, uint64_t n, struct sample *out)
{
	int cpus[2];

	if (bench_cpus(cpus) < 2)
		bench_die(0, "the raw line needs two cpus");
	out->seconds = bench_pingpong(cpus, s->line, n);
	out->value = out->seconds * 1e9 / (double)n;
}

/*
 * Copies back and forth between two blocks of the row's length, within a core. They begin at pages: a little behind each other
 * within a page, some processors copy at a twentieth.
 */
void scenario_copy(const struct scenario *s, uint64_t n, struct sample *out)
{
	char *a = aligned_alloc(4096, s->len), *b = aligned_alloc(4096, s->len);
	uint64_t begin;

	if (!a || !b)
		bench_die(0, "out of memory");
	memset(a, 0, s->len);
	memset(b, 0, s->len);
	begin = bench_now();
	for (uint64_t i = 0; i < n; i++) {
		memcpy(i % 2 ? a : b, i % 2 ? b : a, s->len);
		__asm__ volatile("" ::: "memory");
	}
	out->seconds = (double)(bench_now() - begin) / 1e9;
	out->value = (double)n * (double)s->len / out->seconds / 1e9;
	free(a);
	free(b);
}

enum {
	LEN_MOST = 1024, /* bytes of a record */
	TRIP_WARM = 200, /* trips that are not timed, until both sides run */
};

/* What both sides share. */
struct trip_shared {
	struct bench_gate gate, done;
	_Atomic uint64_t ns;     /* of the far side, asleep */
	_Atomic uint64_t sleeps; /* the same */
};

/* Both ends of a round trip: what is sent there comes back. */
struct trip {
	const struct scenario *s;
	struct channel there, back;
	struct trip_shared *shared;
	int cpus[2];
	uint64_t n;
};

static struct trip trip_open(const struct scenario *s, uint64_t n)
{
	struct trip t = {.s = s, .n = n};

	if (bench_cpus(t.cpus) < 2)
		bench_die(0, "a round trip needs two cpus");
	scenario_check_len(s, LEN_MOST);
	t.there = scenario_channel(s, 1, 1);
	t.back = scenario_channel(s, 1, 1);
	t.shared = bench_shared(sizeof(*t.shared));
	return t;
}

/* One side's two ends. */
struct side {
	struct end out, in;
};

static void side_join(const struct trip *t, struct side *side, bool far)
{
	bench_pin(t->cpus[far]);
	/* To get first: some peers let a producer join only when the consumer has. */
	channel_join(far ? &t->there : &t->back, &side->in, false, 0);
	channel_join(far ? &t->back : &t->there, &side->out, true, 0);
	bench_arrive(&t->shared->gate, 2);
}

/* Nobody leaves before both are done: some peers drop what has not been read when its sender goes. */
static void side_leave(const struct trip *t, struct side *side)
{
	bench_enter(&t->shared->done);
	bench_await(&t->shared->done, 2);
	channel_leave(&side->out);
	channel_leave(&side->in);
}

/*
 * The mean is taken over trips without a clock between them, and then the percentiles over a quarter as many with one
 * look at the clock a trip: it costs a part of what a trip does.
 */
static uint64_t spinning_trips(const struct trip *t)
{
	return TRIP_WARM + t->n + t->n / 4;
}

static void spinning_far(void *arg)
{
	const struct trip *t = arg;
	char record[LEN_MOST];
	struct side side;

	side_join(t, &side, true);
	for (uint64_t i = 0; i < spinning_trips(t); i++) {
		end_spin(&side.in, record, t->s->len);
		end_put(&side.out, record, t->s->len);
	}
	side_leave(t, &side);
}

static void spinning_trip(struct side *side, char *record, size_t len, uint64_t seq)
{
	record_stamp(record, len, seq);
	end_put(&side->out, record, len);
	end_spin(&side->in, record, len);
	if (record_check(record, len) != seq)
		bench_die(0, "a wrong answer");
}

static void spinning_near(const struct trip *t, struct sample *out)
{
	static struct histogram h;
	char record[LEN_MOST] = {0};
	uint64_t begin, last, now, i = 0;
	struct side side;

	side_join(t, &side, false);
	while (i < TRIP_WARM)
		spinning_trip(&side, record, t->s->len, i++);
	begin = bench_now();
	while (i < TRIP_WARM + t->n)
		spinning_trip(&side, record, t->s->len, i++);
	last = bench_now();
	out->seconds = (double)(last - begin) / 1e9;
	out->value = (double)(last - begin) / (double)t->n;
	for (; i < spinning_trips(t); last = now) {
		spinning_trip(&side, record, t->s->len, i++);
		now = bench_now();
		histogram_add(&h, now - last);
	}
	sample_percentiles(out, &h);
	side_leave(t, &side);
}

/* Two threads or processes, each on a cpu of its own, that get without ever sleeping. */
void scenario_spinning(const struct scenario *s, uint64_t n, struct sample *out)
{
	struct trip t = trip_open(s, n);

	bench_start(!s->threads, spinning_far, &t);
	spinning_near(&t, out);
	if (!bench_join())
		bench_die(0, "the far side failed");
}

/*
 * Two that both sleep at each trip. Each side thinks before it sends, for longer than the other side spins before it
 * sleeps, and so long that ringq does not take the sleep for one that was hardly worth it, after which it spins longer.
 * The thinking is not part of the figure: each record carries the time when it was sent, and the receiver adds up how
 * long ago that was.
 */
enum { THINK_NS = 200000 };

static void asleep_send(struct end *end, char *record, size_t len, uint64_t seq)
{
	uint64_t begin = bench_now(), now;

	while ((now = bench_now()) < begin + THINK_NS)
		;
	record_stamp(record, len, seq);
	memcpy(record + sizeof(seq), &now, sizeof(now));
	end_put(end, record, len);
}

/* Returns how long the record was on its way. */
static uint64_t asleep_receive(struct end *end, char *record, size_t len, uint64_t seq)
{
	uint64_t sent, now;

	if (!end_get(end, record, len))
		bench_die(0, "closed too early");
	now = bench_now();
	memcpy(&sent, record + sizeof(seq), sizeof(sent));
	if (record_check(record, len) != seq)
		bench_die(0, "a wrong answer");
	return now - sent;
}

/* How often this thread has gone to sleep of itself. */
static uint64_t sleeps(void)
{
	struct rusage usage;

	getrusage(RUSAGE_THREAD, &usage);
	return (uint64_t)usage.ru_nvcsw;
}

static void asleep_far(void *arg)
{
	const struct trip *t = arg;
	char record[LEN_MOST];
	uint64_t ns = 0, slept;
	struct side side;

	side_join(t, &side, true);
	slept = sleeps();
	for (uint64_t i = 0; i < t->n; i++) {
		ns += asleep_receive(&side.in, record, t->s->len, i);
		asleep_send(&side.out, record, t->s->len, i);
	}
	atomic_store(&t->shared->ns, ns);
	atomic_store(&t->shared->sleeps, sleeps() - slept);
	side_leave(t, &side);
}

static uint64_t asleep_near(const struct trip *t, struct sample *out, uint64_t *slept)
{
	static struct histogram h;
	char record[LEN_MOST] = {0};
	uint64_t begin, ns = 0;
	struct side side;

	side_join(t, &side, false);
	*slept = sleeps();
	begin = bench_now();
	for (uint64_t i = 0; i < t->n; i++) {
		uint64_t one;

		asleep_send(&side.out, record, t->s->len, i);
		one = asleep_receive(&side.in, record, t->s->len, i);
		histogram_add(&h, one);
		ns += one;
	}
	out->seconds = (double)(bench_now() - begin) / 1e9;
	*slept = sleeps() - *slept;
	sample_percentiles(out, &h);
	side_leave(t, &side);
	return ns;
}

/* The value is the sum of both ways; the percentiles are of the way back alone. */
void scenario_asleep(const struct scenario *s, uint64_t n, struct sample *out)
{
	struct trip t = trip_open(s, n);
	uint64_t ns, slept;

	bench_start(!s->threads, asleep_far, &t);
	ns = asleep_near(&t, out, &slept);
	if (!bench_join())
		bench_die(0, "the far side failed");
	out->figures[SLEEPS] = (double)(slept + atomic_load(&t.shared->sleeps)) / (double)n;
	out->value = (double)(ns + atomic_load(&t.shared->ns)) / (double)n;
}
