/* SPDX-License-Identifier: MIT */
#ifndef BENCH_STATE_H
#define BENCH_STATE_H

/*
 * The states of a machine. A host moves the cpus of a virtual machine near each other and far apart, from second to second: a
 * line there and back takes three times as long in one state as in the other, and a median over both is of no machine. So the
 * raw line is measured before and after each sample, and samples are told apart by it.
 */

#include "harness/rounds.h"

/* What some of a row's samples gave. */
struct kept {
	unsigned n;
	bool only_odd; /* there are none in the usual state: these are all */
	struct bench_spread value;
	double figures[FIGURES]; /* medians */
};

/** Whether that sample was taken in another state, or while it changed: a raw line below half or above twice the usual one. */
bool state_is_odd(const struct run *run, size_t i, unsigned round);

/** What the samples in the usual state gave. */
struct kept state_kept(const struct run *run, size_t i);

/** What the others gave, where there are both; n = 0 otherwise. */
struct kept state_other(const struct run *run, size_t i);

/** How many samples of all rows were taken in another state. */
unsigned state_count_odd(const struct run *run);

#endif
