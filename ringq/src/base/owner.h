/* SPDX-License-Identifier: MIT */
#ifndef RQ_OWNER_H
#define RQ_OWNER_H

/*
 * Makers and readers of owner words, whose widths are these; layout.h draws the words. All but these functions take them
 * as they are.
 */

#include "base/layout.h"

#define RQ_OWNER_KIND_BITS 3
#define RQ_OWNER_UNIT_BITS 24         /* units, or the first of them */
#define RQ_OWNER_LANE_BITS 12         /* a lane of a queue */
#define RQ_OWNER_CHUNK_BITS 25        /* of a chunk's number */
#define RQ_OWNER_CREATED_BITS 36      /* the number of an object */
#define RQ_OWNER_HOLDER_BITS 24       /* a member, or a family's number, */
#define RQ_OWNER_HOLDER_SHIFT 8       /* above the kind and flags, */
#define RQ_OWNER_INCARNATION_SHIFT 32 /* and below its incarnation */

#define RQ_OWNER_KIND_MASK ((1u << RQ_OWNER_KIND_BITS) - 1)
#define RQ_OWNER_UNIT_MASK ((UINT64_C(1) << RQ_OWNER_UNIT_BITS) - 1)
#define RQ_OWNER_HOLDER_MASK ((UINT64_C(1) << RQ_OWNER_HOLDER_BITS) - 1)
#define RQ_OWNER_CREATED_MASK ((UINT64_C(1) << RQ_OWNER_CREATED_BITS) - 1)
#define RQ_OWNER_UNPLACED_SHIFT (RQ_OWNER_KIND_BITS + RQ_OWNER_UNIT_BITS)
#define RQ_OWNER_LANE_SHIFT (RQ_OWNER_KIND_BITS + RQ_OWNER_UNIT_BITS)
#define RQ_OWNER_CHUNK_SHIFT (RQ_OWNER_LANE_SHIFT + RQ_OWNER_LANE_BITS)
#define RQ_OWNER_CREATED_SHIFT (RQ_OWNER_UNPLACED_SHIFT + 1)
#define RQ_OWNER_REAPING (1u << RQ_OWNER_KIND_BITS)

/*
 * An id's low half is index + 1 in this many bits; what is above them, up to the incarnation, is the owner's own: of a
 * port, the number of its handle.
 */
#define RQ_ID_INDEX_BITS 13
#define RQ_ID_OWN_BITS 19
#define RQ_ID_INDEX_MASK ((1u << RQ_ID_INDEX_BITS) - 1)
/* All ones for its own has who holds a lane just to take over what the dead left there. No handle has that number. */
#define RQ_ID_REAPS (((UINT64_C(1) << RQ_ID_OWN_BITS) - 1) << RQ_ID_INDEX_BITS)

_Static_assert(RQ_OWNER_CHUNK_SHIFT + RQ_OWNER_CHUNK_BITS == 64, "a lane's word is full");
_Static_assert(RQ_OWNER_CREATED_SHIFT + RQ_OWNER_CREATED_BITS == 64, "an object's word is full");
_Static_assert(RQ_OWNER_HOLDER_SHIFT + RQ_OWNER_HOLDER_BITS == RQ_OWNER_INCARNATION_SHIFT, "a member's word is full");
_Static_assert(RQ_LANES_MAX <= 1u << RQ_OWNER_LANE_BITS, "a lane's number must fit");
_Static_assert(RQ_ID_INDEX_BITS + RQ_ID_OWN_BITS == RQ_OWNER_INCARNATION_SHIFT, "an id is full");
_Static_assert(RQ_MEMBERS_MAX < 1u << RQ_ID_INDEX_BITS, "an id has the member + 1, and 0 is nobody");
_Static_assert(RQ_UNITS_MAX == UINT64_C(1) << RQ_OWNER_UNIT_BITS, "a unit's number must fit");
_Static_assert(RQ_OWNER_PIPE <= RQ_OWNER_KIND_MASK, "a kind must fit");

/* The incarnation, which owner words of members and of families, ids and leases have in their high half. */
static inline uint64_t rq_incarnation(uint64_t word)
{
	return word >> RQ_OWNER_INCARNATION_SHIFT;
}

/* The owner word of a unit that a member builds or gives back, and whose that is. */
static inline uint64_t rq_owner_member(uint64_t id)
{
	return id >> RQ_OWNER_INCARNATION_SHIFT << RQ_OWNER_INCARNATION_SHIFT |
	       (id & RQ_OWNER_HOLDER_MASK) << RQ_OWNER_HOLDER_SHIFT | RQ_OWNER_MEMBER;
}

/* The same of the first unit of a pipe's object, which it deletes: liveness.h. */
static inline uint64_t rq_owner_reaping(uint64_t id)
{
	return rq_owner_member(id) | RQ_OWNER_REAPING;
}

static inline bool rq_owner_is_reaping(uint64_t owner)
{
	return (owner & (RQ_OWNER_KIND_MASK | RQ_OWNER_REAPING)) == (RQ_OWNER_MEMBER | RQ_OWNER_REAPING);
}

/* The same of a page of a book, which is garbage if this member is dead and its number's book does not have the page. */
#define RQ_OWNER_BOOK (UINT64_C(1) << 4)
static inline uint64_t rq_owner_book(uint64_t id)
{
	return rq_owner_member(id) | RQ_OWNER_BOOK;
}

static inline bool rq_owner_is_book(uint64_t owner)
{
	return (owner & (RQ_OWNER_KIND_MASK | RQ_OWNER_REAPING | RQ_OWNER_BOOK)) == (RQ_OWNER_MEMBER | RQ_OWNER_BOOK);
}

static inline uint64_t rq_owner_member_id(uint64_t owner)
{
	return owner >> RQ_OWNER_INCARNATION_SHIFT << RQ_OWNER_INCARNATION_SHIFT |
	       (owner >> RQ_OWNER_HOLDER_SHIFT & RQ_OWNER_HOLDER_MASK);
}

/* The index of that member. */
static inline uint32_t rq_owner_member_index(uint64_t owner)
{
	return (uint32_t)(owner >> RQ_OWNER_HOLDER_SHIFT & RQ_OWNER_HOLDER_MASK) - 1;
}

/* Owner words of objects. */
static inline uint64_t rq_owner_object(uint64_t created, uint64_t units, bool unplaced)
{
	return created << RQ_OWNER_CREATED_SHIFT | (uint64_t)unplaced << RQ_OWNER_UNPLACED_SHIFT |
	       units << RQ_OWNER_KIND_BITS | RQ_OWNER_OBJECT;
}

/* A named object that does not have its name yet, and so is none to anybody: see objects.h. */
static inline bool rq_owner_object_is_unplaced(uint64_t owner)
{
	return owner >> RQ_OWNER_UNPLACED_SHIFT & 1;
}

/* The word of the same object once it has its place. */
static inline uint64_t rq_owner_object_placed(uint64_t owner)
{
	return owner & ~(UINT64_C(1) << RQ_OWNER_UNPLACED_SHIFT);
}

static inline unsigned rq_owner_kind(uint64_t owner)
{
	return owner & RQ_OWNER_KIND_MASK;
}

/* The word of the same object once it was deleted. */
static inline uint64_t rq_owner_deleted(uint64_t owner)
{
	return (owner & ~(uint64_t)RQ_OWNER_KIND_MASK) | UINT64_C(1) << RQ_OWNER_UNPLACED_SHIFT | RQ_OWNER_PIPE;
}

static inline bool rq_owner_is_deleted(uint64_t owner)
{
	return rq_owner_kind(owner) == RQ_OWNER_PIPE && rq_owner_object_is_unplaced(owner);
}

static inline bool rq_owner_is_pipe(uint64_t owner)
{
	return rq_owner_kind(owner) == RQ_OWNER_PIPE && !rq_owner_object_is_unplaced(owner);
}

/* An object that has its name, if it is to have one. */
static inline bool rq_owner_is_object(uint64_t owner)
{
	return rq_owner_kind(owner) == RQ_OWNER_OBJECT && !rq_owner_object_is_unplaced(owner);
}

/* What the word of an object that was deleted was before. */
static inline uint64_t rq_owner_before_deletion(uint64_t owner)
{
	return (rq_owner_object_placed(owner) & ~(uint64_t)RQ_OWNER_KIND_MASK) | RQ_OWNER_OBJECT;
}

static inline uint64_t rq_owner_object_units(uint64_t owner)
{
	return owner >> RQ_OWNER_KIND_BITS & RQ_OWNER_UNIT_MASK;
}

/* The number of an object, in its words of both kinds. */
static inline uint64_t rq_owner_created(uint64_t owner)
{
	return owner >> RQ_OWNER_CREATED_SHIFT;
}

static inline uint64_t rq_owner_body(uint64_t created, uint64_t first)
{
	return created << RQ_OWNER_CREATED_SHIFT | first << RQ_OWNER_KIND_BITS | RQ_OWNER_BODY;
}

/* The first unit of the object that a body or a unit of a lane belongs to. */
static inline uint64_t rq_owner_first(uint64_t owner)
{
	return owner >> RQ_OWNER_KIND_BITS & RQ_OWNER_UNIT_MASK;
}

/* The owner word of a pipe's queue. */
static inline uint64_t rq_owner_pipe(uint64_t created, uint64_t units)
{
	return created << RQ_OWNER_CREATED_SHIFT | units << RQ_OWNER_KIND_BITS | RQ_OWNER_PIPE;
}

/* The owner word of the units of a lane's chunk. */
static inline uint64_t rq_owner_lane(uint64_t first, uint32_t lane, uint32_t chunk)
{
	return (uint64_t)chunk << RQ_OWNER_CHUNK_SHIFT | (uint64_t)lane << RQ_OWNER_LANE_SHIFT |
	       first << RQ_OWNER_KIND_BITS | RQ_OWNER_LANE;
}

/* What the words of all lanes of a queue have alike, and those of all chunks of a lane. */
#define RQ_OWNER_OF_QUEUE ((UINT64_C(1) << RQ_OWNER_LANE_SHIFT) - 1)
#define RQ_OWNER_OF_LANE ((UINT64_C(1) << RQ_OWNER_CHUNK_SHIFT) - 1)

/* Whether a word is of a lane of the queue whose first unit this is. */
static inline bool rq_owner_is_of_queue(uint64_t owner, uint64_t first)
{
	return !((owner ^ rq_owner_lane(first, 0, 0)) & RQ_OWNER_OF_QUEUE);
}

static inline uint32_t rq_owner_lane_index(uint64_t owner)
{
	return owner >> RQ_OWNER_LANE_SHIFT & ((1u << RQ_OWNER_LANE_BITS) - 1);
}

/* Whether two words are of the same lane of the same queue, whatever their chunks. */
static inline bool rq_owner_is_same_lane(uint64_t owner, uint64_t other)
{
	return ((owner ^ other) & RQ_OWNER_OF_LANE) == 0;
}

/* -2^24 to 2^24 - 1: how far the chunk in the word, of which 25 bits are known, is ahead of another. */
static inline int32_t rq_owner_chunk_ahead(uint64_t owner, uint32_t chunk)
{
	unsigned unknown = 32 - RQ_OWNER_CHUNK_BITS;
	return (int32_t)(((uint32_t)(owner >> RQ_OWNER_CHUNK_SHIFT) - chunk) << unknown) >> unknown;
}

/* A unit that is cut into cells. */
static inline uint64_t rq_owner_cells(uint64_t created)
{
	return created << RQ_OWNER_CREATED_SHIFT | RQ_OWNER_CELLS;
}

/* What a family of processes has. */
static inline uint64_t rq_owner_family(uint32_t incarnation, uint32_t number)
{
	return (uint64_t)incarnation << RQ_OWNER_INCARNATION_SHIFT | (uint64_t)number << RQ_OWNER_HOLDER_SHIFT |
	       RQ_OWNER_FAMILY;
}

static inline uint32_t rq_owner_family_number(uint64_t owner)
{
	return owner >> RQ_OWNER_HOLDER_SHIFT & RQ_OWNER_HOLDER_MASK;
}

#endif
