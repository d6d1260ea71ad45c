/* SPDX-License-Identifier: MIT */
#ifndef TOOL_OPTIONS_H
#define TOOL_OPTIONS_H

/* The options of a subcommand, as a table that says where each goes. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum option_kind {
	OPTION_FLAG,   /* to: bool */
	OPTION_TEXT,   /* to: const char * */
	OPTION_NUMBER, /* to: uint64_t */
	OPTION_SIZE,   /* to: uint64_t; 8M, 1GiB; "unbounded" */
	OPTION_TIME,   /* to: int64_t, ns; 1.5 (s), 20ms, 3min, "forever" */
	OPTION_REAL,   /* to: double */
};

struct option_spec {
	char letter;      /* 0: none */
	const char *name; /* without the dashes */
	const char *arg;  /* of the value, in the help; NULL: a flag */
	enum option_kind kind;
	void *to;
	const char *help;
};

struct command {
	const char *name;
	int (*run)(int argc, char **argv); /* what options left; returns an exit status */
	const char *operands;              /* "NAME[/QUEUE]" */
	const char *summary;               /* one line, no full stop */
	const struct option_spec *options; /* ends with a name of NULL */
	int least, most;                   /* operands; most -1: any number */
	bool runs; /* a command line, which begins at the last operand that must be there: its options are its own */
};

/* Options that several subcommands have, and what they have set. */
extern struct common {
	bool json;
	bool no_header;
	bool bytes;          /* sizes as numbers */
	const char *columns; /* NULL: the usual ones */
} common;

/* clang-format off */
#define OPTION_JSON { 'J', "json", NULL, OPTION_FLAG, &common.json, "print JSON, one object a line" }
#define OPTIONS_TABLE \
	OPTION_JSON, \
	{ 'H', "no-header", NULL, OPTION_FLAG, &common.no_header, "no line with the columns' names" }, \
	{ 'b', "bytes", NULL, OPTION_FLAG, &common.bytes, "sizes in bytes, not rounded" }, \
	{ 'o', "columns", "NAMES", OPTION_TEXT, &common.columns, "these columns, separated by commas" }
#define OPTIONS_END { 0, NULL, NULL, OPTION_FLAG, NULL, NULL }
/* clang-format on */

/* Parses the options of a command into where they go. 0, or an exit status; *operands: index of the first operand. */
int options_parse(const struct command *command, int argc, char **argv, int *operands);
void options_help(const struct command *command, FILE *to);

#endif
