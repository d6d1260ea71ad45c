/* SPDX-License-Identifier: MIT */
#ifndef RQ_ARRAY_H
#define RQ_ARRAY_H

/* A process's handle of an array, and what its parts share. What was read from the region is checked, and kept here. */

#include <ringq/array.h>

#include "region/membership.h"

struct ringq_array {
	struct rq_array_shared *shared;
	char *data;
	char *shadow; /* NULL: the data fit in one word */
	size_t bytes; /* of the data */
	size_t count;
	enum ringq_type type;
	struct ringq_region *region;
	uint64_t owner;  /* owner word of an anonymous one; 0: named */
	uint64_t units;  /* of its own; 0: it is in cells */
	uint64_t object; /* id of a named one: objects.h; else 0 */
	rq_u32 interruptible;
};

#define RQ_ARRAY_WORD 8u /* data up to here are one word */

size_t rq_array_width(enum ringq_type type);

/* What the header and all data take, or 0 if no region can hold it. */
uint64_t rq_array_size(enum ringq_type type, uint64_t count);

#endif
