/* SPDX-License-Identifier: MIT */
#ifndef AGE_H
#define AGE_H

/*
 * Whether something has waited for long. Records carry no time, as a put that asks for it would be slower; so what waits is
 * noted, and looked for again: each lane gives its records in their order, so that what was put by a time has gone when so many
 * have. It observes.
 */

#include "tool.h"

/* What waits in a queue now. 0: *out is to be freed by age_free(); or -errno. */
struct waiting;
int age_note(struct waiting **out, const ringq_queue *queue);

/* Whether some of it waits still: 1, 0, or -errno. The queue's handle must be there still. */
int age_look(struct waiting *waiting);
void age_free(struct waiting *waiting);

#endif
