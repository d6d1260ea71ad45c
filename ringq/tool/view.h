/* SPDX-License-Identifier: MIT */
#ifndef VIEW_H
#define VIEW_H

/* What `ringq top` shows: the difference between two surveys, as a list that is sorted and filtered. */

#include "survey.h"

/* A queue, a bridge, or a region that could not be looked at. */
struct row {
	const struct survey_queue *queue;   /* NULL: a bridge's or a region's */
	const struct survey_bridge *bridge; /* NULL: a queue's or a region's */
	const struct survey_region *region;
	char name[400];
	bool has_rates; /* it was there the last time */
	double in, out, trend;
};

/* Columns by which the list can be sorted; what is largest comes first, names from A on. */
enum { SORTS = 7 };
extern const struct sort {
	const char *name;
	char letter; /* the key */
	double (*value)(const struct row *row);
} sorts[SORTS];

extern struct view_order {
	unsigned sort;
	bool reverse, busy_only;
} view_order;

struct view {
	struct row *rows;
	size_t n;
	size_t hidden; /* by the filter, or as idle */
	uint64_t records, held;
	double in, out;
};

/* The last survey must have been sorted by identity. 0, or an exit status with the complaint made. */
int make_view(struct view *out, const struct survey *now, const struct survey *last, const char *filter);
void sort_by_identity(struct survey *survey);

#endif
