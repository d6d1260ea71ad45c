/* SPDX-License-Identifier: MIT */
#ifndef RQ_SYS_H
#define RQ_SYS_H

/* The system calls that a put or a get may come to make, and the clock; a test may replace the table's entries. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/file.h"

struct rq_sys_wait {
	const _Atomic uint32_t *word;
	uint32_t value;
};

struct rq_sys {
	/* Sleeps while *word is value, until woken or until the absolute time (ns, monotonic; negative = no end). */
	int (*futex_wait)(const _Atomic uint32_t *word, uint32_t value, int64_t until);
	/* The same for any of n words; at most RQ_SYS_WAITV_MAX. -ENOSYS: not to be had, whatever the kernel calls it. */
	int (*futex_waitv)(const struct rq_sys_wait *waits, unsigned n, int64_t until);
	int (*futex_wake)(const _Atomic uint32_t *word, int n); /* how many were woken */
	int (*barrier)(void); /* the heavy side of rq_light_barrier(); may be refused */
	/* These three as rq_file_back() and so on: */
	int (*back)(const struct rq_file *file, uint64_t offset, uint64_t len);
	int (*give_back)(const struct rq_file *file, uint64_t offset, uint64_t len);
	int (*held)(const struct rq_file *file, int fd, uint64_t byte);
	int64_t (*now)(void);
	int64_t (*tick)(void); /* the monotonic clock of the last tick: a few ms behind, and had in a few ns */
	void (*yield)(void);   /* this processor is for whoever else can run */
};

#define RQ_SYS_WAITV_MAX 128

extern struct rq_sys rq_sys;

/* Sleeps for so long, or until a signal has been handled. */
void rq_sys_sleep(int64_t ns);

/* Whether libc's locks that lend priority work: a sandbox may let futex be, but not all that it does. */
bool rq_sys_lends(void);

/*
 * Asks the kernel for all that ringq needs, once for the process: 0; -ENOSYS, something is refused; -ENOMEM. What is
 * optional, and refused, is done without from then on.
 */
int rq_sys_probe(void);

/* Whether this process takes part in barriers, and can make them; false from the first refusal on. */
bool rq_sys_has_barrier(void);

/*
 * In place of a barrier that was refused: returns when what others had stored before is seen by all. No architecture says
 * how long a store may stay in a processor's buffer; none keeps one for as long as a thousandth of this.
 */
void rq_sys_settle(void);

int rq_sys_memfd(const char *name);
int rq_sys_seal(int fd);
/*
 * Has a description lock a byte, alone or beside any number of others, until the last copy of its descriptor is closed.
 * -EAGAIN: another has it.
 */
int rq_sys_lock_byte(int fd, uint64_t byte, bool alone);

/* Whether the process has a handler of signals after which system calls begin anew by themselves. Some microseconds. */
bool rq_sys_restarts(void);

/* The id of the calling thread as others of its PID namespace see it. */
uint32_t rq_sys_thread(void);

/* ns since 1970, by the system's clock. */
uint64_t rq_sys_calendar(void);

/* The head of the calling thread's robust list, see lease.c. -ENOSYS. */
struct rq_robust_list {
	void *first;
	long futex_offset;
	void *pending;
};
int rq_sys_robust_list(struct rq_robust_list **out);

#endif
