/* SPDX-License-Identifier: MIT */
#ifndef TEST_SANDBOX_H
#define TEST_SANDBOX_H

/*
 * Sandboxes by seccomp, for tests that run as the user that they are. A filter is for the calling thread and what it
 * makes from then on, and stays: so each is entered in a child.
 */

#include <stddef.h>

/* Whether this machine lets a process enter a filter. */
int sandbox_works(void);

/* A system call is answered by an errno. With `all_threads`, in those that are there already, too. */
void sandbox_refuse(long call, int error, int all_threads);

/* The same of those calls only whose argument `arg` has this value, or these bits. */
void sandbox_refuse_value(long call, unsigned arg, unsigned value, int error);
void sandbox_refuse_bits(long call, unsigned arg, unsigned bits, int error);

/* All calls but these are answered by an errno; error 0: they end the process by SIGSYS. */
void sandbox_allow_only(const long *calls, size_t n, int error);

/* What Linux 4.18 has not, of what ringq uses: futex_waitv, MADV_POPULATE_WRITE and some others are not there. */
void sandbox_play_linux_4_18(void);

/* Adds the system calls of the blocks of docs/limits.md that begin with ```syscalls WHICH. */
#define SANDBOX_CALLS_MOST 128

struct sandbox_calls {
	long calls[SANDBOX_CALLS_MOST];
	size_t n;
};

void sandbox_read_calls(const char *path, const char *which, struct sandbox_calls *list);
const char *sandbox_name(long call);

#endif
