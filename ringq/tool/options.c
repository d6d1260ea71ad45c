/* SPDX-License-Identifier: MIT */

/* Options: parsing from a table, and the help that the same table gives. */

#include "options.h"

#include "message.h"
#include "quantity.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

struct common common;

#define OPTIONS_MOST 40

static bool parse_real(const char *text, double *out)
{
	char *end;
	*out = strtod(text, &end);
	return *text && !*end && *out >= 0 && *out < 1e300;
}

static bool store(const struct option_spec *o, const char *value)
{
	switch (o->kind) {
	case OPTION_FLAG:
		*(bool *)o->to = true;
		return true;
	case OPTION_TEXT:
		*(const char **)o->to = value;
		return true;
	case OPTION_NUMBER:
		return parse_number(value, o->to);
	case OPTION_SIZE:
		return parse_size(value, o->to);
	case OPTION_TIME:
		return parse_time(value, o->to);
	case OPTION_REAL:
		return parse_real(value, o->to);
	}
	return false;
}

/* getopt's tables of a command's. */
static void translate(const struct command *command, char *letters, struct option *names)
{
	char *at = letters;
	if (command->runs)
		*at++ = command->least > 1 ? '-' : '+'; /* operands come in their turn; the first ends the options */
	*at++ = ':';                                    /* tells a missing value from an unknown option */
	*at++ = 'h';
	unsigned n = 0;
	for (const struct option_spec *o = command->options; o->name && n < OPTIONS_MOST; o++, n++) {
		names[n] = (struct option){o->name, o->arg ? required_argument : no_argument, NULL, 1000 + (int)n};
		if (o->letter)
			*at++ = o->letter;
		if (o->letter && o->arg)
			*at++ = ':';
	}
	names[n++] = (struct option){"help", no_argument, NULL, 'h'};
	names[n] = (struct option){NULL, 0, NULL, 0};
	*at = 0;
}

static const struct option_spec *find_option(const struct command *command, int c)
{
	if (c >= 1000)
		return &command->options[c - 1000];
	for (const struct option_spec *o = command->options; o->name; o++)
		if (o->letter == c)
			return o;
	return NULL;
}

/* The command line that a subcommand runs begins at its second operand, or behind `--`; the first goes right before it. */
static int begin_command_line(char **argv, int region, int begin)
{
	if (!region)
		return begin;
	char *operand = argv[region];
	argv[begin - 1] = operand;
	return begin - 1;
}

int options_parse(const struct command *command, int argc, char **argv, int *operands)
{
	char letters[3 * OPTIONS_MOST];
	struct option names[OPTIONS_MOST + 2];
	int c, region = 0;
	translate(command, letters, names);
	opterr = 0;
	optind = 1;
	while ((c = getopt_long(argc, argv, letters, names, NULL)) != -1) {
		if (c == 1 && region) {
			optind--;
			break;
		}
		if (c == 1) {
			region = optind - 1;
			continue;
		}
		if (c == 'h')
			return -1;
		if (c == ':')
			return usage("%s: a value is missing", argv[optind - 1]);
		const struct option_spec *o = c == '?' ? NULL : find_option(command, c);
		if (!o)
			return usage("no such option: %s", argv[optind - 1]);
		if (!store(o, optarg))
			return usage("--%s: not understood: %s", o->name, optarg);
	}
	*operands = command->runs ? begin_command_line(argv, region, optind) : optind;
	return 0;
}

void options_help(const struct command *command, FILE *to)
{
	fprintf(to, "Usage: ringq %s [OPTION]... %s\n\n%s.\n\n", command->name, command->operands, command->summary);
	for (const struct option_spec *o = command->options; o->name; o++) {
		char left[64];
		snprintf(left, sizeof left, "%c%c%c --%s%s%s", o->letter ? '-' : ' ', o->letter ? o->letter : ' ',
			o->letter ? ',' : ' ', o->name, o->arg ? "=" : "", o->arg ? o->arg : "");
		fprintf(to, "  %-28s %s\n", left, o->help);
	}
	fprintf(to, "  %-28s %s\n", "-h, --help", "print this");
}
