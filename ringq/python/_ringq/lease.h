/* SPDX-License-Identifier: MIT */
#ifndef RINGQ_PYTHON_LEASE_H
#define RINGQ_PYTHON_LEASE_H

#include "handle.h"

extern PyType_Spec rq_py_lease_spec;

/* get() and get_many() of a queue that acknowledges: what they take stays in the queue object's hands until task_done(). */
PyObject *rq_py_get_to_hold(struct queue *queue, int64_t timeout);
PyObject *rq_py_get_many_to_hold(struct queue *queue, int64_t n, int64_t timeout);

PyObject *rq_py_task_done(PyObject *self, PyObject *unused);
PyObject *rq_py_join(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *keywords);
PyObject *rq_py_lease(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *keywords);

#endif
