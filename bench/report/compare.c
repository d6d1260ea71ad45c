/* SPDX-License-Identifier: MIT */
/* From the rounds to tables that compare peers. */
#include "report/compare.h"

#include <math.h>

#include "harness/machine.h"
#include "report/figures.h"
#include "report/groups.h"
#include "report/state.h"

static void print_named(FILE *f, const struct run *run, size_t i)
{
	fprintf(f, "%s, ", run->scenarios[i].peer->name);
	figure_print(f, state_kept(run, i).value.median);
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

static void print_leader(const struct run *run, struct group g, FILE *f)
{
	const struct scenario *s = &run->scenarios[g.first];
	size_t order[GROUP_MAX], ours, other;
	double ratio;

	group_rank(run, g, order);
	ours = best(run, g, order, true);
	other = best(run, g, order, false);
	fprintf(f, "| %s | %s | ", group_where(s), s->name);
	if (ours < g.n)
		print_named(f, run, order[ours]);
	fprintf(f, " | ");
	if (other < g.n)
		print_named(f, run, order[other]);
	fprintf(f, " | ");
	if (ours < g.n && other < g.n) {
		ratio = state_kept(run, order[ours]).value.median / state_kept(run, order[other]).value.median;
		figure_print(f, figure_lower_is_better(s) ? 1 / ratio : ratio);
		fprintf(f, " x");
	}
	fprintf(f, " |\n");
}

static void print_leaders(const struct run *run, FILE *f)
{
	fprintf(f, "| between | scenario | best of ringq | best of the others | ringq is better by |\n");
	fprintf(f, "| --- | --- | --- | --- | ---: |\n");
	for (struct group g = group_at(run, 0); g.n; g = group_at(run, g.first + g.n))
		if (run->scenarios[g.first].peer)
			print_leader(run, g, f);
}

/* A column for each figure that some row of the group has. */
static const struct {
	const char *title;
	enum figure figure;
} columns[] = {
	{"p50 ns", P50},
	{"p90 ns", P90},
	{"p99 ns", P99},
	{"p99.9 ns", P999},
	{"p99.99 ns", P9999},
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

static bool has_other(const struct run *run, struct group g)
{
	for (size_t i = g.first; i < g.first + g.n; i++)
		if (!run->results[i].failed && state_other(run, i).n)
			return true;
	return false;
}

static void print_header(const struct run *run, struct group g, FILE *f)
{
	const struct scenario *s = &run->scenarios[g.first];
	bool other = has_other(run, g);

	fprintf(f, "\n## %s: %s\n\n| | %s | min..max | ", group_where(s), s->name, s->unit);
	if (other)
		fprintf(f, "in another state | ");
	for (size_t c = 0; c < COLUMNS; c++)
		if (has_column(run, g, c))
			fprintf(f, "%s | ", columns[c].title);
	fprintf(f, "\n| --- | ---: | ---: | %s", other ? "---: | " : "");
	for (size_t c = 0; c < COLUMNS; c++)
		if (has_column(run, g, c))
			fprintf(f, "---: | ");
	fprintf(f, "\n");
}

static void print_row(const struct run *run, struct group g, size_t i, FILE *f)
{
	const struct scenario *s = &run->scenarios[i];
	const struct result *r = &run->results[i];
	struct kept k;

	fprintf(f, group_is_ours(s) ? "| **%s** | " : "| %s | ", s->peer ? s->peer->name : s->name);
	if (r->failed) {
		fprintf(f, "%s (round %u) | ", r->why, r->failed_in);
	} else {
		k = state_kept(run, i);
		figure_print(f, k.value.median);
		fprintf(f, "%s | ", k.only_odd ? " (!)" : "");
		figure_print(f, k.value.min);
		fprintf(f, "..");
		figure_print(f, k.value.max);
	}
	fprintf(f, " | ");
	if (has_other(run, g)) {
		struct kept other = state_other(run, i);

		if (!r->failed && other.n) {
			figure_print(f, other.value.median);
			fprintf(f, " (%u of %u)", other.n, run->rounds);
		}
		fprintf(f, " | ");
	}
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

static void print_machine(const struct run *run, FILE *f)
{
	machine_print(f);
	fprintf(f,
		"; %u rounds. The raw line took %.0f ns there and back, before and after each of the samples. Beside "
		"%u of them it "
		"took less than half or more than twice that: they are of another state of the machine, and stand in a "
		"column of "
		"their own; (!) marks what has no other.\n\n",
		run->rounds, run->line, state_count_odd(run));
}

void compare_tables(const struct run *run, FILE *f)
{
	print_machine(run, f);
	print_leaders(run, f);
	for (struct group g = group_at(run, 0); g.n; g = group_at(run, g.first + g.n)) {
		size_t order[GROUP_MAX];

		group_rank(run, g, order);
		print_header(run, g, f);
		for (size_t i = 0; i < g.n; i++)
			print_row(run, g, order[i], f);
	}
	print_peers(run, f);
}
