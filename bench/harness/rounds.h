/* SPDX-License-Identifier: MIT */
#ifndef BENCH_ROUNDS_H
#define BENCH_ROUNDS_H

#include <stdio.h>

#include "harness/scenario.h"

enum { ROUNDS_MAX = 99 };

/* What the rounds gave for one scenario. */
struct result {
	bool selected;
	bool failed; /* in some round: then it is not run again */
	bool hung;   /* that way */
	char why[BENCH_WHY];
	unsigned failed_in; /* the round, from 1 on */
	uint64_t n;         /* operations a round, chosen in the first */
	double value[ROUNDS_MAX];
	double line[ROUNDS_MAX], line_after[ROUNDS_MAX]; /* raw lines beside the sample */
	double figures[FIGURES][ROUNDS_MAX];
};

/* A whole run. The first scenario is the raw line, and always selected. */
struct run {
	const struct scenario *scenarios;
	struct result *results;
	size_t n;
	unsigned rounds;
	double seconds; /* that one sample is to take */
	double budget;  /* seconds after which no further sample is begun; 0 = none */
	double limit;   /* seconds after which a sample counts as failed: it hangs */
	double line; /* the raw line's median over all samples, ns: of the machine's usual state, as state.h has it */
};

/**
 * Runs all rounds: in each, every selected scenario once, in a process of its own. SIGINT and SIGTERM end it early: then
 * run->rounds says how many rounds are whole, and of the first what has not been run has failed. Sets run->line.
 */
void run_rounds(struct run *run);

#endif
