/* SPDX-License-Identifier: MIT */
/* Rows of one scenario stand together, ringq's first: which is best. */
#include "report/groups.h"

#include <math.h>
#include <string.h>

#include "report/figures.h"
#include "report/state.h"

const char *group_where(const struct scenario *s)
{
	if (!s->peer && !s->via)
		return "machine";
	return s->threads ? "threads" : "processes";
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

void group_rank(const struct run *run, struct group g, size_t order[GROUP_MAX])
{
	double key[GROUP_MAX];

	if (g.n > GROUP_MAX)
		bench_die(0, "too many peers");
	for (size_t i = 0; i < g.n; i++) {
		const struct result *r = &run->results[g.first + i];
		double value = r->failed ? INFINITY : state_kept(run, g.first + i).value.median;
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
