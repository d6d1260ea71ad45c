/* SPDX-License-Identifier: MIT */
#ifndef BROKERS_WAY_H
#define BROKERS_WAY_H

/* What carries jobs to a pool of workers, who acknowledge each. Failures end the process. */

#include <stddef.h>
#include <stdint.h>

#include "harness/harness.h"

struct job {
	uint32_t number;
	char rest[52];
};

struct way {
	const char *name;
	/* The caller's own connection: 0 is who puts, and makes the queue before all others; the workers follow. */
	void *(*join)(int port, unsigned who);
	void (*put)(void *connection, const struct job *job);
	void (*flush)(void *connection);                   /* waits until all that was put is safe there; NULL: it is */
	void (*take)(void *connection, struct job *job);   /* waits for one */
	void (*ack)(void *connection);                     /* of that one */
	void (*watch)(void *connection, unsigned workers); /* gives back what the dead had, for ever; NULL: not needed */
};

extern const struct way way_ringq, way_redis, way_beanstalkd, way_rabbitmq_1, way_rabbitmq_100;

/* Of the clock that all processes share. */
static inline double seconds(void)
{
	return (double)bench_now() / 1e9;
}

/* The one that this process goes by; NULL: none yet. */
extern const struct way *way;

/* Ends the process with a word, unless this is true. */
void way_must(int good, const char *what);

#endif
