/* SPDX-License-Identifier: MIT */
#ifndef RQ_WORDS_H
#define RQ_WORDS_H

/*
 * Widths of the packed words that are not owner words. A field is named here once, and each word is full. What the words
 * mean, and who writes them, the file named beside each tells.
 *
 *   header     sequence:28 | length:33 | kind:3                          of a record; lane/record.h
 *   head       chunk:32 | position / 16:30 | 0:2                         of a lane, and places in it; lane/lane.h
 *   entry      chunk:32 | first unit:24 | size code:8                    of a lane's table; lane/lane.h
 *   id         incarnation:32 | the owner's own:19 | member + 1:13       base/owner.h
 *   lease      incarnation:32 | the kernel's futex word:32               region/lease.c
 *   lock       incarnation:32 | WAITERS:1 | 0:18 | member + 1:13         of an array; array/lock.c
 *   state      ticket:48 | member + 1:13 | kind:3                        of an entry of a book; lane/hand.h
 *   from       attempt:24 | another entry's offset / 64:40               of the same
 *   killer     process:32 | thread:32                                    of the same
 *   name       hash:4 | created:36 | first unit:24                       of the name table; region/objects.h
 *   permit     lane + 1:13 | chunk:21 | position / 16:30                 of max_records; queue/permits.h
 *   roster     version:32 | (CONFIRMED:1 | ACTIVE:1) of 16 lanes         order/roster.h
 *   event      sequence:30 | FENCED:1 | WAITERS:1                        base/event.h
 *   peeked     version:52 | lane:12                                      of a queue; order/merge.c
 *   returned   version:63 | SOME:1                                       of a queue; lane/hand.h
 */

#include "base/owner.h"

/* Records. */
#define RQ_RECORD_KIND_BITS 3
#define RQ_RECORD_LEN_BITS 33
#define RQ_RECORD_SEQUENCE_BITS 28
#define RQ_RECORD_SEQUENCE_SHIFT (RQ_RECORD_KIND_BITS + RQ_RECORD_LEN_BITS)
#define RQ_RECORD_KIND_MASK ((1u << RQ_RECORD_KIND_BITS) - 1)
#define RQ_SEQUENCE_MASK ((UINT64_C(1) << RQ_RECORD_SEQUENCE_BITS) - 1)
_Static_assert(RQ_RECORD_SEQUENCE_SHIFT + RQ_RECORD_SEQUENCE_BITS == 64, "a record's header is full");
_Static_assert(RQ_RECORD_MAX < UINT64_C(1) << RQ_RECORD_LEN_BITS, "a length must fit");
_Static_assert(RQ_RECORD_DATA_STAMPED <= RQ_RECORD_KIND_MASK, "a kind must fit");

/* Heads, and places in a lane. Whatever has a chunk in its high half compares with one as a head does. */
#define RQ_CHUNK_SHIFT 32
#define RQ_POSITION_SHIFT 2 /* of bytes, to what a head counts in */
#define RQ_POSITION_ZEROS 2 /* low bits of that which are 0, as records begin at 16 bytes */
#define RQ_POSITION_MASK ((UINT64_C(1) << RQ_CHUNK_SHIFT) - (1u << RQ_POSITION_ZEROS))
#define RQ_CHUNK_BYTES \
	(UINT64_C(1) << (RQ_CHUNK_SHIFT + RQ_POSITION_SHIFT)) /* positions end here: then another chunk */
_Static_assert(RQ_GRANULE == 1u << (RQ_POSITION_SHIFT + RQ_POSITION_ZEROS), "a position must be exact");

/* Entries of a lane's table. */
#define RQ_ENTRY_CODE_BITS 8
#define RQ_ENTRY_CODE_MASK ((1u << RQ_ENTRY_CODE_BITS) - 1)
#define RQ_CODE_EIGHTHS_BITS 3 /* a size code less 1: the power of two, and eighths of it on top */
_Static_assert(RQ_ENTRY_CODE_BITS + RQ_OWNER_UNIT_BITS == RQ_CHUNK_SHIFT, "an entry is full");
_Static_assert(
	1 + (RQ_OWNER_UNIT_BITS << RQ_CODE_EIGHTHS_BITS) <= RQ_ENTRY_CODE_MASK, "the largest size must have a code");

/* The lock of an array: an id whose own bits are none but this one. */
#define RQ_LOCK_WAITERS (UINT64_C(1) << (RQ_OWNER_INCARNATION_SHIFT - 1))
_Static_assert(RQ_LOCK_WAITERS > RQ_ID_INDEX_MASK, "who holds a lock must stay in its word");

/* Books. */
#define RQ_STATE_KIND_BITS 3
#define RQ_STATE_TICKET_SHIFT (RQ_STATE_KIND_BITS + RQ_ID_INDEX_BITS)
#define RQ_STATE_KINDS ((UINT64_C(1) << RQ_STATE_KIND_BITS) - 1)
#define RQ_STATE_NUMBER ((uint64_t)RQ_ID_INDEX_MASK << RQ_STATE_KIND_BITS)
#define RQ_TICKET (UINT64_C(1) << RQ_STATE_TICKET_SHIFT)
_Static_assert(64 - RQ_STATE_TICKET_SHIFT == 48, "tickets: a thousand years of one in 100 ns");

#define RQ_FROM_ATTEMPT_BITS 24
#define RQ_FROM_OFFSET_BITS 40
#define RQ_ATTEMPTS_MOST ((UINT64_C(1) << RQ_FROM_ATTEMPT_BITS) - 1)
#define RQ_FROM_OFFSET_MASK ((UINT64_C(1) << RQ_FROM_OFFSET_BITS) - 1)
_Static_assert(RQ_FROM_ATTEMPT_BITS + RQ_FROM_OFFSET_BITS == 64, "where an entry comes from is full");

static inline uint64_t rq_killer(uint32_t process, uint32_t thread)
{
	return (uint64_t)process << 32 | thread;
}

static inline uint32_t rq_killer_process(uint64_t killer)
{
	return (uint32_t)(killer >> 32);
}

static inline uint32_t rq_killer_thread(uint64_t killer)
{
	return (uint32_t)killer;
}

/* Names. What is below the hash is the object's id. */
#define RQ_NAME_HASH_BITS 4
#define RQ_NAME_UNIT_BITS RQ_OWNER_UNIT_BITS
#define RQ_NAME_HASH_SHIFT (RQ_NAME_UNIT_BITS + RQ_OWNER_CREATED_BITS)
#define RQ_NAME_HASH_MASK ((1u << RQ_NAME_HASH_BITS) - 1)
#define RQ_NAME_UNIT_MASK ((UINT64_C(1) << RQ_NAME_UNIT_BITS) - 1)
#define RQ_NAME_ID_MASK ((UINT64_C(1) << RQ_NAME_HASH_SHIFT) - 1)
_Static_assert(RQ_NAME_HASH_SHIFT + RQ_NAME_HASH_BITS == 64, "a name's word is full");

/* Permits. */
#define RQ_PERMIT_POSITION_BITS (64 - RQ_ID_INDEX_BITS)
#define RQ_PERMIT_POSITION_MASK ((UINT64_C(1) << RQ_PERMIT_POSITION_BITS) - 1)
#define RQ_PERMIT_CHUNK_BITS (RQ_PERMIT_POSITION_BITS - (RQ_CHUNK_SHIFT - RQ_POSITION_ZEROS))
_Static_assert(RQ_LANES_MAX < 1u << RQ_ID_INDEX_BITS, "a permit has as many bits for the lane + 1");

/* The roster. */
#define RQ_ROSTER_LANE_BITS 2
#define RQ_ROSTER_VERSION_SHIFT 32
_Static_assert(RQ_ROSTER_LANES *RQ_ROSTER_LANE_BITS == RQ_ROSTER_VERSION_SHIFT, "a word of the roster is full");
_Static_assert(RQ_LANES_MAX % RQ_ROSTER_LANES == 0, "each lane has its bits");

/* A peek's word counts in lanes, so that its version is what is above them. */
_Static_assert(RQ_LANES_MAX == 1u << RQ_OWNER_LANE_BITS, "a peek's word has so many bits for a lane");

/*
 * Bytes of the region's file that only locks know (fcntl), far behind its end: for each unit that is the first of a pipe's
 * queue two, one for each side (pipe/liveness.c); and one for each number of families (region/family.c).
 */
#define RQ_LOCKS_OF_PIPES (UINT64_C(1) << 62)
#define RQ_LOCKS_OF_FAMILIES (UINT64_C(3) << 61)
_Static_assert(
	RQ_LOCKS_OF_PIPES + 2 * RQ_UNITS_MAX <= RQ_LOCKS_OF_FAMILIES, "locks of pipes end before those of families");
_Static_assert(RQ_LOCKS_OF_FAMILIES + RQ_MEMBERS_MAX <= INT64_MAX, "a lock's byte is an off_t");

#endif
