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
 * or the consumer whose claim left_chunk into the next gives back what is more than the producer will want (left_chunk()).
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
	uint32_t spares;      /* chunks that head has left and a lane may keep */
	bool stamps;          /* records carry a time stamp where there are several lanes */
	bool counted;         /* a record needs more than room: the fast path of put is closed */
	bool single_consumer; /* a claim, G3, may be a store */
};

/* A chunk's memory. */
struct rq_ring {
	char *base;
	uint64_t size;
	uint64_t mask; /* a power of two, less one, not smaller than size - 1 */
};

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
	return (uint64_t)chunk << 32 | bytes >> 2;
}

static inline uint32_t rq_head_chunk(uint64_t head)
{
	return (uint32_t)(head >> 32);
}

static inline uint64_t rq_head_bytes(uint64_t head)
{
	return (head & 0xfffffffc) << 2;
}

/* Spare rings: up to LARGEST as many as hold max_bytes, or one if that is above BYTES; above LARGEST, up to ALONE, one. */
#define RQ_SPARE_LARGEST (UINT64_C(1) << 20)
#define RQ_SPARES_BYTES (UINT64_C(16) << 20)
#define RQ_SPARE_SINGLE (UINT64_C(64) << 20)

#define RQ_CHUNK_BYTES (UINT64_C(1) << 34) /* positions end here, then it takes another chunk */

/* Whether head a has come to b. */
static inline bool rq_head_reached(uint64_t a, uint64_t b)
{
	return (int64_t)(a - b) >= 0;
}

/* Headers. */
static inline uint64_t rq_record_header(uint64_t sequence, uint64_t len, enum rq_record_kind kind)
{
	return sequence << 36 | len << 3 | kind;
}

static inline uint64_t rq_record_len(uint64_t header)
{
	return header << 28 >> 31;
}

static inline bool rq_record_is_stamped(uint64_t header)
{
	return header & RQ_RECORD_STAMPED;
}

/*
 * The length of a record of kind RQ_RECORD_DATA; of whatever else a header may say, more than any record has: its kind,
 * less that one, is moved on top of the length, so that one comparison is enough for both.
 */
static inline uint64_t rq_record_plain_len(uint64_t header)
{
	uint64_t h = (header << 28) - ((uint64_t)RQ_RECORD_DATA << 28);
	return h >> 31 | h << 33;
}

static inline bool rq_record_is_data(uint64_t header)
{
	return (header & ~(uint64_t)RQ_RECORD_STAMPED & 7) == RQ_RECORD_DATA;
}

static inline uint64_t rq_payload_offset(bool stamped)
{
	return stamped ? 16 : 8;
}

static inline uint64_t rq_footprint(uint64_t len, bool stamped)
{
	return (rq_payload_offset(stamped) + len + RQ_GRANULE - 1) & ~(uint64_t)(RQ_GRANULE - 1);
}

/* The same of a header: a consumer knows where the next record is only when these are done. */
static inline uint64_t rq_record_offset(uint64_t header)
{
	_Static_assert(2 * RQ_RECORD_STAMPED == 8, "what a stamp takes");
	return 8 + 2 * (header & RQ_RECORD_STAMPED);
}

static inline uint64_t rq_record_footprint(uint64_t header)
{
	return (rq_record_len(header) + rq_record_offset(header) + RQ_GRANULE - 1) & ~(uint64_t)(RQ_GRANULE - 1);
}

static inline enum rq_record_kind rq_data_kind(bool stamped)
{
	return stamped ? RQ_RECORD_DATA_STAMPED : RQ_RECORD_DATA;
}

#define RQ_SEQUENCE_MASK UINT64_C(0xfffffff)

/* Records up to RQ_SHORT have fast paths of their own, those up to RQ_LONG share one. */
#define RQ_SHORT UINT64_C(64)
#define RQ_LONG (UINT64_C(1) << 30)

/* Table entries: how many units a size code means, and the smallest code for at least n of them. */
uint64_t rq_size_units(unsigned code);
unsigned rq_size_code(uint64_t units);

static inline uint64_t rq_entry(uint32_t chunk, uint64_t unit, unsigned code)
{
	return (uint64_t)chunk << 32 | unit << 8 | code;
}

static inline uint32_t rq_entry_chunk(uint64_t entry)
{
	return (uint32_t)(entry >> 32);
}

static inline uint64_t rq_entry_unit(uint64_t entry)
{
	return entry >> 8 & 0xffffff;
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
static inline uint64_t rq_owner_lane(const struct rq_lane_set *set, uint32_t index, uint32_t chunk)
{
	return (uint64_t)chunk << 39 | (uint64_t)index << 27 | set->first << 3 | RQ_OWNER_LANE;
}

/* Whether a unit is of a chunk that head has left and no table entry has: see MEMORY. */
bool rq_lane_unit_is_garbage(struct ringq_region *region, uint64_t unit, uint64_t owner);

/* Checks a queue's constants and makes its lane set; for queue.c. False if they contradict the region. */
bool rq_lane_set_load(struct rq_lane_set *set, struct ringq_region *region, uint64_t first, uint64_t units);

/* How much memory a lane holds. */
uint64_t rq_lane_bytes_held(const struct rq_lane_set *set, uint32_t index);

#endif
