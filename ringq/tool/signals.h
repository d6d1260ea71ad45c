/* SPDX-License-Identifier: MIT */
#ifndef TOOL_SIGNALS_H
#define TOOL_SIGNALS_H

/* The signals that tell to stop, and sleeps that they end. */

#include <stdbool.h>
#include <stdint.h>

#include <ringq/ringq.h>

/* SIGINT, SIGTERM: set after the first; the second ends the program at once. */
extern volatile int tool_stopped;
extern ringq_queue *volatile tool_waits_on; /* the wait on it ends with -EINTR then */
void tool_catch_signals(void);
int64_t now_ns(void); /* monotonic */
/* Sleeps; less if a signal came. Not at all after one that tells to stop, however late that comes. */
void tool_sleep(int64_t ns);
/* The same until there is something to read, which it says. -1: no descriptor. */
bool tool_poll(int fd, int64_t ns);

#endif
