/* SPDX-License-Identifier: MIT */
#ifndef RINGQ_PYTHON_QUEUE_H
#define RINGQ_PYTHON_QUEUE_H

#include "handle.h"

extern PyType_Spec rq_py_queue_spec, rq_py_simple_queue_spec;

#endif
