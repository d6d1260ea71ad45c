/* SPDX-License-Identifier: MIT */
#ifndef RQ_SNAPSHOT_H
#define RQ_SNAPSHOT_H

/* The content of an array that has two copies, as a whole. */

#include "array/array.h"

/* Completes what a dead writer left. By who holds the lock. */
void rq_snapshot_repair(struct ringq_array *array);

/* New content, by who holds the lock. */
void rq_snapshot_write(struct ringq_array *array, const void *buf);

/* False: the content has changed meanwhile, and buf has parts of several. */
bool rq_snapshot_read(const struct ringq_array *array, void *buf);

#endif
