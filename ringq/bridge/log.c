/* SPDX-License-Identifier: MIT */
#include "log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int for_journal;

void log_for_journal(int on)
{
	for_journal = on;
}

void log_line(enum log_level level, const char *who, const char *format, ...)
{
	char line[1400], text[1024];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	for (char *c = text; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	int n = 0;
	if (for_journal)
		n = snprintf(line, sizeof line, "<%d>", (int)level);
	n += snprintf(line + n, sizeof line - (size_t)n, "ringq-bridge-amqp: %s%s%s\n", who ? who : "", who ? ": " : "",
		text);
	if (n >= (int)sizeof line)
		n = (int)sizeof line - 1;
	if (write(STDERR_FILENO, line, (size_t)n) < 0)
		return; /* nobody is left to be told */
}
