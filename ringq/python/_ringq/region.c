/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "region.h"
#include "arguments.h"

struct region {
	PyObject ob_base;
	ringq_region *handle;
};

ringq_region *rq_py_region(PyObject *object)
{
	struct state *state = rq_py_state(Py_TYPE(object));
	ringq_region *handle;

	if (!state || !PyObject_TypeCheck(object, state->region_type)) {
		PyErr_Format(PyExc_TypeError, "a ringq.Region is needed, not %R", Py_TYPE(object));
		return NULL;
	}
	handle = ((struct region *)object)->handle;
	if (!handle)
		PyErr_SetString(PyExc_ValueError, "the region is closed");
	return handle;
}

static ringq_region *still(PyObject *self)
{
	ringq_region *handle = ((struct region *)self)->handle;

	if (!handle)
		PyErr_SetString(PyExc_ValueError, "the region is closed");
	return handle;
}

static PyObject *set_handle(PyObject *type, int error, ringq_region *handle, PyObject *name)
{
	PyObject *object;

	if (error) {
		if (!name || name == Py_None || (error != -EEXIST && error != -ENOENT))
			return rq_py_raise(error);
		errno = -error;
		return PyErr_SetFromErrnoWithFilenameObject(PyExc_OSError, name);
	}
	object = PyType_GenericAlloc((PyTypeObject *)type, 0);
	if (object)
		((struct region *)object)->handle = handle;
	else
		ringq_region_detach(handle);
	return object;
}

static PyObject *region_create(PyObject *type, PyObject *args)
{
	struct ringq_region_options options = {.size = 0};
	PyObject *name = Py_None;
	ringq_region *handle = NULL;
	Py_ssize_t size = 0;
	int error;

	if (!PyArg_ParseTuple(args, "|nO", &size, &name))
		return NULL;
	if (name != Py_None && !PyUnicode_Check(name)) {
		PyErr_Format(PyExc_TypeError, "the name must be a str or None, not %R", Py_TYPE(name));
		return NULL;
	}
	if (size < 0) {
		PyErr_SetString(PyExc_ValueError, "the size is negative");
		return NULL;
	}
	options.size = (size_t)size;
	options.name = name == Py_None ? NULL : PyUnicode_AsUTF8AndSize(name, NULL);
	if (name != Py_None && !options.name)
		return NULL;
	error = ringq_region_create(&handle, &options);
	if (error == -EINVAL) {
		PyErr_SetString(PyExc_ValueError,
			"a region has 1 MiB to 64 GiB, or 0 for 1 GiB, and a name has 1 to 200 bytes without '/'");
		return NULL;
	}
	return set_handle(type, error, handle, name);
}

static PyObject *region_open(PyObject *type, PyObject *name)
{
	ringq_region *handle = NULL;
	const char *text;
	int error;

	if (!PyUnicode_Check(name))
		return PyErr_Format(PyExc_TypeError, "the name must be a str, not %R", Py_TYPE(name));
	text = PyUnicode_AsUTF8AndSize(name, NULL);
	if (!text)
		return NULL;
	error = ringq_region_open(&handle, text);
	return set_handle(type, error, handle, name);
}

static PyObject *region_attach(PyObject *type, PyObject *number)
{
	ringq_region *handle = NULL;
	int64_t fd;
	int error;

	if (!rq_py_int64(number, &fd))
		return NULL;
	error = fd < 0 || fd > INT32_MAX ? -EBADF : ringq_region_attach(&handle, (int)fd);
	return set_handle(type, error, handle, NULL);
}

static PyObject *region_unlink(PyObject *unused, PyObject *name)
{
	const char *text;
	int error;

	(void)unused;
	if (!PyUnicode_Check(name))
		return PyErr_Format(PyExc_TypeError, "the name must be a str, not %R", Py_TYPE(name));
	text = PyUnicode_AsUTF8AndSize(name, NULL);
	if (!text)
		return NULL;
	error = ringq_region_unlink(text);
	if (error) {
		errno = -error;
		return PyErr_SetFromErrnoWithFilenameObject(PyExc_OSError, name);
	}
	Py_RETURN_NONE;
}

static PyObject *region_fileno(PyObject *self, PyObject *unused)
{
	ringq_region *handle = still(self);

	(void)unused;
	return handle ? PyLong_FromLong(ringq_region_fd(handle)) : NULL;
}

static PyObject *region_memory(PyObject *self, PyObject *unused)
{
	ringq_region *handle = still(self);
	int64_t bytes;

	(void)unused;
	if (!handle)
		return NULL;
	bytes = ringq_region_memory(handle);
	return bytes < 0 ? rq_py_raise(bytes) : PyLong_FromLongLong(bytes);
}

static PyObject *list_members(const struct ringq_member *members, ssize_t n)
{
	PyObject *list = PyList_New(0);
	ssize_t i;

	for (i = 0; list && i < n; i++) {
		PyObject *name = PyUnicode_DecodeUTF8(
			members[i].name, (Py_ssize_t)strnlen(members[i].name, sizeof(members[i].name)), "replace");
		PyObject *item = name ? Py_BuildValue("(IIO)", members[i].process, members[i].thread, name) : NULL;

		if (!item || PyList_Append(list, item) < 0)
			Py_CLEAR(list);
		Py_XDECREF(item);
		Py_XDECREF(name);
	}
	return list;
}

static PyObject *region_members(PyObject *self, PyObject *unused)
{
	enum { MOST = 4096 };
	ringq_region *handle = still(self);
	struct ringq_member *members;
	PyObject *list;
	ssize_t n;

	(void)unused;
	if (!handle)
		return NULL;
	members = malloc(MOST * sizeof(*members));
	if (!members)
		return PyErr_NoMemory();
	n = ringq_region_members(handle, members, MOST);
	list = n < 0 ? rq_py_raise(n) : list_members(members, n < MOST ? n : MOST);
	free(members);
	return list;
}

static PyObject *region_close(PyObject *self, PyObject *unused)
{
	struct region *region = (struct region *)self;

	(void)unused;
	ringq_region_detach(region->handle);
	region->handle = NULL;
	Py_RETURN_NONE;
}

static void region_dealloc(PyObject *self)
{
	ringq_region_detach(((struct region *)self)->handle);
	rq_py_free(self);
}

static PyObject *region_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
	(void)args, (void)keywords;
	PyErr_Format(PyExc_TypeError, "make a %R by create(), open() or attach()", type);
	return NULL;
}

static PyMethodDef methods[] = {
	{"_create", region_create, METH_VARARGS | METH_CLASS, NULL},
	{"_open", region_open, METH_O | METH_CLASS, NULL},
	{"attach", region_attach, METH_O | METH_CLASS,
		DOC("attach($type, fd, /)\n--\n\nThe region behind a descriptor, which is duplicated, not taken.\n\n"
		    "Raises OSError: EBADF no descriptor, EACCES not readable and writable, EPROTO no region or "
		    "another version's,\n"
		    "EBADMSG damaged, EMFILE, ENOSYS.")},
	{"unlink", region_unlink, METH_O | METH_STATIC,
		DOC("unlink(name, /)\n--\n\nRemoves a region's name; who has the region keeps it. Raises "
		    "FileNotFoundError, OSError.")},
	{"fileno", region_fileno, METH_NOARGS,
		DOC("fileno($self, /)\n--\n\nThe region's descriptor, to be inherited or sent.")},
	{"memory", region_memory, METH_NOARGS,
		DOC("memory($self, /)\n--\n\nHow many bytes of memory stand behind the region now.")},
	{"_members", region_members, METH_NOARGS, NULL},
	{"close", region_close, METH_NOARGS,
		DOC("close($self, /)\n--\n\nGives this object up. Queues and arrays in the region stay usable.")},
	{NULL, NULL, 0, NULL},
};

static PyType_Slot slots[] = {
	{Py_tp_doc, DOC("Shared memory that holds queues and arrays.")},
	{Py_tp_new, region_new},
	{Py_tp_dealloc, region_dealloc},
	{Py_tp_methods, methods},
	{0, NULL},
};

PyType_Spec rq_py_region_spec = {
	.name = "ringq._ringq.Region",
	.basicsize = sizeof(struct region),
	.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
	.slots = slots,
};
