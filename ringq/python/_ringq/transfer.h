/* SPDX-License-Identifier: MIT */
#ifndef RINGQ_PYTHON_TRANSFER_H
#define RINGQ_PYTHON_TRANSFER_H

#include "codec.h"
#include "use.h"

/*
 * Objects into queues and out of them, for queues and connections alike. Each returns the library's result, or an error
 * with an exception set (rq_py_wait).
 */
ssize_t rq_py_put(struct use *use, ringq_queue *queue, const struct record *record, int64_t timeout);

/*
 * A record that was taken. Small ones lie in `small`, others in `memory`, which is the caller's to free or to give to
 * rq_py_decode().
 */
struct taken {
	size_t len;
	void *memory;
	unsigned char small[SMALL];
};

ssize_t rq_py_take(struct use *use, ringq_queue *queue, struct taken *taken, int64_t timeout);

/* The same as an object. NULL with *error set, and perhaps an exception. */
PyObject *rq_py_get(struct state *state, struct use *use, ringq_queue *queue, int64_t timeout, ssize_t *error);

/* After a take of a queue whose descriptor may be waited for. */
void rq_py_settle(ringq_queue *queue);

static inline const void *rq_py_taken(const struct taken *taken)
{
	return taken->memory ? taken->memory : taken->small;
}

#endif
