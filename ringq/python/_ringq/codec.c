/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "codec.h"
#include "pickle.h"

static size_t aligned(size_t n)
{
	return (n + BUFFER_ALIGN - 1) & ~(size_t)(BUFFER_ALIGN - 1);
}

/* --- From objects --- */

static void plain(struct record *record, enum tag tag, const void *value, size_t len)
{
	record->small[0] = (unsigned char)tag;
	if (len > 0)
		memcpy(record->small + 1, value, len);
	record->head = record->total = len + 1;
	record->len = 0;
	record->large = false;
}

static void text(struct record *record, enum tag tag, const void *data, size_t len)
{
	if (len < SMALL) {
		plain(record, tag, data, len);
		return;
	}
	plain(record, tag, NULL, 0);
	record->data = data;
	record->len = len;
	record->total = len + 1;
	record->large = true;
}

static bool encode_pickle(struct state *state, PyObject *object, struct record *record)
{
	PyObject *writer = rq_py_pickle_to_writer(state, object, true);
	size_t count, i;

	if (!writer)
		return false;
	record->len = rq_py_writer_pickle(writer, &record->data);
	count = rq_py_writer_buffers(writer);
	if (count == 0 && record->len < SMALL) {
		plain(record, TAG_PICKLE, record->data, record->len);
		rq_py_writer_return(state, writer);
		return true;
	}
	record->writer = writer;
	record->large = true;
	if (count == 0) {
		record->small[0] = TAG_PICKLE;
		record->head = 1;
		record->total = record->len + 1;
		return true;
	}
	record->head = sizeof(struct buffers_head); /* the lengths come from the writer */
	record->total = sizeof(struct buffers_head) + count * 8 + record->len;
	for (i = 0; i < count; i++)
		record->total = aligned(record->total) + (size_t)rq_py_writer_buffer(writer, i)->len;
	memcpy(record->small, &(struct buffers_head){.tag = TAG_BUFFERS, .pickle = record->len, .count = count},
		record->head);
	return true;
}

bool rq_py_encode(struct state *state, PyObject *object, struct record *record)
{
	record->writer = NULL;
	if (PyLong_CheckExact(object)) {
		int overflow;
		long long value = PyLong_AsLongLongAndOverflow(object, &overflow);
		int32_t shorter = (int32_t)value;

		if (overflow)
			return encode_pickle(state, object, record);
		if (shorter == value)
			plain(record, TAG_INT32, &shorter, sizeof(shorter));
		else
			plain(record, TAG_INT64, &value, sizeof(value));
	} else if (PyUnicode_CheckExact(object)) {
		Py_ssize_t len;
		const char *utf8 = PyUnicode_AsUTF8AndSize(object, &len);

		if (!utf8) { /* a lone surrogate: a pickle can carry it */
			if (!PyErr_ExceptionMatches(PyExc_UnicodeEncodeError))
				return false;
			PyErr_Clear();
			return encode_pickle(state, object, record);
		}
		text(record, TAG_STR, utf8, (size_t)len);
	} else if (PyBytes_CheckExact(object)) {
		text(record, TAG_BYTES, PyBytes_AsString(object), (size_t)PyBytes_Size(object));
	} else if (object == Py_None) {
		plain(record, TAG_NONE, NULL, 0);
	} else if (object == Py_True || object == Py_False) {
		plain(record, object == Py_True ? TAG_TRUE : TAG_FALSE, NULL, 0);
	} else if (PyFloat_CheckExact(object)) {
		double value = PyFloat_AsDouble(object);

		plain(record, TAG_FLOAT, &value, sizeof(value));
	} else {
		return encode_pickle(state, object, record);
	}
	return true;
}

static unsigned char *pad(unsigned char *start, unsigned char *at)
{
	unsigned char *next = start + aligned((size_t)(at - start));

	memset(at, 0, (size_t)(next - at));
	return next;
}

void rq_py_write(const struct record *record, void *to)
{
	unsigned char *at = to;
	size_t count = record->writer ? rq_py_writer_buffers(record->writer) : 0, i;

	memcpy(at, record->small, record->head);
	at += record->head;
	for (i = 0; i < count; i++) {
		uint64_t len = (uint64_t)rq_py_writer_buffer(record->writer, i)->len;

		memcpy(at, &len, sizeof(len));
		at += sizeof(len);
	}
	if (record->len > 0)
		memcpy(at, record->data, record->len);
	at += record->len;
	for (i = 0; i < count; i++) {
		const Py_buffer *view = rq_py_writer_buffer(record->writer, i);

		at = pad(to, at);
		memcpy(at, view->buf, (size_t)view->len);
		at += view->len;
	}
}

void rq_py_end(struct state *state, struct record *record)
{
	if (record->writer)
		rq_py_writer_return(state, record->writer);
	record->writer = NULL;
}

/* --- To objects --- */

static PyObject *bad_record(void)
{
	PyErr_SetString(PyExc_ValueError, "the record is not one that ringq's Python package puts");
	return NULL;
}

static PyObject *loads(struct state *state, PyObject *pickle, PyObject *buffers)
{
	PyObject *args, *keywords, *object;

	if (!buffers)
		return PyObject_CallFunctionObjArgs(state->loads, pickle, NULL);
	args = Py_BuildValue("(O)", pickle);
	keywords = args ? Py_BuildValue("{sO}", "buffers", buffers) : NULL;
	object = keywords ? PyObject_Call(state->loads, args, keywords) : NULL;
	Py_XDECREF(keywords);
	Py_XDECREF(args);
	return object;
}

static PyObject *decode_pickle(struct state *state, const void *data, size_t len)
{
	PyObject *view = PyMemoryView_FromMemory((char *)data, (Py_ssize_t)len, PyBUF_READ);
	PyObject *object = view ? loads(state, view, NULL) : NULL;

	Py_XDECREF(view);
	return object;
}

/* Slices of an object's memory, as the pickle's buffers: what comes out of it keeps the memory. */
static PyObject *slice_buffers(PyObject *view, const unsigned char *data, size_t len, const struct buffers_head *head)
{
	size_t at = sizeof(*head) + head->count * 8 + head->pickle, i;
	PyObject *list = PyList_New(0);

	for (i = 0; list && i < head->count; i++) {
		PyObject *slice;
		uint64_t size;
		int error;

		memcpy(&size, data + sizeof(*head) + i * 8, sizeof(size));
		at = aligned(at);
		if (at > len || size > len - at) {
			Py_DECREF(list);
			return bad_record();
		}
		slice = PySequence_GetSlice(view, (Py_ssize_t)at, (Py_ssize_t)(at + size));
		error = slice ? PyList_Append(list, slice) : -1;
		Py_XDECREF(slice);
		if (error < 0)
			Py_CLEAR(list);
		at += size;
	}
	return list;
}

static PyObject *decode_buffers(struct state *state, const unsigned char *data, size_t len, void *memory)
{
	PyObject *owner, *view = NULL, *buffers = NULL, *pickle = NULL, *object = NULL;
	struct buffers_head head;
	void *copy = memory;
	size_t from;

	if (len < sizeof(head))
		goto bad;
	memcpy(&head, data, sizeof(head));
	if (head.count > (len - sizeof(head)) / 8 || head.pickle > len - sizeof(head) - head.count * 8)
		goto bad;
	if (!copy) {
		copy = malloc(len);
		if (!copy)
			return PyErr_NoMemory();
		data = memcpy(copy, data, len);
	}
	from = sizeof(head) + head.count * 8;
	owner = rq_py_memory_new(state, copy, len);
	if (owner)
		view = PyMemoryView_FromObject(owner);
	if (view)
		buffers = slice_buffers(view, data, len, &head);
	if (buffers)
		pickle = PySequence_GetSlice(view, (Py_ssize_t)from, (Py_ssize_t)(from + head.pickle));
	if (pickle)
		object = loads(state, pickle, buffers);
	Py_XDECREF(pickle);
	Py_XDECREF(buffers);
	Py_XDECREF(view);
	Py_XDECREF(owner);
	return object;
bad:
	free(memory);
	return bad_record();
}

static PyStructSequence_Field dead_letter_fields[] = {
	{"object", "the object"},
	{"attempts", "how often it was delivered"},
	{"process", "the process that had it in hand last, and ended; 0: it was given back"},
	{"thread", "the thread of that process"},
	{NULL, NULL},
};

PyStructSequence_Desc rq_py_dead_letter = {
	.name = "ringq.DeadLetter",
	.doc = DOC("What a queue of dead letters gives: an object that came back max_attempts times."),
	.fields = dead_letter_fields,
	.n_in_sequence = 4,
};

static PyObject *decode_dead_letter(struct state *state, const unsigned char *data, size_t len)
{
	struct ringq_dead_letter head;
	PyObject *object, *letter;

	memcpy(&head, data, sizeof(head));
	if (head.size != sizeof(head) || data[sizeof(head)] == TAG_DEAD_LETTER)
		return bad_record();
	object = rq_py_decode(state, data + sizeof(head), len - sizeof(head), NULL);
	letter = object ? PyStructSequence_New(state->dead_letter_type) : NULL;
	if (!letter) {
		Py_XDECREF(object);
		return NULL;
	}
	PyStructSequence_SetItem(letter, 0, object);
	PyStructSequence_SetItem(letter, 1, PyLong_FromUnsignedLong(head.attempts));
	PyStructSequence_SetItem(letter, 2, PyLong_FromUnsignedLong(head.process));
	PyStructSequence_SetItem(letter, 3, PyLong_FromUnsignedLong(head.thread));
	if (PyErr_Occurred())
		Py_CLEAR(letter);
	return letter;
}

PyObject *rq_py_decode(struct state *state, const void *record, size_t len, void *memory)
{
	const unsigned char *data = record;
	PyObject *object;
	int32_t shorter;
	int64_t value;
	double number;

	if (len == 0)
		data = (const unsigned char *)"";
	switch (data[0]) {
	case TAG_INT32:
		if (len != 1 + sizeof(shorter))
			break;
		memcpy(&shorter, data + 1, sizeof(shorter));
		object = PyLong_FromLong(shorter);
		goto done;
	case TAG_INT64:
		if (len != 1 + sizeof(value))
			break;
		memcpy(&value, data + 1, sizeof(value));
		object = PyLong_FromLongLong(value);
		goto done;
	case TAG_FLOAT:
		if (len != 1 + sizeof(number))
			break;
		memcpy(&number, data + 1, sizeof(number));
		object = PyFloat_FromDouble(number);
		goto done;
	case TAG_STR:
		object = PyUnicode_DecodeUTF8((const char *)data + 1, (Py_ssize_t)len - 1, NULL);
		goto done;
	case TAG_BYTES:
		object = PyBytes_FromStringAndSize((const char *)data + 1, (Py_ssize_t)len - 1);
		goto done;
	case TAG_NONE:
	case TAG_TRUE:
	case TAG_FALSE:
		object = data[0] == TAG_NONE ? Py_None : data[0] == TAG_TRUE ? Py_True : Py_False;
		Py_INCREF(object);
		goto done;
	case TAG_RAW: /* the stdlib's recv() unpickles what send_bytes() sent */
	case TAG_PICKLE:
		object = decode_pickle(state, data + 1, len - 1);
		goto done;
	case TAG_BUFFERS:
		return decode_buffers(state, data, len, memory);
	case TAG_DEAD_LETTER:
		if (len <= sizeof(struct ringq_dead_letter))
			break;
		object = decode_dead_letter(state, data, len);
		goto done;
	}
	object = bad_record();
done:
	free(memory);
	return object;
}
