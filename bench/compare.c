/* SPDX-License-Identifier: MIT */
/* From the rounds to tables that compare peers, and plots. Rows of one scenario stand together, ringq's first. */
#include "compare.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

const char *compare_where(const struct scenario *s)
{
	if (!s->peer && !s->via)
		return "machine";
	return s->threads ? "threads" : "processes";
}

/* The raw line's median over all samples: the ones taken on siblings are few, or else all are. */
static double typical_line(const struct run *run)
{
	size_t n = 0, most = run->n * run->rounds;
	double *lines = calloc(most ? most : 1, sizeof(*lines)), median = 0;

	for (size_t i = 0; lines && i < run->n; i++)
		for (unsigned round = 0; round < run->rounds; round++)
			if (!run->results[i].failed && run->results[i].line[round] > 0)
				lines[n++] = run->results[i].line[round];
	if (n)
		median = bench_spread(lines, n).median;
	free(lines);
	return median;
}

/*
 * A sample whose raw line was below half of the usual ran on two threads of one core, whatever the guest was told; one
 * far above ran on cores further apart, or on a busy machine. Neither is mixed with the others.
 */
static bool is_odd(double line, double typical)
{
	return line > 0 && (line < typical / 2 || line > typical * 2);
}

/* What is left of a row's rounds. */
struct kept {
	unsigned n;
	bool only_odd; /* nothing would be left: all are taken */
	struct bench_spread value;
	double figures[FIGURES]; /* medians */
};

static unsigned keep(
	const struct run *run, const struct result *r, const double *values, double typical, bool odd_too, double *out)
{
	unsigned n = 0;

	for (unsigned round = 0; round < run->rounds; round++)
		if ((odd_too || !is_odd(r->line[round], typical)) && !isnan(values[round]))
			out[n++] = values[round];
	return n;
}

static struct kept kept(const struct run *run, size_t i, double typical)
{
	const struct result *r = &run->results[i];
	double values[ROUNDS_MAX];
	struct kept k = {0};

	k.n = keep(run, r, r->value, typical, false, values);
	k.only_odd = k.n == 0;
	if (k.only_odd)
		k.n = keep(run, r, r->value, typical, true, values);
	k.value = bench_spread(values, k.n);
	for (size_t f = 0; f < FIGURES; f++) {
		unsigned n = keep(run, r, r->figures[f], typical, k.only_odd, values);

		k.figures[f] = n ? bench_spread(values, n).median : NAN;
	}
	return k;
}

static bool lower_is_better(const struct scenario *s)
{
	return strcmp(s->unit, "M/s") && strcmp(s->unit, "GB/s");
}

static bool same_scenario(const struct scenario *a, const struct scenario *b)
{
	return !strcmp(a->name, b->name) && !strcmp(compare_where(a), compare_where(b));
}

/* A scenario's rows: from first on, so many. */
struct group {
	size_t first, n;
};

/* The next one from row i on; n = 0 at the end. */
static struct group group_at(const struct run *run, size_t i)
{
	struct group g = {i, 0};

	while (i + g.n < run->n && same_scenario(&run->scenarios[i], &run->scenarios[i + g.n]))
		g.n++;
	return g;
}

enum { GROUP_MAX = 128 };

/* Indices of the group's rows from best to worst, failed ones last. */
static void rank(const struct run *run, struct group g, double typical, size_t order[GROUP_MAX])
{
	double key[GROUP_MAX];

	if (g.n > GROUP_MAX)
		bench_die(0, "too many peers");
	for (size_t i = 0; i < g.n; i++) {
		const struct result *r = &run->results[g.first + i];
		double value = r->failed ? INFINITY : kept(run, g.first + i, typical).value.median;
		size_t at = i;

		if (!r->failed && !lower_is_better(&run->scenarios[g.first]))
			value = -value;
		for (; at > 0 && key[at - 1] > value; at--) {
			key[at] = key[at - 1];
			order[at] = order[at - 1];
		}
		key[at] = value;
		order[at] = g.first + i;
	}
}

static bool is_ours(const struct scenario *s)
{
	return s->peer && !strncmp(s->peer->name, "ringq", 5);
}

/* Three significant digits, without an exponent. */
static void print_figure(FILE *f, double x)
{
	fprintf(f, x < 0.0995 && x > 0 ? "%.3f" : x < 9.995 ? "%.2f" : x < 99.95 ? "%.1f" : "%.0f", x);
}

static void print_named(FILE *f, const struct run *run, size_t i, double typical)
{
	fprintf(f, "%s, ", run->scenarios[i].peer->name);
	print_figure(f, kept(run, i, typical).value.median);
	fprintf(f, " %s", run->scenarios[i].unit);
}

/* The first of ours, or of the others, in the order; g.n if there is none that has not failed. */
static size_t best(const struct run *run, struct group g, const size_t *order, bool ours)
{
	for (size_t i = 0; i < g.n; i++)
		if (!run->results[order[i]].failed && is_ours(&run->scenarios[order[i]]) == ours)
			return i;
	return g.n;
}

static void print_leader(const struct run *run, struct group g, double typical, FILE *f)
{
	const struct scenario *s = &run->scenarios[g.first];
	size_t order[GROUP_MAX], ours, other;
	double ratio;

	rank(run, g, typical, order);
	ours = best(run, g, order, true);
	other = best(run, g, order, false);
	fprintf(f, "| %s | %s | ", compare_where(s), s->name);
	if (ours < g.n)
		print_named(f, run, order[ours], typical);
	fprintf(f, " | ");
	if (other < g.n)
		print_named(f, run, order[other], typical);
	fprintf(f, " | ");
	if (ours < g.n && other < g.n) {
		ratio = kept(run, order[ours], typical).value.median / kept(run, order[other], typical).value.median;
		print_figure(f, lower_is_better(s) ? 1 / ratio : ratio);
		fprintf(f, " x");
	}
	fprintf(f, " |\n");
}

static void print_leaders(const struct run *run, double typical, FILE *f)
{
	fprintf(f, "| between | scenario | best of ringq | best of the others | ringq is better by |\n");
	fprintf(f, "| --- | --- | --- | --- | ---: |\n");
	for (struct group g = group_at(run, 0); g.n; g = group_at(run, g.first + g.n))
		if (run->scenarios[g.first].peer)
			print_leader(run, g, typical, f);
}

/* A column for each figure that some row of the group has. */
static const struct {
	const char *title;
	enum figure figure;
} columns[] = {
	{"p50 ns", P50},
	{"p99 ns", P99},
	{"p99.9 ns", P999},
	{"max ns", MAX},
	{"slowest producer's share", SHARE_PRODUCER},
	{"slowest consumer's share", SHARE_CONSUMER},
	{"records out of order", SWAPPED},
	{"sleeps a trip", SLEEPS},
	{"of the load", ACHIEVED},
	{"M/s before the stops", BASE},
	{"M/s in the worst stop", WORST},
	{"stops that froze all", FROZEN},
	{"M/s in", FILL},
	{"M/s out", DRAIN},
	{"KiB held afterwards", AFTER},
};
enum { COLUMNS = sizeof(columns) / sizeof(*columns) };

static bool has_column(const struct run *run, struct group g, size_t column)
{
	for (size_t i = g.first; i < g.first + g.n; i++)
		if (!run->results[i].failed && !isnan(run->results[i].figures[columns[column].figure][0]))
			return true;
	return false;
}

static void print_header(const struct run *run, struct group g, FILE *f)
{
	const struct scenario *s = &run->scenarios[g.first];

	fprintf(f, "\n## %s: %s\n\n| | %s | min..max | ", compare_where(s), s->name, s->unit);
	for (size_t c = 0; c < COLUMNS; c++)
		if (has_column(run, g, c))
			fprintf(f, "%s | ", columns[c].title);
	fprintf(f, "\n| --- | ---: | ---: | ");
	for (size_t c = 0; c < COLUMNS; c++)
		if (has_column(run, g, c))
			fprintf(f, "---: | ");
	fprintf(f, "\n");
}

static void print_row(const struct run *run, struct group g, size_t i, double typical, FILE *f)
{
	const struct scenario *s = &run->scenarios[i];
	const struct result *r = &run->results[i];
	struct kept k;

	fprintf(f, is_ours(s) ? "| **%s** | " : "| %s | ", s->peer ? s->peer->name : s->name);
	if (r->failed) {
		fprintf(f, "%s (round %u) | ", r->why, r->failed_in);
	} else {
		k = kept(run, i, typical);
		print_figure(f, k.value.median);
		fprintf(f, "%s | ", k.only_odd ? " (!)" : "");
		print_figure(f, k.value.min);
		fprintf(f, "..");
		print_figure(f, k.value.max);
	}
	fprintf(f, " | ");
	for (size_t c = 0; c < COLUMNS; c++) {
		if (!has_column(run, g, c))
			continue;
		if (!r->failed && !isnan(k.figures[columns[c].figure]))
			print_figure(f, k.figures[columns[c].figure]);
		fprintf(f, " | ");
	}
	fprintf(f, "\n");
}

static void print_peers(const struct run *run, FILE *f)
{
	fprintf(f, "\n## The peers\n\n| | how it is used |\n| --- | --- |\n");
	for (const struct peer *peer = peer_first(); peer; peer = peer->next) {
		bool shown = false;

		for (size_t i = 0; i < run->n && !shown; i++)
			shown = run->scenarios[i].peer == peer;
		if (shown)
			fprintf(f, "| %s | %s |\n", peer->name, peer->mode);
	}
	if (PEERS_ABSENT[0])
		fprintf(f, "\nLeft out, as missing on this machine: %s.\n", PEERS_ABSENT);
}

static unsigned count_odd(const struct run *run, double typical)
{
	unsigned odd = 0;

	for (size_t i = 0; i < run->n; i++)
		for (unsigned round = 0; round < run->rounds && !run->results[i].failed; round++)
			odd += is_odd(run->results[i].line[round], typical);
	return odd;
}

static void print_machine(const struct run *run, double typical, FILE *f)
{
	struct utsname host;
	int cpus[2];

	uname(&host);
	fprintf(f,
		"%s, %u cpus, Linux %s; %u rounds. The raw line took %.0f ns there and back, before each of the "
		"samples;"
		" %u of these took less than half or more than twice that, and are left out; (!) marks what has no "
		"other.\n\n",
		cpu_model(), bench_cpus(cpus), host.release, run->rounds, typical, count_odd(run, typical));
}

void compare_tables(const struct run *run, FILE *f)
{
	double typical = typical_line(run);

	print_machine(run, typical, f);
	print_leaders(run, typical, f);
	for (struct group g = group_at(run, 0); g.n; g = group_at(run, g.first + g.n)) {
		size_t order[GROUP_MAX];

		rank(run, g, typical, order);
		print_header(run, g, f);
		for (size_t i = 0; i < g.n; i++)
			print_row(run, g, order[i], typical, f);
	}
	print_peers(run, f);
}

static void json_rounds(FILE *f, const char *name, const double *values, unsigned n)
{
	fprintf(f, ",\"%s\":[", name);
	for (unsigned i = 0; i < n; i++)
		if (isnan(values[i]))
			fprintf(f, "%snull", i ? "," : "");
		else
			fprintf(f, "%s%.6g", i ? "," : "", values[i]);
	fputc(']', f);
}

static void json_row(const struct run *run, size_t i, FILE *f)
{
	const struct scenario *s = &run->scenarios[i];
	const struct result *r = &run->results[i];

	fprintf(f, "{\"where\":\"%s\",\"scenario\":\"%s\",\"unit\":\"%s\"", compare_where(s), s->name, s->unit);
	if (s->peer)
		fprintf(f, ",\"peer\":\"%s\"", s->peer->name);
	if (r->failed) {
		fprintf(f, ",\"failed\":\"%s\"}\n", r->why);
		return;
	}
	json_rounds(f, "rounds", r->value, run->rounds);
	json_rounds(f, "line", r->line, run->rounds);
	for (size_t figure = 0; figure < FIGURES; figure++)
		if (!isnan(r->figures[figure][0]))
			json_rounds(f, figure_names[figure], r->figures[figure], run->rounds);
	fputs("}\n", f);
}

void compare_json(const struct run *run, FILE *f)
{
	struct utsname host;
	int cpus[2];

	uname(&host);
	fprintf(f,
		"{\"run\":\"ringq-peers\",\"cpu\":\"%s\",\"cpus\":%u,\"kernel\":\"%s\",\"rounds\":%u,\"line\":%.6g}\n",
		cpu_model(), bench_cpus(cpus), host.release, run->rounds, typical_line(run));
	for (size_t i = 0; i < run->n; i++)
		json_row(run, i, f);
}

/* A file name that needs no quotes. */
static void print_slug(FILE *f, const struct scenario *s)
{
	fprintf(f, "%s-", compare_where(s));
	for (const char *p = s->name; *p; p++)
		if (isalnum((unsigned char)*p))
			fputc(*p, f);
		else if (*p == ' ')
			fputc('-', f);
}

/* Bars from the best down, with the spread over the rounds. */
static void plot_group(const struct run *run, struct group g, double typical, FILE *f)
{
	const struct scenario *s = &run->scenarios[g.first];
	size_t order[GROUP_MAX], n = 0;

	rank(run, g, typical, order);
	fprintf(f, "\n$data << END\n");
	for (size_t i = 0; i < g.n; i++) {
		struct kept k;

		if (run->results[order[i]].failed)
			continue;
		k = kept(run, order[i], typical);
		fprintf(f, "\"%s\" %.6g %.6g %.6g %zu %d\n", run->scenarios[order[i]].peer->name, k.value.median,
			k.value.min, k.value.max, n++, is_ours(&run->scenarios[order[i]]));
	}
	fprintf(f, "END\n");
	if (!n)
		return;
	fprintf(f, "set terminal svg size 900,%zu noenhanced background \"white\"\nset output \"", 90 + 22 * n);
	print_slug(f, s);
	fprintf(f, ".svg\"\nset title \"%s: %s, %s\"\n", compare_where(s), s->name,
		lower_is_better(s) ? "shorter is better" : "longer is better");
	fprintf(f,
		"set xlabel \"%s\"\nset yrange [%zu.6:-0.6]\nplot $data using "
		"2:5:(0):2:($5-0.35):($5+0.35):($6+1):ytic(1) "
		"with boxxyerror linecolor variable notitle, \\\n"
		"     $data using 2:5:3:4 with xerrorbars linecolor black pointtype 0 notitle\n",
		s->unit, n - 1);
}

void compare_plots(const struct run *run, FILE *f)
{
	double typical = typical_line(run);

	fprintf(f, "set style fill solid 0.8\nset grid xtics\nset xrange [0:*]\nset lmargin 34\n"
		   "set linetype 1 linecolor \"#8a9ba8\"\nset linetype 2 linecolor \"#c0392b\"\n");
	for (struct group g = group_at(run, 0); g.n; g = group_at(run, g.first + g.n))
		if (run->scenarios[g.first].peer)
			plot_group(run, g, typical, f);
}
