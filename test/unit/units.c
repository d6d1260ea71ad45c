/* SPDX-License-Identifier: MIT */
/*
 * The allocator by itself: owner words, units, cells and sizes of chunks, by the calls that the rest of the library makes.
 */
#include "../common.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "base/owner.h"
#include "lane/lane.h"
#include "region/cells.h"
#include "region/units.h"

#define MIB ((size_t)1 << 20)

static ringq_region *region;
static struct rq_membership *me;
static uint64_t mine;

static void set_up(void)
{
	region = region_new(4 * MIB);
	check_eq(rq_membership_of(&me, region), 0);
	mine = rq_owner_member(me->id);
}

static void tear_down(void)
{
	ringq_region_detach(region);
}

static uint64_t owner_of(int64_t unit)
{
	return rq_load(rq_owner_at(region, (uint64_t)unit));
}

Test(units, words_are_claimed_all_or_none)
{
	enum { WORDS = 8, FREE = 7, A = 100, B = 200 };
	rq_u64 at[WORDS];
	struct rq_words words = {at, FREE};

	for (unsigned i = 0; i < WORDS; i++)
		rq_store(&at[i], FREE);
	check(rq_words_claim(words, 3, 2, A));
	check(!rq_words_claim(words, 1, 4, B));
	for (unsigned i = 0; i < WORDS; i++)
		check_eq(rq_load(&at[i]), i == 3 || i == 4 ? A : FREE);
	rq_words_release(words, 0, WORDS, B);
	check_eq(rq_load(&at[3]), A);
	rq_words_release(words, 0, WORDS, A);
	check(rq_words_claim(words, 0, WORDS, B));
}

Test(units, are_one_owners_until_that_owner_frees_them, .init = set_up, .fini = tear_down)
{
	int64_t a = rq_units_claim(region, 3, mine, 0), b = rq_units_claim(region, 2, mine, 0);

	check(a >= 0 && b >= 0);
	check(a + 3 <= b || b + 2 <= a);
	rq_units_release(region, (uint64_t)a, 3, mine + 1);
	for (int64_t i = a; i < a + 3; i++)
		check_eq(owner_of(i), mine);
	rq_units_release(region, (uint64_t)a, 3, mine);
	for (int64_t i = a; i < a + 3; i++)
		check_eq(owner_of(i), 0);
	rq_units_give_back(me, (uint64_t)b, 2, mine);
	check_eq(owner_of(b), 0);
}

Test(units, that_move_are_the_next_owners_or_nobodys, .init = set_up, .fini = tear_down)
{
	uint64_t next = rq_owner_body(1, 1);
	int64_t a = rq_units_claim(region, 3, mine, 0);

	check(a >= 0);
	check(rq_units_move(region, (uint64_t)a, 3, mine, next));
	for (int64_t i = a; i < a + 3; i++)
		check_eq(owner_of(i), next);
	rq_units_release(region, (uint64_t)a + 1, 1, next); /* as whoever takes one back */
	check(!rq_units_move(region, (uint64_t)a, 3, next, mine));
	for (int64_t i = a; i < a + 3; i++)
		check(owner_of(i) != mine);
}

Test(units, are_all_there_again_when_they_were_all_claimed, .init = set_up, .fini = tear_down)
{
	uint64_t first = 0, second = 0;

	for (uint64_t *n = &first;; n = &second) {
		while (rq_units_claim(region, 1, mine, 0) >= 0)
			++*n;
		check_eq(rq_units_claim(region, 1, mine, 0), -ENOMEM);
		rq_units_release(region, 0, rq_units_frontier(region), mine);
		if (n == &second)
			break;
	}
	check(first > 500);
	check_eq(second, first);
}

Test(units, that_are_cut_into_cells_come_back_when_the_cells_are_free, .init = set_up, .fini = tear_down)
{
	enum { PIECES = 200, CELLS = 3, CELL = 64 };
	uint64_t family = rq_owner_family(1, 1), units = 0, left = 0;
	int64_t at[PIECES];

	for (unsigned i = 0; i < PIECES; i++) {
		at[i] = rq_cells_claim(me, CELLS, family);
		check(at[i] > 0);
		for (unsigned j = 0; j < CELLS * CELL; j++)
			check_eq(region->base[at[i] + j], 0);
		memset(region->base + at[i], (int)i | 1, CELLS * CELL);
	}
	for (unsigned i = 0; i < PIECES; i++)
		for (unsigned j = 0; j < CELLS * CELL; j++)
			check_eq(region->base[at[i] + j], (char)(i | 1));
	for (uint64_t i = 0; i < rq_units_frontier(region); i++)
		units += rq_owner_kind(owner_of((int64_t)i)) == RQ_OWNER_CELLS;
	for (unsigned i = 0; i < PIECES; i++)
		rq_cells_release(me, (uint64_t)at[i], CELLS, family);
	for (uint64_t i = 0; i < rq_units_frontier(region); i++)
		left += rq_owner_kind(owner_of((int64_t)i)) == RQ_OWNER_CELLS;
	check(units >= PIECES * CELLS * CELL / region->at.page);
	check(left <= 2); /* that in which the thread looks first, and a spare one */
}

/* A code says at least what was asked for, no more than an eighth above it, and the one below says less. */
Test(units, of_chunks_have_the_least_code_that_holds_them)
{
	for (uint64_t n = 1; n <= RQ_UNITS_MAX; n += 1 + n / 97) {
		unsigned code = rq_size_code(n);
		uint64_t units = rq_size_units(code);

		check(code <= RQ_ENTRY_CODE_MASK);
		check(units >= n && units - n <= n / 8);
		check(code == 1 || rq_size_units(code - 1) < n || rq_size_units(code - 1) == units);
	}
	check_eq(rq_size_units(0), 0);
	check_eq(rq_size_units(RQ_ENTRY_CODE_MASK), 0);
}

Test(units, of_a_chunk_say_how_far_it_is_ahead_also_round_the_end)
{
	static const int32_t aheads[] = {0, 1, -1, 1000, -1000, (1 << 24) - 1, -(1 << 24)};
	static const uint32_t chunks[] = {0, 5, 1u << 24, (1u << 25) - 1, 1u << 25, UINT32_MAX};

	for (size_t c = 0; c < sizeof chunks / sizeof *chunks; c++)
		for (size_t a = 0; a < sizeof aheads / sizeof *aheads; a++) {
			uint64_t owner = rq_owner_lane(9, 4095, chunks[c] + (uint32_t)aheads[a]);

			check_eq(rq_owner_chunk_ahead(owner, chunks[c]), aheads[a]);
			check_eq(rq_owner_lane_index(owner), 4095);
			check_eq(rq_owner_first(owner), 9);
			check_eq(rq_owner_kind(owner), RQ_OWNER_LANE);
		}
}
