/* SPDX-License-Identifier: MIT */
#ifndef CRASH_TRACE_H
#define CRASH_TRACE_H

/* A child that goes through one function one machine instruction at a time, and can be killed, left or let go there. */

#include "../common.h"

struct traced {
	pid_t pid;
	uint64_t steps; /* done since the function's start; a large copy counts as one */
	uint64_t pc;
	bool ended; /* it has come to the function's end, or has exited */
	bool gone;  /* it has exited, and has been reaped */
};

/* Whether this machine lets a process trace its child. */
bool trace_permitted(void);

/* Forks a child that runs prepare, stops right before run, and after it goes on with finish. */
struct traced trace_fork(void (*prepare)(void *), void (*run)(void *), void (*finish)(void *), void *arg);

void trace_step(struct traced *traced); /* one instruction, or one system call */
void trace_kill(struct traced *traced); /* and reaps it */
void trace_finish(struct traced *traced); /* lets it go on untraced; it must exit with 0 */

#endif
