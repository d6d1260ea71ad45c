/* SPDX-License-Identifier: MIT */
#ifndef RINGQ_PYTHON_ARRAY_H
#define RINGQ_PYTHON_ARRAY_H

#include "state.h"

extern PyType_Spec rq_py_array_spec, rq_py_value_spec, rq_py_lock_spec;

#endif
