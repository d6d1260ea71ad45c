/* SPDX-License-Identifier: MIT */
#include "harness/options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/rounds.h"

enum { ROUNDS, QUICK, ONLY, PEER, JSON, PLOTS, LIMIT, LIST, TARGETS, HELP };

static const struct option names[] = {
	[ROUNDS] = {"rounds", required_argument, NULL, ROUNDS},
	[QUICK] = {"quick", no_argument, NULL, QUICK},
	[ONLY] = {"only", required_argument, NULL, ONLY},
	[PEER] = {"peer", required_argument, NULL, PEER},
	[JSON] = {"json", required_argument, NULL, JSON},
	[PLOTS] = {"plots", required_argument, NULL, PLOTS},
	[LIMIT] = {"limit", required_argument, NULL, LIMIT},
	[LIST] = {"list", no_argument, NULL, LIST},
	[TARGETS] = {"targets", no_argument, NULL, TARGETS},
	[HELP] = {"help", no_argument, NULL, HELP},
	{0},
};

static void refuse(const struct bench_program *program)
{
	fputs(program->usage, stderr);
	exit(2);
}

static bool has(const struct bench_program *program, const char *name)
{
	char between_blanks[32];

	snprintf(between_blanks, sizeof(between_blanks), " %s ", name);
	return strstr(program->options, between_blanks);
}

static void take(struct bench_options *o, const struct bench_program *program, int which)
{
	switch (which) {
	case ROUNDS:
		o->rounds = (unsigned)strtoul(optarg, NULL, 10);
		break;
	case QUICK:
		o->quick = true;
		o->rounds = program->quick.rounds;
		o->seconds = program->quick.seconds;
		o->limit = program->quick.limit;
		break;
	case ONLY:
		o->only = optarg;
		break;
	case PEER:
		o->peer = optarg;
		break;
	case JSON:
		o->json = optarg;
		break;
	case PLOTS:
		o->plots = optarg;
		break;
	case LIMIT:
		o->limit = strtod(optarg, NULL);
		break;
	case TARGETS:
		o->targets = true;
		break;
	default:
		o->list = true;
	}
}

struct bench_options bench_parse(const struct bench_program *program, int argc, char **argv)
{
	struct bench_options o = program->first;
	int which;

	while ((which = getopt_long(argc, argv, "", names, NULL)) != -1) {
		if (which == HELP) {
			fputs(program->usage, stdout);
			exit(0);
		}
		if (which == '?' || !has(program, names[which].name))
			refuse(program);
		take(&o, program, which);
	}
	if (optind < argc || o.rounds < 1 || o.rounds > ROUNDS_MAX || o.limit <= 0)
		refuse(program);
	return o;
}
