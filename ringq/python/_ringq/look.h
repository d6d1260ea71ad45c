/* SPDX-License-Identifier: MIT */
#ifndef RINGQ_PYTHON_LOOK_H
#define RINGQ_PYTHON_LOOK_H

#include "handle.h"

PyObject *rq_py_stat(PyObject *self, PyObject *unused);

/* Up to so many of the objects that wait, as a list. */
PyObject *rq_py_browse(struct queue *queue, PyObject *number);

#endif
