/* SPDX-License-Identifier: MIT */
#ifndef RINGQ_PYTHON_HANDLE_H
#define RINGQ_PYTHON_HANDLE_H

#include "transfer.h"

/* A queue object, and what all its methods ask of it. */

/* What get() took of a queue that acknowledges, oldest first, in a ring. */
struct hands {
	struct ringq_delivery *ring;
	size_t first, count, room;
	pid_t process; /* whose they are */
};

struct queue {
	PyObject ob_base;
	ringq_queue *handle;
	struct state *state;
	PyObject *region; /* of type Region */
	struct use use;
	bool used;         /* something was put by this object */
	bool acknowledged; /* what it gives stays in hand until it is said to be done */
	struct hands hands;
};

/* Raises that it is closed. Returns NULL. */
PyObject *rq_py_closed_queue(struct queue *queue);

/* Its handle. NULL with a ValueError set if there is none or it is closed. */
ringq_queue *rq_py_handle(struct queue *queue);

/* What failed, as an exception. A closed queue object is a ValueError. Returns NULL. */
PyObject *rq_py_queue_failed(struct queue *queue, ssize_t error, enum rq_py_side side);

#endif
