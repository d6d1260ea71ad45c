/* SPDX-License-Identifier: MIT */

/* Calls nothing that a signal handler may not call; allocates nothing; takes no lock. */

#include "base/late.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define LATE_ONE_IN 64u

static _Thread_local struct {
	uint64_t state;
	uint64_t count;
	pid_t process; /* a child of fork goes its own way */
} late;

static uint64_t next(void)
{
	late.state ^= late.state << 13;
	late.state ^= late.state >> 7;
	late.state ^= late.state << 17;
	return late.state;
}

/* Threads are told apart by the order in which they come here, children by how late the forking thread had been. */
static void begin(pid_t process)
{
	static _Atomic uint64_t threads;
	const char *seed = secure_getenv("RINGQ_TEST_SEED");
	uint64_t before = late.state, thread = before ? before : ++threads;
	late.state = ((seed ? strtoull(seed, NULL, 0) : 1) + thread) * UINT64_C(0x9e3779b97f4a7c15) | 1;
	late.process = process;
	for (int i = 0; i < 8; i++)
		next();
}

static void stay(uint64_t kind)
{
	struct timespec t = {0, 1000 + (long)(next() % 60000)};
	if (kind % 8 == 0) { /* asleep: what others do meanwhile is a whole call, or many */
		if (kind % 128 == 0)
			t.tv_nsec += 2000000;
		nanosleep(&t, NULL);
	} else if (kind % 8 < 4) { /* for whoever else wants this processor */
		sched_yield();
	} else { /* for whoever runs on another one */
		for (volatile unsigned n = (unsigned)(kind >> 8) % 2000; n; n--)
			;
	}
}

void rq_late(void)
{
	pid_t process = getpid();
	if (late.process != process)
		begin(process);
	if (next() % LATE_ONE_IN)
		return;
	int saved = errno;
	late.count++;
	stay(next() >> 8);
	errno = saved;
}

uint64_t rq_late_count(void)
{
	return late.count;
}
