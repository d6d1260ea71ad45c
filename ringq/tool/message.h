/* SPDX-License-Identifier: MIT */
#ifndef TOOL_MESSAGE_H
#define TOOL_MESSAGE_H

/* What is said on stderr. */

#include <stdbool.h>

#include "status.h"

extern const char *tool_command; /* the subcommand that runs */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
int usage(const char *format, ...) __attribute__((format(printf, 1, 2))); /* complains; STATUS_USAGE */

/* Asks on the terminal; true if the answer is yes. */
bool ask(const char *question);

/* Complains of what a call of the library said, and returns the exit status for it. */
int fail(int error, const char *what);

#endif
