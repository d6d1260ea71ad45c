/* SPDX-License-Identifier: MIT */
#ifndef BRIDGE_PLACE_H
#define BRIDGE_PLACE_H

/* Where a bridge ends on this machine: a queue of a named region, which may come, go and come anew while the bridge runs. */

#include <stdbool.h>
#include <stdint.h>

#include <ringq/ringq.h>

#include "config.h"

struct place {
	ringq_region *region; /* NULL: not open */
	ringq_queue *queue;
	ringq_queue *dead; /* of dead letters; NULL: none */
	uint64_t created;  /* when the queue was made: it names the queue beside others of its name */
};

/* 0; or -errno, with what is wrong in why. -EINVAL: it will not get better by waiting. */
int place_open(struct place *place, const struct bridge_config *config, char *why, size_t size);
void place_close(struct place *place);

/* Whether the region's name has gone, or is another's: its holders keep it, but nobody new will come. */
bool place_is_gone(const struct place *place);

#endif
