/* SPDX-License-Identifier: MIT */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include <stdbool.h>
#include <stdio.h>

#include "harness/rounds.h"

/** The scenario's place by its name; exits if there is none, as only the table of scenarios names any. */
size_t run_find(const struct run *run, const char *name);

/** Prints the table as Markdown, and below it what to know about the rounds; with the developers' targets if asked for. */
void report_table(const struct run *run, bool targets);

/** Writes one line of JSON about the run and one for each scenario. */
void report_json(const struct run *run, FILE *f);

#endif
