/* SPDX-License-Identifier: MIT */

/* The consumers' side of a lane, but for what each get does, which is in get.h. The protocol is in lane.h. */

#include "lane/get.h"

#include <errno.h>
#include <unistd.h>

#include "lane/chunks.h"
#include "base/call.h"

struct rq_lane rq_no_lane;

/* H1 and H2: names the chunk that is about to be read. False if head has moved. */
static inline bool announce(struct rq_reader *reader, struct rq_lane *lane, uint64_t head, uint64_t key)
{
	if (rq_likely(rq_load(reader->hazard) == key))
		return true;
	rq_store_release(reader->hazard, key); /* H1: what was read of the chunk named before stays before */
	rq_region_light_barrier(reader->set->region);
	return rq_load_acquire(&lane->head) == head; /* H2 */
}

/* Finds the ring that head is in. 1; 0: its chunk has no memory yet; -EAGAIN: head has moved; -EBADMSG. */
static inline int enter(struct rq_reader *reader, struct rq_lane *lane, uint32_t index, uint64_t head)
{
	uint32_t chunk = rq_head_chunk(head);
	uint64_t entry = rq_load_acquire(rq_entry_at(reader->set, lane, chunk)); /* T2 */
	if (rq_unlikely(entry == 0 || rq_entry_chunk(entry) != chunk))
		return rq_load_acquire(&lane->head) == head ? 0 : -EAGAIN; /* G7 */
	uint64_t key = rq_chunk_owner(reader->set, index, chunk);
	if (rq_unlikely(!announce(reader, lane, head, key)))
		return -EAGAIN;
	if (rq_unlikely(entry != reader->entry || lane != reader->lane)) {
		reader->entry = 0;
		rq_reader_forget(reader);
		if (!rq_ring_of(reader->set, entry, &reader->ring))
			return rq_load_acquire(&lane->head) == head ? -EBADMSG : -EAGAIN; /* G7 */
		reader->entry = entry;
		reader->end = reader->ring.base + reader->ring.size;
		reader->key = key;
		if (rq_unlikely(reader->taken))
			reader->entry = 0; /* so that it is looked at again, and quick, when that is over */
		else if (rq_ring_is_round(&reader->ring) && !reader->set->counted && !reader->set->hands)
			reader->quick = chunk;
		reader->lane = lane;
		reader->index = index;
	}
	return 1;
}

/* Reads what lies at a position of the reader's ring: a record kind, or -EBADMSG for what no producer writes. */
static inline int parse(const struct rq_reader *reader, uint64_t at, struct rq_view *view)
{
	const struct rq_ring *ring = &reader->ring;
	uint64_t offset = rq_head_bytes(at) & ring->mask;

	if (rq_record_at(reader, at, view))
		return RQ_RECORD_DATA;
	if (offset + RQ_GRANULE > ring->size)
		return -EBADMSG;
	uint64_t header = rq_header_at(ring->base + offset), len = rq_record_len(header);
	view->head = at;
	switch (header & RQ_RECORD_KIND_MASK) {
	case RQ_RECORD_PAD:
		view->next = at + (len >> RQ_POSITION_SHIFT);
		return offset && len == ring->size - offset ? RQ_RECORD_PAD : -EBADMSG;
	case RQ_RECORD_LINK:
		view->next = rq_head(rq_head_chunk(at) + 1, 0);
		return RQ_RECORD_LINK;
	case RQ_RECORD_DATA:
	case RQ_RECORD_DATA_STAMPED: /* published since the first look, or too long for the ring */
		return rq_record_at(reader, at, view) ? RQ_RECORD_DATA : -EBADMSG;
	default:
		return header ? -EBADMSG : RQ_RECORD_NONE;
	}
}

/*
 * Moves head over a PAD or a LINK, on behalf of all. By CAS even where a single consumer claims with a store: whoever
 * looks, and the producer that ends, steps over too, and may come late.
 */
static void step_over(struct rq_reader *reader, const struct rq_view *view, int kind)
{
	uint64_t head = view->head;
	/* G3: past what is no record, which P0 then writes over as if it were one. */
	if (rq_cas(&view->lane->head, &head, view->next) && kind == RQ_RECORD_LINK)
		rq_chunk_left(reader->set, reader->membership, &reader->ring, view->index, rq_head_chunk(view->head));
}

int rq_lane_look(struct rq_reader *reader, uint32_t index, struct rq_view *view)
{
	struct rq_lane *lane = rq_lane_at(reader->set, index);
	view->lane = lane;
	view->index = index;
	for (uint32_t steps = 0; steps < RQ_LOOK_STEPS; steps++) {
		uint64_t head = rq_load_acquire(&lane->head); /* G1 */
		view->head = head;
		int r = enter(reader, lane, index, head);
		if (r == -EAGAIN)
			continue;
		if (r <= 0)
			return r;
		r = parse(reader, head, view);
		if (rq_likely(r == RQ_RECORD_DATA))
			return 1;
		if (rq_load_acquire(&lane->head) != head) /* G7 */
			continue;
		if (r <= 0)
			return r;
		step_over(reader, view, r);
	}
	return -EBADMSG;
}

int rq_lane_look_behind(const struct rq_reader *reader, const struct rq_view *view, struct rq_view *behind)
{
	uint64_t at = view->next;
	behind->lane = view->lane;
	behind->index = view->index;
	for (unsigned pads = 0; pads < 2; pads++) {
		int r = rq_head_bytes(at) == 0 ? RQ_RECORD_NONE : parse(reader, at, behind);
		if (r == RQ_RECORD_DATA)
			return 1;
		if (r != RQ_RECORD_PAD)
			return r < 0 ? -EAGAIN : 0;
		at = behind->next;
	}
	return -EAGAIN;
}

void rq_lane_count(struct rq_reader *reader, uint32_t index, uint64_t least, struct rq_count *count)
{
	struct rq_view view;
	int r = rq_lane_look(reader, index, &view);
	uint64_t puts = rq_load_acquire(&view.lane->puts); /* before P4 */
	if ((int64_t)(least - puts) > 0)
		puts = least;
	uint64_t n = r == 1 ? rq_lane_count_from(reader->set, view.lane, view.head, view.sequence, puts) : 0;
	count->moves += view.head + puts + rq_load_acquire(&view.lane->head); /* P4 */
	count->waiting += n;
}
