/* SPDX-License-Identifier: MIT */
#ifndef BRIDGE_DEDUP_H
#define BRIDGE_DEDUP_H

#include <stdbool.h>
#include <stdint.h>

#include <ringq/ringq.h>

enum { DEDUP_MOST = 1 << 24 };

/* The last n ids that a bridge of this name has put into a region: by this process, or by one before it. 0, or -ENOMEM. */
struct dedup;
int dedup_open(struct dedup **out, ringq_region *region, const char *bridge, uint64_t n);
void dedup_close(struct dedup *dedup);
bool dedup_has(struct dedup *dedup, const char *id);
void dedup_remember(struct dedup *dedup, const char *id);

#endif
