/* SPDX-License-Identifier: MIT */
#ifndef RINGQ_PYTHON_BATCH_H
#define RINGQ_PYTHON_BATCH_H

#include "handle.h"

PyObject *rq_py_put_many(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *keywords);
PyObject *rq_py_get_many(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *keywords);

#endif
