/* SPDX-License-Identifier: MIT */
#ifndef TOOL_MESSAGE_H
#define TOOL_MESSAGE_H

/* Exit statuses, and what is said on stderr. */

#include <stdbool.h>

/* Exit statuses, the same for all subcommands but check (as monitoring plug-ins) and exec (as xargs). */
enum status {
	STATUS_DONE = 0,
	STATUS_NO = 1, /* the answer is no: empty, timed out, something found */
	STATUS_USAGE = 2,
	STATUS_NOT_FOUND = 3,
	STATUS_UNKNOWN = 3, /* of check */
	STATUS_NOT_PERMITTED = 4,
	STATUS_CLOSED = 5,
	STATUS_DAMAGED = 6, /* not a region, of another layout, or corrupt */
	STATUS_TROUBLE = 7, /* the system's: no memory, no descriptors, a file that cannot be written */
	CANNOT_RUN = 126,   /* of run and exec: a command */
	NOT_THERE = 127,
};

extern const char *tool_command; /* the subcommand that runs */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
int usage(const char *format, ...) __attribute__((format(printf, 1, 2))); /* complains; STATUS_USAGE */

/* Asks on the terminal; true if the answer is yes. */
bool ask(const char *question);

/* Complains of what a call of the library said, and returns the exit status for it. */
int fail(int error, const char *what);
int status_of(int error);

#endif
