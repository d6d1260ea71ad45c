/* SPDX-License-Identifier: MIT */
#include "report/state.h"

#include <math.h>
#include <stdlib.h>

double state_line(const struct run *run)
{
	size_t n = 0, most = run->n * run->rounds;
	double *lines = calloc(most ? most : 1, sizeof(*lines)), median = 0;

	for (size_t i = 0; lines && i < run->n; i++)
		for (unsigned round = 0; round < run->rounds; round++)
			if (!run->results[i].failed && run->results[i].line[round] > 0)
				lines[n++] = run->results[i].line[round];
	if (n)
		median = bench_spread(lines, n).median;
	free(lines);
	return median;
}

static bool is_far_from(double line, double usual)
{
	return line > 0 && (line < usual / 2 || line > usual * 2);
}

bool state_is_odd(const struct result *r, unsigned round, double usual)
{
	return is_far_from(r->line[round], usual) || is_far_from(r->line_after[round], usual);
}

enum samples { USUAL, ODD, ALL };

static unsigned keep(const struct run *run, const struct result *r, const double *values, double usual,
	enum samples which, double *out)
{
	unsigned n = 0;

	for (unsigned round = 0; round < run->rounds; round++)
		if ((which == ALL || state_is_odd(r, round, usual) == (which == ODD)) && !isnan(values[round]))
			out[n++] = values[round];
	return n;
}

static struct kept summary(const struct run *run, size_t i, double usual, enum samples which)
{
	const struct result *r = &run->results[i];
	double values[ROUNDS_MAX];
	struct kept k = {.n = keep(run, r, r->value, usual, which, values)};

	if (!k.n)
		return k;
	k.value = bench_spread(values, k.n);
	for (size_t f = 0; f < FIGURES; f++) {
		unsigned n = keep(run, r, r->figures[f], usual, which, values);

		k.figures[f] = n ? bench_spread(values, n).median : NAN;
	}
	return k;
}

struct kept state_kept(const struct run *run, size_t i, double usual)
{
	struct kept k = summary(run, i, usual, USUAL);

	if (!k.n) {
		k = summary(run, i, usual, ALL);
		k.only_odd = true;
	}
	return k;
}

struct kept state_other(const struct run *run, size_t i, double usual)
{
	struct kept k = summary(run, i, usual, ODD);

	if (state_kept(run, i, usual).only_odd)
		k.n = 0;
	return k;
}

unsigned state_count_odd(const struct run *run, double usual)
{
	unsigned odd = 0;

	for (size_t i = 0; i < run->n; i++)
		for (unsigned round = 0; round < run->rounds && !run->results[i].failed; round++)
			odd += state_is_odd(&run->results[i], round, usual);
	return odd;
}
