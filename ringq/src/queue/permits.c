/* SPDX-License-Identifier: MIT */
#include "queue/permits.h"

#include <errno.h>

#include "lane/hand.h"
#include "lane/put.h"
#include "base/event.h"

static uint64_t position_of(uint64_t head)
{
	return head >> RQ_POSITION_ZEROS & RQ_PERMIT_POSITION_MASK;
}

static uint64_t permit_word(uint32_t lane, uint64_t head)
{
	return (uint64_t)(lane + 1) << RQ_PERMIT_POSITION_BITS | position_of(head);
}

/* How far position a is behind b, both of 51 bits: negative, 0 or positive. */
static int64_t behind(uint64_t a, uint64_t b)
{
	return (int64_t)((b - a) << (64 - RQ_PERMIT_POSITION_BITS)) >> (64 - RQ_PERMIT_POSITION_BITS);
}

/* Whether the record of this word has been taken, and is not in hand. */
static bool is_free(const struct rq_lane_set *set, uint64_t word)
{
	uint64_t lane = (word >> RQ_PERMIT_POSITION_BITS) - 1;
	if (word == 0 || lane >= set->max)
		return true;
	uint64_t head = rq_load_acquire(&rq_lane_at(set, (uint32_t)lane)->head); /* C1 */
	return behind(word & RQ_PERMIT_POSITION_MASK, position_of(head)) > 0 &&
	       !rq_hand_has_record(set, (uint32_t)lane, word & RQ_PERMIT_POSITION_MASK, RQ_PERMIT_POSITION_MASK);
}

static uint64_t mix(uint64_t index, uint64_t word)
{
	uint64_t x = (word ^ index) * UINT64_C(0x9e3779b97f4a7c15);
	return (x ^ x >> 29) * UINT64_C(0xbf58476d1ce4e5b9);
}

/* Looks at all permits, from the hint on. The first free one, or count; *digest is of all the words seen. */
static uint64_t look(const struct rq_permits *permits, const struct rq_lane_set *set, uint64_t *word, uint64_t *digest)
{
	uint64_t n = permits->count, i = rq_load(permits->hint) % n;
	*digest = 0;
	for (uint64_t seen = 0; seen < n; seen++) {
		*word = rq_load_acquire(&permits->words[i]); /* C2 */
		if (is_free(set, *word))
			return i;
		*digest += mix(i, *word);
		if (++i == n)
			i = 0;
	}
	return n;
}

/*
 * Looks of somebody who finds no permit, with others always faster, before the answer is that it is full: some
 * milliseconds of them, or a second if the caller has that much time.
 */
#define LOOKS_NOWAIT (UINT64_C(1) << 22)
#define LOOKS_MOST (UINT64_C(1) << 28)
#define LOSSES_MOST 65536u

/* A free permit as look() finds it; count if there was none at some instant, or in all looks that it is worth. */
static uint64_t find(
	const struct rq_permits *permits, const struct rq_lane_set *set, struct rq_patience *patience, uint64_t *word)
{
	uint64_t first, second, most = rq_patience_may_yield(patience) ? LOOKS_MOST : LOOKS_NOWAIT;
	for (uint64_t looks = 0; looks < most; looks += 2 * permits->count + 16) {
		uint64_t i = look(permits, set, word, &first);
		if (i < permits->count)
			return i;
		i = look(permits, set, word, &second);
		if (i < permits->count || first == second || rq_patience_is_over(patience))
			return i;
	}
	return permits->count;
}

/* The word of the record at the producer's tail. */
static uint64_t word_of(const struct rq_producer *producer)
{
	return permit_word(producer->index, rq_head(producer->chunk, producer->tail));
}

int rq_permit_take(const struct rq_permits *permits, const struct rq_producer *producer, struct rq_patience *patience,
	rq_u64 **permit)
{
	uint64_t word, mine = word_of(producer);
	for (unsigned lost = 0; lost < LOSSES_MOST; lost++) {
		uint64_t i = find(permits, producer->set, patience, &word);
		if (i == permits->count)
			return -EAGAIN;
		if (rq_cas(&permits->words[i], &word, mine)) { /* C3 */
			rq_store(permits->hint, i + 1);
			*permit = &permits->words[i];
			return 0;
		}
		if (rq_patience_is_over(patience))
			return -EAGAIN;
	}
	return -EAGAIN;
}

void rq_permit_return(struct rq_queue_shared *shared, const struct rq_producer *producer, rq_u64 *permit)
{
	uint64_t mine = word_of(producer);
	rq_cas(permit, &mine, 0); /* C4 */
	rq_event_notify(&shared->not_full, 1);
}

/* Whether this word is a permit's for a record of the lane at or behind `end`. */
static bool is_behind(uint64_t word, uint32_t lane, uint64_t end)
{
	return word >> RQ_PERMIT_POSITION_BITS == lane + 1 &&
	       behind(word & RQ_PERMIT_POSITION_MASK, position_of(end)) <= 0;
}

unsigned rq_permits_drop(const struct rq_permits *permits, uint32_t lane, uint64_t end)
{
	unsigned dropped = 0;
	for (uint64_t i = 0; i < permits->count; i++) {
		uint64_t word = rq_load_acquire(&permits->words[i]); /* as C2: compared by C5 */
		if (is_behind(word, lane, end))
			dropped += rq_cas(&permits->words[i], &word, 0); /* C5 */
	}
	return dropped;
}

void rq_permits_renew(const struct rq_permits *permits, const struct rq_lane_set *set, uint32_t lane, uint32_t chunk)
{
	for (uint64_t i = 0; i < permits->count; i++) {
		uint64_t word = rq_load_acquire(&permits->words[i]); /* C2 */
		if (word >> RQ_PERMIT_POSITION_BITS == lane + 1 && is_free(set, word))
			rq_cas(&permits->words[i], &word, 0); /* C5 */
	}
	rq_store(&rq_lane_at(set, lane)->era, rq_permits_era(chunk));
}

bool rq_permits_left(const struct rq_permits *permits, uint32_t lane, uint64_t end)
{
	for (uint64_t i = 0; i < permits->count; i++)
		if (is_behind(rq_load_acquire(&permits->words[i]), lane, end)) /* as C2 */
			return true;
	return false;
}

bool rq_permits_full(const struct rq_permits *permits, const struct rq_lane_set *set)
{
	struct rq_patience none = {0};
	uint64_t word;
	return permits->count && find(permits, set, &none, &word) == permits->count;
}
