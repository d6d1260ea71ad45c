/* SPDX-License-Identifier: MIT */
#include "place.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int fail(struct place *place, int error, char *why, size_t size, const char *what, const char *name)
{
	const char *text = error == -ENOENT   ? "there is none"
	                   : error == -EPROTO ? "not a region that this version knows"
	                                      : strerror(-error);
	snprintf(why, size, "%s %s: %s", what, name, text);
	place_close(place);
	return error;
}

int place_open(struct place *place, const struct bridge_config *config, char *why, size_t size)
{
	struct ringq_queue_stat stat;
	*place = (struct place){0};
	int r = ringq_region_open(&place->region, config->region);
	if (r)
		return fail(place, r, why, size, "region", config->region);
	r = ringq_queue_open(&place->queue, place->region, config->queue);
	if (r == 0)
		r = ringq_queue_stat(place->queue, &stat);
	if (r)
		return fail(place, r, why, size, "queue", config->queue);
	place->created = stat.created;
	if (config->direction == DIRECTION_OUT && !(stat.flags & RINGQ_ACKNOWLEDGED)) {
		snprintf(why,
			size, "queue %s is not acknowledged (`ringq create --acknowledged`): what a killed bridge has in hand would be lost",
			config->queue);
		place_close(place);
		return -EINVAL;
	}
	if (config->dead_letter) {
		r = ringq_queue_open(&place->dead, place->region, config->dead_letter);
		if (r)
			return fail(place, r, why, size, "queue of dead letters", config->dead_letter);
	}
	return 0;
}

void place_close(struct place *place)
{
	ringq_queue_release(place->dead);
	ringq_queue_release(place->queue);
	ringq_region_detach(place->region);
	*place = (struct place){0};
}

bool place_is_gone(const struct place *place)
{
	return ringq_region_is_linked(place->region) == 0;
}
