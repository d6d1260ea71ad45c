/* SPDX-License-Identifier: MIT */
#ifndef CRASH_TRACE_H
#define CRASH_TRACE_H

/* A child that goes through one function one machine instruction at a time, and can be killed, left or let go there. */

#include "../common.h"

enum { TRACE_MOST = 1 << 18 };

/* Instructions to try: first those that are the first pass of their address, or the second or last: the corners. */
struct trace_choice {
	uint32_t count, corners;
	uint32_t order[TRACE_MOST];
};

/*
 * The addresses that a function goes through when nothing disturbs it. What comes behind an address that had not come
 * before can be reached by a breakpoint there, which is much faster than by steps: marks[i] is the last such not behind i.
 *
 * States are the instructions before which others see something that they did not see one instruction earlier; accesses,
 * those that look at what others can change, or change it (access.h).
 */
struct trace_path {
	uint32_t count, different; /* instructions; addresses */
	uint32_t marks[TRACE_MOST];
	uint64_t pcs[TRACE_MOST];
	struct trace_choice states, accesses;
};

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

/* Steps through all of the function, and notes its path. */
void trace_record(struct traced *traced, struct trace_path *path);

/* Goes so many instructions into the function, if it does not end before. */
void trace_to(struct traced *traced, const struct trace_path *path, uint64_t steps);

void trace_kill(struct traced *traced);   /* and reaps it */
void trace_finish(struct traced *traced); /* lets it go on untraced; it must exit with 0 */

#endif
