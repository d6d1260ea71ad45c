/* SPDX-License-Identifier: MIT */

/* Tables, for people and as JSON. */

#include "table.h"

#include "figures.h"
#include "json.h"
#include "message.h"
#include "options.h"
#include "text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum cell_kind {
	CELL_NONE,
	CELL_TEXT,
	CELL_NUMBER,
	CELL_SIZE,
	CELL_SPAN,
	CELL_BOOL,
};

struct cell {
	enum cell_kind kind;
	uint64_t number;
	char *text;
};

struct table {
	const char *key;
	const struct column *columns;
	size_t n;
	struct cell *cells;
	size_t used, room;
	bool failed;
};

struct table *table_new(const char *key, const struct column *columns, size_t n)
{
	struct table *t = calloc(1, sizeof *t);
	if (!t)
		return NULL;
	t->key = key;
	t->columns = columns;
	t->n = n;
	return t;
}

static void add(struct table *t, enum cell_kind kind, uint64_t number, const char *text)
{
	if (!t || t->failed)
		return;
	if (t->used == t->room) {
		size_t room = t->room ? 2 * t->room : 64;
		struct cell *more = realloc(t->cells, room * sizeof *more);
		if (!more) {
			t->failed = true;
			return;
		}
		t->cells = more;
		t->room = room;
	}
	struct cell *c = &t->cells[t->used++];
	*c = (struct cell){.kind = kind, .number = number, .text = text ? strdup(text) : NULL};
	t->failed = text && !c->text;
}

/* The row before ends; what it lacks is none. */
void table_row(struct table *t)
{
	while (t && !t->failed && t->used % t->n)
		add(t, CELL_NONE, 0, NULL);
}

void table_text(struct table *t, const char *text)
{
	add(t, text ? CELL_TEXT : CELL_NONE, 0, text);
}

void table_number(struct table *t, uint64_t number)
{
	add(t, CELL_NUMBER, number, NULL);
}

void table_size(struct table *t, uint64_t bytes)
{
	add(t, CELL_SIZE, bytes, NULL);
}

void table_span(struct table *t, int64_t ns)
{
	add(t, ns < 0 ? CELL_NONE : CELL_SPAN, (uint64_t)ns, NULL);
}

void table_bool(struct table *t, bool value)
{
	add(t, CELL_BOOL, value, NULL);
}

/* Names that others chose, cut off where there is no room. */
static const char *clean(const char *text, char buf[300])
{
	memset(buf, 0, 300);
	FILE *to = fmemopen(buf, 299, "w");
	if (!to)
		return "?";
	print_clean(to, text, strlen(text));
	fclose(to);
	return buf;
}

/* What a cell shows. */
static const char *show(const struct cell *c, char buf[300])
{
	switch (c->kind) {
	case CELL_NUMBER:
		snprintf(buf, 300, "%" PRIu64, c->number);
		return buf;
	case CELL_SIZE:
		return show_size(c->number);
	case CELL_SPAN:
		return show_span((int64_t)c->number);
	case CELL_BOOL:
		return c->number ? "yes" : "no";
	case CELL_TEXT:
		return *c->text ? clean(c->text, buf) : "-";
	default:
		return "-";
	}
}

static void print_json(const struct table *t)
{
	struct json json;
	json_start(&json, stdout);
	json_object(&json, NULL);
	json_number(&json, "version", 1);
	json_array(&json, t->key);
	for (size_t i = 0; i < t->used; i++) {
		const struct cell *c = &t->cells[i];
		const char *key = t->columns[i % t->n].key;
		if (i % t->n == 0)
			json_object(&json, NULL);
		if (c->kind == CELL_NONE)
			json_null(&json, key);
		else if (c->kind == CELL_TEXT)
			json_text(&json, key, c->text);
		else if (c->kind == CELL_BOOL)
			json_bool(&json, key, c->number);
		else
			json_number(&json, key, c->number);
		if (i % t->n == t->n - 1)
			json_close(&json, '}');
	}
	json_close(&json, ']');
	json_close(&json, '}');
	json_line(&json);
}

/* Which columns to print, in which order. How many, or -1 with the complaint made. */
static int choose(const struct table *t, size_t chosen[64])
{
	int n = 0;
	if (!common.columns) {
		for (size_t i = 0; i < t->n; i++)
			if (!t->columns[i].hidden)
				chosen[n++] = i;
		return n;
	}
	for (const char *at = common.columns; *at && n < 64;) {
		size_t len = strcspn(at, ","), i = 0;
		while (i < t->n && (strlen(t->columns[i].key) != len || strncmp(t->columns[i].key, at, len) != 0))
			i++;
		if (i == t->n) {
			usage("no such column: %.*s", (int)len, at);
			fputs("Columns:", stderr);
			for (i = 0; i < t->n; i++)
				fprintf(stderr, " %s", t->columns[i].key);
			fputc('\n', stderr);
			return -1;
		}
		chosen[n++] = i;
		at += len + (at[len] == ',');
	}
	return n;
}

static int width_of(const struct table *t, size_t column)
{
	char buf[300];
	size_t width = common.no_header ? 0 : strlen(t->columns[column].title);
	for (size_t i = column; i < t->used; i += t->n) {
		size_t len = strlen(show(&t->cells[i], buf));
		width = len > width ? len : width;
	}
	return (int)width;
}

static void print_cell(const struct column *c, const char *text, int width, bool last)
{
	if (c->right)
		printf("%*s", width, text);
	else if (last)
		fputs(text, stdout);
	else
		printf("%-*s", width, text);
	fputs(last ? "\n" : "  ", stdout);
}

static int print_text(const struct table *t)
{
	size_t chosen[64];
	int widths[64], n = choose(t, chosen);
	char buf[300];
	if (n < 0)
		return STATUS_USAGE;
	for (int k = 0; k < n; k++)
		widths[k] = width_of(t, chosen[k]);
	for (int k = 0; k < n && !common.no_header; k++)
		print_cell(&t->columns[chosen[k]], t->columns[chosen[k]].title, widths[k], k == n - 1);
	for (size_t row = 0; row < t->used; row += t->n)
		for (int k = 0; k < n; k++)
			print_cell(&t->columns[chosen[k]], show(&t->cells[row + chosen[k]], buf), widths[k], k == n - 1);
	return STATUS_DONE;
}

int table_print(struct table *t)
{
	int r = STATUS_DONE;
	table_row(t);
	if (!t || t->failed)
		r = fail(-ENOMEM, "the table");
	else if (common.json)
		print_json(t);
	else
		r = print_text(t);
	for (size_t i = 0; t && i < t->used; i++)
		free(t->cells[i].text);
	if (t)
		free(t->cells);
	free(t);
	return r;
}
