/* SPDX-License-Identifier: MIT */
#ifndef BENCH_FIGURES_H
#define BENCH_FIGURES_H

/* How a figure is written, and read. */

#include <stdio.h>

#include "harness/rounds.h"
#include "harness/scenario.h"

/** Whether less is better, by the scenario's unit. */
bool figure_lower_is_better(const struct scenario *s);

/** Of n rounds' values, at least one and at most ROUNDS_MAX, which stay as they are. */
struct bench_spread figure_spread(const double *values, unsigned n);

/** Prints three significant digits, without an exponent. */
void figure_print(FILE *f, double x);

/** Writes the rounds' values as a member of a JSON object; null for those that are not numbers. */
void figure_json(FILE *f, const char *name, const double *values, unsigned n);

#endif
