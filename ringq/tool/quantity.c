/* SPDX-License-Identifier: MIT */
#include "quantity.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <ringq/ringq.h>

bool parse_number(const char *text, uint64_t *out)
{
	char *end;
	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	*out = strtoull(text, &end, 10);
	return errno == 0 && !*end;
}

static const struct unit {
	const char *name;
	double factor;
} sizes[] =
	{
		{"", 1},
		{"B", 1},
		{"K", 1024},
		{"KiB", 1024},
		{"M", 1048576},
		{"MiB", 1048576},
		{"G", 1073741824},
		{"GiB", 1073741824},
		{NULL, 0},
},
  times[] = {
	  {"", 1e9},
	  {"ns", 1},
	  {"us", 1e3},
	  {"ms", 1e6},
	  {"s", 1e9},
	  {"min", 6e10},
	  {"h", 3.6e12},
	  {"d", 8.64e13},
	  {NULL, 0},
};

static bool parse_units(const char *text, const struct unit *units, double most, double *out)
{
	char *end;
	if (!isdigit((unsigned char)*text) && *text != '.')
		return false;
	double number = strtod(text, &end);
	for (; units->name; units++) {
		if (strcmp(units->name, end) == 0) {
			*out = number * units->factor;
			return *out >= 0 && *out <= most;
		}
	}
	return false;
}

bool parse_size(const char *text, uint64_t *out)
{
	double size;
	if (parse_number(text, out))
		return true;
	if (strcmp(text, "unbounded") == 0) {
		*out = RINGQ_UNBOUNDED;
		return true;
	}
	if (!parse_units(text, sizes, 9e15, &size))
		return false;
	*out = (uint64_t)size;
	return true;
}

bool parse_time(const char *text, int64_t *out)
{
	double ns;
	if (strcmp(text, "forever") == 0) {
		*out = RINGQ_FOREVER;
		return true;
	}
	if (!parse_units(text, times, 9e18, &ns))
		return false;
	*out = (int64_t)(ns + 0.5);
	return true;
}
