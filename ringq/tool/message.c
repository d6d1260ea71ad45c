/* SPDX-License-Identifier: MIT */

#include "message.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "text.h"

const char *tool_command;

static void complain_of(const char *format, va_list arguments)
{
	fflush(stdout);
	fprintf(stderr, tool_command ? "ringq %s: " : "ringq: ", tool_command);
	char line[1024];
	int n = vsnprintf(line, sizeof line, format, arguments);
	print_clean(stderr, line, n < 0 ? 0 : n < (int)sizeof line ? (size_t)n : sizeof line - 1);
	fputc('\n', stderr);
}

void complain(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	complain_of(format, arguments);
	va_end(arguments);
}

int usage(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	complain_of(format, arguments);
	va_end(arguments);
	if (tool_command)
		fprintf(stderr, "`ringq %s --help` tells more.\n", tool_command);
	return STATUS_USAGE;
}

bool ask(const char *question)
{
	char answer[8];
	print_clean(stderr, question, strlen(question));
	fputs(" [y/N] ", stderr);
	return fgets(answer, sizeof answer, stdin) && (*answer == 'y' || *answer == 'Y');
}

static const char *explain(int error)
{
	switch (error) {
	case -EPROTO:
		return "not a region, or one of a layout that this library does not know";
	case -EBADMSG:
		return "damaged: it contradicts itself";
	case -EPIPE:
		return "closed";
	case -EUSERS:
		return "no place for another member or producer";
	case -EMSGSIZE:
		return "the record is too large";
	default:
		return strerror(-error);
	}
}

int fail(int error, const char *what)
{
	complain("%s: %s", what, explain(error));
	return status_of(error);
}
