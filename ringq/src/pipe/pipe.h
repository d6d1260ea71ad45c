/* SPDX-License-Identifier: MIT */
#ifndef RQ_PIPE_H
#define RQ_PIPE_H

/* An end of a pipe, as this process has it. */

#include <ringq/pipe.h>

#include "queue/handle.h"

struct ringq_pipe {
	struct ringq_queue *in;  /* NULL: the end only writes */
	struct ringq_queue *out; /* NULL: the end only reads */
};

/* One side of an end that was given: what its descriptor holds. hold -1: there is none, or a handle has it. */
struct rq_pipe_side {
	uint64_t first;
	uint64_t units;
	int hold;
};

/* An end of what is held already: sides[0] to read, sides[1] to write. */
int rq_pipe_open(struct ringq_pipe **out, struct ringq_region *region, struct rq_pipe_side sides[2]);

#endif
