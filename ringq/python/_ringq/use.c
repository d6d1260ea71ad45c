/* SPDX-License-Identifier: MIT */
#include "use.h"

#include <time.h>
#include <unistd.h>

int64_t rq_py_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/*
 * Python's handlers of signals run in one thread. There a handler that the kernel runs ends a sleep at once; only where that
 * comes right before the sleep is it seen at the end of a slice. The first slice is short, as what sends a signal may do so
 * because the wait begins. The later ones double what the call has waited, as the library's own sleeps do, so that an idle
 * thread hardly ever wakes. Waits of other threads are in one piece: rq_py_close() ends them.
 */
#define SLICE_FIRST RINGQ_MS(100)
#define SLICE_LEAST RINGQ_MS(1000)
#define SLICE_MOST RINGQ_MS(32000)

static int64_t slice_after(int64_t waited)
{
	if (waited < SLICE_FIRST)
		return SLICE_FIRST;
	return waited < SLICE_LEAST ? SLICE_LEAST : waited < SLICE_MOST ? waited : SLICE_MOST;
}

static unsigned long main_thread; /* as the import found it */

/* In a child of fork it is the only one, which has the number of the process. */
static bool runs_handlers(void)
{
	return gettid() == getpid() || PyThread_get_thread_ident() == main_thread;
}

static void set_interruptible(struct use *use, ringq_queue *queue, bool on)
{
	if (queue)
		ringq_queue_interruptible(queue, on);
	else
		ringq_array_interruptible(use->array, on);
}

static ssize_t wait_slice(
	struct use *use, rq_py_attempt *attempt, void *context, int64_t timeout, int64_t waited, ringq_queue *queue)
{
	bool main = runs_handlers();
	int64_t slice = slice_after(waited);
	PyThreadState *thread;
	ssize_t result;

	use->waiting++;
	thread = PyEval_SaveThread();
	if (main)
		set_interruptible(use, queue, true);
	result = attempt(context, main && (timeout < 0 || timeout > slice) ? slice : timeout);
	if (main)
		set_interruptible(use, queue, false);
	PyEval_RestoreThread(thread);
	use->waiting--;
	return result;
}

int rq_py_find_main_thread(void)
{
	PyObject *threading = PyImport_ImportModule("threading");
	PyObject *thread = threading ? PyObject_CallMethod(threading, "main_thread", NULL) : NULL;
	PyObject *number = thread ? PyObject_GetAttrString(thread, "ident") : NULL;

	if (number)
		main_thread = PyLong_AsUnsignedLong(number);
	Py_XDECREF(number);
	Py_XDECREF(thread);
	Py_XDECREF(threading);
	return PyErr_Occurred() ? -1 : 0;
}

ssize_t rq_py_wait(struct use *use, rq_py_attempt *attempt, void *context, int64_t timeout, ringq_queue *queue)
{
	int64_t begin = rq_py_now(), end = timeout > 0 ? begin + timeout : 0;
	PyThreadState *thread;
	ssize_t result;

	if (timeout == RINGQ_NOWAIT)
		return -EAGAIN;
	for (int64_t waited = 0;; waited = rq_py_now() - begin) {
		result = wait_slice(use, attempt, context, timeout, waited, queue);
		if (result != -ETIMEDOUT && result != -EAGAIN && result != -ENOMEM && result != -EINTR)
			return result;
		if (use->closed)
			return -EBADF;
		if (PyErr_CheckSignals() < 0)
			return -EINTR;
		if (timeout > 0) {
			timeout = end - rq_py_now();
			if (timeout <= 0)
				return result == -ENOMEM ? result : -ETIMEDOUT;
		}
		if (result == -ENOMEM) { /* others may give some back */
			thread = PyEval_SaveThread();
			nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
			PyEval_RestoreThread(thread);
		}
	}
}

ssize_t rq_py_try(struct use *use, rq_py_attempt *attempt, void *context, int64_t timeout, ringq_queue *queue)
{
	ssize_t result = attempt(context, RINGQ_NOWAIT);

	return result == -EAGAIN && timeout != RINGQ_NOWAIT ? rq_py_wait(use, attempt, context, timeout, queue) : result;
}

void rq_py_close(struct use *use, ringq_queue *queue)
{
	use->closed = true;
	if (queue && use->waiting > 0)
		ringq_interrupt(queue);
}
