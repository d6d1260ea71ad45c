/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "pickle.h"

/*
 * One pickler is kept and used again, as to make one takes several times longer than to pickle a small object. It writes
 * to a Writer, which collects the pickle and the buffers that stay outside of it. While a call uses them they are not in
 * the state: a reducer that puts to a queue itself, or another thread, makes a pair of its own.
 */
struct writer {
	PyObject ob_base;
	PyObject *pickler;
	unsigned char *data;
	size_t len, room;
	Py_buffer *buffers;
	size_t count, space;
	bool out_of_band;
};

#define KEPT 65536 /* a kept writer gives back memory beyond this */

static bool grow(struct writer *writer, size_t by)
{
	size_t room = writer->room ? writer->room : 1024;
	void *data;

	while (room - writer->len < by)
		room *= 2;
	if (room == writer->room)
		return true;
	data = realloc(writer->data, room);
	if (!data) {
		PyErr_NoMemory();
		return false;
	}
	writer->data = data;
	writer->room = room;
	return true;
}

static PyObject *writer_write(PyObject *self, PyObject *bytes)
{
	struct writer *writer = (struct writer *)self;
	Py_buffer view;
	Py_ssize_t len;

	if (PyObject_GetBuffer(bytes, &view, PyBUF_SIMPLE) < 0)
		return NULL;
	len = view.len;
	if (!grow(writer, (size_t)len)) {
		PyBuffer_Release(&view);
		return NULL;
	}
	memcpy(writer->data + writer->len, view.buf, (size_t)len);
	writer->len += (size_t)len;
	PyBuffer_Release(&view);
	return PyLong_FromSsize_t(len);
}

/* The pickler's buffer_callback: false keeps a buffer out of the pickle. */
static PyObject *writer_buffer(PyObject *self, PyObject *buffer)
{
	struct writer *writer = (struct writer *)self;
	Py_buffer view;

	if (!writer->out_of_band)
		Py_RETURN_TRUE;
	if (PyObject_GetBuffer(buffer, &view, PyBUF_ANY_CONTIGUOUS) < 0) {
		PyErr_Clear(); /* the pickler says what is wrong with it */
		Py_RETURN_TRUE;
	}
	if (view.len < BUFFER_LEAST) {
		PyBuffer_Release(&view);
		Py_RETURN_TRUE;
	}
	if (writer->count == writer->space) {
		size_t space = writer->space ? writer->space * 2 : 4;
		Py_buffer *buffers = malloc(space * sizeof(*buffers));

		if (!buffers) {
			PyBuffer_Release(&view);
			return PyErr_NoMemory();
		}
		if (writer->count)
			memcpy(buffers, writer->buffers, writer->count * sizeof(*buffers));
		free(writer->buffers);
		writer->buffers = buffers;
		writer->space = space;
	}
	writer->buffers[writer->count++] = view;
	Py_RETURN_FALSE;
}

static void writer_clear(struct writer *writer)
{
	while (writer->count > 0)
		PyBuffer_Release(&writer->buffers[--writer->count]);
	writer->len = 0;
	if (writer->room > KEPT) {
		free(writer->data);
		writer->data = NULL;
		writer->room = 0;
	}
}

static int writer_traverse(PyObject *self, visitproc visit, void *arg)
{
	Py_VISIT(Py_TYPE(self));
	Py_VISIT(((struct writer *)self)->pickler);
	return 0;
}

static int writer_break(PyObject *self)
{
	Py_CLEAR(((struct writer *)self)->pickler);
	return 0;
}

static void writer_dealloc(PyObject *self)
{
	struct writer *writer = (struct writer *)self;

	PyObject_GC_UnTrack(self);
	writer_break(self);
	writer_clear(writer);
	free(writer->data);
	free(writer->buffers);
	rq_py_free(self);
}

static PyMethodDef writer_methods[] = {
	{"write", writer_write, METH_O, NULL},
	{"buffer", writer_buffer, METH_O, NULL},
	{NULL, NULL, 0, NULL},
};

static PyType_Slot writer_slots[] = {
	{Py_tp_new, rq_py_no_new},
	{Py_tp_methods, writer_methods},
	{Py_tp_traverse, writer_traverse},
	{Py_tp_clear, writer_break},
	{Py_tp_dealloc, writer_dealloc},
	{0, NULL},
};

PyType_Spec rq_py_writer_spec = {
	.name = "ringq._ringq.writer",
	.basicsize = sizeof(struct writer),
	.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
	.slots = writer_slots,
};

/* --- ForkingPickler's reducers, then those of copyreg: looked up anew for each type, as both may be added to. --- */

struct reducers {
	PyObject ob_base;
	PyObject *extra, *general; /* dicts */
};

static PyObject *reducers_subscript(PyObject *self, PyObject *type)
{
	struct reducers *reducers = (struct reducers *)self;
	PyObject *found = PyDict_GetItemWithError(reducers->extra, type);

	if (!found && !PyErr_Occurred())
		found = PyDict_GetItemWithError(reducers->general, type);
	if (!found && !PyErr_Occurred())
		PyErr_SetObject(PyExc_KeyError, type);
	Py_XINCREF(found);
	return found;
}

static int reducers_traverse(PyObject *self, visitproc visit, void *arg)
{
	Py_VISIT(Py_TYPE(self));
	Py_VISIT(((struct reducers *)self)->extra);
	Py_VISIT(((struct reducers *)self)->general);
	return 0;
}

static int reducers_clear(PyObject *self)
{
	Py_CLEAR(((struct reducers *)self)->extra);
	Py_CLEAR(((struct reducers *)self)->general);
	return 0;
}

static void reducers_dealloc(PyObject *self)
{
	PyObject_GC_UnTrack(self);
	reducers_clear(self);
	rq_py_free(self);
}

static PyType_Slot reducers_slots[] = {
	{Py_tp_new, rq_py_no_new},
	{Py_mp_subscript, reducers_subscript},
	{Py_tp_traverse, reducers_traverse},
	{Py_tp_clear, reducers_clear},
	{Py_tp_dealloc, reducers_dealloc},
	{0, NULL},
};

PyType_Spec rq_py_reducers_spec = {
	.name = "ringq._ringq.reducers",
	.basicsize = sizeof(struct reducers),
	.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
	.slots = reducers_slots,
};

static PyObject *attribute_of(const char *module_name, const char *first, const char *second)
{
	PyObject *module = PyImport_ImportModule(module_name);
	PyObject *found = module ? PyObject_GetAttrString(module, first) : NULL;
	PyObject *inner;

	Py_XDECREF(module);
	if (!found || !second)
		return found;
	inner = PyObject_GetAttrString(found, second);
	Py_DECREF(found);
	return inner;
}

static PyObject *new_reducers(struct state *state)
{
	struct reducers *reducers = (struct reducers *)PyType_GenericAlloc(state->reducers_type, 0);

	if (!reducers)
		return NULL;
	reducers->extra = attribute_of("multiprocessing.reduction", "ForkingPickler", "_extra_reducers");
	reducers->general = reducers->extra ? attribute_of("copyreg", "dispatch_table", NULL) : NULL;
	if (reducers->general && PyDict_Check(reducers->extra) && PyDict_Check(reducers->general))
		return (PyObject *)reducers;
	if (!PyErr_Occurred())
		PyErr_SetString(PyExc_TypeError, "ForkingPickler._extra_reducers is not a dict");
	Py_DECREF(reducers);
	return NULL;
}

/* --- Pickling --- */

static PyObject *new_pickler(struct state *state, struct writer *writer)
{
	PyObject *class = attribute_of("pickle", "Pickler", NULL);
	PyObject *callback = class ? PyObject_GetAttrString((PyObject *)writer, "buffer") : NULL;
	PyObject *args = callback ? Py_BuildValue("(Oi)", writer, 5) : NULL;
	PyObject *keywords = args ? Py_BuildValue("{sO}", "buffer_callback", callback) : NULL;
	PyObject *pickler = keywords ? PyObject_Call(class, args, keywords) : NULL;
	PyObject *reducers = pickler ? new_reducers(state) : NULL;

	if (pickler && (!reducers || PyObject_SetAttrString(pickler, "dispatch_table", reducers) < 0))
		Py_CLEAR(pickler);
	Py_XDECREF(reducers);
	Py_XDECREF(keywords);
	Py_XDECREF(args);
	Py_XDECREF(callback);
	Py_XDECREF(class);
	return pickler;
}

static struct writer *take_writer(struct state *state)
{
#ifndef Py_GIL_DISABLED
	struct writer *kept = (struct writer *)state->writer;

	state->writer = NULL;
	if (kept)
		return kept;
#endif
	struct writer *writer = (struct writer *)PyType_GenericAlloc(state->writer_type, 0);

	if (writer && !(writer->pickler = new_pickler(state, writer)))
		Py_CLEAR(writer);
	return writer;
}

void rq_py_writer_return(struct state *state, PyObject *object)
{
	writer_clear((struct writer *)object);
#ifndef Py_GIL_DISABLED
	if (!state->writer) {
		state->writer = object;
		return;
	}
#else
	(void)state;
#endif
	writer_break(object); /* the two refer to each other */
	Py_DECREF(object);
}

PyObject *rq_py_pickle_to_writer(struct state *state, PyObject *object, bool out_of_band)
{
	struct writer *writer = take_writer(state);
	PyObject *result;

	if (!writer)
		return NULL;
	writer->out_of_band = out_of_band;
	result = PyObject_CallMethod(writer->pickler, "dump", "(O)", object);
	if (result) {
		Py_DECREF(result);
		result = PyObject_CallMethod(writer->pickler, "clear_memo", NULL);
	}
	if (!result) { /* what a pickler keeps of a failed dump is its own: it is not used again */
		writer_break((PyObject *)writer);
		Py_DECREF(writer);
		return NULL;
	}
	Py_DECREF(result);
	return (PyObject *)writer;
}

size_t rq_py_writer_pickle(PyObject *writer, const void **data)
{
	*data = ((struct writer *)writer)->data;
	return ((struct writer *)writer)->len;
}

size_t rq_py_writer_buffers(PyObject *writer)
{
	return ((struct writer *)writer)->count;
}

const Py_buffer *rq_py_writer_buffer(PyObject *writer, size_t i)
{
	return &((struct writer *)writer)->buffers[i];
}

PyObject *rq_py_pickle(struct state *state, PyObject *object)
{
	PyObject *writer = rq_py_pickle_to_writer(state, object, false);
	PyObject *bytes;

	if (!writer)
		return NULL;
	bytes = PyBytes_FromStringAndSize(
		(const char *)((struct writer *)writer)->data, (Py_ssize_t)((struct writer *)writer)->len);
	rq_py_writer_return(state, writer);
	return bytes;
}

/* --- Memory --- */

struct memory {
	PyObject ob_base;
	void *memory;
	size_t len;
};

PyObject *rq_py_memory_new(struct state *state, void *memory, size_t len)
{
	struct memory *object = (struct memory *)PyType_GenericAlloc(state->memory_type, 0);

	if (!object) {
		free(memory);
		return NULL;
	}
	object->memory = memory;
	object->len = len;
	return (PyObject *)object;
}

static int memory_buffer(PyObject *self, Py_buffer *view, int flags)
{
	struct memory *memory = (struct memory *)self;

	return PyBuffer_FillInfo(view, self, memory->memory, (Py_ssize_t)memory->len, 0, flags);
}

static void memory_dealloc(PyObject *self)
{
	free(((struct memory *)self)->memory);
	rq_py_free(self);
}

static PyType_Slot memory_slots[] = {
	{Py_tp_new, rq_py_no_new},
	{Py_bf_getbuffer, memory_buffer},
	{Py_tp_dealloc, memory_dealloc},
	{0, NULL},
};

PyType_Spec rq_py_memory_spec = {
	.name = "ringq._ringq.memory",
	.basicsize = sizeof(struct memory),
	.flags = Py_TPFLAGS_DEFAULT,
	.slots = memory_slots,
};
