/* SPDX-License-Identifier: MIT */
#include "arguments.h"

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
