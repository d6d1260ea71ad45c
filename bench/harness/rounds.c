/* SPDX-License-Identifier: MIT */
/* Rounds: every scenario by turns, each sample in a process of its own, so that a crash or a hang is only its own. */
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/rounds.h"

/* What a process of its own is to run. */
struct task {
	const struct scenario *scenario;
	uint64_t n;
	struct sample *out;
};

enum {
	LINE_TRIPS = 1000,
	HUNG_BEFORE = 4, /* a peer that has hung has a limit of this part of the others' from then on */
};

static volatile sig_atomic_t interrupted;

static void interrupt(int signal)
{
	(void)signal;
	interrupted = 1;
}

/* So that what has been measured is printed. A second one ends it all. */
static void catch_interrupts(void)
{
	struct sigaction action = {.sa_handler = interrupt, .sa_flags = (int)SA_RESETHAND};

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

static double raw_line(void)
{
	int cpus[2];
	double ns = bench_cpus(cpus) > 1 ? bench_pingpong(cpus, BENCH_LINE, LINE_TRIPS) * 1e9 / LINE_TRIPS : 0;

	bench_unpin();
	return ns;
}

/* The raw line is measured before and after each sample: two cpus may be siblings at one moment and not at the next. */
static void task_body(void *arg)
{
	const struct task *t = arg;
	const struct scenario *s = t->scenario;

	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	t->out->line = raw_line();
	if (s->peer && s->peer->run)
		s->peer->run(s, t->n, t->out);
	else
		s->run(s, t->n, t->out);
	bench_unpin();
	t->out->line_after = raw_line();
}

static bool has_hung(const struct run *run, const struct peer *peer)
{
	for (size_t i = 0; peer && i < run->n; i++)
		if (run->results[i].hung && run->scenarios[i].peer == peer)
			return true;
	return false;
}

static bool sample(const struct run *run, const struct scenario *s, uint64_t n, struct sample *out)
{
	double limit = has_hung(run, s->peer) ? run->limit / HUNG_BEFORE : run->limit;

	*out = (struct sample){0};
	for (size_t i = 0; i < FIGURES; i++)
		out->figures[i] = NAN;
	return bench_isolated(task_body, &(struct task){s, n, out}, limit, out->why);
}

/* Many parties need more, until each has had some time slices; so do percentiles, until there are many records. */
static double sample_goal(const struct run *run, const struct scenario *s)
{
	return s->producers + s->consumers > 16 || s->each_ns ? 5 * run->seconds : run->seconds;
}

enum { FIRST_TRY = 200 };

/* Chooses how many operations take that long, from ever larger tries: the first ones tell little about the last. */
static uint64_t calibrate(const struct run *run, const struct scenario *s, struct sample *out)
{
	uint64_t n = FIRST_TRY;

	for (;;) {
		double times;

		if (!sample(run, s, n, out))
			return 0;
		if (out->seconds <= 0)
			return n;
		times = sample_goal(run, s) / out->seconds;
		if (times < 1 && n == FIRST_TRY)
			return n;
		n = (uint64_t)((double)n * (times < 16 ? times : 16)) + 1;
		if (times < 2)
			return n;
	}
}

static void measure(struct run *run, size_t i, unsigned round, struct sample *out)
{
	const struct scenario *s = &run->scenarios[i];
	struct result *result = &run->results[i];
	bool failed;

	if (!result->n)
		result->n = calibrate(run, s, out);
	failed = !result->n || !sample(run, s, result->n, out);
	if (interrupted) /* which has ended the sample, too: the rounds before it stand */
		return;
	result->failed = failed;
	if (result->failed) {
		result->hung = strncmp(out->why, BENCH_HANGS, strlen(BENCH_HANGS)) == 0;
		memcpy(result->why, out->why, sizeof(result->why));
		result->failed_in = round + 1;
		bench_progress(NULL);
		fprintf(stderr, "\"%s%s%s\" failed in round %u: %s\n", s->name, s->peer ? ", " : "",
			s->peer ? s->peer->name : "", round + 1, result->why);
	}
	result->value[round] = out->value;
	result->line[round] = out->line;
	result->line_after[round] = out->line_after;
	for (size_t f = 0; f < FIGURES; f++)
		result->figures[f][round] = out->figures[f];
}

/* It is not run any more: what it gave in earlier rounds is kept. */
static void skip(struct result *result, unsigned round, const char *why)
{
	result->value[round] = NAN;
	for (size_t f = 0; f < FIGURES; f++)
		result->figures[f][round] = NAN;
	if (round > 0)
		return;
	result->failed = true;
	result->failed_in = 1;
	snprintf(result->why, sizeof(result->why), "not run: %s", why);
}

static void run_one(struct run *run, size_t i, unsigned round, struct sample *out, uint64_t begin)
{
	if (run->results[i].failed)
		return;
	if (run->budget > 0 && (double)(bench_now() - begin) / 1e9 > run->budget) {
		skip(&run->results[i], round, "out of time");
		return;
	}
	if (!interrupted)
		measure(run, i, round, out);
	if (interrupted)
		skip(&run->results[i], round, "interrupted");
}

static double median_line(const struct run *run)
{
	double *lines = calloc(run->n * run->rounds, sizeof(*lines)), median = 0;
	size_t n = 0;

	for (size_t i = 0; lines && i < run->n; i++)
		for (unsigned round = 0; round < run->rounds; round++)
			if (!run->results[i].failed && run->results[i].line[round] > 0)
				lines[n++] = run->results[i].line[round];
	if (n)
		median = bench_spread(lines, n).median;
	free(lines);
	return median;
}

static void all_rounds(struct run *run)
{
	struct sample *out = bench_shared(sizeof(*out));
	uint64_t begin = bench_now();
	size_t selected = 0, done = 0;
	unsigned round = 0;

	catch_interrupts();
	for (size_t i = 0; i < run->n; i++)
		selected += run->results[i].selected;
	for (; round < run->rounds && !interrupted; round++)
		for (size_t i = 0; i < run->n; i++) {
			const struct scenario *s = &run->scenarios[i];

			if (!run->results[i].selected)
				continue;
			bench_progress("round %u of %u, %zu of %zu, %.0f s: %s%s%s", round + 1, run->rounds,
				done++ % selected + 1, selected, (double)(bench_now() - begin) / 1e9, s->name,
				s->peer ? ", " : "", s->peer ? s->peer->name : "");
			run_one(run, i, round, out, begin);
		}
	bench_progress(NULL);
	if (!interrupted)
		return;
	fprintf(stderr, "interrupted in round %u of %u: these are the figures up to then\n", round, run->rounds);
	run->rounds = round > 1 ? round - 1 : 1; /* whole ones, if there are */
}

void run_rounds(struct run *run)
{
	all_rounds(run);
	run->line = median_line(run);
}
