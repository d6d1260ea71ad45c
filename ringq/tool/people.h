/* SPDX-License-Identifier: MIT */
#ifndef TOOL_PEOPLE_H
#define TOOL_PEOPLE_H

/* Who a member is in this PID namespace. */

#include <stdint.h>
#include <sys/types.h>

#include "find.h"

struct person {
	pid_t here;
	uint32_t own; /* the id that it sees of itself */
};

struct people {
	dev_t device;
	ino_t inode;
	struct person *persons; /* who has the region's file */
	size_t count;
};

/* Those of a region that was found; or of one that is looked for. 0 or -errno. */
int people_of(struct people *out, const ringq_region *region, const struct found *found);
int people_search(struct people *out, const ringq_region *region);
/* The id that a member's process has here; 0: it is in a PID namespace that cannot be seen from here, or cannot be told. */
pid_t people_here(const struct people *people, uint32_t process, uint32_t thread);
void people_free(struct people *people);

#endif
