/* SPDX-License-Identifier: MIT */
#ifndef HISTORY_EXAMPLE_H
#define HISTORY_EXAMPLE_H

/* Histories written by hand, which the judge must accept or refuse. */

#include "history.h"

/*
 * A call a line: actor, begin, end or -, what, its answer. A record is its producer's letter and its number. "get a0 of
 * 2" asked for two. "take a0/2" is its second delivery, "death of 1" is that of actor 1.
 */
struct example {
	bool good;
	const char *name, *text;
	unsigned order;
	uint64_t max_records;
	bool drained;
	bool sizes;
	bool acknowledged;
	uint32_t max_attempts;
};

struct examples {
	const struct example *list;
	size_t count;
};

extern const struct examples examples_acknowledged;

struct history example_read(const struct example *example);

#endif
