/* SPDX-License-Identifier: MIT */
#ifndef RQ_AUTHOR_H
#define RQ_AUTHOR_H

#include <ringq/look.h>

#include "lane/lane.h"

/*
 * Whose the record of this number is, of a lane whose words were read. Who put last, with RQ_AUTHOR_LAST. RINGQ_NOBODY where
 * the lane does not tell any more. 0 or an error.
 */
#define RQ_AUTHOR_LAST UINT64_MAX
int rq_author_of(
	const struct rq_lane_set *set, const struct rq_lane *words, uint64_t sequence, struct ringq_producer *out);

#endif
