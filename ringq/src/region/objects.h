/* SPDX-License-Identifier: MIT */
#ifndef RQ_OBJECTS_H
#define RQ_OBJECTS_H

/*
 * Objects and their names. An object is a run of units; its first unit's owner word says that it is one.
 *
 * NAMES are in a hash table with open addressing. A place says which object has it, by the object's number and first unit: a
 * number is never given twice, so whoever reads a place can tell whether its object is still there, and what a place said
 * of one that is gone is never true again. Such a place is as good as an empty one, to who wants one, and is gone past by
 * who searches. So to delete an object its own word is enough, and no place is ever emptied.
 *
 * NAMING. One object at a time is given its name, the one that the header's word `naming` says; anybody may do what there
 * is to do, and whoever wants the word for another does it first. If an object has the name, the new one is refused: its
 * word becomes that of a unit in its creator's hands. Else a place gets its number, and then its word says that it has its
 * name. Either is one CAS of the new object's own word, which decides: so two who are at it with different views, one of them
 * stopped for long, do no harm. Only one that has its name is found; a number in a place more than once, or there of an
 * object that was refused, is no matter. Nobody waits for anybody: who stops or dies is helped.
 *
 * An unnamed object is visible with its word. One without its name, whose creator is dead and which `naming` does not say,
 * is swept up; if it says so, the sweep and who helps decide by the same CAS.
 *
 * VISITS. Memory of an object that has been deleted goes when nobody can be there (queue/expire.h). Who has nothing else
 * that keeps it visits: it names the object's word in its member's entry, and looks at the word again behind a full fence.
 */

#include "region/units.h"

/* FNV-1a, folded to 40 bits, never 0. */
static inline uint64_t rq_name_hash(const char *name)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);
	for (; *name; name++)
		h = (h ^ (unsigned char)*name) * UINT64_C(0x100000001b3);
	h = (h ^ h >> 40) & ((UINT64_C(1) << 40) - 1);
	return h ? h : 1;
}

/*
 * An object's number, of which its word has the low bits: they come round. `creations` is what the header's word was after
 * the object's had been read.
 */
static inline uint64_t rq_object_number(uint64_t creations, uint64_t owner)
{
	return creations - ((creations - rq_owner_created(owner)) & RQ_OWNER_CREATED_MASK);
}

/* What others call an object by, never given to another in the region: its number, and where it is. Never 0. */
static inline uint64_t rq_object_id(uint64_t owner, uint64_t first)
{
	return rq_owner_created(owner) << RQ_NAME_UNIT_BITS | first;
}

/* Claims a zeroed run of units for an object, not visible yet, with memory behind its first `bytes` bytes. */
int64_t rq_object_claim(struct rq_membership *membership, uint64_t units, uint64_t bytes);
void rq_object_drop(struct rq_membership *membership, uint64_t first, uint64_t units);

/* Whether an object with this word, which says that it has no name yet, is nobody's: its creator is dead. */
bool rq_object_is_garbage(struct ringq_region *region, uint64_t first, uint64_t owner);

/*
 * Makes the object visible under its name; "" is none. 0, and *owner is its word from then on; -EEXIST, -ENOSPC, -ENOMEM or
 * -EBADMSG, and the object is gone.
 */
int rq_object_publish(
	struct rq_membership *membership, uint64_t first, uint64_t units, const char *name, uint64_t *owner);

/* Makes the object visible, without a name, as one of the two queues of a pipe: it goes when nobody holds it. */
void rq_object_publish_pipe(struct rq_membership *membership, uint64_t first, uint64_t units);

/* Finds an object of a kind by its name; NULL: the one that was created first. -ENOENT; another kind's name is none. */
int rq_object_find(struct ringq_region *region, uint32_t kind, const char *name, uint64_t *first, uint64_t *owner);

/* Keeps the memory of the object with this word until rq_object_leave(), by one at a time. False: it has another by now. */
bool rq_object_visit(struct rq_membership *membership, uint64_t first, uint64_t owner);
void rq_object_leave(struct rq_membership *membership);

#endif
