/* SPDX-License-Identifier: MIT */
#ifndef TOOL_FIGURES_H
#define TOOL_FIGURES_H

/* Figures as people read them: in short forms. */

#include <stdint.h>

/* A value in a form for people, in memory that is good for the next eight calls. */
const char *show_size(uint64_t bytes);
const char *show_span(int64_t ns); /* a span of time */
const char *show_count(uint64_t n);
const char *show_number(
	uint64_t n, const char *one, const char *many); /* "1 record", "2 records": the one word, or the other */

#endif
