/* SPDX-License-Identifier: MIT */
#ifndef RQ_UNITS_H
#define RQ_UNITS_H

/*
 * The allocator: contiguous runs of units, a page each, for everything that a region holds.
 *
 * The truth about each unit is its owner word (layout.h), changed by one CAS. Nothing else is kept, so that there is
 * nothing that a death could leave wrong: whoever runs short reads the words, and takes back what belongs to nobody.
 *
 *   op         beside itself and others                                        progress
 *   claim      any number at once; two that want one unit, one gets it         lock-free
 *   release    any; only words that still say `owner` are freed                wait-free
 *   give back  as release; punches the pages before others may have them       wait-free
 *   move       as release; what is no longer `from` ends it                    wait-free
 */

#include "region/membership.h"

/* Claims n contiguous units for an owner, with memory behind their first `bytes` bytes. The first unit, or -ENOMEM. */
int64_t rq_units_claim(struct ringq_region *region, uint64_t n, uint64_t owner, uint64_t bytes);

/* Frees those of n units from `first` on that are the owner's; memory stays behind them for the next. */
void rq_units_release(struct ringq_region *region, uint64_t first, uint64_t n, uint64_t owner);

/* The same, with the memory given back. Nobody may be reading there, see rq_members_name(). */
void rq_units_give_back(struct rq_membership *membership, uint64_t first, uint64_t n, uint64_t owner);

/* Hands n units from one owner to another. False, with none of them held, if some were taken back meanwhile. */
bool rq_units_move(struct ringq_region *region, uint64_t first, uint64_t n, uint64_t from, uint64_t to);

/* The words of one level: of units, or of the cells of one unit. */
struct rq_words {
	rq_u64 *at;
	uint64_t free; /* what a free one says */
};

/* Makes n free words from `first` on the owner's: all, or none. */
bool rq_words_claim(struct rq_words words, uint64_t first, uint64_t n, uint64_t owner);

/* Frees those that are the owner's. */
void rq_words_release(struct rq_words words, uint64_t first, uint64_t n, uint64_t owner);

/* Units whose owner words may be looked at. */
static inline uint64_t rq_units_frontier(const struct ringq_region *region)
{
	uint64_t n = rq_load_acquire(&region->header->frontier); /* as A6: words below it have memory */
	return n < region->at.unit_count ? n : region->at.unit_count;
}

#endif
