/* SPDX-License-Identifier: MIT */
#include "spans.h"

#include <stdlib.h>

static int by_from(const void *a, const void *b)
{
	const struct span *x = a, *y = b;

	return (x->from > y->from) - (x->from < y->from);
}

void spans_merge(struct spans *spans)
{
	size_t n = spans->count;

	qsort(spans->list, n, sizeof(*spans->list), by_from);
	spans->count = 0;
	for (size_t i = 0; i < n; i++) {
		struct span *last = &spans->list[spans->count - 1];

		if (spans->count && spans->list[i].from < last->to)
			last->to = spans->list[i].to > last->to ? spans->list[i].to : last->to;
		else
			spans->list[spans->count++] = spans->list[i];
	}
}

bool spans_cover(const struct spans *spans, const struct history_op *op)
{
	size_t low = 0, high = spans->count; /* how many began before */

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (spans->list[middle].from < op->begin)
			low = middle + 1;
		else
			high = middle;
	}
	return low && spans->list[low - 1].to > op->end;
}
