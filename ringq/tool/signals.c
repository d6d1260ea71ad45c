/* SPDX-License-Identifier: MIT */

#include "signals.h"

#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <time.h>

volatile int tool_stopped;
ringq_queue *volatile tool_waits_on;

static void caught(int signal)
{
	if (tool_stopped) { /* the second one */
		struct sigaction usual = {.sa_handler = SIG_DFL};
		sigaction(signal, &usual, NULL);
		raise(signal);
	}
	tool_stopped = signal;
	if (tool_waits_on)
		ringq_interrupt(tool_waits_on);
}

void tool_catch_signals(void)
{
	struct sigaction act = {.sa_handler = caught};
	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
}

int64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

/* The signals are let in by the sleep alone: one between the look at what it left and the sleep would be slept on. */
bool tool_poll(int fd, int64_t ns)
{
	struct pollfd in = {.fd = fd, .events = POLLIN};
	struct timespec t = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
	sigset_t stops, before;
	sigemptyset(&stops);
	sigaddset(&stops, SIGINT);
	sigaddset(&stops, SIGTERM);
	sigprocmask(SIG_BLOCK, &stops, &before);
	bool there = ns >= 0 && !tool_stopped && ppoll(&in, 1, &t, &before) > 0;
	sigprocmask(SIG_SETMASK, &before, NULL);
	return there;
}

void tool_sleep(int64_t ns)
{
	tool_poll(-1, ns);
}
