/* SPDX-License-Identifier: MIT */
#ifndef RINGQ_PYTHON_PICKLE_H
#define RINGQ_PYTHON_PICKLE_H

#include "state.h"

extern PyType_Spec rq_py_memory_spec, rq_py_writer_spec, rq_py_reducers_spec;

/* Smaller buffers stay in the pickle: they are cheaper to copy than to point to. */
#define BUFFER_LEAST 2048

/* An object as a pickle, as ForkingPickler.dumps() would make it. */
PyObject *rq_py_pickle(struct state *state, PyObject *object);

/* Writers and their content. */
size_t rq_py_writer_pickle(PyObject *writer, const void **data);
size_t rq_py_writer_buffers(PyObject *writer);
const Py_buffer *rq_py_writer_buffer(PyObject *writer, size_t i);

/* Pickles into a writer, which the caller gives back by rq_py_writer_return(). NULL with an exception set. */
PyObject *rq_py_pickle_to_writer(struct state *state, PyObject *object, bool out_of_band);
void rq_py_writer_return(struct state *state, PyObject *writer);

/* An object with the buffer protocol over memory from malloc, which it frees. It takes memory over in any case. */
PyObject *rq_py_memory_new(struct state *state, void *memory, size_t len);

#endif
