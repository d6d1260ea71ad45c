/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "connection.h"
#include "arguments.h"
#include "pickle.h"
#include "region.h"
#include "transfer.h"

/* One end of a pipe, with the methods and the errors of multiprocessing.connection.Connection. */
struct connection {
	PyObject ob_base;
	ringq_pipe *end;
	ringq_queue *in, *out; /* the end's; NULL if it does not receive, or send */
	struct state *state;
	struct use use;
};

static PyObject *connection_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
	struct state *state = rq_py_state(type);
	struct connection *connection;

	(void)args, (void)keywords;
	if (!state)
		return NULL;
	connection = (struct connection *)PyType_GenericAlloc(type, 0);
	if (!connection)
		return NULL;
	connection->state = state;
	connection->use.closed = true;
	return (PyObject *)connection;
}

static int connection_traverse(PyObject *self, visitproc visit, void *arg)
{
	(void)arg;
	Py_VISIT(Py_TYPE(self));
	return 0;
}

static void set_end(struct connection *connection, ringq_pipe *end)
{
	connection->end = end;
	connection->in = ringq_pipe_input(end);
	connection->out = ringq_pipe_output(end);
	connection->use.closed = false;
}

/* Gives the end up once it is closed and no call waits on it. */
static void release(struct connection *connection)
{
	ringq_pipe *end = connection->end;

	if (!end || !connection->use.closed || connection->use.waiting > 0)
		return;
	connection->end = NULL;
	connection->in = connection->out = NULL;
	ringq_pipe_close(end);
}

static void connection_dealloc(PyObject *self)
{
	PyObject_GC_UnTrack(self);
	((struct connection *)self)->use.closed = true;
	release((struct connection *)self);
	rq_py_free(self);
}

static bool is_open(struct connection *connection)
{
	if (!connection->use.closed)
		return true;
	PyErr_SetString(PyExc_OSError, "handle is closed");
	return false;
}

static ringq_queue *readable(struct connection *connection)
{
	if (!is_open(connection))
		return NULL;
	if (!connection->in)
		PyErr_SetString(PyExc_OSError, "connection is write-only");
	return connection->in;
}

static ringq_queue *writable(struct connection *connection)
{
	if (!is_open(connection))
		return NULL;
	if (!connection->out)
		PyErr_SetString(PyExc_OSError, "connection is read-only");
	return connection->out;
}

static PyObject *receive_failed(struct connection *connection, ssize_t error)
{
	release(connection);
	if (PyErr_Occurred())
		return NULL;
	if (error == -EPIPE)
		PyErr_SetNone(PyExc_EOFError);
	else if (error == -EBADF)
		is_open(connection);
	else
		rq_py_raise(error);
	return NULL;
}

static PyObject *sent(struct connection *connection, ssize_t result)
{
	release(connection);
	if (PyErr_Occurred())
		return NULL;
	if (result == -EBADF)
		return is_open(connection) ? rq_py_raise(result) : NULL;
	if (result == -EMSGSIZE) {
		PyErr_SetString(PyExc_ValueError, "the message is larger than the pipe's region");
		return NULL;
	}
	if (result < 0)
		return rq_py_raise(result); /* -EPIPE becomes BrokenPipeError */
	Py_RETURN_NONE;
}

/* --- Objects --- */

static PyObject *connection_send(PyObject *self, PyObject *object)
{
	struct connection *connection = (struct connection *)self;
	struct record record;
	ringq_queue *out;
	ssize_t result;

	if (!writable(connection) || !rq_py_encode(connection->state, object, &record))
		return NULL;
	out = writable(connection); /* a reducer of the object may have closed it */
	result = out ? rq_py_put(&connection->use, out, &record, RINGQ_FOREVER) : -EBADF;
	rq_py_end(connection->state, &record);
	return sent(connection, result);
}

static PyObject *connection_recv(PyObject *self, PyObject *unused)
{
	struct connection *connection = (struct connection *)self;
	ringq_queue *in = readable(connection);
	PyObject *object;
	ssize_t error;

	(void)unused;
	if (!in)
		return NULL;
	object = rq_py_get(connection->state, &connection->use, in, RINGQ_FOREVER, &error);
	if (error < 0)
		return receive_failed(connection, error);
	release(connection);
	return object;
}

/* --- Bytes --- */

static bool part_of(const Py_buffer *view, PyObject *offset, PyObject *size, int64_t *from, int64_t *len)
{
	const char *wrong = NULL;

	*from = 0;
	if (offset && !rq_py_int64(offset, from))
		return false;
	*len = view->len - *from;
	if (*from < 0)
		wrong = "offset is negative";
	else if (*from > view->len)
		wrong = "buffer length < offset";
	else if (size && size != Py_None && !rq_py_int64(size, len))
		return false;
	else if (*len < 0)
		wrong = "size is negative";
	else if (*len > view->len - *from)
		wrong = "buffer length < offset + size";
	if (wrong)
		PyErr_SetString(PyExc_ValueError, wrong);
	return !wrong;
}

static PyObject *send_part(struct connection *connection, const char *data, size_t len)
{
	struct record record = {.writer = NULL, .data = data, .len = len, .head = 1, .total = len + 1, .large = true};
	ringq_queue *out = writable(connection);

	if (!out)
		return NULL;
	record.small[0] = TAG_RAW;
	if (len < SMALL) {
		memcpy(record.small + 1, data, len);
		record.head = len + 1;
		record.len = 0;
		record.large = false;
	}
	return sent(connection, rq_py_put(&connection->use, out, &record, RINGQ_FOREVER));
}

static PyObject *connection_send_bytes(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *keywords)
{
	static const char *const names[] = {"buf", "offset", "size"};
	struct connection *connection = (struct connection *)self;
	PyObject *values[3], *result = NULL;
	int64_t from, len;
	Py_buffer view;

	if (!rq_py_arguments("send_bytes", args, nargs, keywords, names, 3, 1, values) || !writable(connection) ||
		PyObject_GetBuffer(values[0], &view, PyBUF_ANY_CONTIGUOUS) < 0)
		return NULL;
	if (part_of(&view, values[1], values[2], &from, &len))
		result = send_part(connection, (const char *)view.buf + from, (size_t)len);
	PyBuffer_Release(&view);
	return result;
}

/* What recv_bytes() makes of a message: its bytes, or the pickle of an object that send() sent. */
static PyObject *bytes_of(struct connection *connection, struct taken *taken)
{
	const unsigned char *data = rq_py_taken(taken);
	PyObject *object, *pickle;

	if (taken->len > 0 && data[0] == TAG_RAW) {
		object = PyBytes_FromStringAndSize((const char *)data + 1, (Py_ssize_t)taken->len - 1);
		free(taken->memory);
		return object;
	}
	object = rq_py_decode(connection->state, data, taken->len, taken->memory);
	if (!object)
		return NULL;
	pickle = rq_py_pickle(connection->state, object);
	Py_DECREF(object);
	return pickle;
}

static PyObject *receive_bytes(struct connection *connection)
{
	ringq_queue *in = readable(connection);
	struct taken taken;
	ssize_t len;

	if (!in)
		return NULL;
	len = rq_py_take(&connection->use, in, &taken, RINGQ_FOREVER);
	if (len < 0)
		return receive_failed(connection, len);
	release(connection);
	return bytes_of(connection, &taken);
}

static PyObject *connection_recv_bytes(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *keywords)
{
	static const char *const names[] = {"maxlength"};
	struct connection *connection = (struct connection *)self;
	PyObject *most, *bytes;
	int64_t length = -1;

	if (!rq_py_arguments("recv_bytes", args, nargs, keywords, names, 1, 0, &most) || !readable(connection))
		return NULL;
	if (most && most != Py_None) {
		if (!rq_py_int64(most, &length))
			return NULL;
		if (length < 0) {
			PyErr_SetString(PyExc_ValueError, "negative maxlength");
			return NULL;
		}
	}
	bytes = receive_bytes(connection);
	if (!bytes || length < 0 || PyBytes_Size(bytes) <= length)
		return bytes;
	Py_DECREF(bytes); /* as the standard library's connection: what follows would be misunderstood */
	connection->in = NULL;
	if (!connection->out)
		connection->use.closed = true;
	release(connection);
	PyErr_SetString(PyExc_OSError, "bad message length");
	return NULL;
}

static PyObject *too_short(PyObject *bytes)
{
	PyObject *module = PyImport_ImportModule("multiprocessing");
	PyObject *error = module ? PyObject_GetAttrString(module, "BufferTooShort") : NULL;

	if (error)
		PyErr_SetObject(error, bytes);
	Py_XDECREF(error);
	Py_XDECREF(module);
	return NULL;
}

static PyObject *into(const Py_buffer *view, int64_t offset, PyObject *bytes)
{
	Py_ssize_t len = PyBytes_Size(bytes);

	if (len > view->len - offset)
		return too_short(bytes);
	memcpy((char *)view->buf + offset, PyBytes_AsString(bytes), (size_t)len);
	return PyLong_FromSsize_t(len);
}

static PyObject *connection_recv_bytes_into(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *keywords)
{
	static const char *const names[] = {"buf", "offset"};
	PyObject *values[2], *bytes, *result = NULL;
	int64_t offset = 0;
	Py_buffer view;

	if (!rq_py_arguments("recv_bytes_into", args, nargs, keywords, names, 2, 1, values) ||
		!readable((struct connection *)self) || (values[1] && !rq_py_int64(values[1], &offset)) ||
		PyObject_GetBuffer(values[0], &view, PyBUF_ANY_CONTIGUOUS | PyBUF_WRITABLE) < 0)
		return NULL;
	if (offset < 0 || offset > view.len) {
		PyErr_SetString(PyExc_ValueError, offset < 0 ? "negative offset" : "offset too large");
	} else {
		bytes = receive_bytes((struct connection *)self);
		if (bytes)
			result = into(&view, offset, bytes);
		Py_XDECREF(bytes);
	}
	PyBuffer_Release(&view);
	return result;
}

/* --- The rest --- */

static ssize_t try_poll(void *context, int64_t timeout)
{
	int result = ringq_poll(context, timeout);

	return result == 0 ? -ETIMEDOUT : result;
}

static PyObject *connection_poll(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *keywords)
{
	static const char *const names[] = {"timeout"};
	struct connection *connection = (struct connection *)self;
	PyObject *seconds;
	int64_t timeout = RINGQ_NOWAIT;
	ssize_t result;

	if (!rq_py_arguments("poll", args, nargs, keywords, names, 1, 0, &seconds) || !readable(connection) ||
		(seconds && !rq_py_timeout(NULL, seconds, &timeout)))
		return NULL;
	result = try_poll(connection->end, RINGQ_NOWAIT);
	if (result == -ETIMEDOUT && timeout != RINGQ_NOWAIT)
		result = rq_py_wait(&connection->use, try_poll, connection->end, timeout, connection->in);
	if (result < 0 && result != -ETIMEDOUT)
		return receive_failed(connection, result);
	release(connection);
	return PyBool_FromLong(result > 0);
}

static PyObject *connection_close(PyObject *self, PyObject *unused)
{
	struct connection *connection = (struct connection *)self;

	(void)unused;
	rq_py_close(&connection->use, connection->in);
	rq_py_close(&connection->use, connection->out);
	release(connection);
	Py_RETURN_NONE;
}

static PyObject *connection_fileno(PyObject *self, PyObject *unused)
{
	struct connection *connection = (struct connection *)self;
	int fd;

	(void)unused;
	if (!is_open(connection))
		return NULL;
	connection->use.watched = true;
	fd = connection->in ? ringq_event_fd(connection->in) : ringq_region_fd(ringq_pipe_region(connection->end));
	return fd < 0 ? rq_py_raise(fd) : PyLong_FromLong(fd);
}

static bool descriptor(PyObject *number, int *fd)
{
	int64_t value;

	if (!rq_py_int64(number, &value))
		return false;
	if (value < 0 || value > INT32_MAX) {
		PyErr_SetString(PyExc_ValueError, "not a descriptor");
		return false;
	}
	*fd = (int)value;
	return true;
}

static PyObject *connection_give(PyObject *self, PyObject *number)
{
	int socket, error;

	if (!is_open((struct connection *)self) || !descriptor(number, &socket))
		return NULL;
	error = ringq_pipe_give(((struct connection *)self)->end, socket);
	if (error)
		return rq_py_raise(error);
	Py_RETURN_NONE;
}

static PyObject *connection_take(PyObject *self, PyObject *number)
{
	struct connection *connection = (struct connection *)self;
	PyThreadState *thread;
	ringq_pipe *end;
	int socket, error;

	if (connection->end || !descriptor(number, &socket)) {
		if (!PyErr_Occurred())
			PyErr_SetString(PyExc_RuntimeError, "the connection is open already");
		return NULL;
	}
	thread = PyEval_SaveThread();
	error = ringq_pipe_take(&end, socket);
	PyEval_RestoreThread(thread);
	if (error)
		return rq_py_raise(error);
	set_end(connection, end);
	Py_RETURN_NONE;
}

static PyObject *get_closed(PyObject *self, void *unused)
{
	(void)unused;
	return PyBool_FromLong(((struct connection *)self)->use.closed);
}

static PyObject *get_readable(PyObject *self, void *unused)
{
	(void)unused;
	return PyBool_FromLong(((struct connection *)self)->in != NULL);
}

static PyObject *get_writable(PyObject *self, void *unused)
{
	(void)unused;
	return PyBool_FromLong(((struct connection *)self)->out != NULL);
}

PyObject *rq_py_pipe(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
	PyObject *ends[2], *both = NULL;
	ringq_pipe *pipes[2];
	ringq_region *region;
	int duplex, error, i;

	(void)module;
	if (nargs != 3) {
		PyErr_SetString(PyExc_TypeError, "pipe() takes 3 arguments");
		return NULL;
	}
	region = rq_py_region(args[1]);
	duplex = PyObject_IsTrue(args[2]);
	if (!region || duplex < 0)
		return NULL;
	error = ringq_pipe_create(&pipes[0], &pipes[1], region, duplex ? 0 : RINGQ_SIMPLEX);
	if (error)
		return rq_py_raise(error);
	for (i = 0; i < 2; i++) {
		ends[i] = PyObject_CallFunctionObjArgs(args[0], NULL);
		if (ends[i])
			set_end((struct connection *)ends[i], pipes[i]);
		else
			ringq_pipe_close(pipes[i]);
	}
	if (ends[0] && ends[1])
		both = PyTuple_Pack(2, ends[0], ends[1]);
	Py_XDECREF(ends[0]);
	Py_XDECREF(ends[1]);
	return both;
}

static PyMethodDef methods[] = {
	{"send", connection_send, METH_O,
		DOC("send($self, obj, /)\n--\n\nSends an object, waiting while 8 MiB of this thread's are on the "
		    "way.\n\n"
		    "Raises BrokenPipeError: nobody holds the other end; OSError: this end is closed or read-only; "
		    "ValueError:\n"
		    "larger than the region; MemoryError; what pickling raises. Then nothing was sent.")},
	{"recv", connection_recv, METH_NOARGS,
		DOC("recv($self, /)\n--\n\nReceives the next object, waiting for one.\n\nRaises EOFError: nobody holds "
		    "the other "
		    "end, and all was received; OSError: this end is closed or\nwrite-only; what unpickling raises.")},
	{"send_bytes", FAST(connection_send_bytes), KEYWORDS,
		DOC("send_bytes($self, /, buf, offset=0, size=None)\n--\n\nSends bytes as one message. Raises as "
		    "send(); ValueError: "
		    "no such part of buf.")},
	{"recv_bytes", FAST(connection_recv_bytes), KEYWORDS,
		DOC("recv_bytes($self, /, maxlength=None)\n--\n\nReceives one message as bytes.\n\nRaises as recv(); "
		    "OSError: longer "
		    "than maxlength, and this end does not receive any more.")},
	{"recv_bytes_into", FAST(connection_recv_bytes_into), KEYWORDS,
		DOC("recv_bytes_into($self, /, buf, offset=0)\n--\n\nReceives one message into a buffer and returns "
		    "its length.\n\n"
		    "Raises as recv(); multiprocessing.BufferTooShort, with the message as its argument.")},
	{"poll", FAST(connection_poll), KEYWORDS,
		DOC("poll($self, /, timeout=0.0)\n--\n\nWhether there is something to receive, be it the end; None "
		    "waits for it.")},
	{"close", connection_close, METH_NOARGS,
		DOC("close($self, /)\n--\n\nGives this end up, in this process. Closing twice is fine.")},
	{"fileno", connection_fileno, METH_NOARGS,
		DOC("fileno($self, /)\n--\n\nA descriptor that is readable when there is something to receive. Do not "
		    "read it.")},
	{"_give", connection_give, METH_O, NULL},
	{"_take", connection_take, METH_O, NULL},
	{NULL, NULL, 0, NULL},
};

static PyGetSetDef attributes[] = {
	{"closed", get_closed, NULL, DOC("Whether this end was closed."), NULL},
	{"readable", get_readable, NULL, DOC("Whether this end receives."), NULL},
	{"writable", get_writable, NULL, DOC("Whether this end sends."), NULL},
	{NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot slots[] = {
	{Py_tp_doc, DOC("One end of a pipe.")},
	{Py_tp_new, connection_new},
	{Py_tp_traverse, connection_traverse},
	{Py_tp_dealloc, connection_dealloc},
	{Py_tp_methods, methods},
	{Py_tp_getset, attributes},
	{0, NULL},
};

PyType_Spec rq_py_connection_spec = {
	.name = "ringq._ringq.Connection",
	.basicsize = sizeof(struct connection),
	.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
	.slots = slots,
};
