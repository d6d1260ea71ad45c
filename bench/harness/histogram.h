/* SPDX-License-Identifier: MIT */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

/*
 * Times in nanoseconds, counted in buckets whose width grows with the value, as in an HDR histogram: 64 buckets for each
 * power of two, so that a percentile is wrong by 1.6 % at most. All zero is empty. It has no pointers and may lie in
 * shared memory.
 */
enum {
	HISTOGRAM_SUB = 64,
	HISTOGRAM_POWERS = 40, /* up to 2^45 ns, which is hours; longer ones count as that */
};

struct histogram {
	uint64_t counts[HISTOGRAM_POWERS * HISTOGRAM_SUB];
	uint64_t n;
	uint64_t max; /* exact */
};

void histogram_add(struct histogram *h, uint64_t ns);

/** The value that so great a part of all does not exceed, as the middle of its bucket. 0 for none. */
double histogram_at(const struct histogram *h, double part);

#endif
