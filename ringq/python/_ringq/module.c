/* SPDX-License-Identifier: MIT */

/* The extension module ringq._ringq: the objects that the Python packages ringq and ringq.multiprocessing are made of. */

#include <string.h>

#include "array.h"
#include "codec.h"
#include "connection.h"
#include "lease.h"
#include "pickle.h"
#include "queue.h"
#include "region.h"
#include "use.h"

static const char *const exceptions[] = {"Empty", "Full"};

static int add(PyObject *module, const char *name, PyObject *object)
{
	if (!object)
		return -1;
	Py_INCREF(object); /* which PyModule_AddObject() takes, if it works */
	if (PyModule_AddObject(module, name, object) == 0)
		return 0;
	Py_DECREF(object);
	return -1;
}

/* A type with a small letter is for C code only. */
static int add_type(PyObject *module, PyTypeObject **kept, PyType_Spec *spec, PyObject *base)
{
	PyObject *bases = base ? PyTuple_Pack(1, base) : NULL;
	PyObject *type;
	const char *name = strrchr(spec->name, '.') + 1;

	if (base && !bases)
		return -1;
	type = PyType_FromModuleAndSpec(module, spec, bases);
	Py_XDECREF(bases);
	if (!type)
		return -1;
	if (name[0] >= 'A' && name[0] <= 'Z' && add(module, name, type) < 0) {
		Py_DECREF(type);
		return -1;
	}
	if (kept)
		*kept = (PyTypeObject *)type;
	else
		Py_DECREF(type);
	return 0;
}

static int add_exceptions(PyObject *module, struct state *state)
{
	PyObject *queue = PyImport_ImportModule("queue"), *base, **kept[] = {&state->empty, &state->full};
	size_t i;

	for (i = 0; queue && i < 2; i++) {
		*kept[i] = PyObject_GetAttrString(queue, exceptions[i]);
		if (!*kept[i] || add(module, exceptions[i], *kept[i]) < 0)
			Py_CLEAR(queue);
	}
	if (!queue)
		return -1;
	base = PyObject_GetAttrString(queue, "ShutDown"); /* Python 3.13 */
	Py_DECREF(queue);
	if (!base)
		PyErr_Clear();
	state->closed = PyErr_NewExceptionWithDoc("ringq.Closed",
		"The queue was shut down for everybody, and for gets: all that was in it has been taken.",
		base ? base : PyExc_Exception, NULL);
	Py_XDECREF(base);
	return add(module, "Closed", state->closed);
}

static int add_dead_letter(PyObject *module, struct state *state)
{
	state->dead_letter_type = PyStructSequence_NewType(&rq_py_dead_letter);
	return add(module, "DeadLetter", (PyObject *)state->dead_letter_type);
}

static int execute(PyObject *module)
{
	struct state *state = PyModule_GetState(module);
	PyObject *pickle;

	memset(state, 0, sizeof(*state));
	if (PyInterpreterState_GetID(PyInterpreterState_Get()) != 0) {
		PyErr_SetString(PyExc_ImportError, "ringq cannot be used in a subinterpreter");
		return -1;
	}
	pickle = PyImport_ImportModule("pickle");
	if (!pickle)
		return -1;
	state->loads = PyObject_GetAttrString(pickle, "loads");
	Py_DECREF(pickle);
	if (!state->loads || rq_py_find_main_thread() < 0 || add_exceptions(module, state) < 0 ||
		add_dead_letter(module, state) < 0 ||
		add_type(module, &state->memory_type, &rq_py_memory_spec, NULL) < 0 ||
		add_type(module, &state->writer_type, &rq_py_writer_spec, NULL) < 0 ||
		add_type(module, &state->reducers_type, &rq_py_reducers_spec, NULL) < 0 ||
		add_type(module, &state->region_type, &rq_py_region_spec, NULL) < 0 ||
		add_type(module, &state->queue_type, &rq_py_queue_spec, NULL) < 0 ||
		add_type(module, NULL, &rq_py_simple_queue_spec, (PyObject *)state->queue_type) < 0 ||
		add_type(module, &state->lease_type, &rq_py_lease_spec, NULL) < 0 ||
		add_type(module, NULL, &rq_py_connection_spec, NULL) < 0 ||
		add_type(module, &state->lock_type, &rq_py_lock_spec, NULL) < 0 ||
		add_type(module, &state->array_type, &rq_py_array_spec, NULL) < 0 ||
		add_type(module, NULL, &rq_py_value_spec, (PyObject *)state->array_type) < 0)
		return -1;
	return 0;
}

static PyMethodDef methods[] = {
	{"pipe", (PyCFunction)(void (*)(void))rq_py_pipe, METH_FASTCALL,
		DOC("pipe(connection_type, region, duplex) -> two connections")},
	{NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {
	{Py_mod_exec, execute},
#ifdef Py_GIL_DISABLED
	{Py_mod_gil, Py_MOD_GIL_USED},
#endif
	{0, NULL},
};

PyMODINIT_FUNC PyInit__ringq(void)
{
	rq_py_definition.m_methods = methods;
	rq_py_definition.m_slots = slots;
	return PyModuleDef_Init(&rq_py_definition);
}
