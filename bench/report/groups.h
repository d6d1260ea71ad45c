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

/** "threads", "processes", or "machine" for what has no peer. */
const char *group_where(const struct scenario *s);

/** The group from row i on; n = 0 at the end. */
struct group group_at(const struct run *run, size_t i);

/** Indices of the group's rows from best to worst, failed ones last. */
void group_rank(const struct run *run, struct group g, size_t order[GROUP_MAX]);

/** Whether the row's peer is ringq, in one of its modes. */
bool group_is_ours(const struct scenario *s);

#endif
