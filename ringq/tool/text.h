/* SPDX-License-Identifier: MIT */
#ifndef TOOL_TEXT_H
#define TOOL_TEXT_H

/* What is printed for people: the text of others, made harmless, and values in short forms. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Text that others wrote: controls, what turns the direction of writing, and what is not UTF-8 become \n, \xNN and so on. */
void print_clean(FILE *to, const void *bytes, size_t n);

/* A value in a form for people, in memory that is good for the next eight calls. */
const char *show_size(uint64_t bytes);
const char *show_span(int64_t ns); /* a span of time */
const char *show_count(uint64_t n);
const char *show_number(
	uint64_t n, const char *one, const char *many); /* "1 record", "2 records": the one word, or the other */

#endif
