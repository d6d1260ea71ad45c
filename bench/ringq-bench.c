/* SPDX-License-Identifier: MIT */
/* ringq-bench: the scenarios, run in interleaved rounds. README.md says what each of them means. */
#include <errno.h>
#include <string.h>

#include "harness/options.h"
#include "report/report.h"
#include "scenarios/scenarios.h"

#define PRODUCER_ORDER .via = "ringq, producer order"
#define TOTAL_ORDER .via = "ringq"
#define SINGLE .via = "ringq, single flags"
#define ACKNOWLEDGED .via = "ringq, acknowledged"
#define IN_PLACE .via = "ringq, in place"
#define PIPE .via = "pipe"

#define SPIN .unit = "ns", .run = scenario_spinning, .threads = true
#define ASLEEP .unit = "ns", .run = scenario_asleep, .len = 56
#define FLOW(p, c) .unit = "M/s", .run = scenario_flow, .producers = (p), .consumers = (c)
#define WATCHED(p, c) .unit = "M/s", .run = scenario_watched, .producers = (p), .consumers = (c)
#define FLOW_GB .unit = "GB/s", .run = scenario_flow, .producers = 1, .consumers = 1
#define LANES .unit = "ns", .run = scenario_lanes, .len = 56
#define MEMORY(what) .unit = "KiB", .run = scenario_##what, .len = 56

#define BESIDE(row) .against = (row)
#define TARGET(times, row) .target = (times), .against = (row)

/* clang-format off */
static struct scenario scenarios[] = {
	{ "raw line", .unit = "ns", .run = scenario_pingpong },
	{ "raw line, by compare-and-swap", .unit = "ns", .run = scenario_pingpong, .line = BENCH_LINE_SWAPPED,
	  BESIDE("raw line") },
	{ "raw lines, one each way", .unit = "ns", .run = scenario_pingpong, .line = BENCH_TWO_LINES, BESIDE("raw line") },

	{ "round trip spinning, 8 B", SPIN, .len = 8, PRODUCER_ORDER, TARGET(1.15, "raw line") },
	{ "round trip spinning, 56 B", SPIN, .len = 56, PRODUCER_ORDER, TARGET(1.15, "raw line") },
	{ "round trip spinning, 8 B, single flags", SPIN, .len = 8, SINGLE, BESIDE("raw lines, one each way") },
	{ "round trip spinning, 56 B, single flags", SPIN, .len = 56, SINGLE, BESIDE("raw lines, one each way") },
	{ "round trip spinning, 56 B, total order", SPIN, .len = 56, TOTAL_ORDER, BESIDE("raw lines, one each way") },
	{ "pipe: round trip spinning, 56 B", SPIN, .len = 56, PIPE, BESIDE("raw line") },

	{ "round trip asleep, 56 B", ASLEEP, PRODUCER_ORDER, TARGET(1, "pipe: round trip asleep, 56 B") },
	{ "pipe: round trip asleep, 56 B", ASLEEP, PIPE },

	{ "1P1C, 56 B", FLOW(1, 1), .len = 56, PRODUCER_ORDER, TARGET(40, "pipe: 1P1C, 56 B") },
	{ "1P1C, 56 B, total order", FLOW(1, 1), .len = 56, TOTAL_ORDER, TARGET(40, "pipe: 1P1C, 56 B") },
	{ "1P1C, 56 B, single flags", FLOW(1, 1), .len = 56, SINGLE, TARGET(80, "pipe: 1P1C, 56 B") },
	{ "1P1C, 56 B, batches of 32", FLOW(1, 1), .len = 56, PRODUCER_ORDER, .batch = 32,
	  TARGET(80, "pipe: 1P1C, 56 B") },
	{ "1P1C, 56 B, watched by ringq top", WATCHED(1, 1), .len = 56, PRODUCER_ORDER,
	  BESIDE("1P1C, 56 B") },
	{ "pipe: 1P1C, 56 B", FLOW(1, 1), .len = 56, PIPE },
	{ "1P1C, 8 B", FLOW(1, 1), .len = 8, PRODUCER_ORDER, BESIDE("pipe: 1P1C, 8 B") },
	{ "pipe: 1P1C, 8 B", FLOW(1, 1), .len = 8, PIPE },
	{ "1P1C, 1 KiB", FLOW_GB, .len = 1024, PRODUCER_ORDER, BESIDE("pipe: 1P1C, 1 KiB") },
	{ "pipe: 1P1C, 1 KiB", FLOW_GB, .len = 1024, PIPE },
	{ "1P1C, 64 KiB", FLOW_GB, .len = 65536, PRODUCER_ORDER, TARGET(3, "pipe: 1P1C, 64 KiB") },
	{ "pipe: 1P1C, 64 KiB", FLOW_GB, .len = 65536, PIPE },

	{ "1P1C, 64 KiB, single flags", FLOW_GB, .len = 65536, SINGLE, BESIDE("1P1C, 64 KiB") },
	{ "1P1C, 1 MiB, single flags", FLOW_GB, .len = 1 << 20, SINGLE, BESIDE("1P1C, 64 KiB") },

	{ "acknowledged: round trip spinning, 56 B", SPIN, .len = 56, ACKNOWLEDGED,
	  TARGET(1.15, "round trip spinning, 56 B") },
	{ "acknowledged: 1P1C, 56 B", FLOW(1, 1), .len = 56, ACKNOWLEDGED, TARGET(0.8, "1P1C, 56 B") },
	{ "acknowledged: 1P1C, 8 B", FLOW(1, 1), .len = 8, ACKNOWLEDGED, TARGET(0.45, "1P1C, 8 B") },
	{ "acknowledged: 1P1C, 56 B, batches of 32", FLOW(1, 1), .len = 56, ACKNOWLEDGED, .batch = 32,
	  TARGET(0.75, "1P1C, 56 B, batches of 32") },
	{ "acknowledged: 4P4C, 56 B", FLOW(4, 4), .len = 56, ACKNOWLEDGED, TARGET(0.6, "4P4C, 56 B") },
	{ "in place: 1P1C, 56 B", FLOW(1, 1), .len = 56, IN_PLACE, TARGET(0.9, "1P1C, 56 B, single flags") },
	{ "in place: 1P1C, 64 KiB", FLOW_GB, .len = 65536, IN_PLACE, TARGET(1.25, "1P1C, 64 KiB, single flags") },
	{ "in place: 1P1C, 1 MiB", FLOW_GB, .len = 1 << 20, IN_PLACE, TARGET(1.1, "1P1C, 1 MiB, single flags") },

	{ "4P4C, 56 B", FLOW(4, 4), .len = 56, PRODUCER_ORDER, BESIDE("pipe: 4P4C, 56 B") },
	{ "4P4C, 56 B, total order", FLOW(4, 4), .len = 56, TOTAL_ORDER, TARGET(1 / 1.5, "4P4C, 56 B") },
	{ "pipe: 4P4C, 56 B", FLOW(4, 4), .len = 56, PIPE },
	{ "32P32C, 56 B", FLOW(32, 32), .len = 56, PRODUCER_ORDER, TARGET(0.5, "1P1C, 56 B") },

	{ "get, 1 lane", LANES, .lanes = 1, .batch = 1024, PRODUCER_ORDER },
	{ "get, 64 idle lanes", LANES, .lanes = 65, .batch = 1024, PRODUCER_ORDER, TARGET(2, "get, 1 lane") },
	{ "get, 1 lane, total order", LANES, .lanes = 1, .batch = 1024, TOTAL_ORDER },
	{ "get, 64 idle lanes, total order", LANES, .lanes = 65, .batch = 1024, TOTAL_ORDER,
	  TARGET(2, "get, 1 lane, total order") },
	{ "put and get by turns, 1 lane", LANES, .lanes = 1, .batch = 1, PRODUCER_ORDER },
	{ "put and get by turns, 64 idle lanes", LANES, .lanes = 65, .batch = 1, PRODUCER_ORDER,
	  BESIDE("put and get by turns, 1 lane") },
	{ "put and get by turns, 1 lane, total order", LANES, .lanes = 1, .batch = 1, TOTAL_ORDER },
	{ "put and get by turns, 64 idle lanes, total order", LANES, .lanes = 65, .batch = 1, TOTAL_ORDER,
	  BESIDE("put and get by turns, 1 lane, total order") },

	{ "memory of an idle queue", MEMORY(idle_memory), PRODUCER_ORDER, .target = 256 },
	{ "memory after a backlog of 500 MB", MEMORY(backlog), PRODUCER_ORDER, .target = 4096 },
};
/* clang-format on */

enum { SCENARIOS = sizeof(scenarios) / sizeof(*scenarios) };

static struct result results[SCENARIOS];

/* A row needs the one that it is compared with, and so on; the raw line tells what the rounds are worth. */
static void select_rows(const struct run *run, const char *only)
{
	results[0].selected = true;
	for (size_t i = 0; i < SCENARIOS; i++) {
		size_t row = i;

		if (only && !strstr(scenarios[i].name, only))
			continue;
		results[row].selected = true;
		while (scenarios[row].against) {
			row = run_find(run, scenarios[row].against);
			results[row].selected = true;
		}
	}
}

static const struct bench_program program = {
	.usage = "usage: ringq-bench [--rounds N | --quick] [--only SUBSTRING] [--json FILE] [--targets] [--list]\n"
		 "Prints a table of what ringq costs beside a pipe and a bare cache line.\n"
		 "  --rounds N        how often each scenario runs, 1 to 99; 7 if not given\n"
		 "  --quick           3 rounds\n"
		 "  --only SUBSTRING  only the scenarios with this in their name, and those they are compared with\n"
		 "  --json FILE       writes the figures of all rounds too, as one JSON object a line\n"
		 "  --targets         says which of the developers' targets hold\n"
		 "  --list            lists the scenarios\n",
	.options = " rounds quick only json targets list ",
	.first = {.rounds = 7, .seconds = 0.2, .limit = 60},
	.quick = {.rounds = 3, .seconds = 0.2, .limit = 60},
};

int main(int argc, char **argv)
{
	struct bench_options a = bench_parse(&program, argc, argv);
	struct run run = {scenarios, results, SCENARIOS, a.rounds, .seconds = a.seconds, .limit = a.limit};
	FILE *json = NULL;

	for (size_t i = 0; i < SCENARIOS; i++)
		if (scenarios[i].via)
			scenarios[i].peer = peer_find(scenarios[i].via);
	select_rows(&run, a.only);
	for (size_t i = 0; a.list && i < SCENARIOS; i++)
		if (results[i].selected)
			puts(scenarios[i].name);
	if (a.list)
		return 0;
	if (a.json) {
		json = fopen(a.json, "w");
		if (!json)
			bench_die(errno, "cannot write %s", a.json);
	}
	run_rounds(&run);
	report_table(&run, a.targets);
	if (json) {
		report_json(&run, json);
		if (fclose(json))
			bench_die(errno, "cannot write %s", a.json);
	}
	return 0;
}
