/* SPDX-License-Identifier: MIT */
#ifndef BRIDGE_LOG_H
#define BRIDGE_LOG_H

/*
 * Lines for an operator, on standard error: who, what, and what happens next. What a broker says is printed clean, since it may
 * say anything; passwords are not among what this is ever given.
 */

enum log_level {
	LOG_LEVEL_ERROR = 3, /* as syslog counts */
	LOG_LEVEL_WARNING = 4,
	LOG_LEVEL_INFO = 6,
};

/* With on, lines begin with their level as sd-daemon(3) has it. */
void log_for_journal(int on);

/* who NULL: the program as a whole. Threads: any; a line is written at once. */
void log_line(enum log_level level, const char *who, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
