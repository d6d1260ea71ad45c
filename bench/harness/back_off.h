/* SPDX-License-Identifier: MIT */
#ifndef BENCH_BACK_OFF_H
#define BENCH_BACK_OFF_H

#include <sched.h>
#include <stdbool.h>

/*
 * How to wait between tries, the same for every peer that offers only tries: spin shortly, as on idle cores the other
 * side is a line transfer away; then back off, so that a contended line is left to those who get on; then yield, as the
 * other side may not be running at all. It yields soon, because with more threads than cores everything before is
 * wasted, and not at once, because a system call is longer than a line transfer.
 */
enum {
	BACK_OFF_SPIN = 32, /* tries with one pause before each */
	BACK_OFF_GROW = 6,  /* then so many with 2, 4, ... 64 pauses */
	BACK_OFF_YIELD = BACK_OFF_SPIN + BACK_OFF_GROW,
};

struct back_off {
	unsigned tries;
};

static inline void cpu_pause(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("isb" ::: "memory");
#endif
}

/* True when it has yielded: whoever waits has time for something slow. */
static inline bool back_off(struct back_off *b)
{
	unsigned pauses = b->tries < BACK_OFF_SPIN ? 1 : 2u << (b->tries - BACK_OFF_SPIN);

	if (b->tries >= BACK_OFF_YIELD) {
		sched_yield();
		return true;
	}
	b->tries++;
	while (pauses--)
		cpu_pause();
	return false;
}

#endif
