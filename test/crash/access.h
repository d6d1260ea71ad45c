/* SPDX-License-Identifier: MIT */
#ifndef CRASH_ACCESS_H
#define CRASH_ACCESS_H

/*
 * What a single-stepped child's next instruction reads or changes of what others can see.
 *
 * Others, and the kernel when the child dies, see of it: what it writes to shared mappings, its system calls, and its list
 * of robust futexes. Between two changes of these, a child that is killed or stopped leaves the same to others, at
 * whichever instruction; and one that is held and goes on finds the same, wherever it was held between two looks at what
 * others can change, or at the clock. So one instruction of each such run shows what all of it would. This is the
 * independence of steps on which partial-order reduction rests (Godefroid, "Partial-Order Methods for the Verification of
 * Concurrent Systems", 1996).
 *
 * Instructions are decoded by Zydis. Without it, each is taken to read and to change something.
 */

#include <sys/types.h>
#include <sys/user.h>

enum { ACCESS_READS = 1, ACCESS_CHANGES = 2 };

/* Of the instruction that the stopped child is about to execute. */
unsigned access_next(pid_t pid, const struct user_regs_struct *regs);

/* Whether the child's list of robust futexes has changed since this was called last, or access_begin(). */
bool access_list_changed(pid_t pid);

/* Forgets what it knew of another child. */
void access_begin(pid_t pid);

#endif
