/* SPDX-License-Identifier: MIT */
/* A script for gnuplot, with one plot a group. */
#include <ctype.h>

#include "report/compare.h"
#include "report/figures.h"
#include "report/groups.h"

/* A file name that needs no quotes. */
static void print_slug(FILE *f, const struct scenario *s)
{
	fprintf(f, "%s-", group_where(s));
	for (const char *p = s->name; *p; p++)
		if (isalnum((unsigned char)*p))
			fputc(*p, f);
		else if (*p == ' ')
			fputc('-', f);
}

/* Bars from the best down, with the spread over the rounds. */
static void plot_group(const struct run *run, struct group g, double typical, FILE *f)
{
	const struct scenario *s = &run->scenarios[g.first];
	size_t order[GROUP_MAX], n = 0;

	group_rank(run, g, typical, order);
	fprintf(f, "\n$data << END\n");
	for (size_t i = 0; i < g.n; i++) {
		struct kept k;

		if (run->results[order[i]].failed)
			continue;
		k = group_kept(run, order[i], typical);
		fprintf(f, "\"%s\" %.6g %.6g %.6g %zu %d\n", run->scenarios[order[i]].peer->name, k.value.median,
			k.value.min, k.value.max, n++, group_is_ours(&run->scenarios[order[i]]));
	}
	fprintf(f, "END\n");
	if (!n)
		return;
	fprintf(f, "set terminal svg size 900,%zu noenhanced background \"white\"\nset output \"", 90 + 22 * n);
	print_slug(f, s);
	fprintf(f, ".svg\"\nset title \"%s: %s, %s\"\n", group_where(s), s->name,
		figure_lower_is_better(s) ? "shorter is better" : "longer is better");
	fprintf(f,
		"set xlabel \"%s\"\nset yrange [%zu.6:-0.6]\nplot $data using "
		"2:5:(0):2:($5-0.35):($5+0.35):($6+1):ytic(1) "
		"with boxxyerror linecolor variable notitle, \\\n"
		"     $data using 2:5:3:4 with xerrorbars linecolor black pointtype 0 notitle\n",
		s->unit, n - 1);
}

void compare_plots(const struct run *run, FILE *f)
{
	double typical = group_typical_line(run);

	fprintf(f, "set style fill solid 0.8\nset grid xtics\nset xrange [0:*]\nset lmargin 34\n"
		   "set linetype 1 linecolor \"#8a9ba8\"\nset linetype 2 linecolor \"#c0392b\"\n");
	for (struct group g = group_at(run, 0); g.n; g = group_at(run, g.first + g.n))
		if (run->scenarios[g.first].peer)
			plot_group(run, g, typical, f);
}
