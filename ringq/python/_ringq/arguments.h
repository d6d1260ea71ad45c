/* SPDX-License-Identifier: MIT */
#ifndef RINGQ_PYTHON_ARGUMENTS_H
#define RINGQ_PYTHON_ARGUMENTS_H

#include "state.h"

/* What a method was called with. Each returns false with an exception set if that does not serve. */

/* Parses `block=True, timeout=None` into ringq's timeout. false with an exception set. */
bool rq_py_timeout(PyObject *block, PyObject *timeout, int64_t *out);

/*
 * Arguments of a METH_FASTCALL | METH_KEYWORDS method: fills values[i] with the argument called names[i], or leaves it
 * NULL. The first `required` must be there. false with a TypeError set.
 */
bool rq_py_arguments(const char *function, PyObject *const *args, Py_ssize_t nargs, PyObject *keywords,
	const char *const *names, int count, int required, PyObject **values);

/* Converts to int64_t; values of 2^63 and more become negative. false with an exception set. */
bool rq_py_int64(PyObject *number, int64_t *out);

#endif
