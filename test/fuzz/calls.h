/* SPDX-License-Identifier: MIT */
#ifndef TEST_FUZZ_CALLS_H
#define TEST_FUZZ_CALLS_H

/*
 * What a victim does in a region that somebody scribbles in: the calls of queues and of looks from outside, with answers
 * that are checked to be among those that they may give. What the records say is not: who holds a region may put what he likes.
 */

#include "stage.h"

struct call {
	const char *name;
	void (*run)(struct stage *stage, struct chooser *chooser);
};

extern const struct call calls[];
extern const size_t calls_count;

#endif
