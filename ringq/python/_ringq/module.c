/* SPDX-License-Identifier: MIT */
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "module.h"

/* --- What the other files share --- */

static struct PyModuleDef definition;

struct state *rq_py_state(PyTypeObject *type)
{
	for (; type; type = PyType_GetSlot(type, Py_tp_base)) {
		PyObject *module;

		if (!(PyType_GetFlags(type) & Py_TPFLAGS_HEAPTYPE))
			break;
		module = PyType_GetModule(type);
		if (!module)
			PyErr_Clear(); /* a class made in Python */
		else if (PyModule_GetDef(module) == &definition)
			return PyModule_GetState(module);
	}
	PyErr_SetString(PyExc_SystemError, "not a type of ringq");
	return NULL;
}

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

bool rq_py_timeout(PyObject *block, PyObject *timeout, int64_t *out)
{
	int blocks = block ? PyObject_IsTrue(block) : 1;
	double seconds;

	if (blocks < 0)
		return false;
	*out = RINGQ_FOREVER;
	if (timeout && timeout != Py_None) {
		seconds = PyFloat_AsDouble(timeout);
		if (seconds == -1 && PyErr_Occurred())
			return false;
		if (seconds != seconds) {
			PyErr_SetString(PyExc_ValueError, "the timeout is not a number");
			return false;
		}
		if (seconds <= 0)
			*out = RINGQ_NOWAIT;
		else if (seconds < 9e9)
			*out = (int64_t)(seconds * 1e9) + 1;
	}
	if (!blocks)
		*out = RINGQ_NOWAIT;
	return true;
}

static int index_of(PyObject *name, const char *const *names, int count)
{
	int i;

	for (i = 0; i < count; i++) {
		if (PyUnicode_CompareWithASCIIString(name, names[i]) == 0)
			return i;
	}
	return -1;
}

bool rq_py_arguments(const char *function, PyObject *const *args, Py_ssize_t nargs, PyObject *keywords,
	const char *const *names, int count, int required, PyObject **values)
{
	Py_ssize_t n = keywords ? PyTuple_Size(keywords) : 0, k;
	int i;

	if (nargs > count) {
		PyErr_Format(PyExc_TypeError, "%s() takes at most %d arguments (%zd given)", function, count, nargs + n);
		return false;
	}
	for (i = 0; i < count; i++)
		values[i] = i < nargs ? args[i] : NULL;
	for (k = 0; k < n; k++) {
		PyObject *name = PyTuple_GetItem(keywords, k);

		i = index_of(name, names, count);
		if (i < 0) {
			PyErr_Format(PyExc_TypeError, "%s() got an unexpected keyword argument '%U'", function, name);
			return false;
		}
		if (values[i]) {
			PyErr_Format(PyExc_TypeError, "%s() got multiple values for argument '%U'", function, name);
			return false;
		}
		values[i] = args[nargs + k];
	}
	for (i = 0; i < required; i++) {
		if (!values[i]) {
			PyErr_Format(PyExc_TypeError, "%s() missing required argument '%s'", function, names[i]);
			return false;
		}
	}
	return true;
}

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

int64_t rq_py_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

bool rq_py_int64(PyObject *number, int64_t *out)
{
	PyObject *index;
	int overflow;

	if (PyLong_CheckExact(number)) {
		*out = PyLong_AsLongLongAndOverflow(number, &overflow);
		if (!overflow)
			return true;
	}
	index = PyNumber_Index(number);
	if (!index)
		return false;
	*out = PyLong_AsLongLongAndOverflow(index, &overflow);
	if (overflow > 0)
		*out = (int64_t)PyLong_AsUnsignedLongLong(index);
	else if (overflow < 0)
		PyErr_SetString(PyExc_OverflowError, "the number is below -2**63");
	Py_DECREF(index);
	return !PyErr_Occurred();
}

/*
 * Python's handlers of signals run in one thread. There a handler that the kernel runs ends a sleep at once; only where that
 * comes right before the sleep is it seen at the end of a slice. Waits of other threads are in one piece: rq_py_close() ends
 * them.
 */
#define SLICE RINGQ_MS(100)

static unsigned long main_thread; /* as the import found it */

/* In a child of fork it is the only one, which has the number of the process. */
static bool runs_handlers(void)
{
	return gettid() == getpid() || PyThread_get_thread_ident() == main_thread;
}

static void set_interruptible(struct use *use, ringq_queue *queue, bool on)
{
	if (queue)
		ringq_queue_interruptible(queue, on);
	else
		ringq_array_interruptible(use->array, on);
}

static ssize_t wait_slice(struct use *use, rq_py_attempt *attempt, void *context, int64_t timeout, ringq_queue *queue)
{
	bool main = runs_handlers();
	PyThreadState *thread;
	ssize_t result;

	use->waiting++;
	thread = PyEval_SaveThread();
	if (main)
		set_interruptible(use, queue, true);
	result = attempt(context, main && (timeout < 0 || timeout > SLICE) ? SLICE : timeout);
	if (main)
		set_interruptible(use, queue, false);
	PyEval_RestoreThread(thread);
	use->waiting--;
	return result;
}

static int find_main_thread(void)
{
	PyObject *threading = PyImport_ImportModule("threading");
	PyObject *thread = threading ? PyObject_CallMethod(threading, "main_thread", NULL) : NULL;
	PyObject *number = thread ? PyObject_GetAttrString(thread, "ident") : NULL;

	if (number)
		main_thread = PyLong_AsUnsignedLong(number);
	Py_XDECREF(number);
	Py_XDECREF(thread);
	Py_XDECREF(threading);
	return PyErr_Occurred() ? -1 : 0;
}

ssize_t rq_py_wait(struct use *use, rq_py_attempt *attempt, void *context, int64_t timeout, ringq_queue *queue)
{
	int64_t end = timeout > 0 ? rq_py_now() + timeout : 0;
	PyThreadState *thread;
	ssize_t result;

	if (timeout == RINGQ_NOWAIT)
		return -EAGAIN;
	for (;;) {
		result = wait_slice(use, attempt, context, timeout, queue);
		if (result != -ETIMEDOUT && result != -EAGAIN && result != -ENOMEM && result != -EINTR)
			return result;
		if (use->closed)
			return -EBADF;
		if (PyErr_CheckSignals() < 0)
			return -EINTR;
		if (timeout > 0) {
			timeout = end - rq_py_now();
			if (timeout <= 0)
				return result == -ENOMEM ? result : -ETIMEDOUT;
		}
		if (result == -ENOMEM) { /* others may give some back */
			thread = PyEval_SaveThread();
			nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
			PyEval_RestoreThread(thread);
		}
	}
}

ssize_t rq_py_try(struct use *use, rq_py_attempt *attempt, void *context, int64_t timeout, ringq_queue *queue)
{
	ssize_t result = attempt(context, RINGQ_NOWAIT);

	return result == -EAGAIN && timeout != RINGQ_NOWAIT ? rq_py_wait(use, attempt, context, timeout, queue) : result;
}

void rq_py_close(struct use *use, ringq_queue *queue)
{
	use->closed = true;
	if (queue && use->waiting > 0)
		ringq_interrupt(queue);
}

/* --- The module --- */

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
	if (!state->loads || find_main_thread() < 0 || add_exceptions(module, state) < 0 ||
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

static struct PyModuleDef definition = {
	PyModuleDef_HEAD_INIT,
	.m_name = "ringq._ringq",
	.m_doc = DOC("What the packages ringq and ringq.multiprocessing are made of. Use those."),
	.m_size = sizeof(struct state),
	.m_methods = methods,
	.m_slots = slots,
	.m_traverse = traverse,
	.m_clear = clear,
	.m_free = end,
};

PyMODINIT_FUNC PyInit__ringq(void)
{
	return PyModuleDef_Init(&definition);
}
