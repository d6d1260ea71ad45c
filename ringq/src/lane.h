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
 * or the consumer whose claim crossed into the next gives back what is more than the producer will want (crossed()).
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

#include "copy.h"
#include "slots.h"

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
	bool single_consumer; /* G3 may be a store */
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

/* What the producer remembers of a chunk, so as to count the bytes of records between any head and its tail. */
struct rq_sent {
	uint64_t before;  /* bytes of records put into the lane before the chunk */
	uint64_t pads;    /* bytes of PAD in the chunk so far */
	uint64_t pad_end; /* where the last PAD ends, in bytes since the chunk's start, and how long it is; */
	uint64_t pad_len; /* of one before it, head cannot be short: they are a round apart */
};

struct rq_producer {
	/* Where the next record goes; all in the tail's chunk. What a put needs most often comes first. */
	struct rq_ring ring; /* size 0: the chunk has no memory yet */
	uint64_t tail;       /* bytes since the chunk's start, through all rounds */
	uint64_t limit;      /* a record that ends here or before is put without further thought: see set_limit() */
	uint64_t puts;       /* records, published and not */
	struct rq_lane *lane;
	uint32_t index;
	bool stamped;        /* the record that is being put is to carry a time stamp */

	bool once;     /* the chunk is of no size to go round in: it is used up to `line`, and then left */
	uint64_t room; /* the tail may go up to here without another look at head */
	rq_u64 *first; /* the header that P will store, or NULL if nothing is unpublished */
	uint64_t first_header;
	const struct rq_lane_set *set;
	struct rq_seat *seat;
	uint32_t chunk;
	uint32_t calm; /* looks at head in a row that found the ring nearly empty */
	uint64_t line;
	uint64_t skipped; /* the tail behind the last PAD or LINK: while it is there, the last record ends at `end` */
	uint64_t end;
	struct rq_sent sent[]; /* entry i: of chunk c, where c mod table = i */
};

/* What a consumer remembers of the chunk that it read last. */
struct rq_reader {
	struct rq_ring ring;
	uint64_t quick; /* the chunk's number, if records may be taken from it without further thought */
	uint64_t key;   /* the hazard that names the chunk */
	rq_u64 *reading; /* the hazard word of this thread */
	struct rq_lane *lane; /* never NULL: see rq_no_lane */
	uint64_t entry; /* of the table, that ring is decoded from; 0 at first */
	uint32_t index;
	uint32_t alone; /* claims in a row, up to RQ_ALONE, between which nobody else has moved head */
	uint64_t at;    /* where head was last, in this chunk, or RQ_NOWHERE */
	const char *record; /* what lies there */
	const char *end;    /* of the ring */
	bool single;        /* these two as in the set, beside what each get reads */
	bool stamps;
	bool plain;         /* nobody else claims, and no record has a stamp */
	const struct rq_lane_set *set;
	struct rq_seat *seat;
};

/* A record that a consumer looks at. */
struct rq_view {
	struct rq_lane *lane;
	uint32_t index;
	uint32_t sequence;
	uint64_t head; /* where it lies */
	uint64_t next; /* where the one behind it lies */
	uint64_t len;
	uint64_t stamp;
	const char *payload;
	const char *behind; /* the one behind it; of rq_lane_look_again() only */
};

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

/* A look gives up, as at a region that is scribbled over, after so many changes by others or steps over PAD and LINK. */
#define RQ_LOOK_STEPS (1u << 17) /* a lane's table has at most half as many chunks */

/* A get that has lost so many records to others, or as many KiB of them, looks at its time-out before it goes on. */
#define RQ_LOSSES_MOST (UINT64_C(1) << 20)

/* Spare rings: up to LARGEST as many as hold max_bytes, or one if that is above BYTES; above LARGEST, up to ALONE, one. */
#define RQ_SPARE_LARGEST (UINT64_C(1) << 20)
#define RQ_SPARES_BYTES (UINT64_C(16) << 20)
#define RQ_SPARE_ALONE (UINT64_C(64) << 20)

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

/* Records that wait in some lanes, and the sum of words of theirs that only grow, read before and after that. */
struct rq_count {
	uint64_t waiting;
	uint64_t moves;
};

/*
 * Adds a lane to a count; one that fails validation has no records. Two counts of the same lanes, one behind the other,
 * that are equal: nothing has moved from the end of the first to the beginning of the second, and so many waited there.
 */
void rq_lane_count(struct rq_reader *reader, uint32_t index, struct rq_count *count);

/* How much memory a lane holds. */
uint64_t rq_lane_bytes_held(const struct rq_lane_set *set, uint32_t index);

/* ---- the producer's side: lane_put.c ---- */

/* Takes over the lane that the caller owns now: finds its tail, frees what a dead owner left unpublished. */
int rq_producer_adopt(struct rq_producer *p, const struct rq_lane_set *set, struct rq_seat *seat, uint32_t index,
		      bool owner_died);

/* Makes room that the fast path of rq_producer_room() does not see. */
int rq_producer_make_room(struct rq_producer *p, uint64_t len, bool hurried);

/* Where a sleeping producer that needs room for len wants head to be. Not beyond the tail. */
uint64_t rq_producer_wake_at(struct rq_producer *p, uint64_t len);

/* Whether an empty record, stamped or not, would have to wait for room now. */
bool rq_producer_full(struct rq_producer *p, bool stamped);

/* Appends a LINK to a chunk without memory yet, so that this one's can go as soon as what is in it is taken. */
void rq_producer_leave(struct rq_producer *p);

/* Leaves the lane's chunk for good, and gives it back at once if all is taken and there is a reader, the caller's. */
void rq_producer_retire(struct rq_producer *p, struct rq_reader *reader);

/*
 * Room for one record of len at the tail. 0, or -EAGAIN (full), -ENOMEM, -EMSGSIZE, -EBADMSG. On 0 the payload may be
 * written to rq_producer_payload(), then appended. Unless hurried, it may give consumers half a millisecond, or the
 * processor, before it takes more memory.
 */
static inline int rq_producer_room(struct rq_producer *p, uint64_t len, bool hurried)
{
	uint64_t need = rq_footprint(len, p->stamped);
	if (rq_likely(len <= RQ_RECORD_MAX && (p->tail & p->ring.mask) + need <= p->ring.size &&
		      p->tail + need + RQ_GRANULE <= p->room))
		return 0;
	return rq_producer_make_room(p, len, hurried);
}

static inline char *rq_producer_record(const struct rq_producer *p)
{
	return p->ring.base + (p->tail & p->ring.mask);
}

static inline char *rq_producer_payload(const struct rq_producer *p)
{
	return rq_producer_record(p) + rq_payload_offset(p->stamped);
}

/* Puts a header at the tail, or keeps it for P if it is the first that is not published. */
static inline void rq_producer_header(struct rq_producer *p, uint64_t header)
{
	rq_u64 *at = (rq_u64 *)rq_producer_record(p);
	if (p->first) {
		rq_store(at, header);
	} else {
		p->first = at;
		p->first_header = header;
	}
}

/* Head when the last record has been taken. */
static inline uint64_t rq_producer_end(const struct rq_producer *p)
{
	return p->tail == p->skipped ? p->end : rq_head(p->chunk, p->tail);
}

/*
 * How far what lies behind the tail may be written: not over the ring's end, and not over what room there is. Nowhere in a
 * chunk for one large record, which is written once.
 */
static inline uint64_t rq_producer_free_end(const struct rq_producer *p)
{
	uint64_t round_ends = (p->tail & ~p->ring.mask) + p->ring.size;
	uint64_t room = p->room < RQ_GRANULE ? 0 : p->room - RQ_GRANULE;
	return p->once ? 0 : room < round_ends ? room : round_ends;
}

/* How far records may be appended one behind the other: nowhere if there is more to do for each than to write it. */
static inline uint64_t rq_producer_run_limit(const struct rq_producer *p)
{
	return p->set->counted ? 0 : rq_producer_free_end(p);
}

/*
 * Stores reach the cache in order, each once its line has come from the consumer who read it a round ago. So many bytes
 * ahead of what is written now a producer asks for its lines, for n bytes from `at` on, if they are free up to `end`:
 * what a consumer is yet to read is not taken from it. False if they are not.
 */
#define RQ_WRITE_AHEAD 256u
static rq_always_inline bool rq_producer_ask(const struct rq_producer *p, uint64_t at, uint64_t n, uint64_t end)
{
	at += RQ_WRITE_AHEAD;
	if (at + n > end)
		return false;
	for (uint64_t i = 0; i < n; i += RQ_CACHE_LINE)
		rq_prefetch_write(p->ring.base + ((at + i) & p->ring.mask));
	return true;
}

/*
 * Copies the payload of a record at the tail, in steps that end with a cache line, each of which asks for the lines of one
 * further on. That gains less the longer a record is, and from some length on nothing.
 */
#define RQ_WRITE_LONG (UINT64_C(256) << 10)
#define RQ_WRITE_STEP 1024u
static inline void rq_producer_copy_in(const struct rq_producer *p, char *payload, const void *data, uint64_t len)
{
	uint64_t at = p->tail, end = len <= RQ_WRITE_LONG ? rq_producer_free_end(p) : 0;
	const char *from = data;
	while (len > RQ_WRITE_STEP && rq_producer_ask(p, at, RQ_WRITE_STEP, end)) {
		uint64_t n = RQ_WRITE_STEP - ((uintptr_t)payload & (RQ_CACHE_LINE - 1));
		rq_copy_in(payload, from, rq_unknown(n));
		payload += n;
		from += n;
		at += n;
		len -= n;
	}
	rq_producer_ask(p, at, len, end);
	rq_copy_in(payload, from, len);
}

/* The fast path of single puts publishes at once, and so cannot go on behind what is not published yet. */
static inline void rq_producer_set_limit(struct rq_producer *p)
{
	p->limit = p->first ? 0 : rq_producer_run_limit(p);
}

/* Publishes what is appended, be it a PAD or LINK that has no record behind it: room was made, and then not used. */
static inline void rq_producer_flush(struct rq_producer *p)
{
	if (!p->first)
		return;
	if (rq_likely(p->ring.size)) /* else it has left its last ring */
		rq_store((rq_u64 *)rq_producer_record(p), 0);
	rq_store_release(p->first, p->first_header); /* P */
	p->first = NULL;
	rq_producer_set_limit(p);
}

/* The record whose payload is written is next in line; not yet published. */
static inline void rq_producer_append(struct rq_producer *p, uint64_t len, uint64_t stamp)
{
	if (p->stamped)
		rq_store((rq_u64 *)rq_producer_record(p) + 1, stamp);
	rq_producer_header(p, rq_record_header(p->puts, len, rq_data_kind(p->stamped)));
	p->tail += rq_footprint(len, p->stamped);
	p->puts++;
}

/* All that was appended since the last time is in the lane. */
static inline void rq_producer_publish(struct rq_producer *p)
{
	if (rq_unlikely(p->once) && p->tail > p->line / 2)
		rq_producer_leave(p);
	rq_producer_flush(p);
	rq_store(&p->lane->puts, p->puts); /* P2 */
}

/* Whether a record of no more than `most` may be put at once; *next: where it will end. */
static rq_always_inline bool rq_producer_may_put(const struct rq_producer *p, uint64_t len, uint64_t most, bool stamped,
						 uint64_t *next)
{
	*next = p->tail + rq_footprint(len, stamped);
	return len <= most && *next <= p->limit;
}

/*
 * Append and publish of one record, of no more than `most`, with nothing before it that is not published. In an order that
 * needs few registers at a time: those that a function must save for its caller cost it stores.
 */
static rq_always_inline void rq_producer_put(struct rq_producer *p, const void *data, uint64_t len, uint64_t most,
					     bool stamped, uint64_t stamp, uint64_t next)
{
	char *record = rq_producer_record(p);
	if (most == RQ_SHORT)
		rq_producer_ask(p, p->tail, 1, p->limit);
	else
		rq_producer_copy_in(p, record + rq_payload_offset(stamped), data, len);
	rq_u64 *behind = (rq_u64 *)(p->ring.base + (next & p->ring.mask));
	p->tail = next;
	uint64_t puts = p->puts++;
	if (most == RQ_SHORT)
		rq_copy_in_short(record + rq_payload_offset(stamped), data, len);
	if (stamped)
		rq_store((rq_u64 *)record + 1, stamp);
	rq_store(behind, 0);
	rq_store_release((rq_u64 *)record, rq_record_header(puts, len, rq_data_kind(stamped))); /* P */
	rq_store(&p->lane->puts, p->puts);
}

/* ---- the consumers' side: lane_get.c ---- */

static rq_always_inline uint64_t rq_header_at(const char *record)
{
	return rq_load_acquire((const rq_u64 *)record); /* G2 */
}

/* What lies at a position of the reader's ring, if it is a record; false for all else. */
static rq_always_inline bool rq_record_at(const struct rq_reader *reader, uint64_t at, struct rq_view *view)
{
	const struct rq_ring *ring = &reader->ring;
	uint64_t offset = rq_head_bytes(at) & ring->mask;
	char *record = ring->base + offset;

	if (rq_unlikely(offset + RQ_GRANULE > ring->size))
		return false;
	uint64_t header = rq_header_at(record);
	bool stamped = rq_record_is_stamped(header);
	uint64_t len = rq_record_len(header), footprint = rq_record_footprint(header);
	if (rq_unlikely(!rq_record_is_data(header) || footprint > ring->size - offset))
		return false;
	view->sequence = (uint32_t)(header >> 36);
	view->head = at;
	view->next = at + (footprint >> 2);
	view->len = len;
	view->payload = record + rq_record_offset(header);
	view->stamp = stamped ? rq_load((rq_u64 *)record + 1) : 0;
	return true;
}

#define RQ_NOT_QUICK UINT64_MAX
#define RQ_NOWHERE UINT64_MAX /* no head */

/* The lane of a reader that has read none: its head is in no chunk that is quick. All of it is 0. */
extern struct rq_lane rq_no_lane;

/* The reader knows of no place in a chunk. Where somebody scribbles just that into head, it finds an empty header. */
static inline void rq_reader_forget(struct rq_reader *reader)
{
	reader->quick = RQ_NOT_QUICK;
	reader->alone = 0;
	reader->at = RQ_NOWHERE;
	reader->record = (const char *)&rq_no_lane;
}

/* Head is in the chunk that the reader knows: so is what lies there. False if it is in another. */
static inline bool rq_reader_follow(struct rq_reader *reader, uint64_t head)
{
	if (head >> 32 != reader->quick)
		return false;
	reader->at = head;
	reader->record = reader->ring.base + (rq_head_bytes(head) & reader->ring.mask);
	return true;
}

/* The record that ends there has the next one behind it: there, or at the ring's start. False: it ends beyond the ring. */
static rq_always_inline bool rq_reader_behind(const struct rq_reader *reader, const char *end, const char **behind)
{
	*behind = end;
	if (rq_likely(end < reader->end))
		return true;
	*behind = reader->ring.base;
	return end == reader->end;
}

/*
 * The look that most often succeeds: a record of no more than `most` bytes at the head of the lane that the reader read
 * last, still in the same chunk. So the chunk's memory is where it was: an entry is only taken after head has left. Says
 * all of *view but its sequence and index.
 *
 * A reader whose claims have met nobody else's for a while takes head to be where it left it: to load a word right behind
 * a locked instruction on it takes as long as that. If it is wrong, it reads what was there a while ago, in a chunk that
 * it has named, and its claim fails. A single consumer claims by a store, which cannot fail, and so must load. Where the
 * record lies is kept as well: from its header's load to that of the next one's each step waits for the one before.
 */
#define RQ_ALONE 8u
static rq_always_inline bool rq_lane_look_again(struct rq_reader *reader, uint64_t most, struct rq_view *view)
{
	if (reader->alone < RQ_ALONE) {
		uint64_t head = rq_load_acquire(&reader->lane->head); /* G1 */
		if (rq_unlikely(head != reader->at)) {
			reader->alone = 0;
			if (!rq_reader_follow(reader, head))
				return false;
		} else if (!reader->single) {
			reader->alone++;
		}
	}
	if (rq_unlikely(rq_load(reader->reading) != reader->key))
		return false;
	const char *record = reader->record;
	uint64_t header = rq_header_at(record), len = rq_record_len(header), footprint = rq_record_footprint(header);
	if (rq_unlikely(!rq_record_is_data(header)) || rq_unlikely(len > most) ||
	    rq_unlikely(!rq_reader_behind(reader, record + footprint, &view->behind)))
		return false;
	view->lane = reader->lane;
	view->head = reader->at;
	view->next = reader->at + (footprint >> 2);
	view->len = len;
	view->payload = record + rq_record_offset(header);
	view->stamp = reader->stamps && rq_record_is_stamped(header) ? rq_load((const rq_u64 *)record + 1) : 0;
	return true;
}

/* The same for a reader that is plain: what is known of its queue is not asked. Says nothing of view->head. */
static rq_always_inline bool rq_lane_look_plain(struct rq_reader *reader, uint64_t most, struct rq_view *view)
{
	struct rq_lane *lane = reader->lane;
	uint64_t head = rq_load_acquire(&lane->head); /* G1 */
	if (rq_unlikely(head != reader->at) && !rq_reader_follow(reader, head))
		return false;
	if (rq_unlikely(rq_load(reader->reading) != reader->key))
		return false;
	const char *record = reader->record;
	uint64_t len = rq_record_plain_len(rq_header_at(record)), footprint = rq_footprint(len, false);
	if (rq_unlikely(len > most) || rq_unlikely(!rq_reader_behind(reader, record + footprint, &view->behind)))
		return false;
	view->lane = lane;
	view->next = head + (footprint >> 2);
	view->len = len;
	view->payload = record + rq_payload_offset(false);
	return true;
}

/* The reader has claimed what rq_lane_look_again() has seen. */
static rq_always_inline void rq_reader_goes_on(struct rq_reader *reader, const struct rq_view *view)
{
	reader->at = view->next;
	reader->record = view->behind;
}

/* Whether the lane that the reader read last, still in the same chunk, was empty at some instant. */
static inline bool rq_lane_nothing_yet(const struct rq_reader *reader)
{
	uint64_t head = rq_load_acquire(&reader->lane->head);
	if (head >> 32 != reader->quick || rq_load(reader->reading) != reader->key)
		return false;
	const char *record = reader->ring.base + (rq_head_bytes(head) & reader->ring.mask);
	return rq_load_acquire((const rq_u64 *)record) == 0 && rq_load_acquire(&reader->lane->head) == head;
}

/* 1: there is a record, *view is it. 0: the lane was empty at some instant, with its head at view->head. -EBADMSG. */
int rq_lane_look(struct rq_reader *reader, uint32_t index, struct rq_view *view);

/* Gives back the spare chunks of a lane that nobody has put to for a while. The caller reads no chunk after it. */
void rq_lane_trim(const struct rq_lane_set *set, struct rq_seat *seat, uint32_t index);

/* The record behind a view that has not been claimed. 1, 0: none, or not in this chunk. -EBADMSG; -EAGAIN: view is stale. */
int rq_lane_look_behind(const struct rq_reader *reader, const struct rq_view *view, struct rq_view *behind);

/* Whether the view is still at the lane's head. */
static inline bool rq_view_is_current(const struct rq_view *view)
{
	return rq_load_acquire(&view->lane->head) == view->head;
}

/* Takes everything up to `next` from a lane of which nobody else takes. */
static rq_always_inline void rq_lane_claim_alone(const struct rq_view *view, uint64_t next)
{
	rq_store_release(&view->lane->head, next); /* G3 */
}

/* Takes everything from view->head up to `next`. False if somebody else was faster. */
static rq_always_inline bool rq_lane_claim(const struct rq_reader *reader, const struct rq_view *view, uint64_t next)
{
	if (reader->single) {
		rq_lane_claim_alone(view, next);
		return true;
	}
	uint64_t head = view->head;
	return rq_cas(&view->lane->head, &head, next); /* G3 */
}

#endif
