/* SPDX-License-Identifier: MIT */
#ifndef BENCH_COMPARE_H
#define BENCH_COMPARE_H

#include <stdio.h>

#include "harness/rounds.h"

/** Prints Markdown: who leads where, then a table for each scenario, the best first. */
void compare_tables(const struct run *run, FILE *f);

/** Writes one line of JSON about the run and one for each row. */
void compare_json(const struct run *run, FILE *f);

/** Writes a script for gnuplot with one plot a scenario, into files NAME.svg of the folder that it runs in. */
void compare_plots(const struct run *run, FILE *f);

#endif
