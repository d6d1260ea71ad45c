/* SPDX-License-Identifier: MIT */
#ifndef BENCH_WORDCOUNT_WAYS_H
#define BENCH_WORDCOUNT_WAYS_H

/* The ways to carry lines and reports. Each runs the whole job and returns what its workers have counted. */

#include "wordcount/text.h"

struct totals wordcount_ringq(const struct job *job);
struct totals wordcount_pipe(const struct job *job);

#endif
