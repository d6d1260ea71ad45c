/* SPDX-License-Identifier: MIT */
/* Round trips: how long an answer takes. */
#include "channel.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/resource.h>

void scenario_pingpong(const struct scenario *s, uint64_t n, struct sample *out)
{
	int cpus[2];

	(void)s;
	if (bench_cpus(cpus) < 2)
		bench_die(0, "the raw line needs two cpus");
	out->seconds = bench_pingpong(cpus, n);
	out->value = out->seconds * 1e9 / (double)n;
}

/* Both ends of a round trip: what is sent there comes back. */
struct trip {
	const struct scenario *s;
	struct channel there, back;
	int cpus[2];
	uint64_t n;
};

static struct trip trip_open(const struct scenario *s, uint64_t n)
{
	struct trip t = {s, channel_open(s), channel_open(s), {0, 0}, n};

	if (bench_cpus(t.cpus) < 2)
		bench_die(0, "a round trip needs two cpus");
	return t;
}

enum {
	TRIP_MAX_LEN = 64, /* bytes of a record at most */
	TRIP_WARM = 1000,  /* trips that are not timed, until both sides run */
};

static void *spinning_back(void *arg)
{
	const struct trip *t = arg;
	char record[TRIP_MAX_LEN];

	bench_pin(t->cpus[1]);
	for (uint64_t i = 0; i < t->n + TRIP_WARM; i++) {
		channel_spin(&t->there, record, t->s->len);
		channel_put(&t->back, record, t->s->len);
	}
	return NULL;
}

static uint64_t spinning_there(const struct trip *t)
{
	char record[TRIP_MAX_LEN] = {0};
	uint64_t begin = 0;

	bench_pin(t->cpus[0]);
	for (uint64_t i = 0; i < t->n + TRIP_WARM; i++) {
		if (i == TRIP_WARM)
			begin = bench_now();
		record_stamp(record, t->s->len, i);
		channel_put(&t->there, record, t->s->len);
		channel_spin(&t->back, record, t->s->len);
		if (record_check(record, t->s->len) != i)
			bench_die(0, "a wrong answer");
	}
	return bench_now() - begin;
}

static void make_nonblocking(int fd)
{
	if (fcntl(fd, F_SETFL, O_NONBLOCK))
		bench_die(errno, "fcntl");
}

/* Two threads, each on a cpu of its own, that never sleep. */
void scenario_spinning(const struct scenario *s, uint64_t n, struct sample *out)
{
	struct trip t = trip_open(s, n);
	pthread_t thread;
	uint64_t ns;
	int r;

	if (s->medium == PIPE) {
		make_nonblocking(t.there.fd[0]);
		make_nonblocking(t.back.fd[0]);
	}
	r = pthread_create(&thread, NULL, spinning_back, &t);
	if (r)
		bench_die(r, "pthread_create");
	ns = spinning_there(&t);
	pthread_join(thread, NULL);
	out->seconds = (double)ns / 1e9;
	out->value = (double)ns / (double)n;
}

/*
 * Two processes that both sleep at each trip. Each side thinks before it sends, for longer than the other side spins
 * before it sleeps. The thinking is not part of the figure: each record carries the time when it was sent, and the
 * receiver adds up how long ago that was.
 */
enum { THINK_NS = 50000 };

/* What the process on the far side reports. */
struct far {
	struct bench_gate gate;
	_Atomic uint64_t ns;
	_Atomic uint64_t sleeps;
};

static void asleep_send(const struct channel *c, char *record, size_t len, uint64_t seq)
{
	uint64_t begin = bench_now(), now;

	while ((now = bench_now()) < begin + THINK_NS)
		;
	record_stamp(record, len, seq);
	memcpy(record + sizeof(seq), &now, sizeof(now));
	channel_put(c, record, len);
}

/* Returns how long the record was on its way. */
static uint64_t asleep_receive(const struct channel *c, char *record, size_t len, uint64_t seq)
{
	uint64_t sent, now;

	if (!channel_get(c, record, len))
		bench_die(0, "closed too early");
	now = bench_now();
	memcpy(&sent, record + sizeof(seq), sizeof(sent));
	if (record_check(record, len) != seq)
		bench_die(0, "a wrong answer");
	return now - sent;
}

/* How often this process has gone to sleep of itself. */
static uint64_t sleeps(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (uint64_t)usage.ru_nvcsw;
}

struct asleep {
	const struct trip *trip;
	struct far *far;
};

static void asleep_back(void *arg)
{
	const struct asleep *a = arg;
	const struct trip *t = a->trip;
	uint64_t ns = 0, slept;
	char record[TRIP_MAX_LEN];

	bench_pin(t->cpus[1]);
	bench_arrive(&a->far->gate, 2);
	slept = sleeps();
	for (uint64_t i = 0; i < t->n; i++) {
		ns += asleep_receive(&t->there, record, t->s->len, i);
		asleep_send(&t->back, record, t->s->len, i);
	}
	atomic_store(&a->far->ns, ns);
	atomic_store(&a->far->sleeps, sleeps() - slept);
}

void scenario_asleep(const struct scenario *s, uint64_t n, struct sample *out)
{
	struct trip t = trip_open(s, n);
	struct far *far = bench_shared(sizeof(*far));
	uint64_t begin, slept, ns = 0;
	char record[TRIP_MAX_LEN] = {0};

	bench_fork(asleep_back, &(struct asleep){&t, far});
	bench_pin(t.cpus[0]);
	bench_arrive(&far->gate, 2);
	slept = sleeps();
	begin = bench_now();
	for (uint64_t i = 0; i < n; i++) {
		asleep_send(&t.there, record, s->len, i);
		ns += asleep_receive(&t.back, record, s->len, i);
	}
	out->seconds = (double)(bench_now() - begin) / 1e9;
	slept = sleeps() - slept;
	if (!bench_join())
		bench_die(0, "the far side failed");
	out->sleeps = (double)(slept + atomic_load(&far->sleeps)) / (double)n;
	out->value = (double)(ns + atomic_load(&far->ns)) / (double)n;
}
