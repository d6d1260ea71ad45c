/* SPDX-License-Identifier: MIT */
#ifndef BRIDGE_METERS_H
#define BRIDGE_METERS_H

/*
 * The meters of a bridge that runs. Counts go on from where the last process of the name left them. The array's lock is the one
 * that the active one of several bridges holds.
 */

#include <stdbool.h>
#include <stdint.h>

#include <ringq/ringq.h>

#include "../tool/bridge_meters.h"

struct meters {
	ringq_array *array;         /* NULL: none could be had */
	uint64_t value[METERS_END]; /* gauges as they are; counts since the last flush */
	int64_t flushed;
};

extern const char *const meter_names[METERS_END];

/* Opens the array of a bridge; may make it. 0; -EPROTO: what has its name is not of this form; or -errno. */
int meters_find(ringq_array **array, ringq_region *region, const char *bridge, bool make);
/* Opens the array, or makes it, for a bridge that runs. 0, or -errno. */
int meters_open(struct meters *meters, ringq_region *region, const char *bridge);
/* Gives what was counted to the array: at most each 100 ms, or now. */
void meters_flush(struct meters *meters, int64_t now, bool always);
/* For who is not the active one: adds to a count, and leaves the others, and what is not a count, as they are. */
void meters_add_beside(struct meters *meters, enum meter which, uint64_t n);
void meters_close(struct meters *meters);

static inline void meter_add(struct meters *m, enum meter which, uint64_t n)
{
	m->value[which] += n;
}

static inline void meter_set(struct meters *m, enum meter which, uint64_t value)
{
	m->value[which] = value;
}

#endif
