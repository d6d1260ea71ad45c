/* SPDX-License-Identifier: MIT */
#include "region/cells.h"

#include <errno.h>
#include <string.h>

#include "region/family.h"

#define LOOK_UNITS 512u /* that the rover passes */
#define LOOK_CELLS 16u  /* units cut up that it looks into */

static struct rq_words cells_of(const struct ringq_region *region, uint64_t unit)
{
	return (struct rq_words){rq_cells_at(region, unit), RQ_CELL_FREE};
}

static uint32_t cells_a_unit(const struct ringq_region *region)
{
	return (uint32_t)(region->at.page / RQ_CELL);
}

static uint64_t cells_word(struct ringq_region *region)
{
	return rq_owner_cells(rq_add(&region->header->creations, 1) + 1); /* as N8 */
}

static bool is_cut_up(const struct ringq_region *region, uint64_t unit)
{
	return unit < rq_units_frontier(region) &&
	       rq_owner_kind(rq_load_acquire(rq_owner_at(region, unit))) == RQ_OWNER_CELLS; /* B4 */
}

/* ---- units ---- */

/* A new unit of cells. */
static int64_t cut_up(struct rq_membership *membership)
{
	struct ringq_region *region = rq_load(&membership->region);
	uint64_t mine = rq_owner_member(membership->id), page = region->at.page;
	int64_t unit = rq_units_claim(region, 1, mine, page);
	if (unit < 0)
		return unit;
	rq_u64 *words = rq_cells_at(region, (uint64_t)unit);
	uint64_t at = (uint64_t)((char *)words - region->base);
	int r = rq_region_back(region, at, cells_a_unit(region) * sizeof *words);
	if (r) {
		rq_units_release(region, (uint64_t)unit, 1, mine);
		return r;
	}
	for (uint32_t i = 0; i < cells_a_unit(region); i++) {
		uint64_t none = 0;
		rq_cas(&words[i], &none, RQ_CELL_FREE); /* another word is a late claim's, which will look at B4 */
	}
	/* B5: cut up, once its words have memory and are free: B4 sees them. */
	rq_cas_full(rq_owner_at(region, (uint64_t)unit), &mine, cells_word(region));
	return unit;
}

static bool all_free(struct ringq_region *region, uint64_t unit)
{
	const rq_u64 *words = rq_cells_at(region, unit);
	for (uint32_t i = 0; i < cells_a_unit(region); i++)
		if (rq_load(&words[i]) > RQ_CELL_FREE)
			return false;
	return true;
}

/* Takes the free cells of a unit out of use. Whether it has none any more. */
static bool close_cells(struct ringq_region *region, uint64_t unit)
{
	rq_u64 *words = rq_cells_at(region, unit);
	for (uint32_t i = 0; i < cells_a_unit(region); i++) {
		/* As A3: only what is free goes, by the CAS that B3 would have to win. */
		uint64_t word = rq_load_acquire(&words[i]);
		if (word > RQ_CELL_FREE || (word == RQ_CELL_FREE && !rq_cas(&words[i], &word, 0))) /* as A3 */
			return false;
	}
	return true;
}

static void give_back(struct rq_membership *membership, uint64_t unit)
{
	/* As A5: the word that is judged, and then replaced by A3. */
	uint64_t owner = rq_load_acquire(rq_owner_at(rq_load(&membership->region), unit));
	if (rq_owner_kind(owner) == RQ_OWNER_CELLS && close_cells(rq_load(&membership->region), unit))
		rq_units_give_back(membership, unit, 1, owner);
}

bool rq_cells_sweep(struct ringq_region *region, uint64_t unit, struct rq_family_cache *cache)
{
	rq_u64 *words = rq_cells_at(region, unit);
	for (uint32_t i = 0; i < cells_a_unit(region); i++) {
		/* As A5, of a cell: the word that is judged, B9 behind it. */
		uint64_t word = rq_load_acquire(&words[i]);
		if (word > RQ_CELL_FREE &&
			(rq_owner_kind(word) != RQ_OWNER_FAMILY || !rq_family_alive(region, word, cache)))
			rq_cas(&words[i], &word, RQ_CELL_FREE); /* as A2, for the dead */
	}
	return all_free(region, unit) && close_cells(region, unit);
}

/* ---- cells ---- */

/* Cells of a unit that look free, n in a row, from `from` on. -1: none. */
static int find_run(struct ringq_region *region, uint64_t unit, uint32_t n, uint32_t from)
{
	const rq_u64 *words = rq_cells_at(region, unit);
	uint32_t run = 0;
	for (uint32_t i = from; i < cells_a_unit(region); i++) {
		run = rq_load(&words[i]) == RQ_CELL_FREE ? run + 1 : 0;
		if (run == n)
			return (int)(i + 1 - n);
	}
	return -1;
}

/* The first of n cells of the unit, now the owner's; -1. */
static int claim_in(struct ringq_region *region, uint64_t unit, uint32_t n, uint64_t owner, uint32_t from)
{
	struct rq_words words = cells_of(region, unit);
	if (!is_cut_up(region, unit)) /* its words may have no memory */
		return -1;
	for (int i = find_run(region, unit, n, from); i >= 0; i = find_run(region, unit, n, (uint32_t)i + 1)) {
		if (!rq_words_claim(words, (uint64_t)i, n, owner)) /* B3 */
			continue;
		rq_fence(); /* B3 before B4, against a cutter's or a sweeper's change of the unit's word */
		if (is_cut_up(region, unit)) /* B4 */
			return i;
		rq_words_release(words, (uint64_t)i, n, owner);
		return -1;
	}
	return -1;
}

/* Looks into a unit from its start, and makes it the one to look into first. */
static int try_unit(struct rq_membership *membership, uint64_t unit, uint32_t n, uint64_t owner)
{
	int i = claim_in(rq_load(&membership->region), unit, n, owner, 0);
	if (i >= 0)
		membership->cells.page = unit + 1;
	return i;
}

static int rove(struct rq_membership *membership, uint32_t n, uint64_t owner)
{
	const struct ringq_region *region = rq_load(&membership->region);
	uint64_t frontier = rq_units_frontier(region), u = membership->cells.rover;
	unsigned looked = 0;
	for (uint64_t i = 0; i < LOOK_UNITS && i < frontier && looked < LOOK_CELLS; i++, u++) {
		if (u >= frontier)
			u = 0;
		if (!is_cut_up(region, u))
			continue;
		looked++;
		int cell = try_unit(membership, u, n, owner);
		if (cell >= 0) {
			membership->cells.rover = u;
			return cell;
		}
	}
	membership->cells.rover = u;
	return -1;
}

/* Where the first look has failed. The cell, in membership->cells.page, or an error. */
static int claim_elsewhere(struct rq_membership *membership, uint32_t n, uint64_t owner)
{
	int i = try_unit(membership, membership->cells.page - 1, n, owner);
	if (i < 0 && membership->cells.spare) {
		i = try_unit(membership, membership->cells.spare - 1, n, owner);
		membership->cells.spare = 0;
	}
	if (i < 0)
		i = rove(membership, n, owner);
	while (i < 0) {
		int64_t unit = cut_up(membership);
		if (unit < 0)
			return (int)unit;
		i = try_unit(membership, (uint64_t)unit, n, owner);
	}
	return i;
}

int64_t rq_cells_claim(struct rq_membership *membership, uint64_t n, uint64_t owner)
{
	struct ringq_region *region = rq_load(&membership->region);
	if (!membership->cells.page)
		membership->cells.page = 1; /* one unit is as good as another */
	int i = claim_in(region, membership->cells.page - 1, (uint32_t)n, owner, membership->cells.next);
	if (i < 0)
		i = claim_elsewhere(membership, (uint32_t)n, owner);
	if (i < 0)
		return i;
	membership->cells.next = (uint32_t)((uint64_t)i + n);
	uint64_t at = region->at.units + (membership->cells.page - 1) * region->at.page + (uint64_t)i * RQ_CELL;
	memset(region->base + at, 0, n * RQ_CELL);
	return (int64_t)at;
}

void rq_cells_free(struct ringq_region *region, uint64_t offset, uint64_t n, uint64_t owner)
{
	uint64_t unit = (offset - region->at.units) / region->at.page;
	rq_words_release(cells_of(region, unit), (offset - region->at.units) % region->at.page / RQ_CELL, n, owner);
}

void rq_cells_release(struct rq_membership *membership, uint64_t offset, uint64_t n, uint64_t owner)
{
	struct ringq_region *region = rq_load(&membership->region);
	uint64_t unit = (offset - region->at.units) / region->at.page;
	uint32_t cell = (uint32_t)((offset - region->at.units) % region->at.page / RQ_CELL);
	rq_cells_free(region, offset, n, owner);
	if (unit + 1 == membership->cells.page) {
		if (cell < membership->cells.next)
			membership->cells.next = cell;
	} else if (!all_free(region, unit)) {
		membership->cells.rover = unit;
	} else if (membership->cells.spare == 0) {
		membership->cells.spare = unit + 1;
	} else if (membership->cells.spare != unit + 1) {
		give_back(membership, unit);
	}
}
