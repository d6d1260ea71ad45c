/* SPDX-License-Identifier: MIT */
#include "figures.h"

#include <ringq/ringq.h>

#include "options.h"

#include <inttypes.h>
#include <stdio.h>

enum { SCRATCH = 64 };

static char *scratch(void)
{
	static char ring[8][SCRATCH];
	static unsigned at;
	return ring[at++ % 8];
}

const char *show_size(uint64_t bytes)
{
	char *out = scratch();
	static const char units[] = "KMGTPE";
	double n = (double)bytes;
	unsigned u = 0;
	if (bytes == RINGQ_UNBOUNDED)
		return "unbounded";
	if (common.bytes || bytes < 1024) {
		snprintf(out, 32, "%" PRIu64, bytes);
		return out;
	}
	for (n /= 1024; n >= 999.5 && units[u + 1]; u++)
		n /= 1024;
	snprintf(out, 32, n < 9.95 ? "%.1f%c" : "%.0f%c", n, units[u]);
	return out;
}

const char *show_span(int64_t ns)
{
	char *out = scratch();
	double s = (double)ns / 1e9;
	if (ns < 0)
		return "-";
	if (s < 1e-3)
		snprintf(out, 32, "%.0fus", s * 1e6);
	else if (s < 1)
		snprintf(out, 32, "%.0fms", s * 1e3);
	else if (s < 60)
		snprintf(out, 32, "%.1fs", s);
	else if (s < 3600)
		snprintf(out, 32, "%dm%02ds", (int)s / 60, (int)s % 60);
	else if (s < 86400)
		snprintf(out, 32, "%dh%02dm", (int)s / 3600, (int)s / 60 % 60);
	else
		snprintf(out, 32, "%dd%02dh", (int)(s / 86400), (int)(s / 3600) % 24);
	return out;
}

const char *show_count(uint64_t n)
{
	char *out = scratch();
	if (n < 100000)
		snprintf(out, 32, "%" PRIu64, n);
	else if (n < 10000000)
		snprintf(out, 32, "%.*fk", n < 1000000 ? 0 : 0, (double)n / 1e3);
	else if (n < UINT64_C(10000000000))
		snprintf(out, 32, "%.0fM", (double)n / 1e6);
	else
		snprintf(out, 32, "%.0fG", (double)n / 1e9);
	return out;
}

const char *show_number(uint64_t n, const char *one, const char *many)
{
	char *out = scratch();
	snprintf(out, SCRATCH, "%" PRIu64 " %s", n, n == 1 ? one : many);
	return out;
}
