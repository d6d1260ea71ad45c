/* SPDX-License-Identifier: MIT */
/*
 * ringq-scale: what grows with what. Throughput over 1 to 1024 producers and as many consumers, with how fair it is; what a
 * get costs over the number of idle lanes; a put and a get over the length of the backlog, the number of queues, of regions, of
 * members. README.md says what each means.
 */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "harness/machine.h"
#include "harness/options.h"
#include "harness/rounds.h"
#include "report/figures.h"
#include "report/state.h"
#include "scenarios/scenarios.h"

enum { CURVES = 10, NUMBERS = 9 };

static const struct curve {
	const char *title, *via;
	bool threads;
} curves[CURVES] = {
	{"threads, producer order", "ringq, producer order", true},
	{"threads, total order", "ringq", true},
	{"processes, producer order", "ringq, producer order", false},
	{"processes, total order", "ringq", false},
	{"producer order", "ringq, producer order", true},
	{"total order", "ringq", true},
	{"producer order", "ringq, producer order", true},
	{"producer order", "ringq, producer order", true},
	{"producer order", "ringq, producer order", true},
	{"producer order", "ringq, producer order", true},
};

static void set_flow(struct scenario *s, unsigned number)
{
	s->run = scenario_flow;
	s->producers = s->consumers = number;
}

static void set_lanes(struct scenario *s, unsigned number)
{
	s->run = scenario_lanes;
	s->lanes = number;
	s->batch = 1024;
}

static void set_depth(struct scenario *s, unsigned number)
{
	s->run = scenario_depth;
	s->depth = number;
}

static void set_queues(struct scenario *s, unsigned number)
{
	s->run = strcmp(s->name, "regions") ? scenario_queues : scenario_regions;
	s->number = number;
}

static void set_members(struct scenario *s, unsigned number)
{
	s->run = scenario_members;
	s->number = number;
}

static const struct table {
	const char *title, *name, *over, *unit;
	unsigned first, n; /* of its curves */
	unsigned numbers[NUMBERS];
	void (*set)(struct scenario *s, unsigned number);
} tables[] = {
	{"Records of 56 bytes, by the number of producers and of as many consumers", "parties", "producers = consumers",
		"M/s", 0, 4, {1, 2, 4, 8, 16, 32, 64, 256, 1024}, set_flow},
	{"A get of 56 bytes, by the number of lanes, all but one idle", "lanes", "lanes", "ns", 4, 2,
		{1, 2, 4, 8, 16, 32, 64, 128, 256}, set_lanes},
	{"A put and a get of 56 bytes, by the number of records that wait", "backlog", "records that wait", "ns", 6, 1,
		{1, 10, 100, 1000, 10000, 100000, 1000000, 4000000, 8000000}, set_depth},
	{"A put and a get of 56 bytes, by the number of queues that take turns", "queues", "queues", "ns", 7, 1,
		{1, 2, 4, 8, 16, 32, 64, 128, 256}, set_queues},
	{"The same, each queue in a region of its own", "regions", "regions", "ns", 8, 1,
		{1, 2, 4, 8, 16, 32, 64, 128, 256}, set_queues},
	{"A put and a get of 56 bytes, by the number of the region's members, all but one idle", "members", "members",
		"ns", 9, 1, {1, 2, 4, 8, 16, 64, 256, 512, 1024}, set_members},
};

enum { TABLES = sizeof(tables) / sizeof(*tables), ROWS = CURVES * NUMBERS + 1 };

static struct scenario rows[ROWS];
static struct result results[ROWS];

static size_t row_of(unsigned curve, unsigned number)
{
	return 1 + (size_t)curve * NUMBERS + number;
}

static void make_table(const struct table *t, const char *only)
{
	for (unsigned c = t->first; c < t->first + t->n; c++)
		for (unsigned i = 0; i < NUMBERS; i++) {
			struct scenario *s = &rows[row_of(c, i)];

			*s = (struct scenario){t->name, .unit = t->unit, .len = 56, .via = curves[c].via,
				.peer = peer_find(curves[c].via), .threads = curves[c].threads};
			t->set(s, t->numbers[i]);
			results[row_of(c, i)].selected = !only || strstr(t->name, only);
		}
}

static void print_cell(const struct run *run, size_t row)
{
	const struct result *r = &run->results[row];
	struct kept k, other;

	if (r->failed) {
		printf(" %s |", r->why);
		return;
	}
	k = state_kept(run, row);
	other = state_other(run, row);
	putchar(' ');
	figure_print(stdout, k.value.median);
	if (!isnan(k.figures[SHARE_PRODUCER]))
		printf(" (%.2f, %.2f; %.2g s)", k.figures[SHARE_PRODUCER], k.figures[SHARE_CONSUMER], k.figures[START]);
	if (k.only_odd || other.n)
		printf(" (!)");
	printf(" |");
}

static void print_table(const struct run *run, const struct table *t)
{
	printf("\n## %s\n\n| %s |", t->title, t->over);
	for (unsigned c = 0; c < t->n; c++)
		printf(" %s, %s |", curves[t->first + c].title, t->unit);
	printf("\n| ---: |");
	for (unsigned c = 0; c < t->n; c++)
		printf(" ---: |");
	for (unsigned i = 0; i < NUMBERS; i++) {
		printf("\n| %u |", t->numbers[i]);
		for (unsigned c = 0; c < t->n; c++)
			print_cell(run, row_of(t->first + c, i));
	}
	putchar('\n');
}

static void plot_table(const struct run *run, const struct table *t, FILE *f)
{
	const char *before = "plot ";

	for (unsigned c = 0; c < t->n; c++) {
		fprintf(f, "\n$curve%u << END\n", c);
		for (unsigned i = 0; i < NUMBERS; i++) {
			const struct result *r = &run->results[row_of(t->first + c, i)];

			if (!r->failed)
				fprintf(f, "%u %.6g\n", t->numbers[i],
					state_kept(run, row_of(t->first + c, i)).value.median);
		}
		fputs("END\n", f);
	}
	fprintf(f,
		"set terminal svg size 800,420 noenhanced background \"white\"\nset output \"%s.svg\"\n"
		"set title \"%s\"\nset xlabel \"%s\"\nset ylabel \"%s\"\nset logscale x\nset yrange [0:*]\n"
		"set key outside below\nset grid\n",
		t->name, t->title, t->over, t->unit);
	for (unsigned c = 0; c < t->n; c++, before = ", ")
		fprintf(f, "%s$curve%u with linespoints linewidth 2 title \"%s\"", before, c,
			curves[t->first + c].title);
	fputc('\n', f);
}

static void json_table(const struct run *run, const struct table *t, FILE *f)
{
	for (unsigned c = t->first; c < t->first + t->n; c++)
		for (unsigned i = 0; i < NUMBERS; i++) {
			const struct result *r = &run->results[row_of(c, i)];

			if (!r->selected || r->failed)
				continue;
			fprintf(f, "{\"over\":\"%s\",\"number\":%u,\"curve\":\"%s\",\"unit\":\"%s\"", t->name,
				t->numbers[i], curves[c].title, t->unit);
			figure_json(f, "rounds", r->value, run->rounds);
			figure_json(f, "line", r->line, run->rounds);
			figure_json(f, "line_after", r->line_after, run->rounds);
			fputs("}\n", f);
		}
}

static const struct bench_program program = {
	.usage = "usage: ringq-scale [--rounds N | --quick] [--limit S] [--only TABLE] [--json FILE] [--plots FILE]\n"
		 "Prints tables of what grows with the number of parties, of lanes, of records that wait, of queues, "
		 "regions, members.\n"
		 "  --rounds N        how often each sample runs, 1 to 99; 3 if not given\n"
		 "  --quick           one round of short samples\n"
		 "  --only TABLE      only this one: parties, lanes, backlog, queues, regions or members\n"
		 "  --json FILE       writes the figures of all rounds too, as one JSON object a line\n"
		 "  --plots FILE      writes a script for gnuplot too, which makes an SVG file of each table\n",
	.options = " rounds quick limit only json plots ",
	.first = {.rounds = 3, .seconds = 0.2, .limit = 60},
	.quick = {.rounds = 1, .seconds = 0.02, .limit = 60},
};

static FILE *open_file(const char *path)
{
	FILE *f = path ? fopen(path, "w") : NULL;

	if (path && !f)
		bench_die(errno, "cannot write %s", path);
	return f;
}

int main(int argc, char **argv)
{
	struct bench_options a = bench_parse(&program, argc, argv);
	struct run run = {rows, results, ROWS, a.rounds, .seconds = a.seconds, .limit = a.limit};
	FILE *json = open_file(a.json), *plots = open_file(a.plots);

	rows[0] = (struct scenario){"raw line", .unit = "ns", .run = scenario_pingpong};
	results[0].selected = true;
	for (size_t t = 0; t < TABLES; t++)
		make_table(&tables[t], a.only);
	run_rounds(&run);
	machine_print(stdout);
	printf("; medians of %u rounds. The raw line took ", run.rounds);
	figure_print(stdout, run.line);
	printf(" ns. In brackets: the slowest producer's part of an equal share, and the slowest consumer's; and how "
	       "long it took until all had put or got a record. (!) marks "
	       "where the "
	       "raw line took less than half or more than twice as long beside some of the samples, which are left out "
	       "if "
	       "there are others.\n");
	if (json) {
		fputs("{\"run\":\"ringq-scale\",", json);
		machine_json(json);
		fprintf(json, ",\"rounds\":%u}\n", run.rounds);
	}
	for (size_t t = 0; t < TABLES; t++) {
		if (!results[row_of(tables[t].first, 0)].selected)
			continue;
		print_table(&run, &tables[t]);
		if (plots)
			plot_table(&run, &tables[t], plots);
		if (json)
			json_table(&run, &tables[t], json);
	}
	if ((json && fclose(json)) || (plots && fclose(plots)))
		bench_die(errno, "cannot write the files");
	return 0;
}
