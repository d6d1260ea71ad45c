/* SPDX-License-Identifier: MIT */
#ifndef ROWS_H
#define ROWS_H

/* The list of `ringq top` as text, a line a queue. */

#include "view.h"

enum { FIGURES = 58 }; /* characters of a line behind its name */

void print_titles(FILE *to, int width);
void print_row(FILE *to, const struct row *row, int width);
void print_summary(FILE *to, const struct survey *survey, const struct view *view);
int longest_name(const struct view *view, int most);

#endif
