/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "arguments.h"
#include "region.h"
#include "use.h"

/* An array in shared memory, its lock, and Value, an array of one element. */
struct array {
	PyObject ob_base;
	ringq_array *handle;
	struct state *state;
	PyObject *region;
	struct use use;
	const struct kind *kind;
	Py_ssize_t count;
};

/* By typecode, as in the modules array and struct; 'c' is memory that is no number. */
static const struct kind {
	char code;
	enum ringq_type type;
	Py_ssize_t size;
	const char *format;
	bool is_signed;
} kinds[] = {
	{'c', RINGQ_BYTES, 1, "B", false},
	{'b', RINGQ_INT8, 1, "b", true},
	{'B', RINGQ_UINT8, 1, "B", false},
	{'h', RINGQ_INT16, 2, "h", true},
	{'H', RINGQ_UINT16, 2, "H", false},
	{'i', RINGQ_INT32, 4, "i", true},
	{'I', RINGQ_UINT32, 4, "I", false},
	{'q', RINGQ_INT64, 8, "q", true},
	{'Q', RINGQ_UINT64, 8, "Q", false},
	{'l', RINGQ_INT64, 8, "l", true},
	{'L', RINGQ_UINT64, 8, "L", false},
	{'f', RINGQ_FLOAT, 4, "f", true},
	{'d', RINGQ_DOUBLE, 8, "d", true},
};

union element {
	uint8_t bytes[8];
	int8_t i8;
	uint8_t u8;
	int16_t i16;
	uint16_t u16;
	int32_t i32;
	uint32_t u32;
	int64_t i64;
	uint64_t u64;
	float f32;
	double f64;
};

static const struct kind *kind_of_code(PyObject *code)
{
	Py_ssize_t len;
	const char *text;
	size_t i;

	if (!PyUnicode_Check(code)) {
		PyErr_Format(PyExc_TypeError, "the typecode must be a str, not %R", Py_TYPE(code));
		return NULL;
	}
	text = PyUnicode_AsUTF8AndSize(code, &len);
	for (i = 0; text && len == 1 && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (kinds[i].code == text[0])
			return &kinds[i];
	}
	if (text)
		PyErr_Format(PyExc_ValueError, "no typecode: %R; there are b B h H i I l L q Q f d", code);
	return NULL;
}

static const struct kind *kind_of_type(int type)
{
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if ((int)kinds[i].type == type)
			return &kinds[i];
	}
	PyErr_SetString(PyExc_ValueError, "the array's type is not known");
	return NULL;
}

static PyObject *to_object(const struct kind *kind, const union element *element)
{
	switch (kind->type) {
	case RINGQ_INT8:
		return PyLong_FromLong(element->i8);
	case RINGQ_BYTES:
	case RINGQ_UINT8:
		return PyLong_FromLong(element->u8);
	case RINGQ_INT16:
		return PyLong_FromLong(element->i16);
	case RINGQ_UINT16:
		return PyLong_FromLong(element->u16);
	case RINGQ_INT32:
		return PyLong_FromLong(element->i32);
	case RINGQ_UINT32:
		return PyLong_FromUnsignedLong(element->u32);
	case RINGQ_INT64:
		return PyLong_FromLongLong(element->i64);
	case RINGQ_UINT64:
		return PyLong_FromUnsignedLongLong(element->u64);
	case RINGQ_FLOAT:
		return PyFloat_FromDouble((double)element->f32);
	case RINGQ_DOUBLE:
		return PyFloat_FromDouble(element->f64);
	}
	return NULL;
}

static bool is_integer(const struct kind *kind)
{
	return kind->type != RINGQ_FLOAT && kind->type != RINGQ_DOUBLE && kind->type != RINGQ_BYTES;
}

/* An integer must fit into the element; ctypes, which wraps it, is the standard library's Value. */
static bool from_object(const struct kind *kind, PyObject *object, union element *element)
{
	int bits = (int)kind->size * 8;
	PyObject *index;
	bool fits;

	if (kind->type == RINGQ_FLOAT || kind->type == RINGQ_DOUBLE) {
		double number = PyFloat_AsDouble(object);

		if (number == -1 && PyErr_Occurred())
			return false;
		if (kind->type == RINGQ_FLOAT)
			element->f32 = (float)number;
		else
			element->f64 = number;
		return true;
	}
	index = PyNumber_Index(object);
	if (!index)
		return false;
	if (kind->is_signed) {
		int overflow;
		long long value = PyLong_AsLongLongAndOverflow(index, &overflow);

		element->i64 = value;
		fits = !overflow && (bits == 64 || (value >= -(1LL << (bits - 1)) && value < 1LL << (bits - 1)));
	} else {
		unsigned long long value = PyLong_AsUnsignedLongLong(index);

		element->u64 = value;
		fits = !PyErr_Occurred() && (bits == 64 || value >> bits == 0);
		if (PyErr_Occurred() && PyErr_ExceptionMatches(PyExc_OverflowError))
			PyErr_Clear();
	}
	Py_DECREF(index);
	if (!fits && !PyErr_Occurred())
		PyErr_Format(PyExc_OverflowError, "%R does not fit into an element of type '%c'", object, kind->code);
	return fits;
}

/* --- Making --- */

static PyObject *array_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
	struct state *state = rq_py_state(type);
	struct array *array;

	(void)args, (void)keywords;
	if (!state)
		return NULL;
	array = (struct array *)PyType_GenericAlloc(type, 0);
	if (array)
		array->state = state;
	return (PyObject *)array;
}

static int array_traverse(PyObject *self, visitproc visit, void *arg)
{
	Py_VISIT(Py_TYPE(self));
	Py_VISIT(((struct array *)self)->region);
	return 0;
}

static int array_clear(PyObject *self)
{
	Py_CLEAR(((struct array *)self)->region);
	return 0;
}

static void array_dealloc(PyObject *self)
{
	PyObject_GC_UnTrack(self);
	ringq_array_release(((struct array *)self)->handle); /* views of it hold the object */
	array_clear(self);
	rq_py_free(self);
}

static PyObject *set_handle(struct array *array, ringq_array *handle, const struct kind *kind, PyObject *region)
{
	if (array->handle || !kind) {
		ringq_array_release(handle);
		if (!PyErr_Occurred())
			PyErr_SetString(PyExc_RuntimeError, "the object has an array already");
		return NULL;
	}
	array->handle = array->use.array = handle;
	array->kind = kind;
	array->count = (Py_ssize_t)ringq_array_count(handle);
	Py_INCREF(region);
	array->region = region;
	Py_RETURN_NONE;
}

static PyObject *array_failed(int error, PyObject *name)
{
	if (!name || name == Py_None || (error != -EEXIST && error != -ENOENT))
		return rq_py_raise(error);
	errno = -error;
	return PyErr_SetFromErrnoWithFilenameObject(PyExc_OSError, name);
}

static bool parse_name(PyObject *object, const char **name)
{
	*name = NULL;
	if (object == Py_None)
		return true;
	if (!PyUnicode_Check(object)) {
		PyErr_Format(PyExc_TypeError, "the name must be a str or None, not %R", Py_TYPE(object));
		return false;
	}
	*name = PyUnicode_AsUTF8AndSize(object, NULL);
	return *name != NULL;
}

static PyObject *array_create(PyObject *self, PyObject *args)
{
	PyObject *region, *code, *name;
	const struct kind *kind;
	ringq_region *place;
	ringq_array *handle;
	Py_ssize_t count;
	const char *text;
	int error;

	if (!PyArg_ParseTuple(args, "OOOn", &region, &name, &code, &count) || !(place = rq_py_region(region)) ||
		!parse_name(name, &text) || !(kind = kind_of_code(code)))
		return NULL;
	if (count < 1) {
		PyErr_SetString(PyExc_ValueError, "an array has at least one element");
		return NULL;
	}
	error = ringq_array_create(&handle, place, text, kind->type, (size_t)count);
	return error ? array_failed(error, name) : set_handle((struct array *)self, handle, kind, region);
}

static PyObject *array_open(PyObject *self, PyObject *args)
{
	PyObject *region, *name;
	ringq_region *place;
	ringq_array *handle;
	const char *text;
	int error;

	if (!PyArg_ParseTuple(args, "OU", &region, &name) || !(place = rq_py_region(region)) || !parse_name(name, &text))
		return NULL;
	error = ringq_array_open(&handle, place, text);
	if (error)
		return array_failed(error, name);
	return set_handle((struct array *)self, handle, kind_of_type(ringq_array_type(handle)), region);
}

/* --- Elements --- */

static bool still(struct array *array)
{
	if (!array->handle)
		PyErr_SetString(PyExc_ValueError, "the object has no array");
	return array->handle != NULL;
}

static PyObject *load(struct array *array, Py_ssize_t index)
{
	union element element;

	if (!still(array))
		return NULL;
	if (ringq_load(array->handle, (size_t)index, &element) != 0) {
		PyErr_SetString(PyExc_IndexError, "array index out of range");
		return NULL;
	}
	return to_object(array->kind, &element);
}

static int store(struct array *array, Py_ssize_t index, PyObject *value)
{
	union element element;

	if (!still(array))
		return -1;
	if (!value) {
		PyErr_SetString(PyExc_TypeError, "elements of an array cannot be deleted");
		return -1;
	}
	if (!from_object(array->kind, value, &element))
		return -1;
	if (ringq_store(array->handle, (size_t)index, &element) == 0)
		return 0;
	PyErr_SetString(PyExc_IndexError, "array index out of range");
	return -1;
}

static Py_ssize_t array_length(PyObject *self)
{
	return ((struct array *)self)->count;
}

static PyObject *array_item(PyObject *self, Py_ssize_t index)
{
	return load((struct array *)self, index);
}

static int array_set_item(PyObject *self, Py_ssize_t index, PyObject *value)
{
	return store((struct array *)self, index, value);
}

static bool index_of(struct array *array, PyObject *number, Py_ssize_t *index)
{
	int64_t value;

	if (!rq_py_int64(number, &value))
		return false;
	*index = (Py_ssize_t)(value < 0 ? value + array->count : value);
	return true;
}

static PyObject *add(struct array *array, Py_ssize_t index, PyObject *delta)
{
	union element before = {.u64 = 0};
	int64_t amount;
	int error;

	if (!rq_py_int64(delta, &amount) || !still(array))
		return NULL;
	error = ringq_add(array->handle, (size_t)index, amount, &before.i64);
	if (!error)
		return to_object(array->kind, &before);
	if (is_integer(array->kind))
		PyErr_SetString(PyExc_IndexError, "array index out of range");
	else
		PyErr_SetString(PyExc_TypeError, "only integers can be added to");
	return NULL;
}

static PyObject *exchange(struct array *array, Py_ssize_t index, PyObject *expected, PyObject *desired)
{
	union element from = {.u64 = 0}, to = {.u64 = 0};
	int error;

	if (!is_integer(array->kind)) {
		PyErr_SetString(PyExc_TypeError, "only integers can be compared and exchanged");
		return NULL;
	}
	if (!from_object(array->kind, expected, &from) || !from_object(array->kind, desired, &to) || !still(array))
		return NULL;
	error = ringq_compare_exchange(array->handle, (size_t)index, &from.i64, to.i64);
	if (error == 0 || error == -EAGAIN)
		return PyBool_FromLong(error == 0);
	PyErr_SetString(PyExc_IndexError, "array index out of range");
	return NULL;
}

static bool exactly(const char *function, Py_ssize_t nargs, Py_ssize_t n)
{
	if (nargs == n)
		return true;
	PyErr_Format(PyExc_TypeError, "%s() takes exactly %zd arguments (%zd given)", function, n, nargs);
	return false;
}

static PyObject *array_add(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
	Py_ssize_t index;

	if (!exactly("add", nargs, 2) || !index_of((struct array *)self, args[0], &index))
		return NULL;
	return add((struct array *)self, index, args[1]);
}

static PyObject *array_exchange(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
	Py_ssize_t index;

	if (!exactly("compare_exchange", nargs, 3) || !index_of((struct array *)self, args[0], &index))
		return NULL;
	return exchange((struct array *)self, index, args[1], args[2]);
}

/* --- The whole --- */

static PyObject *array_snapshot(PyObject *self, PyObject *unused)
{
	struct array *array = (struct array *)self;
	Py_ssize_t size = array->count * (array->kind ? array->kind->size : 0);
	PyObject *bytes;
	int error;

	(void)unused;
	if (!still(array))
		return NULL;
	bytes = PyBytes_FromStringAndSize(NULL, size);
	if (!bytes)
		return NULL;
	error = ringq_array_read(array->handle, PyBytes_AsString(bytes), (size_t)size);
	if (!error)
		return bytes;
	Py_DECREF(bytes);
	return rq_py_raise(error);
}

static ssize_t try_lock(void *context, int64_t timeout)
{
	return ringq_lock(context, timeout);
}

/* The result of ringq_lock(), or an error with an exception set (rq_py_wait). */
static ssize_t lock_array(struct array *array, int64_t timeout)
{
	return rq_py_try(&array->use, try_lock, array->handle, timeout, NULL);
}

/* The lock first: a wait for it can be interrupted, and the write then does not wait. */
static ssize_t write_array(struct array *array, const Py_buffer *view)
{
	ssize_t result = lock_array(array, RINGQ_FOREVER);
	PyThreadState *thread;

	if (result != 0 && result != -EOWNERDEAD)
		return result;
	thread = PyEval_SaveThread();
	result = ringq_array_write(array->handle, view->buf, (size_t)view->len);
	ringq_unlock(array->handle);
	PyEval_RestoreThread(thread);
	return result;
}

static PyObject *array_write(PyObject *self, PyObject *data)
{
	struct array *array = (struct array *)self;
	Py_buffer view;
	ssize_t error = -EINVAL;

	if (!still(array) || PyObject_GetBuffer(data, &view, PyBUF_ANY_CONTIGUOUS) < 0)
		return NULL;
	if (view.len == array->count * array->kind->size) {
		error = write_array(array, &view);
	} else {
		PyErr_Format(PyExc_ValueError, "the array has %zd bytes, not %zd", array->count * array->kind->size,
			view.len);
	}
	PyBuffer_Release(&view);
	if (error)
		return rq_py_raise(error);
	Py_RETURN_NONE;
}

/* shape and stride lie behind the view's `internal`, from malloc, since a view may outlive any other place. */
static int array_buffer(PyObject *self, Py_buffer *view, int flags)
{
	struct array *array = (struct array *)self;
	Py_ssize_t *numbers;

	if (!still(array))
		return -1;
	numbers = malloc(2 * sizeof(*numbers));
	if (!numbers) {
		PyErr_NoMemory();
		return -1;
	}
	numbers[0] = array->count;
	numbers[1] = array->kind->size;
	memset(view, 0, sizeof(*view));
	Py_INCREF(self);
	view->obj = self;
	view->buf = ringq_array_data(array->handle);
	view->len = array->count * array->kind->size;
	view->itemsize = array->kind->size;
	view->ndim = 1;
	view->format = flags & PyBUF_FORMAT ? (char *)(uintptr_t)array->kind->format : NULL;
	view->shape = flags & PyBUF_ND ? &numbers[0] : NULL;
	view->strides = (flags & PyBUF_STRIDES) == PyBUF_STRIDES ? &numbers[1] : NULL;
	view->internal = numbers;
	return 0;
}

static void array_release_buffer(PyObject *self, Py_buffer *view)
{
	(void)self;
	free(view->internal);
}

static PyObject *get_typecode(PyObject *self, void *unused)
{
	struct array *array = (struct array *)self;

	(void)unused;
	return still(array) ? PyUnicode_FromStringAndSize(&array->kind->code, 1) : NULL;
}

static PyObject *get_region(PyObject *self, void *unused)
{
	struct array *array = (struct array *)self;

	(void)unused;
	if (!still(array))
		return NULL;
	Py_INCREF(array->region);
	return array->region;
}

static PyObject *get_value(PyObject *self, void *unused)
{
	(void)unused;
	return load((struct array *)self, 0);
}

static int set_value(PyObject *self, PyObject *value, void *unused)
{
	(void)unused;
	return store((struct array *)self, 0, value);
}

static PyObject *value_add(PyObject *self, PyObject *delta)
{
	return add((struct array *)self, 0, delta);
}

static PyObject *value_exchange(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
	return exactly("compare_exchange", nargs, 2) ? exchange((struct array *)self, 0, args[0], args[1]) : NULL;
}

/* --- The lock --- */

struct lock {
	PyObject ob_base;
	struct array *array;
	bool owner_died;
};

static PyObject *array_lock(PyObject *self, PyObject *unused)
{
	struct state *state = ((struct array *)self)->state;
	struct lock *lock;

	(void)unused;
	if (!still((struct array *)self))
		return NULL;
	lock = (struct lock *)PyType_GenericAlloc(state->lock_type, 0);
	if (!lock)
		return NULL;
	Py_INCREF(self);
	lock->array = (struct array *)self;
	return (PyObject *)lock;
}

static PyObject *acquire(struct lock *lock, int64_t timeout)
{
	ssize_t result = lock_array(lock->array, timeout);

	if (PyErr_Occurred())
		return NULL;
	if (result == -EAGAIN || result == -ETIMEDOUT)
		Py_RETURN_FALSE;
	if (result != 0 && result != -EOWNERDEAD)
		return rq_py_raise(result);
	if (result == -EOWNERDEAD)
		lock->owner_died = true;
	Py_RETURN_TRUE;
}

static PyObject *lock_acquire(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *keywords)
{
	static const char *const names[] = {"block", "timeout"};
	PyObject *values[2];
	int64_t timeout;

	if (!rq_py_arguments("acquire", args, nargs, keywords, names, 2, 0, values) ||
		!rq_py_timeout(values[0], values[1], &timeout))
		return NULL;
	return acquire((struct lock *)self, timeout);
}

static PyObject *lock_release(PyObject *self, PyObject *unused)
{
	struct lock *lock = (struct lock *)self;
	bool owner_died = lock->owner_died;

	(void)unused;
	lock->owner_died = false; /* while it is ours to write */
	if (ringq_unlock(lock->array->handle) == 0)
		Py_RETURN_NONE;
	lock->owner_died = owner_died;
	PyErr_SetString(PyExc_AssertionError, "attempt to release recursive lock not owned by thread");
	return NULL;
}

static PyObject *lock_enter(PyObject *self, PyObject *unused)
{
	(void)unused;
	return acquire((struct lock *)self, RINGQ_FOREVER);
}

static PyObject *lock_exit(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
	(void)args, (void)nargs;
	return lock_release(self, NULL);
}

static PyObject *get_owner_died(PyObject *self, void *unused)
{
	(void)unused;
	return PyBool_FromLong(((struct lock *)self)->owner_died);
}

static PyObject *get_array(PyObject *self, void *unused)
{
	PyObject *array = (PyObject *)((struct lock *)self)->array;

	(void)unused;
	Py_INCREF(array);
	return array;
}

static int lock_traverse(PyObject *self, visitproc visit, void *arg)
{
	Py_VISIT(Py_TYPE(self));
	Py_VISIT((PyObject *)((struct lock *)self)->array);
	return 0;
}

static void lock_dealloc(PyObject *self)
{
	PyObject_GC_UnTrack(self);
	Py_XDECREF((PyObject *)((struct lock *)self)->array);
	rq_py_free(self);
}

/* --- The types --- */

static PyMethodDef array_methods[] = {
	{"_create", array_create, METH_VARARGS, NULL},
	{"_open", array_open, METH_VARARGS, NULL},
	{"_snapshot", array_snapshot, METH_NOARGS, NULL},
	{"_write", array_write, METH_O, NULL},
	{"_lock", array_lock, METH_NOARGS, NULL},
	{"add", FAST(array_add), METH_FASTCALL,
		DOC("add($self, index, delta, /)\n--\n\nAdds to an integer element, atomically, and returns what it "
		    "was before.\n\n"
		    "It wraps. Raises IndexError; TypeError: the elements are no integers.")},
	{"compare_exchange", FAST(array_exchange), METH_FASTCALL,
		DOC("compare_exchange($self, index, expected, desired, /)\n--\n\nMakes an integer element `desired` if "
		    "it is "
		    "`expected`, atomically. Whether it was.\n\nRaises IndexError; OverflowError; TypeError.")},
	{NULL, NULL, 0, NULL},
};

static PyGetSetDef array_attributes[] = {
	{"typecode", get_typecode, NULL, DOC("The type of the elements, as in the module array."), NULL},
	{"region", get_region, NULL, DOC("The Region that the array is in."), NULL},
	{NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot array_slots[] = {
	{Py_tp_doc, DOC("An array of numbers in shared memory, with a lock.")},
	{Py_tp_new, array_new},
	{Py_tp_traverse, array_traverse},
	{Py_tp_clear, array_clear},
	{Py_tp_dealloc, array_dealloc},
	{Py_tp_methods, array_methods},
	{Py_tp_getset, array_attributes},
	{Py_sq_length, array_length},
	{Py_sq_item, array_item},
	{Py_sq_ass_item, array_set_item},
	{Py_bf_getbuffer, array_buffer},
	{Py_bf_releasebuffer, array_release_buffer},
	{0, NULL},
};

PyType_Spec rq_py_array_spec = {
	.name = "ringq._ringq.Array",
	.basicsize = sizeof(struct array),
	.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
	.slots = array_slots,
};

static PyMethodDef value_methods[] = {
	{"add", value_add, METH_O,
		DOC("add($self, delta, /)\n--\n\nAdds to the value, atomically, and returns what it was before. It "
		    "wraps.\n\n"
		    "Raises TypeError: it is no integer.")},
	{"compare_exchange", FAST(value_exchange), METH_FASTCALL,
		DOC("compare_exchange($self, expected, desired, /)\n--\n\nMakes the value `desired` if it is "
		    "`expected`, "
		    "atomically. Whether it was.\n\nRaises OverflowError; TypeError: it is no integer.")},
	{NULL, NULL, 0, NULL},
};

static PyGetSetDef value_attributes[] = {
	{"value", get_value, set_value, DOC("The number; loads and stores are atomic."), NULL},
	{NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot value_slots[] = {
	{Py_tp_doc, DOC("A number in shared memory, with a lock.")},
	{Py_tp_methods, value_methods},
	{Py_tp_getset, value_attributes},
	{0, NULL},
};

PyType_Spec rq_py_value_spec = {
	.name = "ringq._ringq.Value",
	.basicsize = sizeof(struct array),
	.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
	.slots = value_slots,
};

static PyMethodDef lock_methods[] = {
	{"acquire", FAST(lock_acquire), KEYWORDS,
		DOC("acquire($self, /, block=True, timeout=None)\n--\n\nLocks for this thread, which may do so again. "
		    "False: not in "
		    "time.\n\nA holder that has died does not keep it: see owner_died.")},
	{"release", lock_release, METH_NOARGS,
		DOC("release($self, /)\n--\n\nUnlocks, as often as it was locked. AssertionError: this thread does not "
		    "hold it.")},
	{"__enter__", lock_enter, METH_NOARGS, NULL},
	{"__exit__", FAST(lock_exit), METH_FASTCALL, NULL},
	{NULL, NULL, 0, NULL},
};

static PyGetSetDef lock_attributes[] = {
	{"owner_died", get_owner_died,
		NULL, DOC("Until release(): whether the holder before had died inside, so that what the lock guards may be half done."),
		NULL},
	{"_array", get_array, NULL, NULL, NULL},
	{NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot lock_slots[] = {
	{Py_tp_doc, DOC("The lock of an array or value: recursive, and free again when its holder dies.")},
	{Py_tp_new, rq_py_no_new},
	{Py_tp_traverse, lock_traverse},
	{Py_tp_dealloc, lock_dealloc},
	{Py_tp_methods, lock_methods},
	{Py_tp_getset, lock_attributes},
	{0, NULL},
};

PyType_Spec rq_py_lock_spec = {
	.name = "ringq._ringq.Lock",
	.basicsize = sizeof(struct lock),
	.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
	.slots = lock_slots,
};
