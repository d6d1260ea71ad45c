/* SPDX-License-Identifier: MIT */
#ifndef RQ_LANE_H
#define RQ_LANE_H

/*
 * A lane: records from one producer to any number of consumers, in order. It knows nothing of queues.
 *
 * OVERVIEW. A lane is a sequence of chunks. A chunk is a ring of contiguous memory in which the producer goes round for
 * as long as it likes; it moves on to another chunk when it needs a larger or a smaller ring. So a lane that is drained
 * in time stays in a few hot pages, one with a backlog grows, and every record is contiguous.
 *
 * HEAD is the one word that consumers share: the chunk and the position in it of the next record. Chunks are numbered
 * and positions count on through all rounds, so head only grows and never repeats. Where a chunk's memory is, the lane's
 * table says; for a given chunk that never changes while head is in it.
 *
 * PUT, by the lane's one producer: write the payload behind the tail; write a zero header behind that; publish by storing
 * the record's header with release (P). Before P the record does not exist; at P it exists, whole. A round's end (PAD) or
 * a move to another chunk (LINK) needs a header too: then all that lies behind is written first and P stores that one, so
 * that each put, and each batch, has exactly one P.
 *
 * GET, by anybody: read head (G1), read the header there with acquire (G2, pairs with P), check it, copy the payload,
 * claim by CAS of head past the record (G3). G3 claims and frees at once. Its release keeps the copy before it; the
 * producer reads head with acquire (P0, pairs with G3) before it writes where the record was. A G3 that fails, because
 * somebody else was faster, throws the copy away: it may be torn.
 *
 * EMPTY is a zero header at head, if head is still the same afterwards: then the zero was read at head's place in time.
 *
 * MEMORY. The producer claims it. A chunk that head has left is spare: the producer may use its memory for a later chunk,
 * or the consumer whose claim has left it gives back what is more than the producer will want (rq_chunk_left()).
 * Both take a spare chunk by CAS of its table entry to 0, so one gets it. Its units' owner words name lane and chunk, so
 * whatever a death leaves is seen to be nobody's: a unit of a chunk that head has left and no entry has.
 *
 * HAZARD. Pages that are given back must not be under a reader, who would bring them back, or fault where memory is out.
 * A consumer names the chunk that it reads in its member entry (H1), then looks at head again (H2). Who gives back has
 * moved head before, then makes everybody pass a barrier (rq_sys.barrier()), then reads all members' words (H3). So
 * either H3 sees the name, and the memory stays behind the free units, or H2 sees that head has moved. H1 to H2 needs no
 * more than the compiler's order.
 *
 * DEATH. Of a consumer: at G3 the record is taken, before it is not. Of a producer: at P the record is in, before it is
 * not. The next owner of the lane finds its tail by following the headers from head (rq_producer_adopt).
 *
 *   op                      who                 progress
 *   room, append, publish   the lane's owner    wait-free; lock-free where it takes memory
 *   look, claim             any number          lock-free: a failure means that another has taken a record
 */

#include "lane/record.h"
#include "region/units.h"

/* The lanes of one queue, as constants of this process. */
struct rq_lane_set {
	struct ringq_region *region;
	uint64_t first; /* the first unit of the object that they belong to */
	uint64_t lanes; /* offset in the region */
	uint64_t max_bytes;
	uint32_t stride;
	uint32_t table;
	uint32_t max;
	uint32_t spares;        /* chunks that head has left and a lane may keep */
	bool stamps;            /* records carry a time stamp where there are several lanes */
	bool counted;           /* a record needs more than room: the fast path of put is closed */
	bool single_consumer;   /* a claim, G3, may be a store */
	struct rq_hands *hands; /* of an acknowledged queue, whose claims are those of hand.h; else NULL */
};

/* The name of the queue, for people: a string in the region. */
static inline const char *rq_lane_set_name(const struct rq_lane_set *set)
{
	return ((const struct rq_queue_shared *)rq_unit_at(set->region, set->first))->name;
}

/* A chunk's memory. */
struct rq_ring {
	char *base;
	uint64_t size;
	uint64_t mask; /* a power of two, less one, not smaller than size - 1 */
};

static inline uint64_t rq_ring_mask(uint64_t size)
{
	return size & (size - 1) ? (UINT64_C(2) << (63 - __builtin_clzll(size))) - 1 : size - 1;
}

/* Whether a ring is gone round in; else it is for one record. */
static inline bool rq_ring_is_round(const struct rq_ring *ring)
{
	return ring->size == ring->mask + 1;
}

static inline struct rq_lane *rq_lane_at(const struct rq_lane_set *set, uint32_t index)
{
	return (struct rq_lane *)(set->region->base + set->lanes + (uint64_t)index * set->stride);
}

/* Heads. */
static inline uint64_t rq_head(uint32_t chunk, uint64_t bytes)
{
	return (uint64_t)chunk << RQ_CHUNK_SHIFT | bytes >> RQ_POSITION_SHIFT;
}

static inline uint32_t rq_head_chunk(uint64_t head)
{
	return (uint32_t)(head >> RQ_CHUNK_SHIFT);
}

static inline uint64_t rq_head_bytes(uint64_t head)
{
	return (head & RQ_POSITION_MASK) << RQ_POSITION_SHIFT;
}

/* Spare rings: up to LARGEST as many as hold max_bytes, or one if that is above BYTES; above LARGEST, up to ALONE, one. */
#define RQ_SPARE_LARGEST (UINT64_C(1) << 20)
#define RQ_SPARES_BYTES (UINT64_C(16) << 20)
#define RQ_SPARE_SINGLE (UINT64_C(64) << 20)

/* Whether a chunk comes before another: numbers wrap, and those of a lane are never half of them apart. */
static inline bool rq_chunk_is_before(uint32_t chunk, uint32_t other)
{
	return (int32_t)(chunk - other) < 0;
}

/* Whether head a has come to b. */
static inline bool rq_head_reached(uint64_t a, uint64_t b)
{
	return (int64_t)(a - b) >= 0;
}

/* Table entries: how many units a size code means, and the smallest code for at least n of them. */
uint64_t rq_size_units(unsigned code);
unsigned rq_size_code(uint64_t units);

static inline uint64_t rq_entry(uint32_t chunk, uint64_t unit, unsigned code)
{
	return (uint64_t)chunk << RQ_CHUNK_SHIFT | unit << RQ_ENTRY_CODE_BITS | code;
}

static inline uint32_t rq_entry_chunk(uint64_t entry)
{
	return (uint32_t)(entry >> RQ_CHUNK_SHIFT);
}

static inline uint64_t rq_entry_unit(uint64_t entry)
{
	return entry >> RQ_ENTRY_CODE_BITS & RQ_OWNER_UNIT_MASK;
}

static inline uint64_t rq_entry_units(uint64_t entry)
{
	return rq_size_units(entry & RQ_ENTRY_CODE_MASK);
}

static inline rq_u64 *rq_entry_at(const struct rq_lane_set *set, struct rq_lane *lane, uint32_t chunk)
{
	return &lane->table[chunk & (set->table - 1)];
}

/* What puts was when the entry's chunk began. */
static inline rq_u64 *rq_puts_before(const struct rq_lane_set *set, struct rq_lane *lane, uint32_t chunk)
{
	return &lane->table[set->table + (chunk & (set->table - 1))];
}

/* How large a lane with a table of so many entries is. */
static inline uint64_t rq_lane_size(uint64_t table)
{
	return sizeof(struct rq_lane) + 2 * table * sizeof(rq_u64);
}

/* The most entries of a table: with as many of the largest usual rings a lane holds the largest region. */
#define RQ_TABLE_MOST 65536u

/* The ring of an entry; false if it is not in the region. */
bool rq_ring_of(const struct rq_lane_set *set, uint64_t entry, struct rq_ring *ring);

/* The owner word of a chunk's units; also the name of the chunk as a hazard. */
static inline uint64_t rq_chunk_owner(const struct rq_lane_set *set, uint32_t index, uint32_t chunk)
{
	return rq_owner_lane(set->first, index, chunk);
}

/* Whether a unit with this owner word is of a chunk that head has left and no table entry has: see MEMORY. */
bool rq_lane_unit_is_garbage(const struct rq_lane_set *set, uint64_t unit, uint64_t owner);

/*
 * How many records wait from the one with this sequence on, which is at head, in a lane or a copy of one: the sequences of
 * a chunk, which has no more than a ring at a time, are all different, and where the next chunk begins says the lane's
 * puts_before. The count of puts is stored after the record is published: what is at head is there, counted or not.
 */
uint64_t rq_lane_count_from(
	const struct rq_lane_set *set, struct rq_lane *lane, uint64_t head, uint64_t sequence, uint64_t puts);

#endif
