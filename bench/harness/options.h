/* SPDX-License-Identifier: MIT */
#ifndef BENCH_OPTIONS_H
#define BENCH_OPTIONS_H

#include <stdbool.h>

/* The options of the programs that run rounds: one set of names, of which each program has some. */
struct bench_options {
	unsigned rounds;
	double seconds; /* that one sample is to take */
	double limit;   /* seconds after which a sample counts as hanging */
	const char *only, *peer, *json, *plots;
	bool list, quick, targets;
};

/** A program's own: what it says of itself, what holds if nothing is given, and what --quick makes of that. */
struct bench_program {
	const char *usage;
	const char *options; /* the names that it has, each between blanks */
	struct bench_options first, quick;
};

/** Reads the command line; ends the process after --help, or with 2 at what the program does not have. */
struct bench_options bench_parse(const struct bench_program *program, int argc, char **argv);

#endif
