/* SPDX-License-Identifier: MIT */
#include "region/units.h"

#include <errno.h>

#include "base/probe.h"
#include "base/sys.h"
#include "base/upcalls.h"

/* Makes the owner words below `want` usable: zero is free, and new memory is zero. */
static int push_frontier(struct ringq_region *region, uint64_t want)
{
	uint64_t a_page = region->at.page / sizeof(rq_u64), have = rq_units_frontier(region);
	if (have >= want)
		return 0;
	want = (want + a_page - 1) / a_page * a_page;
	if (want > region->at.unit_count)
		want = region->at.unit_count;
	int r = rq_region_back(region, region->at.owners + have * sizeof(rq_u64), (want - have) * sizeof(rq_u64));
	while (r == 0 && have < want && !rq_cas(&region->header->frontier, &have, want)) /* A6 */
		;
	return r;
}

/* The first of n units in a row, from `from` on, that look free; those past the frontier do. Or -1. */
static int64_t find_free(struct ringq_region *region, uint64_t n, uint64_t from)
{
	uint64_t frontier = rq_units_frontier(region), free = 0;
	for (uint64_t u = from; u < frontier; u++) {
		free = rq_load(rq_owner_at(region, u)) ? 0 : free + 1;
		if (free == n)
			return (int64_t)(u + 1 - n);
	}
	uint64_t start = (from > frontier ? from : frontier) - free;
	return start + n <= region->at.unit_count ? (int64_t)start : -1;
}

bool rq_words_claim(struct rq_words words, uint64_t first, uint64_t n, uint64_t owner)
{
	for (uint64_t i = 0; i < n; i++) {
		uint64_t expected = words.free;
		if (!rq_cas(words.at + first + i, &expected, owner)) { /* A1 */
			rq_words_release(words, first, i, owner);
			return false;
		}
	}
	return true;
}

void rq_words_release(struct rq_words words, uint64_t first, uint64_t n, uint64_t owner)
{
	for (uint64_t i = 0; i < n; i++) {
		uint64_t expected = owner;
		rq_cas(words.at + first + i, &expected, words.free); /* A2 */
	}
}

static struct rq_words units(const struct ringq_region *region)
{
	return (struct rq_words){rq_owner_at(region, 0), 0};
}

static int64_t claim_from(struct ringq_region *region, uint64_t n, uint64_t owner, uint64_t from)
{
	for (;;) {
		int64_t first = find_free(region, n, from);
		if (first < 0)
			return -ENOMEM;
		int r = push_frontier(region, (uint64_t)first + n);
		if (r)
			return r;
		if (rq_words_claim(units(region), (uint64_t)first, n, owner))
			return first;
		from = (uint64_t)first + 1; /* somebody was faster somewhere in the run */
	}
}

/*
 * Lowest first, so that what is used stays together; the hint saves looking through what this process has filled. Only
 * where nothing else is left is what the dead held looked for, which reads every owner word.
 */
static int64_t claim_anywhere(struct ringq_region *region, uint64_t n, uint64_t owner)
{
	uint64_t hint = rq_load(&region->free_hint);
	int64_t first = claim_from(region, n, owner, hint);
	if (first < 0 && hint)
		first = claim_from(region, n, owner, 0);
	if (first < 0 && rq_upcalls.reclaim(region))
		first = claim_from(region, n, owner, 0);
	return first;
}

int64_t rq_units_claim(struct ringq_region *region, uint64_t n, uint64_t owner, uint64_t bytes)
{
	if (n == 0 || n > region->at.unit_count)
		return -ENOMEM;
	int64_t first = claim_anywhere(region, n, owner);
	if (first < 0) {
		rq_probe_memory_short(region->base, n);
		return first;
	}
	int r = rq_region_back(region, region->at.units + (uint64_t)first * region->at.page, bytes);
	if (r) {
		rq_probe_memory_short(region->base, n);
		rq_units_release(region, (uint64_t)first, n, owner);
		return r;
	}
	if (n == 1)
		rq_store(&region->free_hint, (uint64_t)first + 1);
	rq_probe_units_take(region->base, first, n, bytes);
	return first;
}

void rq_units_release(struct ringq_region *region, uint64_t first, uint64_t n, uint64_t owner)
{
	rq_words_release(units(region), first, n, owner);
	if (first < rq_load(&region->free_hint))
		rq_store(&region->free_hint, first);
}

void rq_units_give_back(struct rq_membership *membership, uint64_t first, uint64_t n, uint64_t owner)
{
	struct ringq_region *region = rq_load(&membership->region);
	uint64_t mine = rq_owner_member(membership->id), end = first + n;
	while (first < end) {
		uint64_t u = first, expected = owner;
		while (u < end && rq_cas(rq_owner_at(region, u), &expected, mine)) /* A3 */
			u++;
		if (u > first) {
			rq_probe_units_give_back(region->base, first, u - first);
			rq_sys.give_back(&region->file, region->at.units + first * region->at.page,
				(u - first) * region->at.page);
		}
		rq_units_release(region, first, u - first, mine);
		first = u + 1;
	}
}

bool rq_units_move(struct ringq_region *region, uint64_t first, uint64_t n, uint64_t from, uint64_t to)
{
	for (uint64_t i = 0; i < n; i++) {
		uint64_t expected = from;
		if (!rq_cas(rq_owner_at(region, first + i), &expected, to)) { /* A4 */
			rq_units_release(region, first, i, to);
			rq_units_release(region, first + i, n - i, from);
			return false;
		}
	}
	return true;
}
