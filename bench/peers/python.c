/* SPDX-License-Identifier: MIT */
/*
 * Python's multiprocessing.Queue: its ends can only be Python, so that a script does the few scenarios that it can, in
 * processes of its own, and prints what came out. Records are bytes objects; they are checked there.
 */
#include "scenarios/scenarios.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *kind_of(const struct scenario *s)
{
	return s->run == scenario_flow ? "flow" : s->run == scenario_asleep ? "asleep" : NULL;
}

static bool knows(const struct scenario *s)
{
	return kind_of(s) && s->len < 1 << 20;
}

/* The script prints seconds, the value in ns or records a second, and the share of the slowest consumer. */
static void run(const struct scenario *s, uint64_t n, struct sample *out)
{
	char command[512], why[BENCH_WHY] = "no word from the script";
	double value, share;
	FILE *script;

	snprintf(command, sizeof(command), "exec python3 '%s' %s %llu %zu %u %u 2>&1", PEERS_PYTHON, kind_of(s),
		(unsigned long long)n, s->len, s->producers, s->consumers);
	script = popen(command, "r");
	if (!script)
		bench_die(errno, "cannot run python3");
	if (fscanf(script, "%lf %lf %lf", &out->seconds, &value, &share) != 3) {
		if (fgets(why, sizeof(why), script))
			why[strcspn(why, "\n")] = 0;
		bench_die(0, "python3: %s", why);
	}
	if (pclose(script))
		bench_die(0, "python3 failed");
	out->value = s->unit[0] == 'G' ? value * (double)s->len / 1e9 : s->unit[0] == 'M' ? value / 1e6 : value;
	if (s->consumers > 1)
		out->figures[SHARE_CONSUMER] = share;
}

static void never(struct channel *c)
{
	(void)c;
	bench_die(0, "multiprocessing.Queue has no ends in C");
}

static struct peer peer = {
	.name = "Python multiprocessing.Queue",
	.mode = "`put` and `get` of bytes objects, all in Python",
	.flags = PEER_PROCESSES | PEER_SLEEPS,
	.max_producers = 16,
	.max_consumers = 16,
	.open = never,
	.run = run,
	.knows = knows,
};

__attribute__((constructor)) static void add(void)
{
	peer_add(&peer);
}
