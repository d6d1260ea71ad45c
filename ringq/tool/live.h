/* SPDX-License-Identifier: MIT */
#ifndef LIVE_H
#define LIVE_H

/* The picture of `ringq top` on a terminal. */

#include "survey.h"

int run_live(struct survey_scope *scope, int64_t interval, uint64_t count, const char *filter);

#endif
