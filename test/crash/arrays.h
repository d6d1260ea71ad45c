/* SPDX-License-Identifier: MIT */
#ifndef CRASH_ARRAYS_H
#define CRASH_ARRAYS_H

#include "stage.h"

#define ARRAYS_NAME "content"
#define ACT_ARRAY_NAME "made-array"

enum { ARRAYS_CONTENT = 20, ARRAYS_BEFORE = 1 }; /* elements, and what each is before */

extern const struct act act_array_value, act_array_large, act_array_named, act_array_release, act_lock, act_unlock,
	act_add, act_array_write, act_array_read, act_array_open;

void arrays_prepare(struct stage *s);
void arrays_prepare_named(struct stage *s);
void arrays_prepare_dead(struct stage *s);
void arrays_setup(struct stage *s);
void arrays_setup_locked(struct stage *s);
void arrays_setup_value(struct stage *s);
void arrays_setup_large(struct stage *s);
void arrays_during(struct stage *s);
void arrays_during_create(struct stage *s);
void arrays_after(struct stage *s);
void arrays_after_add(struct stage *s);
void arrays_after_sweep(struct stage *s);
void arrays_check_named(struct stage *s);

#endif
