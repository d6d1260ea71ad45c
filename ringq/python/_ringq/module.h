/* SPDX-License-Identifier: MIT */
#ifndef RINGQ_PYTHON_MODULE_H
#define RINGQ_PYTHON_MODULE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <ringq/ringq.h>

/*
 * The extension module ringq._ringq: the objects that the Python packages ringq and ringq.multiprocessing are made of.
 *
 * State    The process has none but which thread runs handlers of signals: each interpreter has a struct state of its own
 *          in its module object, and each object points to it, as a subclass's methods have no other quick way to it. The
 *          module lives at least as long, since each type holds its module and each object its type.
 * The GIL  A call is first tried without waiting and without giving the GIL up. Only one that has to wait gives it up.
 * Close    Another thread may close an object while a call waits on its handle. The handle is therefore released by
 *          whoever leaves it last (struct use), and the close interrupts the waiting call.
 */
struct state {
	PyObject *empty;          /* queue.Empty */
	PyObject *full;           /* queue.Full */
	PyObject *closed;         /* ringq.Closed */
	PyTypeObject *array_type; /* the types that C code makes objects of or tests for */
	PyTypeObject *dead_letter_type;
	PyTypeObject *lease_type;
	PyTypeObject *lock_type;
	PyTypeObject *memory_type;
	PyTypeObject *queue_type;
	PyTypeObject *reducers_type;
	PyTypeObject *region_type;
	PyTypeObject *writer_type;
	PyObject *loads;   /* pickle.loads */
	PyObject *pickler; /* of pickle.Pickler, which writes to writer; NULL while a call uses them */
	PyObject *writer;
};

/* Counts the calls that wait on a handle with the GIL given up. A handle goes when it is closed and nobody waits. */
struct use {
	int waiting;
	bool closed;
	bool watched;       /* its event descriptor was asked for */
	ringq_array *array; /* whose lock its calls wait for; NULL: they wait on queues */
};

/* The state behind a type of this module or a subclass of one. */
struct state *rq_py_state(PyTypeObject *type);

/* What is raised for a call that ended with an error. Returns NULL. */
enum rq_py_side { SIDE_PUT, SIDE_GET };
PyObject *rq_py_raise(ssize_t error);
PyObject *rq_py_raise_queue(struct state *state, ssize_t error, enum rq_py_side side);

/* Parses `block=True, timeout=None` into ringq's timeout. false with an exception set. */
bool rq_py_timeout(PyObject *block, PyObject *timeout, int64_t *out);

/*
 * Arguments of a METH_FASTCALL | METH_KEYWORDS method: fills values[i] with the argument called names[i], or leaves it
 * NULL. The first `required` must be there. false with a TypeError set.
 */
bool rq_py_arguments(const char *function, PyObject *const *args, Py_ssize_t nargs, PyObject *keywords,
	const char *const *names, int count, int required, PyObject **values);

/*
 * Waits: calls attempt(context, timeout), which sleeps on this queue, or, if it is NULL, for the lock of use->array, without
 * the GIL until it says something else than that it was interrupted or that a slice of the timeout is over. Returns what it
 * said; with an
 * exception set -EINTR, if a signal's handler raised one; -EBADF if the object was closed meanwhile.
 */
typedef ssize_t rq_py_attempt(void *context, int64_t timeout);
ssize_t rq_py_wait(struct use *use, rq_py_attempt *attempt, void *context, int64_t timeout, ringq_queue *queue);

/* The same, once it has been tried with the GIL and says that it would have to wait. */
ssize_t rq_py_try(struct use *use, rq_py_attempt *attempt, void *context, int64_t timeout, ringq_queue *queue);

/* The object is closed: ends its waits on this queue, if it has one. */
void rq_py_close(struct use *use, ringq_queue *queue);

/* tp_new of the types that Python code makes no objects of. */
PyObject *rq_py_no_new(PyTypeObject *type, PyObject *args, PyObject *keywords);

/* The end of a tp_dealloc: the object's memory, and its hold on its type. */
void rq_py_free(PyObject *self);

int64_t rq_py_now(void);

/* Converts to int64_t; values of 2^63 and more become negative. false with an exception set. */
bool rq_py_int64(PyObject *number, int64_t *out);

extern PyType_Spec rq_py_array_spec, rq_py_value_spec, rq_py_lock_spec;
extern PyType_Spec rq_py_memory_spec, rq_py_writer_spec, rq_py_reducers_spec;
extern PyType_Spec rq_py_queue_spec, rq_py_simple_queue_spec, rq_py_lease_spec;
extern PyType_Spec rq_py_connection_spec;
extern PyStructSequence_Desc rq_py_dead_letter;
extern PyType_Spec rq_py_region_spec;

ringq_region *rq_py_region(PyObject *object);

PyObject *rq_py_pipe(PyObject *module, PyObject *const *args, Py_ssize_t nargs);

/* For tables of methods. */
#define DOC(text) PyDoc_STR(text)
#define FAST(function) ((PyCFunction)(void (*)(void))(function))
#define KEYWORDS (METH_FASTCALL | METH_KEYWORDS)

#endif
