/* SPDX-License-Identifier: MIT */
#include "harness/histogram.h"

#include <stdbool.h>

enum { SUB_BITS = 6 };
_Static_assert(HISTOGRAM_SUB == 1 << SUB_BITS, "one power of two");

/*
 * Values below SUB have a bucket each. Above, a value with its top bit at 6 + p falls into one of the SUB buckets of
 * width 2^p that follow, numbered by the six bits behind its top bit.
 */
static size_t bucket_of(uint64_t ns)
{
	unsigned power;
	size_t at;

	if (ns < HISTOGRAM_SUB)
		return (size_t)ns;
	power = 63 - (unsigned)__builtin_clzll(ns) - SUB_BITS;
	at = (size_t)(power + 1) * HISTOGRAM_SUB + (size_t)((ns >> power) - HISTOGRAM_SUB);
	return at < HISTOGRAM_POWERS * HISTOGRAM_SUB ? at : HISTOGRAM_POWERS * HISTOGRAM_SUB - 1;
}

static double bucket_middle(size_t at)
{
	size_t power = at / HISTOGRAM_SUB;
	double width;

	if (power == 0)
		return (double)at;
	width = (double)((uint64_t)1 << (power - 1));
	return ((double)(at % HISTOGRAM_SUB + HISTOGRAM_SUB) + 0.5) * width;
}

void histogram_add(struct histogram *h, uint64_t ns)
{
	h->counts[bucket_of(ns)]++;
	h->n++;
	if (ns > h->max)
		h->max = ns;
}

double histogram_at(const struct histogram *h, double part)
{
	uint64_t rank = (uint64_t)(part * (double)h->n), passed = 0;
	size_t at = 0;

	if (h->n == 0)
		return 0;
	if (rank >= h->n)
		rank = h->n - 1;
	while ((passed += h->counts[at]) <= rank)
		at++;
	return bucket_middle(at) < (double)h->max ? bucket_middle(at) : (double)h->max;
}
