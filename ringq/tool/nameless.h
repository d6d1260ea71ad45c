/* SPDX-License-Identifier: MIT */
#ifndef TOOL_NAMELESS_H
#define TOOL_NAMELESS_H

/* A region whose name was removed meanwhile. */

#include "open.h"

/* From now on it is said, once, if the region's name was removed and no other process has it: nameless.c. */
void tool_watch_name(const struct target *target);

#endif
