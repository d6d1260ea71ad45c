/* SPDX-License-Identifier: MIT */
/* A script for gnuplot, with one plot a group, and one more of the percentiles under a load. */
#include <ctype.h>
#include <math.h>

#include "report/compare.h"
#include "report/figures.h"
#include "report/groups.h"
#include "report/state.h"

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
static void plot_group(const struct run *run, struct group g, FILE *f)
{
	const struct scenario *s = &run->scenarios[g.first];
	size_t order[GROUP_MAX], n = 0;

	group_rank(run, g, order);
	fprintf(f, "\n$data << END\n");
	for (size_t i = 0; i < g.n; i++) {
		struct kept k;

		if (run->results[order[i]].failed)
			continue;
		k = state_kept(run, order[i]);
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

/* Where a percentile stands: how many records there are for each that is slower. */
static const struct {
	double one_in;
	enum figure figure;
} parts[] = {{2, P50}, {10, P90}, {100, P99}, {1000, P999}, {10000, P9999}};

enum { PARTS = sizeof(parts) / sizeof(*parts), LINES_MOST = 8 };

static bool has_percentiles(const struct run *run, size_t i)
{
	return !run->results[i].failed && !isnan(run->results[i].figures[P90][0]);
}

/* A line for each of the best, of the latencies that so many of a hundred records do not exceed. */
static void plot_percentiles(const struct run *run, struct group g, FILE *f)
{
	const struct scenario *s = &run->scenarios[g.first];
	size_t order[GROUP_MAX], lines = 0;

	group_rank(run, g, order);
	for (size_t i = 0; i < g.n && lines < LINES_MOST; i++) {
		struct kept k;

		if (!has_percentiles(run, order[i]))
			continue;
		k = state_kept(run, order[i]);
		fprintf(f, "\n$line%zu << END\n", lines);
		for (size_t p = 0; p < PARTS; p++)
			if (!isnan(k.figures[parts[p].figure]))
				fprintf(f, "%g %.6g\n", parts[p].one_in, k.figures[parts[p].figure]);
		fprintf(f, "END\nname%zu = \"%s\"\n", lines++, run->scenarios[order[i]].peer->name);
	}
	if (!lines)
		return;
	fprintf(f, "set terminal svg size 900,480 noenhanced background \"white\"\nset output \"percentiles-");
	print_slug(f, s);
	fprintf(f,
		".svg\"\nset title \"%s: %s\"\nset xlabel \"%% of records\"\nset ylabel \"ns, no more than\"\n"
		"set lmargin 12\nset yrange [*:*]\nset xrange [1.8:12000]\nset logscale xy\nset grid xtics ytics\nset "
		"key outside "
		"below\n"
		"set xtics (\"50\" 2, \"90\" 10, \"99\" 100, \"99.9\" 1000, \"99.99\" 10000)\nplot ",
		group_where(s), s->name);
	for (size_t i = 0; i < lines; i++)
		fprintf(f, "%s$line%zu with linespoints linewidth 2 title name%zu", i ? ", " : "", i, i);
	fprintf(f, "\nunset logscale\n");
}

void compare_plots(const struct run *run, FILE *f)
{
	fprintf(f, "set style fill solid 0.8\nset grid xtics\nset xrange [0:*]\nset lmargin 34\n"
		   "set linetype 1 linecolor \"#8a9ba8\"\nset linetype 2 linecolor \"#c0392b\"\n");
	for (struct group g = group_at(run, 0); g.n; g = group_at(run, g.first + g.n))
		if (run->scenarios[g.first].peer)
			plot_group(run, g, f);
	for (struct group g = group_at(run, 0); g.n; g = group_at(run, g.first + g.n))
		if (run->scenarios[g.first].each_ns)
			plot_percentiles(run, g, f);
}
