/* SPDX-License-Identifier: MIT */
#ifndef RQ_RUN_H
#define RQ_RUN_H

/*
 * Runs: records of a batch that lie one behind the other, and are copied with nothing else done in between. A line that
 * another processor has written is long in coming; the fewer instructions a record takes, the more of the lines behind it
 * are on their way at once.
 */

#include <sys/uio.h>

#include "base/copy.h"
#include "lane/get.h"
#include "lane/put.h"

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
	view->next += (uint64_t)(at - start) >> 2;
	return n;
}

#endif
