/* SPDX-License-Identifier: MIT */
#ifndef RQ_LANE_PUT_H
#define RQ_LANE_PUT_H

/* The producer's side of a lane, with the fast path of puts. The protocol is in lane.h. */

#include <sys/uio.h>

#include "base/copy.h"
#include "base/patience.h"
#include "lane/lane.h"

/* Looks at head in a row that find a large ring nearly empty, after which it makes way for a smaller one. */
#define RQ_DRAINED_ROUNDS_MOST 4

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
	uint64_t limit; /* a record that ends here or before is put without further thought: see rq_producer_set_limit() */
	uint64_t puts; /* records, published and not */
	struct rq_lane *lane;
	uint32_t index;
	bool stamped; /* the record that is being put is to carry a time stamp */

	bool one_shot; /* the chunk is of no size to go round in: it is used up to `one_shot_end`, and then left */
	uint64_t room; /* the tail may go up to here without another look at head */
	rq_u64 *first; /* the header that P will store, or NULL if nothing is unpublished */
	uint64_t first_header;
	const struct rq_lane_set *set;
	struct rq_membership *membership;
	uint32_t chunk;
	uint32_t drained_rounds; /* looks at head in a row that found the ring nearly empty */
	uint64_t one_shot_end;
	uint64_t skipped; /* the tail behind the last PAD or LINK: while it is there, the last record ends at `end` */
	uint64_t end;
	uint64_t adopted;      /* where the lane was taken over, as a head: what lies before is not this producer's */
	bool inherited;        /* head has not come there yet; never of a queue with a single producer */
	bool watched;          /* each put has more to do: tell a watch (queue/watch.h) */
	struct rq_sent sent[]; /* entry i: of chunk c, where c mod table = i */
};

/*
 * Finds the tail of a lane, whoever owns it, and writes nothing there. A producer that had it before looks from its own
 * tail on, if that is still there, and remembers what it has put; a new one of `all` looks at all that waits, to know how
 * much it is. Any other begins where the tail was known to be.
 */
int rq_producer_find(struct rq_producer *p, const struct rq_lane_set *set, struct rq_membership *membership,
	uint32_t index, bool all);

/*
 * Takes over the lane that the caller owns now: finds its tail, frees what a dead owner left unpublished. all: what waits
 * there counts for max_bytes, whoever has put it.
 */
int rq_producer_adopt(struct rq_producer *p, const struct rq_lane_set *set, struct rq_membership *membership,
	uint32_t index, bool all, bool owner_died);

/* Makes room that the fast path of rq_producer_room() does not see. */
int rq_producer_make_room(struct rq_producer *p, uint64_t len, struct rq_patience *patience);

/*
 * Where head must be for room for len, not beyond the tail. Unless exact, farther on, if that is little, by an eighth of
 * the ring: for who looks for a while, or sleeps for a moment.
 */
uint64_t rq_producer_wake_at(struct rq_producer *p, uint64_t len, bool exact);

/* Whether an empty record, stamped or not, would have to wait for room now. */
bool rq_producer_full(struct rq_producer *p, bool stamped);

/* Appends a LINK to a chunk without memory yet, so that this one's can go as soon as what is in it is taken. */
void rq_producer_leave(struct rq_producer *p);

/*
 * Leaves the lane's chunk for good. Its memory can go once all is taken; where it is, a look at the lane steps over the LINK
 * and sees to that.
 */
void rq_producer_vacate(struct rq_producer *p);

/*
 * Room for one record of len at the tail. 0, or -EAGAIN (full), -ENOMEM, -EMSGSIZE, -EBADMSG. On 0 the payload may be
 * written to rq_producer_payload(), then appended. Where the caller may wait, it may give consumers half a millisecond, or the
 * processor, before it takes more memory.
 */
static inline int rq_producer_room(struct rq_producer *p, uint64_t len, struct rq_patience *patience)
{
	uint64_t need = rq_footprint(len, p->stamped);
	if (rq_likely(len <= RQ_RECORD_MAX && (p->tail & p->ring.mask) + need <= p->ring.size &&
		      p->tail + need + RQ_GRANULE <= p->room))
		return 0;
	return rq_producer_make_room(p, len, patience);
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
	return p->one_shot ? 0 : room < round_ends ? room : round_ends;
}

/* How far records may be appended one behind the other: nowhere if there is more to do for each than to write it. */
static inline uint64_t rq_producer_run_limit(const struct rq_producer *p)
{
	return p->set->counted || p->watched ? 0 : rq_producer_free_end(p);
}

/*
 * Stores reach the cache in order, each once its line has come from the consumer who read it a round ago. So many bytes
 * ahead of what is written now a producer asks for its lines, for n bytes from `at` on, if they are free up to `end`:
 * what a consumer is yet to read is not taken from it. False if they are not.
 */
#define RQ_WRITE_AHEAD 512u
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
		rq_copy_in(payload, from, rq_hide(n));
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
	if (rq_unlikely(p->one_shot) && p->tail > p->one_shot_end / 2)
		rq_producer_leave(p);
	rq_producer_flush(p);
	rq_store(&p->lane->puts, p->puts); /* P2 */
}

/* Whether a record of no more than `most` may be put at once; *next: where it will end. */
static rq_always_inline bool rq_producer_may_put(
	const struct rq_producer *p, uint64_t len, uint64_t most, bool stamped, uint64_t *next)
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

static inline struct rq_sent *rq_producer_sent_at(struct rq_producer *p, uint32_t chunk)
{
	return &p->sent[chunk & (p->set->table - 1)];
}

/* Bytes of records that were put before this place. */
static inline uint64_t rq_producer_records_before(struct rq_producer *p, uint32_t chunk, uint64_t bytes)
{
	const struct rq_sent *s = rq_producer_sent_at(p, chunk);
	return s->before + bytes - s->pads + (bytes < s->pad_end ? s->pad_len : 0);
}

static inline void rq_producer_note_pad(struct rq_producer *p, uint32_t chunk, uint64_t end, uint64_t len)
{
	struct rq_sent *s = rq_producer_sent_at(p, chunk);
	s->pads += len;
	s->pad_end = end;
	s->pad_len = len;
}

/* Appends records, up to the first for which the fast path has no room or that is not short. How many; not published yet. */
static rq_always_inline size_t rq_producer_append_run(
	struct rq_producer *p, const struct iovec *records, size_t n, uint64_t stamp)
{
	bool stamped = p->stamped;
	uint64_t tail = p->tail, limit = rq_producer_run_limit(p), first_header = p->first_header;
	rq_u64 *first = p->first;
	size_t i = 0;
	if (tail >= limit)
		return 0; /* perhaps there is no ring yet */
	char *at = rq_producer_record(p);
	for (; i < n; i++) {
		uint64_t len = records[i].iov_len, footprint = rq_footprint(len, stamped);
		if (rq_unlikely(!records[i].iov_base || len > RQ_SHORT || tail + footprint > limit))
			break;
		uint64_t header = rq_record_header(p->puts + i, len, rq_data_kind(stamped));
		rq_copy_in_short(at + rq_payload_offset(stamped), records[i].iov_base, len);
		if (stamped)
			rq_store((rq_u64 *)at + 1, stamp);
		if (rq_likely(first != NULL)) {
			rq_store((rq_u64 *)at, header);
		} else {
			first = (rq_u64 *)at;
			first_header = header;
		}
		tail += footprint;
		at += footprint;
	}
	p->tail = tail;
	p->puts += i;
	p->first = first;
	p->first_header = first_header;
	return i;
}

/*
 * Copies the payloads of records to where they will be, with no header yet: the first, for which there is room, and what
 * follows it there, up to so much. How many. What is not appended then is copied in vain, so it is little.
 */
#define RQ_COPY_AHEAD 64u
#define RQ_COPY_AHEAD_BYTES 4096u
static inline size_t rq_producer_copy_run(struct rq_producer *p, const struct iovec *records, size_t n)
{
	uint64_t tail = p->tail,
		 most = p->one_shot ? 0 : p->tail + rq_footprint(records->iov_len, p->stamped) + RQ_COPY_AHEAD_BYTES;
	size_t i = 0;
	if (n > RQ_COPY_AHEAD)
		n = RQ_COPY_AHEAD;
	for (; i < n; i++) {
		uint64_t len = records[i].iov_len, need = rq_footprint(len, p->stamped);
		if (i && (len > RQ_RECORD_MAX || !records[i].iov_base || p->tail + need > most ||
				 (p->tail & p->ring.mask) + need > p->ring.size || p->tail + need + RQ_GRANULE > p->room))
			break;
		if (i)
			rq_store((rq_u64 *)rq_producer_record(p), 0);
		rq_producer_copy_in(p, rq_producer_payload(p), records[i].iov_base, len);
		p->tail += need;
	}
	p->tail = tail;
	return i;
}

#endif
