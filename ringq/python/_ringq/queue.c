/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "queue.h"
#include "arguments.h"
#include "batch.h"
#include "lease.h"
#include "look.h"
#include "region.h"

/* --- Making --- */

static PyObject *queue_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
	struct state *state = rq_py_state(type);
	struct queue *queue;

	(void)args, (void)keywords;
	if (!state)
		return NULL;
	queue = (struct queue *)PyType_GenericAlloc(type, 0);
	if (queue)
		queue->state = state;
	return (PyObject *)queue;
}

static int queue_traverse(PyObject *self, visitproc visit, void *arg)
{
	Py_VISIT(Py_TYPE(self));
	Py_VISIT(((struct queue *)self)->region);
	return 0;
}

static int queue_clear(PyObject *self)
{
	Py_CLEAR(((struct queue *)self)->region);
	return 0;
}

static void queue_dealloc(PyObject *self)
{
	PyObject_GC_UnTrack(self);
	ringq_queue_release(
		((struct queue *)self)->handle); /* nobody waits: a call holds the object. What is in hand goes back */
	free(((struct queue *)self)->hands.ring);
	queue_clear(self);
	rq_py_free(self);
}

static PyObject *set_handle(struct queue *queue, ringq_queue *handle, PyObject *region, unsigned flags)
{
	if (queue->handle) {
		ringq_queue_release(handle);
		PyErr_SetString(PyExc_RuntimeError, "the queue object has a queue already");
		return NULL;
	}
	queue->handle = handle;
	queue->acknowledged = flags & RINGQ_ACKNOWLEDGED;
	Py_INCREF(region);
	queue->region = region;
	Py_RETURN_NONE;
}

static bool check_name(PyObject *object, const char **name)
{
	Py_ssize_t len;

	*name = NULL;
	if (!object || object == Py_None)
		return true;
	if (!PyUnicode_Check(object)) {
		PyErr_Format(PyExc_TypeError, "the name must be a str or None, not %R", Py_TYPE(object));
		return false;
	}
	*name = PyUnicode_AsUTF8AndSize(object, &len);
	if (*name && (len < 1 || len > 63 || strlen(*name) != (size_t)len)) {
		PyErr_SetString(PyExc_ValueError, "a name has 1 to 63 bytes, none of them 0");
		return false;
	}
	return *name != NULL;
}

static PyObject *name_error(ssize_t error, PyObject *name)
{
	if ((error != -EEXIST && error != -ENOENT) || !name)
		return rq_py_raise(error);
	errno = (int)-error;
	return PyErr_SetFromErrnoWithFilenameObject(PyExc_OSError, name);
}

static PyObject *queue_create(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *keywords)
{
	static const char *const names[] = {"region", "name", "max_records", "max_bytes", "order", "max_producers",
		"flags", "max_attempts", "dead_letters"};
	struct ringq_queue_options options = {.max_bytes = RINGQ_UNBOUNDED};
	PyObject *values[9];
	ringq_region *region;
	ringq_queue *handle;
	int64_t numbers[6] = {0, -1, 0, 0, 0, 0};
	int error, i;

	if (!rq_py_arguments("_create", args, nargs, keywords, names, 9, 1, values) ||
		!(region = rq_py_region(values[0])) || !check_name(values[1], &options.name) ||
		!check_name(values[8], &options.dead_letters))
		return NULL;
	for (i = 0; i < 6; i++) {
		if (values[i + 2] && values[i + 2] != Py_None && !rq_py_int64(values[i + 2], &numbers[i]))
			return NULL;
	}
	options.max_records = (uint64_t)numbers[0];
	options.max_bytes = (uint64_t)numbers[1];
	options.order = (unsigned)numbers[2];
	options.max_producers = (unsigned)numbers[3];
	options.flags = (unsigned)numbers[4];
	options.max_attempts = (unsigned)numbers[5];
	error = ringq_queue_create(&handle, region, &options);
	return error ? name_error(error, values[1]) : set_handle((struct queue *)self, handle, values[0], options.flags);
}

static PyObject *queue_open(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *keywords)
{
	static const char *const names[] = {"region", "name"};
	PyObject *values[2];
	ringq_region *region;
	struct ringq_queue_stat stat;
	ringq_queue *handle;
	const char *name;
	int error;

	if (!rq_py_arguments("_open", args, nargs, keywords, names, 2, 1, values) ||
		!(region = rq_py_region(values[0])) || !check_name(values[1], &name))
		return NULL;
	error = ringq_queue_open(&handle, region, name);
	if (error)
		return name_error(error, values[1]);
	error = ringq_queue_stat(handle, &stat);
	if (error) {
		ringq_queue_release(handle);
		return rq_py_raise(error);
	}
	return set_handle((struct queue *)self, handle, values[0], stat.flags);
}

/* --- One object --- */

static PyObject *put(struct queue *queue, PyObject *object, int64_t timeout)
{
	ringq_queue *handle = rq_py_handle(queue);
	struct record record;
	ssize_t result;

	if (!handle || !rq_py_encode(queue->state, object, &record))
		return NULL;
	if (queue->use.closed) { /* by a reducer of the object */
		result = -EBADF;
	} else {
		result = rq_py_put(&queue->use, handle, &record, timeout);
		queue->used = true;
	}
	rq_py_end(queue->state, &record);
	if (result < 0)
		return rq_py_queue_failed(queue, result, SIDE_PUT);
	Py_RETURN_NONE;
}

static PyObject *get(struct queue *queue, int64_t timeout)
{
	ringq_queue *handle = rq_py_handle(queue);
	PyObject *object;
	ssize_t error;

	if (!handle)
		return NULL;
	if (queue->acknowledged)
		return rq_py_get_to_hold(queue, timeout);
	object = rq_py_get(queue->state, &queue->use, handle, timeout, &error);
	return error < 0 ? rq_py_queue_failed(queue, error, SIDE_GET) : object;
}

static PyObject *queue_put(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *keywords)
{
	static const char *const names[] = {"obj", "block", "timeout"};
	PyObject *values[3];
	int64_t timeout;

	if (nargs == 1 && !keywords)
		return put((struct queue *)self, args[0], RINGQ_FOREVER);
	if (!rq_py_arguments("put", args, nargs, keywords, names, 3, 1, values) ||
		!rq_py_timeout(values[1], values[2], &timeout))
		return NULL;
	return put((struct queue *)self, values[0], timeout);
}

static PyObject *queue_get(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *keywords)
{
	static const char *const names[] = {"block", "timeout"};
	PyObject *values[2];
	int64_t timeout;

	if (nargs == 0 && !keywords)
		return get((struct queue *)self, RINGQ_FOREVER);
	if (!rq_py_arguments("get", args, nargs, keywords, names, 2, 0, values) ||
		!rq_py_timeout(values[0], values[1], &timeout))
		return NULL;
	return get((struct queue *)self, timeout);
}

static PyObject *queue_put_nowait(PyObject *self, PyObject *object)
{
	return put((struct queue *)self, object, RINGQ_NOWAIT);
}

static PyObject *queue_get_nowait(PyObject *self, PyObject *unused)
{
	(void)unused;
	return get((struct queue *)self, RINGQ_NOWAIT);
}

static PyObject *peek(struct queue *queue)
{
	ringq_queue *handle = rq_py_handle(queue);
	unsigned char small[SMALL], *data = small;
	size_t size = sizeof(small);
	ssize_t len;

	if (!handle)
		return NULL;
	while ((len = ringq_peek(handle, data, size)) == -EMSGSIZE) { /* its length is not told */
		if (data != small)
			free(data);
		size *= 16;
		data = malloc(size);
		if (!data)
			return PyErr_NoMemory();
	}
	if (len >= 0)
		return rq_py_decode(queue->state, data, (size_t)len, data == small ? NULL : data);
	if (data != small)
		free(data);
	return rq_py_queue_failed(queue, len, SIDE_GET);
}

static PyObject *queue_peek(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *keywords)
{
	static const char *const names[] = {"n"};
	PyObject *n;

	if (!rq_py_arguments("peek", args, nargs, keywords, names, 1, 0, &n))
		return NULL;
	return n && n != Py_None ? rq_py_browse((struct queue *)self, n) : peek((struct queue *)self);
}

static PyObject *queue_iterate(PyObject *self)
{
	Py_INCREF(self);
	return self;
}

static PyObject *queue_next(PyObject *self)
{
	struct queue *queue = (struct queue *)self;
	ringq_queue *handle = rq_py_handle(queue);
	PyObject *object;
	ssize_t error;

	if (!handle)
		return NULL;
	if (queue->acknowledged) {
		object = rq_py_get_to_hold(queue, RINGQ_FOREVER);
		if (!object && PyErr_ExceptionMatches(queue->state->closed))
			PyErr_Clear(); /* the end of the iteration */
		return object;
	}
	object = rq_py_get(queue->state, &queue->use, handle, RINGQ_FOREVER, &error);
	if (error == -EPIPE)
		return NULL; /* the end of the iteration */
	return error < 0 ? rq_py_queue_failed(queue, error, SIDE_GET) : object;
}

/* --- What is in it --- */

/* After close() a queue still answers, as the standard library's does. */
static bool still(struct queue *queue)
{
	if (queue->handle)
		return true;
	rq_py_closed_queue(queue);
	return false;
}

static PyObject *queue_qsize(PyObject *self, PyObject *unused)
{
	(void)unused;
	return still((struct queue *)self) ? PyLong_FromUnsignedLongLong(ringq_size(((struct queue *)self)->handle))
	                                   : NULL;
}

static Py_ssize_t queue_length(PyObject *self)
{
	return still((struct queue *)self) ? (Py_ssize_t)ringq_size(((struct queue *)self)->handle) : -1;
}

static int queue_bool(PyObject *self)
{
	(void)self;
	return 1; /* an empty queue is not false: the standard library's are not, either */
}

static PyObject *queue_empty(PyObject *self, PyObject *unused)
{
	struct queue *queue = (struct queue *)self;

	(void)unused;
	if (!still(queue))
		return NULL;
	if (queue->use.closed && queue->used) {
		PyErr_SetString(PyExc_OSError, "handle is closed");
		return NULL;
	}
	return PyBool_FromLong(ringq_empty(queue->handle));
}

static PyObject *queue_full(PyObject *self, PyObject *unused)
{
	(void)unused;
	return still((struct queue *)self) ? PyBool_FromLong(ringq_full(((struct queue *)self)->handle)) : NULL;
}

static PyObject *queue_close(PyObject *self, PyObject *unused)
{
	struct queue *queue = (struct queue *)self;

	(void)unused;
	rq_py_close(&queue->use, queue->handle);
	Py_RETURN_NONE;
}

static PyObject *queue_shutdown(PyObject *self, PyObject *unused)
{
	ringq_queue *handle = rq_py_handle((struct queue *)self);

	(void)unused;
	if (!handle)
		return NULL;
	ringq_close(handle);
	Py_RETURN_NONE;
}

static PyObject *queue_delete(PyObject *self, PyObject *unused)
{
	ringq_queue *handle = rq_py_handle((struct queue *)self);
	int error;

	(void)unused;
	if (!handle)
		return NULL;
	error = ringq_queue_delete(handle);
	if (error)
		return rq_py_raise_queue(((struct queue *)self)->state, error, SIDE_PUT);
	Py_RETURN_NONE;
}

static PyObject *event_fd(PyObject *self, unsigned what)
{
	ringq_queue *handle = rq_py_handle((struct queue *)self);
	int fd;

	if (!handle)
		return NULL;
	fd = ringq_event_fd_for(handle, what);
	((struct queue *)self)->use.watched |= what == RINGQ_READABLE;
	return fd < 0 ? rq_py_raise(fd) : PyLong_FromLong(fd);
}

static PyObject *queue_fileno(PyObject *self, PyObject *unused)
{
	(void)unused;
	return event_fd(self, RINGQ_READABLE);
}

static PyObject *queue_writable(PyObject *self, PyObject *unused)
{
	(void)unused;
	return event_fd(self, RINGQ_WRITABLE);
}

static PyObject *get_region(PyObject *self, void *unused)
{
	PyObject *region = ((struct queue *)self)->region;

	(void)unused;
	if (!region)
		return rq_py_closed_queue((struct queue *)self);
	Py_INCREF(region);
	return region;
}

static PyObject *get_closed(PyObject *self, void *unused)
{
	(void)unused;
	return PyBool_FromLong(((struct queue *)self)->use.closed);
}

static PyMethodDef queue_methods[] = {
	{"_create", FAST(queue_create), KEYWORDS, NULL},
	{"_open", FAST(queue_open), KEYWORDS, NULL},
	{"put", FAST(queue_put), KEYWORDS,
		DOC("put($self, /, obj, block=True, timeout=None)\n--\n\nPuts an object; it is in the queue when this "
		    "returns.\n\n"
		    "Waits for room, for timeout seconds if it is given. Raises queue.Full: no room in time, or at "
		    "once with\n"
		    "block=False; Closed: shut down for everybody; ValueError: close() was called here, or the object "
		    "is larger\n"
		    "than the region; MemoryError; and what pickling the object raises. Then the object is not in the "
		    "queue.")},
	{"get", FAST(queue_get), KEYWORDS,
		DOC("get($self, /, block=True, timeout=None)\n--\n\nTakes the next object and returns it.\n\n"
		    "Waits for one, for timeout seconds if it is given. Raises queue.Empty: none in time, or at once "
		    "with\n"
		    "block=False; Closed: shut down, and all was taken; ValueError: close() was called here, or the "
		    "record is not\n"
		    "an object; and what unpickling raises, after the object was taken.\n\n"
		    "With acknowledged=True the object stays in hand until task_done(); one that cannot be unpickled "
		    "goes "
		    "back.")},
	{"lease", FAST(rq_py_lease), KEYWORDS,
		DOC("lease($self, /, block=True, timeout=None)\n--\n\nTakes the next object until the lease's ack(): "
		    "`with q.lease() as obj:`.\n\n"
		    "It comes back, before all younger ones, when the block raises, the lease is dropped, or the "
		    "thread that "
		    "took it ends,\nhowever that may be. Raises as get(); ValueError: not of a queue with "
		    "acknowledged=True.")},
	{"task_done", rq_py_task_done, METH_NOARGS,
		DOC("task_done($self, /)\n--\n\nThe oldest object that get() of this queue object took and that is not "
		    "done "
		    "is done.\n\nRaises ValueError: there is none, or it has come back, as the thread that took it has "
		    "ended; not of a queue with acknowledged=True.")},
	{"join", FAST(rq_py_join), KEYWORDS,
		DOC("join($self, /, timeout=None)\n--\n\nWaits until nothing waits and nothing is in anybody's "
		    "hands.\n\nReturns whether that came in timeout seconds. Raises ValueError: not of a queue with "
		    "acknowledged=True.")},
	{"put_nowait", queue_put_nowait, METH_O, DOC("put_nowait($self, obj, /)\n--\n\nput(obj, block=False)")},
	{"get_nowait", queue_get_nowait, METH_NOARGS, DOC("get_nowait($self, /)\n--\n\nget(block=False)")},
	{"put_many", FAST(rq_py_put_many), KEYWORDS,
		DOC("put_many($self, /, objects, block=True, timeout=None)\n--\n\nPuts the objects of an iterable, in "
		    "order, and "
		    "returns how many went in.\n\nAll do, unless time runs out or the queue is shut down meanwhile. "
		    "Raises what put()\n"
		    "does if none went in. An object that cannot be pickled raises before any goes in.")},
	{"get_many", FAST(rq_py_get_many), KEYWORDS,
		DOC("get_many($self, /, n, block=True, timeout=None)\n--\n\nTakes up to n objects that are there and "
		    "returns a "
		    "list of at least one.\n\nWaits for the first only. Raises what get() does; if some object cannot "
		    "be unpickled, the exception's\n"
		    "attribute `objects` has the others.")},
	{"peek", FAST(queue_peek), KEYWORDS,
		DOC("peek($self, /, n=None)\n--\n\nThe next object, which stays. With n, a list of the next ones, up "
		    "to n, maybe "
		    "none.\n\n"
		    "Raises queue.Empty and Closed, without n; ValueError; and what unpickling raises.")},
	{"_writable", queue_writable, METH_NOARGS, NULL},
	{"qsize", queue_qsize, METH_NOARGS, DOC("qsize($self, /)\n--\n\nHow many objects wait. Also after close().")},
	{"empty", queue_empty, METH_NOARGS,
		DOC("empty($self, /)\n--\n\nWhether no object waits. Raises OSError after close() of a queue that was "
		    "put to.")},
	{"full", queue_full, METH_NOARGS,
		DOC("full($self, /)\n--\n\nWhether a put would have to wait. Also after close().")},
	{"close", queue_close, METH_NOARGS,
		DOC("close($self, /)\n--\n\nThis object is not used any more: put and get raise ValueError. Others are "
		    "not "
		    "affected.\n\nMay be called again, and beside calls of other threads, which end soon.")},
	{"delete", queue_delete, METH_NOARGS,
		DOC("delete($self, /)\n--\n\nDeletes the queue for everybody: its name is free at once, and whoever "
		    "has it gets Closed.")},
	{"shutdown", queue_shutdown, METH_NOARGS,
		DOC("shutdown($self, /)\n--\n\nEnds the queue for everybody: puts raise Closed, gets do when all is "
		    "taken.")},
	{"fileno", queue_fileno, METH_NOARGS,
		DOC("fileno($self, /)\n--\n\nA descriptor that is readable when a get would not have to wait. Do not "
		    "read it.\n\n"
		    "It goes with the object. Raises OSError: no more descriptors.")},
	{"stat", rq_py_stat, METH_NOARGS,
		DOC("stat($self, /)\n--\n\nCounts and options: records_in, records_out, bytes_held, lanes, producers, "
		    "closed, and as "
		    "created.")},
	{NULL, NULL, 0, NULL},
};

static PyGetSetDef queue_attributes[] = {
	{"region", get_region, NULL, DOC("The Region that the queue is in."), NULL},
	{"_closed", get_closed, NULL, NULL, NULL},
	{NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot queue_slots[] = {
	{Py_tp_doc, DOC("A queue of Python objects in shared memory.")},
	{Py_tp_new, queue_new},
	{Py_tp_traverse, queue_traverse},
	{Py_tp_clear, queue_clear},
	{Py_tp_dealloc, queue_dealloc},
	{Py_tp_methods, queue_methods},
	{Py_tp_getset, queue_attributes},
	{Py_tp_iter, queue_iterate},
	{Py_tp_iternext, queue_next},
	{Py_mp_length, queue_length},
	{Py_nb_bool, queue_bool},
	{0, NULL},
};

PyType_Spec rq_py_queue_spec = {
	.name = "ringq._ringq.Queue",
	.basicsize = sizeof(struct queue),
	.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
	.slots = queue_slots,
};

/* --- SimpleQueue: what multiprocessing's has, and its errors --- */

static bool simple_open(struct queue *queue)
{
	if (queue->handle && !queue->use.closed)
		return true;
	PyErr_SetString(PyExc_OSError, "handle is closed");
	return false;
}

static PyObject *simple_put(PyObject *self, PyObject *object)
{
	return simple_open((struct queue *)self) ? put((struct queue *)self, object, RINGQ_FOREVER) : NULL;
}

static PyObject *simple_get(PyObject *self, PyObject *unused)
{
	(void)unused;
	return simple_open((struct queue *)self) ? get((struct queue *)self, RINGQ_FOREVER) : NULL;
}

static PyObject *simple_empty(PyObject *self, PyObject *unused)
{
	(void)unused;
	return simple_open((struct queue *)self) ? PyBool_FromLong(ringq_empty(((struct queue *)self)->handle)) : NULL;
}

static PyMethodDef simple_methods[] = {
	{"put", simple_put, METH_O,
		DOC("put($self, obj, /)\n--\n\nPuts an object; it is in the queue when this returns.\n\n"
		    "Raises OSError: close() was called here; MemoryError; what pickling the object raises.")},
	{"get", simple_get, METH_NOARGS,
		DOC("get($self, /)\n--\n\nTakes the next object, waiting for one.\n\nRaises OSError: close() was "
		    "called here; "
		    "what unpickling raises.")},
	{"empty", simple_empty, METH_NOARGS,
		DOC("empty($self, /)\n--\n\nWhether no object waits. Raises OSError: close() was called here.")},
	{NULL, NULL, 0, NULL},
};

static PyType_Slot simple_slots[] = {
	{Py_tp_doc, DOC("A queue of Python objects with put, get and empty.")},
	{Py_tp_methods, simple_methods},
	{0, NULL},
};

PyType_Spec rq_py_simple_queue_spec = {
	.name = "ringq._ringq.SimpleQueue",
	.basicsize = sizeof(struct queue),
	.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
	.slots = simple_slots,
};
