/* SPDX-License-Identifier: MIT */
#ifndef TOOL_ADVICE_H
#define TOOL_ADVICE_H

/* Prints troubles and their cures, as text or as JSON, and counts them. */

#include <stdint.h>

void advice_begin(void);

/* What has the trouble: a region, and an object of it or NULL. The trouble's name, its cure, and what there is to say of it. */
__attribute__((format(printf, 5, 6))) void advise(
	const char *where, const char *object, const char *trouble, const char *cure, const char *format, ...);

/* How many there were. */
uint64_t advice_end(void);

#endif
