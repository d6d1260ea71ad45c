/* SPDX-License-Identifier: MIT */
#include "state.h"

/* --- The module's --- */

#define EACH_OBJECT(state, do)             \
	do                                 \
		(state->empty);            \
	do                                 \
		(state->full);             \
	do                                 \
		(state->closed);           \
	do                                 \
		(state->array_type);       \
	do                                 \
		(state->dead_letter_type); \
	do                                 \
		(state->lease_type);       \
	do                                 \
		(state->lock_type);        \
	do                                 \
		(state->memory_type);      \
	do                                 \
		(state->queue_type);       \
	do                                 \
		(state->reducers_type);    \
	do                                 \
		(state->region_type);      \
	do                                 \
		(state->writer_type);      \
	do                                 \
		(state->loads);            \
	do                                 \
	(state->writer)

static int traverse(PyObject *module, visitproc visit, void *arg)
{
	struct state *state = PyModule_GetState(module);

	EACH_OBJECT(state, Py_VISIT);
	return 0;
}

static int clear(PyObject *module)
{
	struct state *state = PyModule_GetState(module);

	EACH_OBJECT(state, Py_CLEAR);
	return 0;
}

static void end(void *module)
{
	clear(module);
}

struct PyModuleDef rq_py_definition = {
	PyModuleDef_HEAD_INIT,
	.m_name = "ringq._ringq",
	.m_doc = DOC("What the packages ringq and ringq.multiprocessing are made of. Use those."),
	.m_size = sizeof(struct state),
	.m_traverse = traverse,
	.m_clear = clear,
	.m_free = end,
};

struct state *rq_py_state(PyTypeObject *type)
{
	for (; type; type = PyType_GetSlot(type, Py_tp_base)) {
		PyObject *module;

		if (!(PyType_GetFlags(type) & Py_TPFLAGS_HEAPTYPE))
			break;
		module = PyType_GetModule(type);
		if (!module)
			PyErr_Clear(); /* a class made in Python */
		else if (PyModule_GetDef(module) == &rq_py_definition)
			return PyModule_GetState(module);
	}
	PyErr_SetString(PyExc_SystemError, "not a type of ringq");
	return NULL;
}

/* --- What failed --- */

PyObject *rq_py_raise(ssize_t error)
{
	if (PyErr_Occurred())
		return NULL;
	if (error == -ENOMEM)
		return PyErr_NoMemory();
	errno = (int)-error;
	return PyErr_SetFromErrno(PyExc_OSError);
}

PyObject *rq_py_raise_queue(struct state *state, ssize_t error, enum rq_py_side side)
{
	if (PyErr_Occurred())
		return NULL;
	switch (error) {
	case -EAGAIN:
	case -ETIMEDOUT:
		PyErr_SetNone(side == SIDE_PUT ? state->full : state->empty);
		return NULL;
	case -EPIPE:
		PyErr_SetString(state->closed, "the queue was shut down");
		return NULL;
	case -EMSGSIZE:
		PyErr_SetString(PyExc_ValueError, "the object is larger than the queue's region");
		return NULL;
	default:
		return rq_py_raise(error);
	}
}

/* --- Objects --- */

PyObject *rq_py_no_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
	(void)args, (void)keywords;
	return PyErr_Format(PyExc_TypeError, "cannot create %R instances", type);
}

void rq_py_free(PyObject *self)
{
	PyTypeObject *type = Py_TYPE(self);

	((freefunc)PyType_GetSlot(type, Py_tp_free))(self);
	Py_DECREF(type);
}
