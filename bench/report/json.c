/* SPDX-License-Identifier: MIT */
/* All rounds of ringq-peers, a line each row. */
#include <math.h>

#include "harness/machine.h"
#include "report/compare.h"
#include "report/figures.h"
#include "report/groups.h"
#include "report/state.h"

static void json_row(const struct run *run, size_t i, FILE *f)
{
	const struct scenario *s = &run->scenarios[i];
	const struct result *r = &run->results[i];

	fprintf(f, "{\"where\":\"%s\",\"scenario\":\"%s\",\"unit\":\"%s\"", group_where(s), s->name, s->unit);
	if (s->peer)
		fprintf(f, ",\"peer\":\"%s\"", s->peer->name);
	if (r->failed) {
		fprintf(f, ",\"failed\":\"%s\"}\n", r->why);
		return;
	}
	figure_json(f, "rounds", r->value, run->rounds);
	figure_json(f, "line", r->line, run->rounds);
	figure_json(f, "line_after", r->line_after, run->rounds);
	for (size_t figure = 0; figure < FIGURES; figure++)
		if (!isnan(r->figures[figure][0]))
			figure_json(f, figure_names[figure], r->figures[figure], run->rounds);
	fputs("}\n", f);
}

void compare_json(const struct run *run, FILE *f)
{
	fputs("{\"run\":\"ringq-peers\",", f);
	machine_json(f);
	fprintf(f, ",\"rounds\":%u,\"line\":%.6g}\n", run->rounds, run->line);
	for (size_t i = 0; i < run->n; i++)
		json_row(run, i, f);
}
