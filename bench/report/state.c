/* SPDX-License-Identifier: MIT */
#include "report/state.h"

#include <math.h>

static bool is_far_from(double line, double usual)
{
	return line > 0 && (line < usual / 2 || line > usual * 2);
}

bool state_is_odd(const struct run *run, size_t i, unsigned round)
{
	const struct result *r = &run->results[i];

	return is_far_from(r->line[round], run->line) || is_far_from(r->line_after[round], run->line);
}

enum samples { USUAL, ODD, ALL };

static unsigned keep(const struct run *run, size_t i, const double *values, enum samples which, double *out)
{
	unsigned n = 0;

	for (unsigned round = 0; round < run->rounds; round++)
		if ((which == ALL || state_is_odd(run, i, round) == (which == ODD)) && !isnan(values[round]))
			out[n++] = values[round];
	return n;
}

static struct kept summary(const struct run *run, size_t i, enum samples which)
{
	const struct result *r = &run->results[i];
	double values[ROUNDS_MAX];
	struct kept k = {.n = keep(run, i, r->value, which, values)};

	if (!k.n)
		return k;
	k.value = bench_spread(values, k.n);
	for (size_t f = 0; f < FIGURES; f++) {
		unsigned n = keep(run, i, r->figures[f], which, values);

		k.figures[f] = n ? bench_spread(values, n).median : NAN;
	}
	return k;
}

struct kept state_kept(const struct run *run, size_t i)
{
	struct kept k = summary(run, i, USUAL);

	if (!k.n) {
		k = summary(run, i, ALL);
		k.only_odd = true;
	}
	return k;
}

struct kept state_other(const struct run *run, size_t i)
{
	struct kept k = summary(run, i, ODD);

	if (state_kept(run, i).only_odd)
		k.n = 0;
	return k;
}

unsigned state_count_odd(const struct run *run)
{
	unsigned odd = 0;

	for (size_t i = 0; i < run->n; i++)
		for (unsigned round = 0; round < run->rounds && !run->results[i].failed; round++)
			odd += state_is_odd(run, i, round);
	return odd;
}
