/* SPDX-License-Identifier: MIT */
#ifndef TEST_FUZZ_WORDS_H
#define TEST_FUZZ_WORDS_H

/* The words of a region by what they are in layout.h, and the values that somebody bad would give them. */

#include "stage.h"

struct word;

struct spot {
	const char *name;
	const struct word *word;
	uint64_t offset; /* in the region */
	uint32_t bytes;
	uint32_t lane; /* for words of a lane */
};

struct spot spot_choose(const struct stage *stage, struct chooser *chooser);
uint64_t value_choose(const struct stage *stage, struct chooser *chooser, const struct spot *spot, uint64_t old);

#endif
