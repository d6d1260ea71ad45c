/* SPDX-License-Identifier: MIT */
#ifndef TOOL_STATUS_H
#define TOOL_STATUS_H

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

/* The one for what a call of the library said. */
int status_of(int error);

#endif
