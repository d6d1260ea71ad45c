/* SPDX-License-Identifier: MIT */
#ifndef RQ_NAMES_H
#define RQ_NAMES_H

/*
 * Objects and their names. An object is a run of units; its first unit's owner word says that it is one.
 *
 * Names are in a hash table with open addressing, in which nothing is ever removed, as named objects are not. Its
 * creator first makes an object complete, owner words and all, then looks along the name's places: one that has the
 * name has won; at the first empty one it puts its own object by CAS, and if that fails looks at that place again. All
 * who want one name look along the same places, so the first CAS decides, and nobody waits for anybody. The same CAS
 * makes the object visible: a named one that no place has is none. Its creator takes it back, or is dead, and then a
 * sweep does.
 *
 * A named object's word says that it is unplaced until its creator has seen it in the table, or, where that died in
 * between, a sweep. So the table is asked for an object once, not at each sweep again, however many names there are.
 * Nothing but its creator's id is read of an object that is unplaced: it may be withdrawn at any moment.
 */

#include "region/units.h"

/* A name word: the hash, and the unit in so many bits. */
#define RQ_NAME_UNIT_BITS 24

/* FNV-1a, folded to 40 bits, never 0. */
static inline uint64_t rq_name_hash(const char *name)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);
	for (; *name; name++)
		h = (h ^ (unsigned char)*name) * UINT64_C(0x100000001b3);
	h = (h ^ h >> 40) & ((UINT64_C(1) << 40) - 1);
	return h ? h : 1;
}

/* What others call an object by, never given to another in the region: its number, and where it is. Never 0. */
static inline uint64_t rq_object_id(uint64_t owner, uint64_t first)
{
	return rq_owner_created(owner) << RQ_NAME_UNIT_BITS | first;
}

/* Claims a zeroed run of units for an object, not visible yet, with memory behind its first `bytes` bytes. */
int64_t rq_object_claim(struct rq_membership *membership, uint64_t units, uint64_t bytes);
void rq_object_drop(struct rq_membership *membership, uint64_t first, uint64_t units);

/*
 * Whether an object with this word, which says that it is unplaced, never got its name, and its creator cannot take it
 * back. False when the probes run out.
 */
bool rq_object_is_garbage(struct ringq_region *region, uint64_t first, uint64_t owner, uint64_t *probes);

/* Makes the object visible under its name; "" is none. 0; -EEXIST, -ENOSPC or -ENOMEM, and the object is gone. */
int rq_object_publish(struct rq_membership *membership, uint64_t first, uint64_t units, const char *name);

/* Makes the object visible, without a name, as one of the two queues of a pipe: it goes when nobody holds it. */
void rq_object_publish_pipe(struct rq_membership *membership, uint64_t first, uint64_t units);

/* Finds an object of a kind by its name; NULL: the one that was created first. -ENOENT; another kind's name is none. */
int rq_object_find(struct ringq_region *region, uint32_t kind, const char *name, uint64_t *first, uint64_t *units);

#endif
