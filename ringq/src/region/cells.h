/* SPDX-License-Identifier: MIT */
#ifndef RQ_CELLS_H
#define RQ_CELLS_H

/*
 * The second level of the allocator: cells of 64 bytes in units that are cut up, for what is too small for a page.
 *
 * The truth about each cell is one owner word, as with units, changed by the same code. The words are not in the unit but
 * in a table of their own, so that a CAS that comes too late hits an owner word, never what somebody else keeps in a unit
 * that has another use by then.
 *
 *   0                 no cell: the unit is not cut up, or is being given back
 *   RQ_CELL_FREE      free
 *   a family's        taken
 *
 *   cut up     claim a unit as a member; memory behind its words; each word 0 -> free; the unit's owner word says CELLS
 *   claim      the word, free -> owner (B3); then look that the unit says CELLS (B4), or put the word back
 *   release    owner -> free
 *   give back  each word free -> 0; when all 64 are 0, the unit's owner word by CAS to the member, then free
 *
 * A unit is given back only when every word has been seen at 0, and in a unit that says CELLS no word leaves 0: so a
 * claim that has passed B4 keeps its unit. B4 is for words that are free in a unit that is not cut up: one that is being
 * cut, or whose cutter died. What a give-back cannot get (a cell was claimed meanwhile) or does not finish (a death) is
 * words at 0 in a unit that is still in use: they are lost until its other cells are free, and then any give-back or sweep
 * goes on. One that comes too late, into a unit cut up anew, does no more harm: the unit's word has a creation number.
 *
 * Where a thread looks for free cells is its own business: a page and a cell that it used last, an empty page kept in
 * spare, and a rover that looks at a bounded number of others before it takes a new unit. These are hints in the membership,
 * so no death leaves them wrong.
 */

#include "region/units.h"

struct rq_family_cache;

#define RQ_CELLS_MOST 32u /* in one piece */

/* Claims n cells in a row, zeroed. Their offset in the region, or -ENOMEM. */
int64_t rq_cells_claim(struct rq_membership *membership, uint64_t n, uint64_t owner);

/* Frees them. */
void rq_cells_free(struct ringq_region *region, uint64_t offset, uint64_t n, uint64_t owner);

/* The same; gives the unit back if it is empty and one too many. */
void rq_cells_release(struct rq_membership *membership, uint64_t offset, uint64_t n, uint64_t owner);

/* Frees the cells of dead families in a unit that says CELLS. Whether none is left, and the unit may be freed. */
bool rq_cells_sweep(struct ringq_region *region, uint64_t unit, struct rq_family_cache *cache);

#endif
