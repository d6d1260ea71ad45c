/* SPDX-License-Identifier: MIT */
#ifndef RINGQ_PYTHON_CONNECTION_H
#define RINGQ_PYTHON_CONNECTION_H

#include "state.h"

extern PyType_Spec rq_py_connection_spec;

/* Of the module: makes a pipe, and a connection of each of its ends. */
PyObject *rq_py_pipe(PyObject *module, PyObject *const *args, Py_ssize_t nargs);

#endif
