/* SPDX-License-Identifier: MIT */
#ifndef RQ_RECORD_H
#define RQ_RECORD_H

/* Records as they lie in a lane: their headers, and the room that they take. layout.h has the format. */

#include "base/layout.h"

_Static_assert(RQ_RECORD_MAX < UINT64_C(1) << 33, "sequence:28 | length:33 | kind:3");
_Static_assert(RQ_RECORD_DATA_STAMPED < 1 << 3, "a kind must fit");

static inline uint64_t rq_record_header(uint64_t sequence, uint64_t len, enum rq_record_kind kind)
{
	return sequence << 36 | len << 3 | kind;
}

static inline uint64_t rq_record_sequence(uint64_t header)
{
	return header >> 36;
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

#endif
