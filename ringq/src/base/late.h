/* SPDX-License-Identifier: MIT */
#ifndef RQ_LATE_H
#define RQ_LATE_H

/*
 * Wide windows, for tests: with -Dwide_windows=true each ordered access, barrier and fence (atomic.h) is now and then late.
 * A race that is open between two instructions is then open for as long as a sleep takes. When, and for how long, follows
 * from RINGQ_TEST_SEED and from which of its process's threads it is. Without the option none of this exists.
 */

#ifdef RQ_WIDE_WINDOWS
#include <stdint.h>

void rq_late(void);

/* How often this thread has been late. */
uint64_t rq_late_count(void);
#else
#define rq_late() ((void)0)
#endif

#endif
