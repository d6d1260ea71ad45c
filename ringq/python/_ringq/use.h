/* SPDX-License-Identifier: MIT */
#ifndef RINGQ_PYTHON_USE_H
#define RINGQ_PYTHON_USE_H

#include "state.h"

/*
 * A handle of the library in use by calls of several threads.
 *
 * The GIL  A call is first tried without waiting and without giving the GIL up. Only one that has to wait gives it up.
 * Close    Another thread may close an object while a call waits on its handle. The handle is therefore released by
 *          whoever leaves it last (struct use), and the close interrupts the waiting call.
 */

/* Counts the calls that wait on a handle with the GIL given up. A handle goes when it is closed and nobody waits. */
struct use {
	int waiting;
	bool closed;
	bool watched;       /* its event descriptor was asked for */
	ringq_array *array; /* whose lock its calls wait for; NULL: they wait on queues */
};

/*
 * Waits: calls attempt(context, timeout), which sleeps on this queue, or, if it is NULL, for the lock of use->array, without
 * the GIL until it says something else than that it was interrupted or that a slice of the timeout is over. Returns what it
 * said; -EINTR with an exception set, if a signal's handler raised one; -EBADF if the object was closed meanwhile.
 */
typedef ssize_t rq_py_attempt(void *context, int64_t timeout);
ssize_t rq_py_wait(struct use *use, rq_py_attempt *attempt, void *context, int64_t timeout, ringq_queue *queue);

/* The same, once it has been tried with the GIL and says that it would have to wait. */
ssize_t rq_py_try(struct use *use, rq_py_attempt *attempt, void *context, int64_t timeout, ringq_queue *queue);

/* The object is closed: ends its waits on this queue, if it has one. */
void rq_py_close(struct use *use, ringq_queue *queue);

/* Remembers which thread runs handlers of signals: for the import of the module. 0; -1 with an exception set. */
int rq_py_find_main_thread(void);

int64_t rq_py_now(void);

#endif
