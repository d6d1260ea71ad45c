/* SPDX-License-Identifier: MIT */
#ifndef RINGQ_PYTHON_REGION_H
#define RINGQ_PYTHON_REGION_H

#include "state.h"

extern PyType_Spec rq_py_region_spec;

/* The handle of a Region. NULL with an exception set if it is none, or closed. */
ringq_region *rq_py_region(PyObject *object);

#endif
