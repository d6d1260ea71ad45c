/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lease.h"
#include "arguments.h"

/*
 * Objects in hand. A lease holds one delivery. What get() took, a queue object holds itself, oldest first, for task_done():
 * as plain deliveries, so that an object that is dropped gives them back without waiting for the collector of cycles.
 * A forked child holds none of its parent's, and must not say that it gives them back.
 */
struct lease {
	PyObject ob_base;
	struct queue *queue;
	PyObject *object;
	struct ringq_delivery delivery;
	pid_t process;
	bool over;
};

static int came_back(void)
{
	PyErr_SetString(
		PyExc_ValueError, "the object is not in hand any more: it was given back when its thread ended");
	return -1;
}

static bool is_acknowledged(struct queue *queue)
{
	if (!queue->acknowledged)
		PyErr_SetString(PyExc_ValueError, "the queue was not made with acknowledged=True");
	return queue->acknowledged;
}

/* --- Taking --- */

struct taking {
	ringq_queue *queue;
	struct ringq_delivery delivery;
};

static ssize_t try_take(void *context, int64_t timeout)
{
	struct taking *taking = context;

	return ringq_take(taking->queue, &taking->delivery, timeout);
}

/* The object of a record that others can write to: it is copied before it is believed. */
static PyObject *decode(struct state *state, const struct ringq_delivery *delivery)
{
	unsigned char small[SMALL];
	void *memory;

	if (delivery->len <= sizeof(small)) {
		memcpy(small, delivery->data, delivery->len);
		return rq_py_decode(state, small, delivery->len, NULL);
	}
	memory = malloc(delivery->len);
	if (!memory)
		return PyErr_NoMemory();
	memcpy(memory, delivery->data, delivery->len);
	return rq_py_decode(state, memory, delivery->len, memory);
}

/* Takes the next object. One that cannot be made goes back. NULL with an exception set. */
static PyObject *take(struct queue *queue, int64_t timeout, struct ringq_delivery *out)
{
	struct taking taking = {.queue = rq_py_handle(queue)};
	PyObject *object;
	ssize_t error;

	if (!taking.queue)
		return NULL;
	error = rq_py_try(&queue->use, try_take, &taking, timeout, queue->handle);
	if (queue->use.watched)
		rq_py_settle(taking.queue);
	if (error < 0)
		return rq_py_queue_failed(queue, error, SIDE_GET);
	object = decode(queue->state, &taking.delivery);
	if (!object)
		ringq_requeue(taking.queue, &taking.delivery);
	*out = taking.delivery;
	return object;
}

/* --- What get() took --- */

/* After a fork, the child begins with none. */
static void forget_the_parents(struct hands *hands)
{
	if (hands->count && hands->process != getpid())
		hands->count = 0;
}

static bool hold(struct hands *hands, const struct ringq_delivery *delivery)
{
	forget_the_parents(hands);
	if (hands->count == hands->room) {
		size_t room = hands->room ? 2 * hands->room : 16;
		struct ringq_delivery *ring = malloc(room * sizeof(*ring));

		if (!ring)
			return false;
		for (size_t i = 0; i < hands->count; i++)
			ring[i] = hands->ring[(hands->first + i) % hands->room];
		free(hands->ring);
		hands->ring = ring;
		hands->room = room;
		hands->first = 0;
	}
	hands->ring[(hands->first + hands->count++) % hands->room] = *delivery;
	hands->process = getpid();
	return true;
}

PyObject *rq_py_get_to_hold(struct queue *queue, int64_t timeout)
{
	struct ringq_delivery delivery;
	PyObject *object = take(queue, timeout, &delivery);

	if (object && !hold(&queue->hands, &delivery)) {
		ringq_requeue(queue->handle, &delivery);
		Py_DECREF(object);
		return PyErr_NoMemory();
	}
	return object;
}

PyObject *rq_py_get_many_to_hold(struct queue *queue, int64_t n, int64_t timeout)
{
	PyObject *list = PyList_New(0), *object;
	int error = 0;

	while (list && error == 0 && PyList_Size(list) < n) {
		object = rq_py_get_to_hold(queue, PyList_Size(list) ? RINGQ_NOWAIT : timeout);
		if (!object)
			break;
		error = PyList_Append(list, object);
		Py_DECREF(object);
	}
	if (list && error == 0 && (PyList_Size(list) || !PyErr_Occurred())) {
		PyErr_Clear(); /* what ended it, the next call says */
		return list;
	}
	Py_XDECREF(list);
	return NULL;
}

PyObject *rq_py_task_done(PyObject *self, PyObject *unused)
{
	struct queue *queue = (struct queue *)self;
	struct hands *hands = &queue->hands;
	struct ringq_delivery delivery;
	int error;

	(void)unused;
	if (!is_acknowledged(queue))
		return NULL;
	forget_the_parents(hands);
	if (!hands->count) {
		PyErr_SetString(PyExc_ValueError, "task_done() called too many times");
		return NULL;
	}
	delivery = hands->ring[hands->first];
	hands->first = (hands->first + 1) % hands->room;
	hands->count--;
	error = ringq_ack(queue->handle, &delivery);
	if (error == -ESTALE)
		return came_back(), NULL;
	if (error)
		return rq_py_raise(error);
	Py_RETURN_NONE;
}

static ssize_t try_join(void *context, int64_t timeout)
{
	return ringq_join(context, timeout);
}

PyObject *rq_py_join(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *keywords)
{
	static const char *const names[] = {"timeout"};
	struct queue *queue = (struct queue *)self;
	PyObject *value;
	int64_t timeout;
	ssize_t error;

	if (!rq_py_arguments("join", args, nargs, keywords, names, 1, 0, &value) ||
		!rq_py_timeout(NULL, value, &timeout) || !rq_py_handle(queue) || !is_acknowledged(queue))
		return NULL;
	error = rq_py_try(&queue->use, try_join, queue->handle, timeout, queue->handle);
	if (error == -EAGAIN || error == -ETIMEDOUT)
		Py_RETURN_FALSE;
	if (error)
		return rq_py_queue_failed(queue, error, SIDE_GET);
	Py_RETURN_TRUE;
}

/* --- Leases --- */

PyObject *rq_py_lease(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *keywords)
{
	static const char *const names[] = {"block", "timeout"};
	struct queue *queue = (struct queue *)self;
	PyObject *values[2], *object;
	struct ringq_delivery delivery;
	struct lease *lease;
	int64_t timeout;

	if (!rq_py_arguments("lease", args, nargs, keywords, names, 2, 0, values) ||
		!rq_py_timeout(values[0], values[1], &timeout) || !rq_py_handle(queue) || !is_acknowledged(queue))
		return NULL;
	object = take(queue, timeout, &delivery);
	if (!object)
		return NULL;
	lease = (struct lease *)PyType_GenericAlloc(queue->state->lease_type, 0);
	if (!lease) {
		ringq_requeue(queue->handle, &delivery);
		Py_DECREF(object);
		return NULL;
	}
	Py_INCREF(self);
	lease->queue = queue;
	lease->object = object;
	lease->delivery = delivery;
	lease->process = getpid();
	return (PyObject *)lease;
}

/* Ends it in either way, once. 0; -1 with an exception set. */
static int end_lease(struct lease *lease, int (*how)(ringq_queue *, struct ringq_delivery *))
{
	int error;

	if (lease->over) {
		PyErr_SetString(PyExc_ValueError, "the lease is over");
		return -1;
	}
	lease->over = true;
	error = lease->process == getpid() ? how(lease->queue->handle, &lease->delivery) : -ESTALE;
	if (error == -ESTALE)
		return came_back();
	if (error)
		rq_py_raise(error);
	return error ? -1 : 0;
}

static PyObject *lease_ack(PyObject *self, PyObject *unused)
{
	(void)unused;
	if (end_lease((struct lease *)self, ringq_ack) < 0)
		return NULL;
	Py_RETURN_NONE;
}

static PyObject *lease_requeue(PyObject *self, PyObject *unused)
{
	(void)unused;
	if (end_lease((struct lease *)self, ringq_requeue) < 0)
		return NULL;
	Py_RETURN_NONE;
}

static PyObject *lease_enter(PyObject *self, PyObject *unused)
{
	(void)unused;
	Py_INCREF(((struct lease *)self)->object);
	return ((struct lease *)self)->object;
}

static PyObject *lease_exit(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
	struct lease *lease = (struct lease *)self;

	if (lease->over)
		Py_RETURN_NONE;
	if (nargs == 0 || args[0] == Py_None)
		return lease_ack(self, NULL);
	if (end_lease(lease, ringq_requeue) < 0)
		PyErr_Clear(); /* the block's own exception says more */
	Py_RETURN_NONE;
}

static PyObject *get_object(PyObject *self, void *unused)
{
	(void)unused;
	return lease_enter(self, NULL);
}

static PyObject *get_attempt(PyObject *self, void *unused)
{
	(void)unused;
	return PyLong_FromUnsignedLong(((struct lease *)self)->delivery.attempt);
}

static int lease_traverse(PyObject *self, visitproc visit, void *arg)
{
	Py_VISIT(Py_TYPE(self));
	Py_VISIT((PyObject *)((struct lease *)self)->queue);
	Py_VISIT(((struct lease *)self)->object);
	return 0;
}

static int lease_clear(PyObject *self)
{
	Py_CLEAR(((struct lease *)self)->object); /* the queue goes last: what is in hand goes back to it */
	return 0;
}

static void lease_dealloc(PyObject *self)
{
	struct lease *lease = (struct lease *)self;

	PyObject_GC_UnTrack(self);
	if (!lease->over && lease->process == getpid())
		ringq_requeue(lease->queue->handle, &lease->delivery);
	lease_clear(self);
	Py_DECREF((PyObject *)lease->queue);
	rq_py_free(self);
}

static PyMethodDef lease_methods[] = {
	{"ack", lease_ack, METH_NOARGS,
		DOC("ack($self, /)\n--\n\nThe object is done.\n\nRaises ValueError: the lease is over, or the object "
		    "has "
		    "come back, as the thread that took it has ended.")},
	{"requeue", lease_requeue, METH_NOARGS,
		DOC("requeue($self, /)\n--\n\nGives the object back, before all younger ones. Raises as ack().")},
	{"__enter__", lease_enter, METH_NOARGS, DOC("__enter__($self, /)\n--\n\nThe object.")},
	{"__exit__", FAST(lease_exit), METH_FASTCALL,
		DOC("__exit__($self, /, *exception)\n--\n\nack(), or requeue() if the block raised, unless one of them "
		    "was called.")},
	{NULL, NULL, 0, NULL},
};

static PyGetSetDef lease_attributes[] = {
	{"object", get_object, NULL, DOC("The object."), NULL},
	{"attempt", get_attempt, NULL, DOC("1; more if the object has come back before."), NULL},
	{NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot lease_slots[] = {
	{Py_tp_doc, DOC("An object in the hands of its taker: Queue.lease(). One that is dropped goes back.")},
	{Py_tp_new, rq_py_no_new},
	{Py_tp_traverse, lease_traverse},
	{Py_tp_clear, lease_clear},
	{Py_tp_dealloc, lease_dealloc},
	{Py_tp_methods, lease_methods},
	{Py_tp_getset, lease_attributes},
	{0, NULL},
};

PyType_Spec rq_py_lease_spec = {
	.name = "ringq._ringq.Lease",
	.basicsize = sizeof(struct lease),
	.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
	.slots = lease_slots,
};
