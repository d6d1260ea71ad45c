/* SPDX-License-Identifier: MIT */
#ifndef CRASH_LOOKS_H
#define CRASH_LOOKS_H

#include "stage.h"

extern const struct act act_observe, act_look_objects, act_look_members, act_look_stat, act_look_holder,
	act_look_elements, act_browse, act_browse_in_hand, act_browse_doomed, act_size_outside;

/* What the records of a queue that is to be deleted are, and those of another that is made in its place. */
enum { LOOKS_DOOMED = 1, LOOKS_OTHER = 2 };

void looks_setup_descriptor(struct stage *s);
void looks_setup(struct stage *s);
void looks_prepare_locked(struct stage *s);
void looks_after_locked(struct stage *s);
void looks_during_doomed(struct stage *s);
void looks_fill_members(struct stage *s);
void looks_let_members_go(struct stage *s);

#endif
