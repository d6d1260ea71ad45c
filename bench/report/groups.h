/* SPDX-License-Identifier: MIT */
#ifndef BENCH_GROUPS_H
#define BENCH_GROUPS_H

/* The rows of ringq-peers by scenario: one group has those of all peers, between threads or between processes. */

#include "harness/rounds.h"

/* A scenario's rows: from first on, so many. */
struct group {
	size_t first, n;
};

enum { GROUP_MAX = 128 };

/* What is left of a row's rounds. */
struct kept {
	unsigned n;
	bool only_odd; /* nothing would be left: all are taken */
	struct bench_spread value;
	double figures[FIGURES]; /* medians */
};

/** "threads", "processes", or "machine" for what has no peer. */
const char *group_where(const struct scenario *s);

/** The group from row i on; n = 0 at the end. */
struct group group_at(const struct run *run, size_t i);

/** The raw line's median over all samples: the ones taken on siblings are few, or else all are. */
double group_typical_line(const struct run *run);

/**
 * A sample whose raw line was below half of the usual ran on two threads of one core, whatever the guest was told; one
 * far above ran on cores further apart, or on a busy machine. Neither is mixed with the others.
 */
bool group_is_odd(double line, double typical);

struct kept group_kept(const struct run *run, size_t i, double typical);

/** Indices of the group's rows from best to worst, failed ones last. */
void group_rank(const struct run *run, struct group g, double typical, size_t order[GROUP_MAX]);

/** Whether the row's peer is ringq, in one of its modes. */
bool group_is_ours(const struct scenario *s);

#endif
