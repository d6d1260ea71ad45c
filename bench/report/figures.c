/* SPDX-License-Identifier: MIT */
#include "report/figures.h"

#include <math.h>
#include <string.h>

bool figure_lower_is_better(const struct scenario *s)
{
	return strcmp(s->unit, "M/s") && strcmp(s->unit, "GB/s");
}

struct bench_spread figure_spread(const double *values, unsigned n)
{
	double copy[ROUNDS_MAX];

	memcpy(copy, values, n * sizeof(*copy));
	return bench_spread(copy, n);
}

void figure_print(FILE *f, double x)
{
	fprintf(f, x < 0.0995 && x > 0 ? "%.3f" : x < 9.995 ? "%.2f" : x < 99.95 ? "%.1f" : "%.0f", x);
}

void figure_json(FILE *f, const char *name, const double *values, unsigned n)
{
	fprintf(f, ",\"%s\":[", name);
	for (unsigned i = 0; i < n; i++)
		if (isnan(values[i]))
			fprintf(f, "%snull", i ? "," : "");
		else
			fprintf(f, "%s%.6g", i ? "," : "", values[i]);
	fputc(']', f);
}
