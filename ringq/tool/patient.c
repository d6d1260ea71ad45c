/* SPDX-License-Identifier: MIT */
#include "patient.h"

#include <stdlib.h>

int patient_look(struct patient *p)
{
	p->object_count = objects_of(p->region, &p->objects);
	if (p->object_count < 0)
		return (int)p->object_count;
	p->member_count = members_of(p->region, &p->members);
	if (p->member_count < 0)
		return (int)p->member_count;
	return p->found ? people_of(&p->people, p->region, p->found) : people_search(&p->people, p->region);
}

void patient_free(struct patient *p)
{
	people_free(&p->people);
	free(p->objects);
	free(p->members);
}

const char *patient_object(const struct patient *p, uint64_t id, char label[80])
{
	for (ssize_t i = 0; i < p->object_count; i++)
		if (p->objects[i].id == id)
			return object_label(&p->objects[i], label);
	return NULL;
}

pid_t patient_here(const struct patient *p, const struct ringq_member *m)
{
	return people_here(&p->people, m->process, m->thread);
}

bool is_stopped(pid_t here)
{
	char state = here ? process_state(here) : 0;
	return state == 'T' || state == 't';
}
