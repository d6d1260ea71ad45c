/* SPDX-License-Identifier: MIT */
/* Rows of one scenario stand together, ringq's first: what is left of their rounds, and which is best. */
#include "report/groups.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/figures.h"

const char *group_where(const struct scenario *s)
{
	if (!s->peer && !s->via)
		return "machine";
	return s->threads ? "threads" : "processes";
}

double group_typical_line(const struct run *run)
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

bool group_is_odd(double line, double typical)
{
	return line > 0 && (line < typical / 2 || line > typical * 2);
}

static unsigned keep(
	const struct run *run, const struct result *r, const double *values, double typical, bool odd_too, double *out)
{
	unsigned n = 0;

	for (unsigned round = 0; round < run->rounds; round++)
		if ((odd_too || !group_is_odd(r->line[round], typical)) && !isnan(values[round]))
			out[n++] = values[round];
	return n;
}

struct kept group_kept(const struct run *run, size_t i, double typical)
{
	const struct result *r = &run->results[i];
	double values[ROUNDS_MAX];
	struct kept k = {0};

	k.n = keep(run, r, r->value, typical, false, values);
	k.only_odd = k.n == 0;
	if (k.only_odd)
		k.n = keep(run, r, r->value, typical, true, values);
	k.value = bench_spread(values, k.n);
	for (size_t f = 0; f < FIGURES; f++) {
		unsigned n = keep(run, r, r->figures[f], typical, k.only_odd, values);

		k.figures[f] = n ? bench_spread(values, n).median : NAN;
	}
	return k;
}

static bool same_scenario(const struct scenario *a, const struct scenario *b)
{
	return !strcmp(a->name, b->name) && !strcmp(group_where(a), group_where(b));
}

struct group group_at(const struct run *run, size_t i)
{
	struct group g = {i, 0};

	while (i + g.n < run->n && same_scenario(&run->scenarios[i], &run->scenarios[i + g.n]))
		g.n++;
	return g;
}

void group_rank(const struct run *run, struct group g, double typical, size_t order[GROUP_MAX])
{
	double key[GROUP_MAX];

	if (g.n > GROUP_MAX)
		bench_die(0, "too many peers");
	for (size_t i = 0; i < g.n; i++) {
		const struct result *r = &run->results[g.first + i];
		double value = r->failed ? INFINITY : group_kept(run, g.first + i, typical).value.median;
		size_t at = i;

		if (!r->failed && !figure_lower_is_better(&run->scenarios[g.first]))
			value = -value;
		for (; at > 0 && key[at - 1] > value; at--) {
			key[at] = key[at - 1];
			order[at] = order[at - 1];
		}
		key[at] = value;
		order[at] = g.first + i;
	}
}

bool group_is_ours(const struct scenario *s)
{
	return s->peer && !strncmp(s->peer->name, "ringq", 5);
}
