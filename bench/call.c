/* SPDX-License-Identifier: MIT */
/*
 * ringq-call: what a call itself costs, by kind of queue and size of record, with nothing else done.
 *
 * In cache: one thread puts some records and then gets them, all in lines that its processor has. Two bare loops: one
 * thread puts, another gets, each on a cpu of its own, and nothing checks the records. Queues in turn: one thread puts a
 * record into each of N queues, one after another, then gets them.
 *
 * A round takes the least of many short runs of what is in cache, so that what disturbs the machine does not count.
 */
#include <errno.h>
#include <float.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ringq/ringq.h>

#include "harness/harness.h"
#include "harness/machine.h"
#include "harness/options.h"
#include "harness/rounds.h"
#include "report/figures.h"

enum {
	SIZES = 4,
	RECORDS = 64,       /* of a short run, but no more than so many bytes: */
	BYTES = 16 << 10,   /* half of the smallest first-level cache there is */
	LONGEST = 1 << 10,  /* bytes of a record */
	QUEUES_MOST = 1000, /* in turn */
	COUNTS = 5,
};

static const size_t sizes[SIZES] = {8, 56, 256, 1024};
static const unsigned counts[COUNTS] = {1, 16, 17, 64, QUEUES_MOST};

/* Both ends of a queue, which are one handle but where it is a pipe's. */
struct ends {
	ringq_queue *in, *out;
	ringq_pipe *reader, *writer;
};

static void must(int64_t result, const char *what)
{
	if (result < 0)
		bench_die((int)result, "%s", what);
}

/* ---- kinds of queue ---- */

static struct ends open_queue(const struct ringq_queue_options *options)
{
	struct ends e = {0};

	must(ringq_queue_create(&e.in, NULL, options), "cannot make a queue");
	e.out = e.in;
	return e;
}

static struct ends open_pipe(unsigned flags)
{
	struct ends e = {0};

	must(ringq_pipe_create(&e.reader, &e.writer, NULL, flags | RINGQ_SIMPLEX), "cannot make a pipe");
	e.in = ringq_pipe_output(e.writer);
	e.out = ringq_pipe_input(e.reader);
	return e;
}

static void close_ends(struct ends *e)
{
	if (!e->writer) {
		ringq_queue_release(e->in);
		return;
	}
	ringq_pipe_close(e->writer);
	ringq_pipe_close(e->reader);
}

static struct ends open_total(void)
{
	return open_queue(NULL);
}

static void put_one(void *arg)
{
	must(ringq_put(arg, "", 1, RINGQ_NOWAIT), "put");
}

/* From the second lane on records are stamped, though its producer has ended. */
static struct ends open_stamped(void)
{
	struct ends e = open_queue(NULL);
	char record;

	put_one(e.in);
	bench_start(false, put_one, e.in);
	if (!bench_join())
		bench_die(0, "the second producer failed");
	for (int i = 0; i < 2; i++)
		must(ringq_get(e.out, &record, sizeof(record), RINGQ_NOWAIT), "get");
	return e;
}

static struct ends open_producer_order(void)
{
	return open_queue(&(struct ringq_queue_options){.order = RINGQ_ORDER_PRODUCER});
}

static struct ends open_single(void)
{
	return open_queue(&(struct ringq_queue_options){.flags = RINGQ_SINGLE_PRODUCER | RINGQ_SINGLE_CONSUMER});
}

static struct ends open_bounded(void)
{
	return open_queue(&(struct ringq_queue_options){.order = RINGQ_ORDER_PRODUCER, .max_records = 1024});
}

static struct ends open_any_pipe(void)
{
	return open_pipe(0);
}

static struct ends open_single_pipe(void)
{
	return open_pipe(RINGQ_SINGLE_PRODUCER | RINGQ_SINGLE_CONSUMER);
}

static const struct kind {
	const char *name;
	struct ends (*open)(void);
} kinds[] = {
	{"total order, one producer", open_total},
	{"total order, stamped", open_stamped},
	{"producer order", open_producer_order},
	{"single flags", open_single},
	{"max_records 1024", open_bounded},
	{"pipe", open_any_pipe},
	{"pipe, single flags", open_single_pipe},
};

enum { KINDS = sizeof(kinds) / sizeof(*kinds) };

/* ---- in cache ---- */

enum column { PUT, GET, PUT_MANY, GET_MANY, LOOPS, COLUMNS };

static const char *const titles[COLUMNS] = {"put", "get", "put_many", "get_many", "two bare loops"};

static char record[LONGEST], room[RECORDS][LONGEST];

static unsigned records_of(size_t len)
{
	return BYTES / len < RECORDS ? (unsigned)(BYTES / len) : RECORDS;
}

static void least(double *into, uint64_t from, uint64_t to, unsigned n)
{
	double ns = (double)(to - from) / n;

	if (ns < *into)
		*into = ns;
}

static void run_singly(const struct ends *e, size_t len, double *values)
{
	unsigned n = records_of(len);
	uint64_t begin = bench_now(), middle;

	for (unsigned i = 0; i < n; i++)
		must(ringq_put(e->in, record, len, RINGQ_NOWAIT), "put");
	middle = bench_now();
	for (unsigned i = 0; i < n; i++)
		must(ringq_get(e->out, room[0], len, RINGQ_NOWAIT), "get");
	least(&values[PUT], begin, middle, n);
	least(&values[GET], middle, bench_now(), n);
}

static void run_batch(const struct ends *e, size_t len, double *values)
{
	struct iovec from[RECORDS], to[RECORDS];
	unsigned n = records_of(len);
	uint64_t begin, middle;
	ssize_t got;

	for (unsigned i = 0; i < n; i++) {
		from[i] = (struct iovec){record, len};
		to[i] = (struct iovec){room[i], len};
	}
	begin = bench_now();
	must(ringq_put_many(e->in, from, n, RINGQ_NOWAIT), "put_many");
	middle = bench_now();
	for (unsigned done = 0; done < n; done += (unsigned)got) {
		got = ringq_get_many(e->out, to + done, n - done, RINGQ_NOWAIT);
		must(got, "get_many");
	}
	least(&values[PUT_MANY], begin, middle, n);
	least(&values[GET_MANY], middle, bench_now(), n);
}

static void measure_cache(const struct kind *kind, size_t len, double seconds, double *values)
{
	struct ends e = kind->open();
	uint64_t end = bench_now() + (uint64_t)(seconds * 1e9);

	for (int column = PUT; column < LOOPS; column++)
		values[column] = DBL_MAX;
	while (bench_now() < end)
		run_singly(&e, len, values);
	end = bench_now() + (uint64_t)(seconds * 1e9);
	while (bench_now() < end)
		run_batch(&e, len, values);
	close_ends(&e);
}

/* ---- two bare loops ---- */

struct loops {
	struct ends ends;
	struct bench_gate gate;
	size_t len;
	uint64_t n;
	int cpus[2];
};

static void put_loop(void *arg)
{
	struct loops *l = arg;

	bench_pin(l->cpus[0]);
	bench_arrive(&l->gate, 2);
	for (uint64_t i = 0; i < l->n; i++)
		must(ringq_put(l->ends.in, record, l->len, RINGQ_FOREVER), "put");
}

/* How long it took to get n records. */
static double get_loop(struct loops *l)
{
	uint64_t begin;

	bench_pin(l->cpus[1]);
	bench_arrive(&l->gate, 2);
	begin = bench_now();
	for (uint64_t i = 0; i < l->n; i++)
		must(ringq_get(l->ends.out, room[0], l->len, RINGQ_FOREVER), "get");
	return (double)(bench_now() - begin) / 1e9;
}

static double loop(const struct kind *kind, size_t len, uint64_t n)
{
	struct loops l = {.ends = kind->open(), .len = len, .n = n};
	double took;

	if (bench_cpus(l.cpus) < 2)
		bench_die(0, "two loops need two cpus");
	bench_start(false, put_loop, &l);
	took = get_loop(&l);
	bench_unpin();
	if (!bench_join())
		bench_die(0, "the producer failed");
	close_ends(&l.ends);
	return took;
}

/* M/s, or GB/s, after a try that tells how many records take so long. */
static double measure_loops(const struct kind *kind, size_t len, double seconds)
{
	const uint64_t first = 20000;
	double times = seconds / loop(kind, len, first);
	uint64_t n = times > 1 ? (uint64_t)(times * (double)first) : first;
	double rate = (double)n / loop(kind, len, n);

	return len < 1024 ? rate / 1e6 : rate * (double)len / 1e9;
}

/* ---- queues in turn ---- */

struct turns {
	ringq_region *region;
	ringq_queue *queues[QUEUES_MOST];
};

static void run_turn(const struct turns *t, unsigned n, double *values)
{
	uint64_t begin = bench_now(), middle;

	for (unsigned i = 0; i < n; i++)
		must(ringq_put(t->queues[i], record, 56, RINGQ_NOWAIT), "put");
	middle = bench_now();
	for (unsigned i = 0; i < n; i++)
		must(ringq_get(t->queues[i], room[0], 56, RINGQ_NOWAIT), "get");
	values[PUT] += (double)(middle - begin) / n;
	values[GET] += (double)(bench_now() - middle) / n;
}

/* The mean of the runs: what other queues have put out of the caches since is part of it. */
static void measure_turns(unsigned n, double seconds, double *values)
{
	static struct turns t;
	const struct ringq_queue_options options = {.order = RINGQ_ORDER_PRODUCER};
	unsigned runs = 0;
	uint64_t end;

	must(ringq_region_create(&t.region, NULL), "cannot make a region");
	for (unsigned i = 0; i < n; i++)
		must(ringq_queue_create(&t.queues[i], t.region, &options), "cannot make a queue");
	run_turn(&t, n, values); /* which makes the thread's part of each */
	values[PUT] = values[GET] = 0;
	for (end = bench_now() + (uint64_t)(seconds * 1e9); bench_now() < end; runs++)
		for (unsigned left = 0; left < RECORDS; left += n)
			run_turn(&t, n, values);
	values[PUT] /= runs * ((RECORDS + n - 1) / n);
	values[GET] /= runs * ((RECORDS + n - 1) / n);
	for (unsigned i = 0; i < n; i++)
		ringq_queue_release(t.queues[i]);
	ringq_region_detach(t.region);
}

/* ---- rounds and table ---- */

static double results[KINDS + 1][SIZES + 1][COLUMNS][ROUNDS_MAX];

static bool wanted(const struct bench_options *o, size_t kind)
{
	return !o->only || strstr(kind < KINDS ? kinds[kind].name : "queues in turn", o->only);
}

static void run_kind(size_t kind, unsigned round, double seconds)
{
	for (size_t size = 0; size < SIZES; size++) {
		double values[COLUMNS];

		bench_progress("round %u: %s, %zu bytes", round + 1, kinds[kind].name, sizes[size]);
		measure_cache(&kinds[kind], sizes[size], seconds / 4, values);
		values[LOOPS] = measure_loops(&kinds[kind], sizes[size], seconds);
		for (int column = 0; column < COLUMNS; column++)
			results[kind][size][column][round] = values[column];
	}
}

static void run_turns(unsigned round, double seconds)
{
	for (size_t i = 0; i < COUNTS; i++) {
		double values[COLUMNS] = {0};

		bench_progress("round %u: %u queues in turn", round + 1, counts[i]);
		measure_turns(counts[i], seconds / 2, values);
		results[KINDS][i][PUT][round] = values[PUT];
		results[KINDS][i][GET][round] = values[GET];
	}
}

static void print_cell(double *values, unsigned rounds, const char *unit)
{
	struct bench_spread v = bench_spread(values, rounds);

	printf(" ");
	figure_print(stdout, v.median);
	printf(" %s (", unit);
	figure_print(stdout, v.min);
	printf("..");
	figure_print(stdout, v.max);
	printf(") |");
}

static void print_kinds(const struct bench_options *o)
{
	printf("| kind of queue | bytes |");
	for (int column = 0; column < COLUMNS; column++)
		printf(" %s |", titles[column]);
	printf("\n| --- | ---: | ---: | ---: | ---: | ---: | ---: |\n");
	for (size_t kind = 0; kind < KINDS; kind++) {
		for (size_t size = 0; size < SIZES && wanted(o, kind); size++) {
			printf("| %s | %zu |", kinds[kind].name, sizes[size]);
			for (int column = 0; column < COLUMNS; column++)
				print_cell(results[kind][size][column], o->rounds,
					column < LOOPS       ? "ns"
					: sizes[size] < 1024 ? "M/s"
							     : "GB/s");
			printf("\n");
		}
	}
}

static void print_turns(const struct bench_options *o)
{
	if (!wanted(o, KINDS))
		return;
	printf("\n| queues in turn, producer order, 56 bytes | put | get |\n| ---: | ---: | ---: |\n");
	for (size_t i = 0; i < COUNTS; i++) {
		printf("| %u |", counts[i]);
		print_cell(results[KINDS][i][PUT], o->rounds, "ns");
		print_cell(results[KINDS][i][GET], o->rounds, "ns");
		printf("\n");
	}
}

static const struct bench_program program = {
	.usage = "usage: ringq-call [--rounds N | --quick] [--only SUBSTRING]\n"
		 "Prints what a call costs, in cache and in two bare loops, by kind of queue and size of record.\n"
		 "  --rounds N        how often each row runs, 1 to 99; 7 if not given\n"
		 "  --quick           3 short rounds\n"
		 "  --only SUBSTRING  only the kinds of queue with this in their name, or \"queues in turn\"\n",
	.options = " rounds quick only ",
	.first = {.rounds = 7, .seconds = 0.1, .limit = 60},
	.quick = {.rounds = 3, .seconds = 0.02, .limit = 60},
};

int main(int argc, char **argv)
{
	struct bench_options o = bench_parse(&program, argc, argv);

	for (unsigned round = 0; round < o.rounds; round++) {
		for (size_t kind = 0; kind < KINDS; kind++)
			if (wanted(&o, kind))
				run_kind(kind, round, o.seconds);
		if (wanted(&o, KINDS))
			run_turns(round, o.seconds);
	}
	bench_progress(NULL);
	print_kinds(&o);
	print_turns(&o);
	printf("\n");
	machine_print(stdout);
	printf("; the median of %u rounds, the least and the most.\n", o.rounds);
	return 0;
}
