/* SPDX-License-Identifier: MIT */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include <stdio.h>

#include "scenario.h"

enum { ROUNDS_MAX = 99 };

/* What the rounds gave for one scenario. */
struct result {
	bool selected;
	bool failed;
	uint64_t n; /* operations a round, chosen in the first */
	double value[ROUNDS_MAX];
	double share[ROUNDS_MAX];
	double sleeps[ROUNDS_MAX];
};

/* A whole run. The first scenario is the raw line, and always selected. */
struct run {
	const struct scenario *scenarios;
	struct result *results;
	size_t n;
	unsigned rounds;
};

/** The scenario's place by its name; exits if there is none, as only the table of scenarios names any. */
size_t run_find(const struct run *run, const char *name);

/** Prints the table as Markdown, and below it what to know about the rounds and which targets hold. */
void report_table(const struct run *run);

/** Writes one line of JSON about the run and one for each scenario. */
void report_json(const struct run *run, FILE *f);

#endif
