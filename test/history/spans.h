/* SPDX-License-Identifier: MIT */
#ifndef HISTORY_SPANS_H
#define HISTORY_SPANS_H

/* Times at which something was so for sure. */

#include "history.h"

struct span {
	uint64_t from, to;
};

struct spans {
	size_t count;
	struct span *list; /* the caller's */
};

/* By time, and apart: those that overlap become one. */
void spans_merge(struct spans *spans);

/* Whether it was so from before the call to after it. Merged spans. */
bool spans_cover(const struct spans *spans, const struct history_op *op);

#endif
