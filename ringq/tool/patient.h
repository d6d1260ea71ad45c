/* SPDX-License-Identifier: MIT */
#ifndef TOOL_PATIENT_H
#define TOOL_PATIENT_H

/* A region that the doctor looks at: its objects, its members, and who they are here. */

#include <stdbool.h>

#include "find.h"
#include "open.h"
#include "people.h"

struct patient {
	const struct found *found; /* NULL: the search has not met it */
	char label[300];
	ringq_region *region;
	struct ringq_object *objects;
	struct ringq_member *members;
	struct people people;
	ssize_t object_count, member_count;
	bool all_seen; /* no process was kept from view */
};

/* Looks at the region's objects, members and people. 0 or -errno. */
int patient_look(struct patient *p);
void patient_free(struct patient *p);

/* What an object is called; NULL: it is not there. */
const char *patient_object(const struct patient *p, uint64_t id, char label[80]);

/* The id that a member's process has here, or 0: as people_here(). */
pid_t patient_here(const struct patient *p, const struct ringq_member *m);

bool is_stopped(pid_t here);

#endif
