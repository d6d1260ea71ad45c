/* SPDX-License-Identifier: MIT */
#ifndef TOOL_TABLE_H
#define TOOL_TABLE_H

/* A table of rows, or in JSON an array of objects. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct column {
	const char *key;   /* for -o, and in JSON */
	const char *title; /* for people */
	bool right;        /* numbers */
	bool hidden;       /* unless -o names it, or in JSON */
};

struct table;
/* A table of rows, in JSON an array of objects under this key beside "version". */
struct table *table_new(const char *key, const struct column *columns, size_t n);
void table_row(struct table *table);
void table_text(struct table *table, const char *text); /* NULL: none */
void table_number(struct table *table, uint64_t number);
void table_size(struct table *table, uint64_t bytes);
void table_span(struct table *table, int64_t ns); /* negative: none */
void table_bool(struct table *table, bool value);
/* Prints and frees it. An exit status. */
int table_print(struct table *table);

#endif
