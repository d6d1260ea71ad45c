/* SPDX-License-Identifier: MIT */

/* What a queue has in it, and how it is. */

#include <stdlib.h>
#include <ringq/look.h>

#include "look.h"
#include "arguments.h"

PyObject *rq_py_stat(PyObject *self, PyObject *unused)
{
	struct queue *queue = (struct queue *)self;
	struct ringq_queue_stat stat;
	int error;

	(void)unused;
	if (!queue->handle)
		return rq_py_queue_failed(queue, -EBADF, SIDE_GET);
	error = ringq_queue_stat(queue->handle, &stat);
	if (error)
		return rq_py_raise(error);
	return Py_BuildValue("{sKsKsKsKsKsIsIsIsIsOsOsOss}", "records_in", (unsigned long long)stat.records_in,
		"records_out", (unsigned long long)stat.records_out, "bytes_held", (unsigned long long)stat.bytes_held,
		"max_records", (unsigned long long)stat.max_records, "max_bytes", (unsigned long long)stat.max_bytes,
		"order", stat.order, "flags", stat.flags, "lanes", stat.lanes, "producers", stat.producers, "closed",
		stat.closed ? Py_True : Py_False, "consumers_asleep", stat.consumers_asleep ? Py_True : Py_False,
		"producers_asleep", stat.producers_asleep ? Py_True : Py_False, "name", stat.name);
}

/* --- A look at several objects --- */

/* A browser shows a record once: one that is larger than the buffer is seen whole by browsing again, with a larger one. */
struct looking {
	ringq_browser *browser;
	unsigned char *data;
	size_t size;
};

enum { TRIES = 1000 }; /* beside others that take all the time */

static ssize_t next_waiting(struct looking *l)
{
	struct ringq_record_info info;
	ssize_t len;
	int tries = 0;

	do
		len = ringq_browse_next(l->browser, l->data, l->size, &info);
	while ((len == -EAGAIN && ++tries < TRIES) || (len >= 0 && info.in_hand));
	return len;
}

/* Up to n objects. With a record that is too large, its length in *larger, and None. */
static PyObject *browse(struct queue *queue, struct looking *l, int64_t n, size_t *larger)
{
	PyObject *list = PyList_New(0), *object;
	ssize_t len;
	int error = 0;

	while (list && error == 0 && PyList_Size(list) < n) {
		len = next_waiting(l);
		if (len == -ENOENT || len == -EAGAIN)
			break;
		if (len < 0) {
			rq_py_raise(len);
			Py_CLEAR(list);
		} else if ((size_t)len > l->size) {
			*larger = (size_t)len;
			break;
		} else {
			object = rq_py_decode(queue->state, l->data, (size_t)len, NULL);
			error = object ? PyList_Append(list, object) : -1;
			Py_XDECREF(object);
		}
	}
	if (error < 0)
		Py_CLEAR(list);
	return list;
}

PyObject *rq_py_browse(struct queue *queue, PyObject *number)
{
	ringq_queue *handle = rq_py_handle(queue);
	struct looking l = {.size = SMALL};
	PyObject *list = NULL;
	size_t larger;
	int64_t n;

	if (!handle || !rq_py_int64(number, &n))
		return NULL;
	if (n < 1) {
		PyErr_SetString(PyExc_ValueError, "n must be at least 1");
		return NULL;
	}
	do {
		int error;

		Py_CLEAR(list);
		free(l.data);
		l.data = malloc(l.size);
		if (!l.data)
			return PyErr_NoMemory();
		error = ringq_browse(&l.browser, handle);
		if (error) {
			free(l.data);
			return rq_py_raise(error);
		}
		larger = 0;
		list = browse(queue, &l, n, &larger);
		ringq_browse_end(l.browser);
		if (larger)
			l.size = larger > 2 * l.size ? larger : 2 * l.size;
	} while (list && larger);
	free(l.data);
	return list;
}
