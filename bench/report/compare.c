/* SPDX-License-Identifier: MIT */
/* From the rounds to tables that compare peers. */
#include "report/compare.h"

#include <math.h>

#include "harness/machine.h"
#include "report/figures.h"
#include "report/groups.h"

static void print_named(FILE *f, const struct run *run, size_t i, double typical)
{
	fprintf(f, "%s, ", run->scenarios[i].peer->name);
	figure_print(f, group_kept(run, i, typical).value.median);
	fprintf(f, " %s", run->scenarios[i].unit);
}

/* The first of ours, or of the others, in the order; g.n if there is none that has not failed. */
static size_t best(const struct run *run, struct group g, const size_t *order, bool ours)
{
	for (size_t i = 0; i < g.n; i++)
		if (!run->results[order[i]].failed && group_is_ours(&run->scenarios[order[i]]) == ours)
			return i;
	return g.n;
}

static void print_leader(const struct run *run, struct group g, double typical, FILE *f)
{
	const struct scenario *s = &run->scenarios[g.first];
	size_t order[GROUP_MAX], ours, other;
	double ratio;

	group_rank(run, g, typical, order);
	ours = best(run, g, order, true);
	other = best(run, g, order, false);
	fprintf(f, "| %s | %s | ", group_where(s), s->name);
	if (ours < g.n)
		print_named(f, run, order[ours], typical);
	fprintf(f, " | ");
	if (other < g.n)
		print_named(f, run, order[other], typical);
	fprintf(f, " | ");
	if (ours < g.n && other < g.n) {
		ratio = group_kept(run, order[ours], typical).value.median /
		        group_kept(run, order[other], typical).value.median;
		figure_print(f, figure_lower_is_better(s) ? 1 / ratio : ratio);
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

	fprintf(f, "\n## %s: %s\n\n| | %s | min..max | ", group_where(s), s->name, s->unit);
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

	fprintf(f, group_is_ours(s) ? "| **%s** | " : "| %s | ", s->peer ? s->peer->name : s->name);
	if (r->failed) {
		fprintf(f, "%s (round %u) | ", r->why, r->failed_in);
	} else {
		k = group_kept(run, i, typical);
		figure_print(f, k.value.median);
		fprintf(f, "%s | ", k.only_odd ? " (!)" : "");
		figure_print(f, k.value.min);
		fprintf(f, "..");
		figure_print(f, k.value.max);
	}
	fprintf(f, " | ");
	for (size_t c = 0; c < COLUMNS; c++) {
		if (!has_column(run, g, c))
			continue;
		if (!r->failed && !isnan(k.figures[columns[c].figure]))
			figure_print(f, k.figures[columns[c].figure]);
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
			odd += group_is_odd(run->results[i].line[round], typical);
	return odd;
}

static void print_machine(const struct run *run, double typical, FILE *f)
{
	machine_print(f);
	fprintf(f,
		"; %u rounds. The raw line took %.0f ns there and back, before each of the samples; %u of these took "
		"less "
		"than half or more than twice that, and are left out; (!) marks what has no other.\n\n",
		run->rounds, typical, count_odd(run, typical));
}

void compare_tables(const struct run *run, FILE *f)
{
	double typical = group_typical_line(run);

	print_machine(run, typical, f);
	print_leaders(run, typical, f);
	for (struct group g = group_at(run, 0); g.n; g = group_at(run, g.first + g.n)) {
		size_t order[GROUP_MAX];

		group_rank(run, g, typical, order);
		print_header(run, g, f);
		for (size_t i = 0; i < g.n; i++)
			print_row(run, g, order[i], typical, f);
	}
	print_peers(run, f);
}
