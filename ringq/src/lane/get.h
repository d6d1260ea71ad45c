/* SPDX-License-Identifier: MIT */
#ifndef RQ_LANE_GET_H
#define RQ_LANE_GET_H

/* The consumers' side of a lane, with the look and the claim of the fast path of gets. The protocol is in lane.h. */

#include <sys/uio.h>

#include "base/copy.h"
#include "lane/lane.h"

/* What a consumer remembers of the chunk that it read last. */
struct rq_reader {
	struct rq_ring ring;
	uint64_t quick;       /* the chunk's number, if records may be taken from it without further thought */
	uint64_t key;         /* the hazard that names the chunk */
	rq_u64 *hazard;       /* the hazard word of this thread */
	struct rq_lane *lane; /* never NULL: see rq_no_lane */
	uint64_t entry;       /* of the table, that ring is decoded from; 0 at first */
	uint32_t index;
	uint32_t uncontended; /* claims in a row, up to RQ_UNCONTENDED, between which nobody else has moved head */
	uint64_t at;          /* where head was last, in this chunk, or RQ_NOWHERE */
	const char *record;   /* what lies there */
	const char *end;      /* of the ring */
	bool single;          /* these two as in the set, beside what each get reads */
	bool stamps;
	bool plain; /* nobody else claims, and no record has a stamp */
	bool taken; /* the caller has a record in hand where it lies, so nothing may be taken at once */
	const struct rq_lane_set *set;
	struct rq_membership *membership;
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
	const char *behind; /* the one behind it; of rq_lane_look_quick() only */
};

/* A look gives up, as in a corrupt region, after so many changes by others or steps over PAD and LINK. */
#define RQ_LOOK_STEPS (1u << 17) /* a lane's table has at most half as many chunks */

/* A get that has lost so many records to others, or as many KiB of them, looks at its time-out before it goes on. */
#define RQ_LOSSES_MOST (UINT64_C(1) << 20)

/* Records that wait in some lanes, and the sum of words of theirs that only grow, read before and after that. */
struct rq_count {
	uint64_t waiting;
	uint64_t moves;
};

/*
 * Adds a lane to a count; one that fails validation has no records. Two counts of the same lanes, one behind the other,
 * that are equal: nothing has moved from the end of the first to the beginning of the second, and so many waited there.
 * least: the lane is known to have had so many puts; 0 if nothing is known.
 */
void rq_lane_count(struct rq_reader *reader, uint32_t index, uint64_t least, struct rq_count *count);

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
	view->sequence = (uint32_t)rq_record_sequence(header);
	view->head = at;
	view->next = at + (footprint >> RQ_POSITION_SHIFT);
	view->len = len;
	view->payload = record + rq_record_offset(header);
	view->stamp = stamped ? rq_load((rq_u64 *)record + 1) : 0;
	return true;
}

#define RQ_NOT_QUICK UINT64_MAX
#define RQ_NOWHERE UINT64_MAX /* no head */

/* The lane of a reader that has read none: its head is in no chunk that is quick. All of it is 0. */
extern struct rq_lane rq_no_lane;

/* The reader knows of no place in a chunk. Where a hostile peer writes just that into head, it finds an empty header. */
static inline void rq_reader_forget(struct rq_reader *reader)
{
	reader->quick = RQ_NOT_QUICK;
	reader->uncontended = 0;
	reader->at = RQ_NOWHERE;
	reader->record = (const char *)&rq_no_lane;
}

/* Head is in the chunk that the reader knows: so is what lies there. False if it is in another. */
static inline bool rq_reader_follow(struct rq_reader *reader, uint64_t head)
{
	if (rq_head_chunk(head) != reader->quick)
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
 *
 * plain: the reader is, as is known where this is compiled; what its queue cannot have is not asked for.
 */
#define RQ_UNCONTENDED 8u
static rq_always_inline bool rq_lane_look_quick(
	struct rq_reader *reader, uint64_t most, bool plain, struct rq_view *view)
{
	struct rq_lane *lane = reader->lane;
	uint64_t at = reader->at;
	if (plain || reader->uncontended < RQ_UNCONTENDED) {
		uint64_t head = rq_load_acquire(&lane->head); /* G1 */
		if (rq_unlikely(head != at)) {
			if (!plain)
				reader->uncontended = 0;
			if (!rq_reader_follow(reader, head))
				return false;
			at = head;
		} else if (!plain && !reader->single) {
			reader->uncontended++;
		}
	}
	if (rq_unlikely(rq_load(reader->hazard) != reader->key))
		return false;
	const char *record = reader->record;
	uint64_t header = rq_header_at(record), len = plain ? rq_record_plain_len(header) : rq_record_len(header),
		 footprint = plain ? rq_footprint(len, false) : rq_record_footprint(header);
	if ((!plain && rq_unlikely(!rq_record_is_data(header))) || rq_unlikely(len > most) ||
		rq_unlikely(!rq_reader_behind(reader, record + footprint, &view->behind)))
		return false;
	view->lane = lane;
	view->head = at;
	view->next = at + (footprint >> RQ_POSITION_SHIFT);
	view->len = len;
	view->payload = record + (plain ? rq_payload_offset(false) : rq_record_offset(header));
	view->stamp = !plain && reader->stamps && rq_record_is_stamped(header) ? rq_load((const rq_u64 *)record + 1) : 0;
	return true;
}

/* The reader has claimed what rq_lane_look_quick() has seen. */
static rq_always_inline void rq_reader_advance(struct rq_reader *reader, const struct rq_view *view)
{
	reader->at = view->next;
	reader->record = view->behind;
}

/* Whether the lane that the reader read last, still in the same chunk, was empty at some instant. */
static inline bool rq_lane_nothing_yet(const struct rq_reader *reader)
{
	uint64_t head = rq_load_acquire(&reader->lane->head); /* G1 */
	if (rq_head_chunk(head) != reader->quick || rq_load(reader->hazard) != reader->key)
		return false;
	const char *record = reader->ring.base + (rq_head_bytes(head) & reader->ring.mask);
	return rq_header_at(record) == 0 && rq_load_acquire(&reader->lane->head) == head; /* G7 */
}

/* 1: there is a record, *view is it. 0: the lane was empty at some instant, with its head at view->head. -EBADMSG. */
int rq_lane_look(struct rq_reader *reader, uint32_t index, struct rq_view *view);

/* The record behind a view that has not been claimed. 1, 0: none, or not in this chunk. -EBADMSG; -EAGAIN: view is stale. */
int rq_lane_look_behind(const struct rq_reader *reader, const struct rq_view *view, struct rq_view *behind);

/* Whether the view is still at the lane's head. */
static inline bool rq_view_is_current(const struct rq_view *view)
{
	return rq_load_acquire(&view->lane->head) == view->head; /* G7 */
}

/*
 * Takes everything from view->head up to `next`. False if somebody else was faster, which nobody can be where there is a
 * single consumer: then view->head is not looked at.
 */
static rq_always_inline bool rq_lane_claim(const struct rq_view *view, uint64_t next, bool single)
{
	if (single) {
		rq_store_release(&view->lane->head, next); /* G3 */
		return true;
	}
	uint64_t head = view->head;
	return rq_cas(&view->lane->head, &head, next); /* G3 */
}

/*
 * Runs: records of a batch that lie one behind the other, and are copied with nothing else done in between. A line that
 * another processor has written is long in coming; the fewer instructions a record takes, the more of the lines behind it
 * are on their way at once.
 */

/*
 * Lines are asked for so far ahead. Not before a run is so long: what comes behind a short one may be just about to be
 * written, and should then be left to who writes it. What is asked for behind the ring's end is not missed by anybody.
 */
#define RQ_RUN_AHEAD 1024
#define RQ_RUN_LONG 4u

static rq_always_inline void rq_copy_record(void *to, const char *payload, uint64_t len)
{
	if (rq_likely(len <= RQ_SHORT))
		rq_copy_out_short(to, payload, len);
	else
		rq_copy_out(to, payload, len);
}

/*
 * Copies out the records of the reader's ring from view->next on, up to the ring's end, to one that does not fit, or to
 * one that is newer than the watermark. How many; their lengths are in lens, and view->next is behind them. They may be
 * claimed together with what lies before them.
 */
static rq_always_inline size_t rq_reader_copy_run(const struct rq_reader *reader, struct rq_view *view,
	uint64_t watermark, const struct iovec *records, size_t *lens, size_t most)
{
	const struct rq_ring *ring = &reader->ring;
	uint64_t from = rq_head_bytes(view->next);
	const char *start = ring->base + (from & ring->mask), *at = start, *end = ring->base + ring->size;
	size_t n = 0;
	if (from == 0)
		return 0; /* in the next chunk */
	while (n < most && at < end) {
		uint64_t header = rq_header_at(at), len = rq_record_len(header), footprint = rq_record_footprint(header);
		if (rq_unlikely(!rq_record_is_data(header) || footprint > (uint64_t)(end - at) ||
				len > records[n].iov_len || !records[n].iov_base ||
				(rq_record_is_stamped(header) && rq_load((const rq_u64 *)at + 1) > watermark)))
			break;
		rq_copy_record(records[n].iov_base, at + rq_record_offset(header), len);
		if (n >= RQ_RUN_LONG && len <= RQ_SHORT)
			__builtin_prefetch(at + RQ_RUN_AHEAD);
		lens[n++] = len;
		at += footprint;
	}
	view->next += (uint64_t)(at - start) >> RQ_POSITION_SHIFT;
	return n;
}

#endif
