/* SPDX-License-Identifier: MIT */
#include "brokers/way.h"

#include <stdio.h>
#include <stdlib.h>

const struct way *way;

void way_must(int good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "ringq-pool: %s: %s\n", way ? way->name : "", what);
	exit(1);
}
