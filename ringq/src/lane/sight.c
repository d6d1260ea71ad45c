/* SPDX-License-Identifier: MIT */
#include "lane/sight.h"

#include <errno.h>

#define STEPS_MOST 4096u /* PAD and LINK before a record */
#define LOOKS_MOST 8u    /* beside others who take: then a figure that may be of no one instant must do */

int rq_sight_head(const struct rq_lane_set *set, uint32_t index, uint64_t *head)
{
	return rq_glance_word(set->region, rq_lane_offset(set, index) + offsetof(struct rq_lane, head), head); /* S3 */
}

static int span_of(const struct rq_lane_set *set, uint64_t entry, uint32_t chunk, struct rq_span *span)
{
	const struct rq_geometry *at = &set->region->at;
	if (entry == 0 || rq_entry_chunk(entry) != chunk)
		return 0;
	uint64_t unit = rq_entry_unit(entry), n = rq_size_units(entry & 0xff);
	if (n == 0 || unit >= at->unit_count || at->unit_count - unit < n)
		return -EBADMSG;
	span->offset = rq_unit_offset(set->region, unit);
	span->size = n * at->page;
	span->mask = rq_ring_mask(span->size);
	return 1;
}

int rq_sight_span(const struct rq_lane_set *set, uint32_t index, uint32_t chunk, struct rq_span *span)
{
	uint64_t entry, lane = rq_lane_offset(set, index) + offsetof(struct rq_lane, table);
	int r = rq_glance_word(set->region, lane + (chunk & (set->table - 1)) * sizeof entry, &entry);
	return r ? r : span_of(set, entry, chunk, span);
}

int rq_sight_parse(const struct rq_span *span, uint64_t at, uint64_t header, uint64_t *next)
{
	uint64_t offset = rq_head_bytes(at) & span->mask, len = rq_record_len(header);
	*next = at;
	if (offset + RQ_GRANULE > span->size)
		return -EBADMSG;
	switch (header & RQ_RECORD_KIND_MASK) {
	case RQ_RECORD_DATA:
	case RQ_RECORD_DATA_STAMPED:
		*next = at + (rq_record_footprint(header) >> RQ_POSITION_SHIFT);
		return rq_record_footprint(header) <= span->size - offset ? RQ_RECORD_DATA : -EBADMSG;
	case RQ_RECORD_PAD:
		*next = at + (len >> RQ_POSITION_SHIFT);
		return offset && len == span->size - offset ? RQ_RECORD_PAD : -EBADMSG;
	case RQ_RECORD_LINK:
		*next = rq_head(rq_head_chunk(at) + 1, 0);
		return RQ_RECORD_LINK;
	default:
		return header ? -EBADMSG : RQ_RECORD_NONE;
	}
}

/* The header at a position of a lane, which was read with its table, unless NULL: 1; 0: it has no memory. */
static int header_at(const struct rq_lane_set *set, uint32_t index, const struct rq_lane *lane, uint64_t at,
	struct rq_span *span, uint64_t *header)
{
	uint32_t chunk = rq_head_chunk(at);
	int r = lane ? span_of(set, rq_load(&lane->table[chunk & (set->table - 1)]), chunk, span)
	             : rq_sight_span(set, index, chunk, span);
	if (r < 1)
		return r;
	uint64_t offset = rq_head_bytes(at) & span->mask;
	if (offset + RQ_GRANULE > span->size)
		return -EBADMSG;
	r = rq_glance_word(set->region, span->offset + offset, header);
	return r ? r : 1;
}

/* The header of the first record from head, `start`, on: 1; 0: there is none; -EAGAIN: head has moved meanwhile. */
static int first_record(
	const struct rq_lane_set *set, uint32_t index, const struct rq_lane *lane, uint64_t start, uint64_t *header)
{
	struct rq_span span;
	uint64_t at = start, head, next;
	for (unsigned steps = 0; steps < STEPS_MOST; steps++) {
		int r = header_at(set, index, lane, at, &span, header);
		int kind = r == 1 ? rq_sight_parse(&span, at, *header, &next) : r;
		r = rq_sight_head(set, index, &head);
		if (r)
			return r;
		if (head != start)
			return -EAGAIN;
		if (kind != RQ_RECORD_PAD && kind != RQ_RECORD_LINK)
			return kind == RQ_RECORD_DATA ? 1 : kind;
		at = next;
	}
	return -EBADMSG;
}

int rq_sight_lanes(const struct rq_lane_set *set, uint32_t index, uint32_t n, void *lanes)
{
	return rq_glance_read(set->region, rq_lane_offset(set, index), lanes, (uint64_t)n * set->stride);
}

int rq_sight_waiting(const struct rq_lane_set *set, uint32_t index, struct rq_lane *lane, uint64_t *waiting)
{
	uint64_t header = 0;
	int r = first_record(set, index, lane, rq_load(&lane->head), &header);
	*waiting = 0;
	for (unsigned looks = 0; r == -EAGAIN && looks < LOOKS_MOST; looks++) {
		r = rq_sight_lanes(set, index, 1, lane);
		if (r)
			return r;
		r = first_record(set, index, lane, rq_load(&lane->head), &header);
	}
	if (r == 1 || (r == -EAGAIN && rq_record_is_data(header)))
		*waiting = rq_lane_count_from(
			set, lane, rq_load(&lane->head), rq_record_sequence(header), rq_load(&lane->puts));
	return r < 0 && r != -EAGAIN ? r : 0;
}

uint64_t rq_sight_count(const struct rq_lane_set *set, uint32_t index)
{
	uint64_t head, header = 0, puts, puts_at = rq_lane_offset(set, index) + offsetof(struct rq_lane, puts);
	int r = -EAGAIN;
	for (unsigned looks = 0; r == -EAGAIN && looks < LOOKS_MOST; looks++) {
		if (rq_sight_head(set, index, &head))
			return 0;
		r = first_record(set, index, NULL, head, &header);
	}
	if ((r != 1 && r != -EAGAIN) || !rq_record_is_data(header) || rq_glance_word(set->region, puts_at, &puts))
		return 0;
	uint64_t n = (puts - rq_record_sequence(header)) & RQ_SEQUENCE_MASK;
	return n == 0 || n > RQ_SEQUENCE_MASK / 2 ? 1 : n;
}

uint64_t rq_sight_bytes_held(const struct rq_lane_set *set, const struct rq_lane *lane)
{
	uint64_t units = 0;
	for (uint32_t i = 0; i < set->table; i++)
		units += rq_entry_units(rq_load(&lane->table[i]));
	return units * set->region->at.page;
}
