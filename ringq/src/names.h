/* SPDX-License-Identifier: MIT */
#ifndef RQ_NAMES_H
#define RQ_NAMES_H

/*
 * Objects and their names. An object is a run of units; its first unit's owner word says that it is one, and its state.
 * There is no directory: the owner words are it.
 *
 * A name is decided without a lock. A creator first makes its object complete, then a candidate, then looks at all
 * others of its name (each candidate's CAS and look are in one order with the others', so that of two, one sees the
 * other): one that is live has won; a candidate before it in the region is helped to live, and has won; one behind it is
 * refused. Then it makes itself live, unless somebody has refused or helped it meanwhile. Nobody waits for anybody, and
 * a candidate whose creator dies is as good as any.
 */

#include "slots.h"

/* Claims a zeroed run of units for an object, not visible yet, with memory behind its first `bytes` bytes. */
int64_t rq_object_claim(struct rq_seat *seat, uint64_t units, uint64_t bytes);
void rq_object_drop(struct rq_seat *seat, uint64_t first, uint64_t units);

/* Makes the object visible under its name; "" is none. 0, or -EEXIST, and the object is gone. */
int rq_object_publish(struct rq_seat *seat, uint64_t first, uint64_t units, const char *name);

/* Finds a live object by its name; NULL: the one that was created first. -ENOENT. */
int rq_object_find(struct ringq_region *region, const char *name, uint64_t *first, uint64_t *units);

#endif
