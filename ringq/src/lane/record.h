/* SPDX-License-Identifier: MIT */
#ifndef RQ_RECORD_H
#define RQ_RECORD_H

/* Records as they lie in a lane: their headers, and the room that they take. Of what, words.h draws. */

#include "base/words.h"

static inline uint64_t rq_record_header(uint64_t sequence, uint64_t len, enum rq_record_kind kind)
{
	return sequence << RQ_RECORD_SEQUENCE_SHIFT | len << RQ_RECORD_KIND_BITS | kind;
}

static inline uint64_t rq_record_sequence(uint64_t header)
{
	return header >> RQ_RECORD_SEQUENCE_SHIFT;
}

static inline uint64_t rq_record_len(uint64_t header)
{
	return header << RQ_RECORD_SEQUENCE_BITS >> (64 - RQ_RECORD_LEN_BITS);
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
	uint64_t h = (header << RQ_RECORD_SEQUENCE_BITS) - ((uint64_t)RQ_RECORD_DATA << RQ_RECORD_SEQUENCE_BITS);
	return h >> (64 - RQ_RECORD_LEN_BITS) | h << RQ_RECORD_LEN_BITS;
}

static inline bool rq_record_is_data(uint64_t header)
{
	return (header & ~(uint64_t)RQ_RECORD_STAMPED & RQ_RECORD_KIND_MASK) == RQ_RECORD_DATA;
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

/* Records up to RQ_SHORT have fast paths of their own, those up to RQ_LONG share one. */
#define RQ_SHORT UINT64_C(64)
#define RQ_LONG (UINT64_C(1) << 30)

#endif
