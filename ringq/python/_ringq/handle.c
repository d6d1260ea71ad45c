/* SPDX-License-Identifier: MIT */
#include "handle.h"

PyObject *rq_py_closed_queue(struct queue *queue)
{
	return PyErr_Format(PyExc_ValueError, "Queue %R is closed", queue);
}

ringq_queue *rq_py_handle(struct queue *queue)
{
	if (queue->handle && !queue->use.closed)
		return queue->handle;
	rq_py_closed_queue(queue);
	return NULL;
}

PyObject *rq_py_queue_failed(struct queue *queue, ssize_t error, enum rq_py_side side)
{
	if (error == -EBADF && !PyErr_Occurred())
		return rq_py_closed_queue(queue);
	return rq_py_raise_queue(queue->state, error, side);
}
