/* SPDX-License-Identifier: MIT */
#ifndef RINGQ_PYTHON_STATE_H
#define RINGQ_PYTHON_STATE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <ringq/ringq.h>

/*
 * The state of the extension module ringq._ringq, and what all its types need.
 *
 * The process has none but which thread runs handlers of signals (use.c): each interpreter has a struct state of its own in
 * its module object, and each object points to it, as a subclass's methods have no other quick way to it. The module lives
 * at least as long, since each type holds its module and each object its type.
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

/* What Python knows of the module. Its methods, and what fills it, are added by module.c, which knows all types. */
extern struct PyModuleDef rq_py_definition;

/* The state behind a type of this module or a subclass of one. */
struct state *rq_py_state(PyTypeObject *type);

/* What is raised for a call that ended with an error. Returns NULL. */
enum rq_py_side { SIDE_PUT, SIDE_GET };
PyObject *rq_py_raise(ssize_t error);
PyObject *rq_py_raise_queue(struct state *state, ssize_t error, enum rq_py_side side);

/* tp_new of the types that Python code makes no objects of. */
PyObject *rq_py_no_new(PyTypeObject *type, PyObject *args, PyObject *keywords);

/* The end of a tp_dealloc: the object's memory, and its hold on its type. */
void rq_py_free(PyObject *self);

/* For tables of methods. */
#define DOC(text) PyDoc_STR(text)
#define FAST(function) ((PyCFunction)(void (*)(void))(function))
#define KEYWORDS (METH_FASTCALL | METH_KEYWORDS)

#endif
