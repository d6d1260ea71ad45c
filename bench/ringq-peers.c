/* SPDX-License-Identifier: MIT */
/* ringq-peers: every scenario over every peer that can do it, in interleaved rounds. README.md says what each means. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "harness/options.h"
#include "report/compare.h"
#include "report/groups.h"
#include "scenarios/scenarios.h"

#define SPIN(n) .unit = "ns", .run = scenario_spinning, .len = (n), .producers = 1, .consumers = 1, .needs = PEER_TRIES
#define ASLEEP .unit = "ns", .run = scenario_asleep, .len = 56, .producers = 1, .consumers = 1, .needs = PEER_SLEEPS
#define FLOW(p, c, n) .unit = "M/s", .run = scenario_flow, .producers = (p), .consumers = (c), .len = (n)
#define FLOW_GB(n) .unit = "GB/s", .run = scenario_flow, .producers = 1, .consumers = 1, .len = (n)
#define LOAD(a_second)                                                                 \
	.unit = "ns", .run = scenario_load, .len = 56, .producers = 1, .consumers = 1, \
	.each_ns = 1000000000 / (a_second)
#define STALL .unit = "M/s", .run = scenario_stall, .len = 56, .producers = 4, .consumers = 4
#define BURST .unit = "MiB", .run = scenario_burst, .len = 1024, .producers = 1, .consumers = 1, .needs = PEER_BACKLOG
#define SLEEPERS .unit = "%", .run = scenario_sleepers, .len = 56, .producers = 1, .consumers = 64

/* Each as threads and as processes. */
static const struct scenario kinds[] = {
	{"round trip spinning, 56 B", SPIN(56), .quick = true},
	{"round trip spinning, 100 B", SPIN(100), .processes_only = true},
	{"round trip spinning, 1 KiB", SPIN(1024), .processes_only = true},
	{"round trip asleep, 56 B", ASLEEP, .quick = true},
	{"1P1C, 8 B", FLOW(1, 1, 8)},
	{"1P1C, 56 B", FLOW(1, 1, 56), .quick = true},
	{"1P1C, 100 B", FLOW(1, 1, 100), .processes_only = true},
	{"1P1C, 1 KiB", FLOW_GB(1024)},
	{"1P1C, 64 KiB", FLOW_GB(65536), .quick = true},
	{"1P1C, 1 MiB", FLOW_GB(1048576)},
	{"1P1C, 56 B, batches of 32", FLOW(1, 1, 56), .batch = 32, .needs = PEER_MANY},
	{"4P1C, 56 B", FLOW(4, 1, 56)},
	{"1P4C, 56 B", FLOW(1, 4, 56)},
	{"4P4C, 56 B", FLOW(4, 4, 56), .quick = true},
	{"16P16C, 56 B", FLOW(16, 16, 56)},
	{"64P64C, 56 B", FLOW(64, 64, 56)},
	{"4P4C, 56 B, one producer stopped", STALL, .quick = true},
	{"latency at 10 000 a second, 56 B", LOAD(10000)},
	{"latency at 100 000 a second, 56 B", LOAD(100000), .quick = true},
	{"latency at 1 000 000 a second, 56 B", LOAD(1000000)},
	{"burst of 32 MiB, 1 KiB each", BURST},
	{"idle CPU, 64 sleepers", SLEEPERS},
};

static const struct scenario bounds[] = {
	{"raw line", .unit = "ns", .run = scenario_pingpong},
	{"raw line, by compare-and-swap", .unit = "ns", .run = scenario_pingpong, .line = BENCH_LINE_SWAPPED},
	{"raw lines, one each way", .unit = "ns", .run = scenario_pingpong, .line = BENCH_TWO_LINES},
	{"copy of 64 KiB within a core", .unit = "GB/s", .run = scenario_copy, .len = 65536},
};

enum {
	KINDS = sizeof(kinds) / sizeof(*kinds),
	BOUNDS = sizeof(bounds) / sizeof(*bounds),
	QUICK_BUDGET = 150, /* seconds */
};

static bool matches(const char *name, const char *wanted)
{
	return !wanted || strstr(name, wanted);
}

static size_t count_peers(void)
{
	size_t n = 0;

	for (const struct peer *peer = peer_first(); peer; peer = peer->next)
		n++;
	return n;
}

/* All rows: those that bound the rest, then each kind between threads, and between processes, over each peer. */
static size_t make_rows(struct scenario *rows, const char *only, const char *which, bool quick)
{
	size_t n = 0;

	for (size_t i = 0; i < BOUNDS; i++)
		rows[n++] = bounds[i];
	for (size_t i = 0; i < 2 * KINDS; i++) {
		struct scenario row = kinds[i / 2];

		row.threads = i % 2 == 0;
		if ((quick && !row.quick) || (row.threads && row.processes_only))
			continue;
		if (!matches(row.name, only) && !matches(group_where(&row), only))
			continue;
		for (const struct peer *peer = peer_first(); peer; peer = peer->next) {
			row.peer = peer;
			if (scenario_fits(&row, peer) && matches(peer->name, which))
				rows[n++] = row;
		}
	}
	return n;
}

static const struct bench_program program = {
	.usage = "usage: ringq-peers [--rounds N] [--quick] [--only SUBSTRING] [--peer SUBSTRING] [--json FILE]\n"
		 "                   [--plots FILE] [--limit SECONDS] [--list]\n"
		 "Prints tables of what ringq and other queues do, side by side.\n"
		 "  --rounds N        how often each row runs, 1 to 99; 5 if not given\n"
		 "  --quick           one round of short samples of the main scenarios, in two minutes or so\n"
		 "  --only SUBSTRING  only the scenarios with this in their name, or only threads or processes\n"
		 "  --peer SUBSTRING  only the peers with this in their name\n"
		 "  --json FILE       writes the figures of all rounds too, as one JSON object a line\n"
		 "  --plots FILE      writes a script for gnuplot too, which makes one SVG file for each scenario\n"
		 "  --limit SECONDS   after which a sample counts as hanging; 20 if not given, 3 with --quick\n"
		 "  --list            lists the rows\n",
	.options = " rounds quick only peer json plots limit list ",
	.first = {.rounds = 5, .seconds = 0.2, .limit = 20},
	.quick = {.rounds = 1, .seconds = 0.02, .limit = 3},
};

static void write_file(const char *path, void (*write)(const struct run *run, FILE *f), const struct run *run)
{
	FILE *f = path ? fopen(path, "w") : NULL;

	if (!path)
		return;
	if (f)
		write(run, f);
	if (!f || fclose(f))
		bench_die(errno, "cannot write %s", path);
}

int main(int argc, char **argv)
{
	struct bench_options a = bench_parse(&program, argc, argv);
	size_t most = BOUNDS + 2 * KINDS * count_peers();
	struct scenario *rows = calloc(most, sizeof(*rows));
	struct result *results = calloc(most, sizeof(*results));
	struct run run = {rows, results, 0, a.rounds, .seconds = a.seconds, .budget = a.quick ? QUICK_BUDGET : 0,
		.limit = a.limit};

	if (!rows || !results)
		bench_die(0, "out of memory");
	run.n = make_rows(rows, a.only, a.peer, a.quick);
	for (size_t i = 0; i < run.n; i++) {
		results[i].selected = true;
		if (a.list && rows[i].peer)
			printf("%s: %s: %s\n", group_where(&rows[i]), rows[i].name, rows[i].peer->name);
	}
	if (a.list)
		return 0;
	run_rounds(&run);
	compare_tables(&run, stdout);
	write_file(a.json, compare_json, &run);
	write_file(a.plots, compare_plots, &run);
	return 0;
}
