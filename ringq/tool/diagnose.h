/* SPDX-License-Identifier: MIT */
#ifndef TOOL_DIAGNOSE_H
#define TOOL_DIAGNOSE_H

/* Finds the troubles of a region, and of its queues, arrays and processes. */

#include "patient.h"

extern struct diagnosis {
	int64_t in_hand, away; /* ns: for how long either is no trouble */
	int64_t not_yet;       /* out: the longest wait for room that is not `away` */
} diagnosis;

/* Has each trouble told. 0 or -errno. */
int diagnose(const struct patient *p);

#endif
