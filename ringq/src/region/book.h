/* SPDX-License-Identifier: MIT */
#ifndef RQ_BOOK_H
#define RQ_BOOK_H

/*
 * Books: what each member has in hand of acknowledged queues, an entry for each delivery, where all can read it.
 *
 * A book belongs to a member's number, and outlives the member: what the dead had in hand stands there until others have
 * taken it. A member that gets the number later writes into free entries of the same book. Only the number's member makes
 * entries of free ones, so finding one needs no atomic; what an entry says is its state, of which lane/hand.h has the
 * protocol. A state never comes back to an entry, as each claim has a ticket of its own.
 *
 * Who reads the books of others reads as many entries as their members say are open, which is the most that were used at
 * once since the book was last found empty.
 */

#include "region/membership.h"
#include "region/units.h"

enum rq_entry_kind {
	RQ_ENTRY_FREE = 0,
	RQ_ENTRY_CLAIM = 1,    /* is being taken: whether it is in hand, the lane's words tell */
	RQ_ENTRY_HELD = 2,     /* in hand; if its member is dead, returned */
	RQ_ENTRY_BACK = 3,     /* returned: it waits, before all younger ones */
	RQ_ENTRY_ARRIVING = 4, /* a returned one may be moving here */
	RQ_ENTRY_LEAVING = 5,  /* it moves to the entry that has this state, but ARRIVING */
};
_Static_assert(RQ_ENTRY_LEAVING <= RQ_STATE_KINDS, "a kind must fit");
_Static_assert(RQ_REGION_MAX / RQ_ENTRY <= RQ_FROM_OFFSET_MASK, "an entry's offset must fit");

/* States. */
static inline enum rq_entry_kind rq_state_kind(uint64_t state)
{
	return (enum rq_entry_kind)(state & RQ_STATE_KINDS);
}

/* The claim: ticket and member, without the kind. */
static inline uint64_t rq_state_claim(uint64_t state)
{
	return state & ~RQ_STATE_KINDS;
}

/* The index of the member whose claim that is; of none, more than any member has. */
static inline uint32_t rq_claim_member(uint64_t claim)
{
	return (uint32_t)(claim >> RQ_STATE_KIND_BITS & RQ_ID_INDEX_MASK) - 1;
}

/* A thread's own book. Belongs to the thread, but for what another thread of the process finishes. */
struct rq_book {
	struct rq_entry **spare; /* entries that are free for sure, the lowest on top */
	uint32_t spares;
	uint32_t open;    /* as member.open */
	uint64_t claim;   /* of the last ticket */
	uint64_t limit;   /* tickets below this have been set apart in member.tickets */
	rq_u32 is_shared; /* another thread has finished a delivery of this one: from now on each end is a CAS */
	uint32_t pages;
	uint32_t capacity;
	struct rq_entry **page;
	struct rq_membership *membership;
};

/* Opens the book of the caller's number. -ENOMEM. */
int rq_book_open(struct rq_book **out, struct rq_membership *membership);

/* Forgets it; what it says stays. */
void rq_book_forget(struct rq_book *book);

/* Finds spare entries where there is none, and tickets. 0, -ENOMEM. */
int rq_book_refill(struct rq_book *book);

/* A call was left in the midst: what is spare is to be found anew, by what the entries say. */
void rq_book_was_left(struct rq_book *book);

/* Has others read fewer entries, where many were open and none is now. */
void rq_book_narrow(struct rq_book *book);

/* Whether an entry and a ticket are to be had without rq_book_refill(). */
static rq_always_inline bool rq_book_is_ready(const struct rq_book *book)
{
	return rq_likely(book->spares != 0) && rq_likely(book->claim != book->limit);
}

/* A new claim. */
static rq_always_inline uint64_t rq_book_claim(struct rq_book *book)
{
	return book->claim += RQ_TICKET;
}

/* An entry that was free, or has been freed by its member, is spare; one that was spare already, as words that change by
   themselves may have it, where there is no room is none. */
static rq_always_inline void rq_book_spare(struct rq_book *book, struct rq_entry *entry)
{
	if (rq_likely(book->spares < book->capacity))
		book->spare[book->spares++] = entry;
}

/* The open entry that comes before (-1) or behind (1) the one that was freed last; NULL: there is none. */
struct rq_entry *rq_book_beside(const struct rq_book *book, int side);

/* ---- books of all ---- */

/* Goes through the open entries of a member's book. */
struct rq_book_walk {
	const struct ringq_region *region;
	struct rq_member *member;
	struct rq_entry *page;
	uint32_t left;
	uint32_t at; /* in the page */
};

void rq_book_walk(struct rq_book_walk *walk, const struct ringq_region *region, uint32_t index);

/* The next entry, or NULL. */
struct rq_entry *rq_book_next(struct rq_book_walk *walk);

/* Where an entry is in the region, in entries; and back: NULL if there is none. */
static inline uint64_t rq_entry_offset(const struct ringq_region *region, const struct rq_entry *entry)
{
	return (uint64_t)((const char *)entry - region->base) / RQ_ENTRY;
}

static inline struct rq_entry *rq_entry_of(const struct ringq_region *region, uint64_t offset)
{
	uint64_t size = region->at.size;
	return offset && offset < size / RQ_ENTRY ? (struct rq_entry *)(region->base + offset * RQ_ENTRY) : NULL;
}

#endif
