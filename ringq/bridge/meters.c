/* SPDX-License-Identifier: MIT */
#include "meters.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define FLUSH_EVERY INT64_C(100000000)

const char *const meter_names[METERS_END] = {
#define METER(name, text, ...) text,
	METERS(METER)
#undef METER
};

static const bool is_count[METERS_END] = {
#define METER(name, text, kind, ...) sizeof kind == sizeof "count" && kind[0] == 'c',
	METERS(METER)
#undef METER
};

int meters_find(ringq_array **array, ringq_region *region, const char *bridge, bool make)
{
	char name[64];
	snprintf(name, sizeof name, METERS_PREFIX "%s", bridge);
	int r = make ? ringq_array_create(array, region, name, RINGQ_UINT64, METERS_END) : -EEXIST;
	if (r == -EEXIST)
		r = ringq_array_open(array, region, name);
	if (r == 0 && (ringq_array_type(*array) != RINGQ_UINT64 || ringq_array_count(*array) < METERS_END)) {
		ringq_array_release(*array);
		r = -EPROTO;
	}
	if (r)
		*array = NULL;
	return r;
}

int meters_open(struct meters *meters, ringq_region *region, const char *bridge)
{
	memset(meters, 0, sizeof *meters);
	return meters_find(&meters->array, region, bridge, true);
}

void meters_flush(struct meters *meters, int64_t now, bool always)
{
	if (!meters->array || (!always && now - meters->flushed < FLUSH_EVERY))
		return;
	meters->flushed = now;
	for (size_t i = 0; i < METERS_END; i++) {
		if (!is_count[i]) {
			ringq_store(meters->array, i, &meters->value[i]);
		} else if (meters->value[i]) {
			ringq_add(meters->array, i, (int64_t)meters->value[i], NULL);
			meters->value[i] = 0;
		}
	}
}

void meters_add_beside(struct meters *meters, enum meter which, uint64_t n)
{
	if (meters->array)
		ringq_add(meters->array, which, (int64_t)n, NULL);
}

void meters_close(struct meters *meters)
{
	ringq_array_release(meters->array);
	meters->array = NULL;
}
