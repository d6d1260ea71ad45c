/* SPDX-License-Identifier: MIT */
#ifndef TOOL_TEXT_H
#define TOOL_TEXT_H

/* What is printed for people: the text of others, made harmless. */

#include <stddef.h>
#include <stdio.h>

/* Text that others wrote: controls, what turns the direction of writing, and what is not UTF-8 become \n, \xNN and so on. */
void print_clean(FILE *to, const void *bytes, size_t n);

#endif
