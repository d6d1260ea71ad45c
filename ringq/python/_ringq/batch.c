/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "batch.h"
#include "arguments.h"
#include "lease.h"

/*
 * Many objects in one call. Records of put_many() lie one after another in one piece of memory, large ones too. Those of
 * get_many() are taken into slots of one size; one that is larger ends a batch, and begins the next by itself.
 */
#define MOST ((size_t)1 << 20) /* records in one call of the library */
#define SLOT 256
#define MOST_AT_ONCE 4096 /* objects from one get_many() */

struct batch {
	unsigned char *data;
	struct iovec *records; /* iov_base is an offset until all are there */
	size_t len, room, count, space, done;
};

static bool grow_data(struct batch *batch, size_t by)
{
	size_t room = batch->room ? batch->room : 4096;
	void *data;

	while (room - batch->len < by)
		room *= 2;
	if (room == batch->room)
		return true;
	data = realloc(batch->data, room);
	if (!data)
		return false;
	batch->data = data;
	batch->room = room;
	return true;
}

static bool grow_records(struct batch *batch)
{
	size_t space = batch->space ? batch->space * 2 : 64;
	void *records;

	if (batch->count < batch->space)
		return true;
	records = realloc(batch->records, space * sizeof(*batch->records));
	if (!records)
		return false;
	batch->records = records;
	batch->space = space;
	return true;
}

static bool append(struct state *state, struct batch *batch, PyObject *object)
{
	struct record record;
	bool room;

	if (!rq_py_encode(state, object, &record))
		return false;
	room = grow_data(batch, record.total) && grow_records(batch);
	if (room) {
		rq_py_write(&record, batch->data + batch->len);
		batch->records[batch->count++] = (struct iovec){(void *)(uintptr_t)batch->len, record.total};
		batch->len += record.total;
	} else {
		PyErr_NoMemory();
	}
	rq_py_end(state, &record);
	return room;
}

static bool append_all(struct state *state, struct batch *batch, PyObject *objects)
{
	PyObject *iterator = PyObject_GetIter(objects), *object;
	bool good = iterator != NULL;
	size_t i;

	while (good && (object = PyIter_Next(iterator))) {
		good = append(state, batch, object);
		Py_DECREF(object);
	}
	Py_XDECREF(iterator);
	for (i = 0; i < batch->count; i++)
		batch->records[i].iov_base = batch->data + (uintptr_t)batch->records[i].iov_base;
	return good && !PyErr_Occurred();
}

struct putting {
	ringq_queue *queue;
	struct batch *batch;
};

static ssize_t try_put_many(void *context, int64_t timeout)
{
	struct putting *putting = context;
	struct batch *batch = putting->batch;
	ssize_t result = 0;

	while (batch->done < batch->count) {
		size_t n = batch->count - batch->done;

		result = ringq_put_many(putting->queue, batch->records + batch->done, n < MOST ? n : MOST, timeout);
		if (result < 0)
			break;
		batch->done += (size_t)result;
	}
	return result;
}

PyObject *rq_py_put_many(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *keywords)
{
	static const char *const names[] = {"objects", "block", "timeout"};
	struct queue *queue = (struct queue *)self;
	struct batch batch = {.count = 0};
	struct putting putting = {queue->handle, &batch};
	PyObject *values[3];
	int64_t timeout;
	ssize_t result = -EBADF;

	if (!rq_py_arguments("put_many", args, nargs, keywords, names, 3, 1, values) ||
		!rq_py_timeout(values[1], values[2], &timeout) || !rq_py_handle(queue))
		return NULL;
	if (!append_all(queue->state, &batch, values[0]))
		goto end;
	if (!queue->use.closed) {
		queue->used = true;
		result = try_put_many(&putting, RINGQ_NOWAIT);
		if (timeout != RINGQ_NOWAIT && (result == -EAGAIN || (result == -ENOMEM && !ringq_empty(queue->handle))))
			result = rq_py_wait(&queue->use, try_put_many, &putting, timeout, queue->handle);
	}
end:
	free(batch.records);
	free(batch.data);
	if (PyErr_Occurred())
		return NULL;
	if (batch.done > 0 || batch.count == 0)
		return PyLong_FromSize_t(batch.done);
	return rq_py_queue_failed(queue, result, SIDE_PUT);
}

struct getting {
	ringq_queue *queue;
	struct iovec *records;
	size_t n;
};

static ssize_t try_get_many(void *context, int64_t timeout)
{
	struct getting *getting = context;

	return ringq_get_many(getting->queue, getting->records, getting->n, timeout);
}

/* The objects of records. If some cannot be made, the first one's exception, with the others as its `objects`. */
static PyObject *decode_all(struct queue *queue, const struct iovec *records, ssize_t count)
{
	PyObject *list = PyList_New(0), *object, *type = NULL, *value, *traceback;
	ssize_t i;

	for (i = 0; list && i < count; i++) {
		object = rq_py_decode(queue->state, records[i].iov_base, records[i].iov_len, NULL);
		if (object && PyList_Append(list, object) < 0)
			Py_CLEAR(list);
		Py_XDECREF(object);
		if (!object && !type)
			PyErr_Fetch(&type, &value, &traceback);
		else if (!object)
			PyErr_Clear();
	}
	if (!type)
		return list;
	PyErr_NormalizeException(&type, &value, &traceback);
	if (!list || !value || PyObject_SetAttrString(value, "objects", list) < 0)
		PyErr_Clear();
	Py_XDECREF(list);
	PyErr_Restore(type, value, traceback);
	return NULL;
}

/* One record of any size, for the one that is larger than a slot. */
static PyObject *get_one(struct queue *queue)
{
	PyObject *object, *list;
	ssize_t error;

	object = rq_py_get(queue->state, &queue->use, queue->handle, RINGQ_NOWAIT, &error);
	if (error < 0)
		return rq_py_queue_failed(queue, error, SIDE_GET);
	if (!object)
		return NULL;
	list = PyList_New(1);
	if (!list)
		Py_DECREF(object);
	else
		PyList_SetItem(list, 0, object);
	return list;
}

PyObject *rq_py_get_many(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *keywords)
{
	static const char *const names[] = {"n", "block", "timeout"};
	struct queue *queue = (struct queue *)self;
	struct getting getting = {.queue = queue->handle};
	PyObject *values[3], *list = NULL;
	unsigned char *slots;
	int64_t timeout, n, end;
	ssize_t result;
	size_t i;

	if (!rq_py_arguments("get_many", args, nargs, keywords, names, 3, 1, values) || !rq_py_int64(values[0], &n) ||
		!rq_py_timeout(values[1], values[2], &timeout) || !rq_py_handle(queue))
		return NULL;
	if (n < 1) {
		PyErr_SetString(PyExc_ValueError, "n must be at least 1");
		return NULL;
	}
	if (queue->acknowledged)
		return rq_py_get_many_to_hold(queue, n < MOST_AT_ONCE ? n : MOST_AT_ONCE, timeout);
	getting.n = n < MOST_AT_ONCE ? (size_t)n : MOST_AT_ONCE;
	end = timeout > 0 ? rq_py_now() + timeout : 0;
	slots = malloc(getting.n * (SLOT + sizeof(struct iovec)));
	if (!slots)
		return PyErr_NoMemory();
	getting.records = (struct iovec *)(slots + getting.n * SLOT);
	for (i = 0; i < getting.n; i++)
		getting.records[i] = (struct iovec){slots + i * SLOT, SLOT};
	do {
		result = rq_py_try(&queue->use, try_get_many, &getting, timeout, queue->handle);
		if (queue->use.watched)
			rq_py_settle(queue->handle);
		if (result >= 0)
			list = decode_all(queue, getting.records, result);
		else if (result == -EMSGSIZE)
			list = get_one(queue);
		else
			rq_py_queue_failed(queue, result, SIDE_GET);
		if (timeout > 0 && (timeout = end - rq_py_now()) < 0)
			timeout = 0;
		/* else another consumer took the large one */
	} while (!list && result == -EMSGSIZE && timeout != RINGQ_NOWAIT &&
		 PyErr_ExceptionMatches(queue->state->empty) && (PyErr_Clear(), true));
	free(slots);
	return list;
}
