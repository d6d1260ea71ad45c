/* SPDX-License-Identifier: MIT */
#ifndef RQ_HAND_H
#define RQ_HAND_H

/*
 * In hand: what has been taken from the lanes of an acknowledged queue, and is neither acknowledged nor back.
 *
 * OVERVIEW. A take moves head past the record, as a get does, but the record stays where it is until its taker says that
 * it is done. What is in hand stands in the books of the members (book.h), and nowhere else: an entry says which record,
 * and its state is the only word that says whose it is. An acknowledgement is one store, of 0 to that state. Nothing is
 * written to the record, to the lane, or to anything that others write.
 *
 * CLAIM. An entry that says CLAIM, with a ticket that its member's number has never used, is written first (Z2); or several
 * with one ticket, for records that lie one behind the other. Then one CAS moves two words that lie side by side: head,
 * past the records, and `taker`, to the ticket and the number (Z3). So whoever sees that head has moved also sees who
 * moved it. Before the next claim replaces `taker`, its maker makes sure that the last one stands in its member's `won`
 * (Z4), unless it was its own. Therefore anybody can tell, at any time, of any entry that says CLAIM:
 *
 *   head is at the record or before it    not taken yet; if its member is dead, never
 *   taker is that claim, or won is        it is in hand
 *   else                                  another was faster
 *
 *   `taker` is read before `won`: who has replaced it has written `won` before. A living member says HELD (Z5), or makes
 *   a new claim, as its next step. A dead one is judged by others. One that is stopped keeps nobody waiting.
 *
 * MEMORY. Round a ring, the producer may write up to the lowest record of its chunk that is in hand, or head: it reads
 * head (P0), then the books (Z6). What was taken before that has its entry since before Z3; what is taken later lies
 * behind. A chunk that head has left is not used again, nor given back, while an entry names it (rq_hand_has_chunk): so a
 * record that is held for long keeps its chunk, and the lane goes on in others. When the last entry that names a chunk
 * goes, and the lane's table has it no more, who acknowledges gives it back (rq_hand_left): first 0 to the state, a full
 * fence, then the table; who takes it out of the table reads the books after a barrier. So one of them sees the other.
 *
 * RETURN. An entry that says BACK, or HELD and its member is dead, waits for a taker, before all that is in the lanes.
 * Who takes it writes an entry of its own that says ARRIVING and names the old one, then replaces the old one's state by
 * LEAVING, with its own claim, in a CAS: one wins (Z7). Then anybody who comes by may do the rest: ARRIVING to HELD, one
 * more in `moves` (Z8), and LEAVING to 0. An ARRIVING entry of the dead is nothing if the old one's state does not say
 * that it leaves to it: it says so until ARRIVING is HELD.
 *   Who reads all books may miss what moves from one that it has yet to read to one that it has read. It reads `moves`
 *   before and after: the old entry goes only behind Z8, so a record that was missed has changed it (Z9).
 *
 * `returned` of the queue says whether there may be any BACK: who gives one back sets SOME, with a new version; who
 * looked through all books and found none takes SOME away by a CAS that fails if the version has changed since. A new
 * taker changes the version too, so that all others look who takes. Deaths
 * set nothing: who takes looks for them, see queue/take.h.
 *
 * HOSTILE. What an entry says is copied once, with its state before and after, and bounded before it is used. It may name
 * any record of any lane, of course: who can write there can also write the records.
 *
 *   op                          progress
 *   claim                       lock-free: a failure means that another has taken a record
 *   acknowledge, give back      wait-free
 *   take what is back           lock-free
 *   read the books              wait-free for what one entry says; again if something has moved meanwhile, some dozen times
 */

#include "base/event.h"
#include "lane/lane.h"
#include "region/book.h"

/* An entry, as it was at an instant. */
struct rq_hand {
	struct rq_entry *entry;
	uint64_t state;
	uint64_t key;
	uint64_t pos;
	uint64_t record;
	uint64_t port;
	uint64_t taken;
	uint64_t from;
	uint64_t killer;
	uint32_t member;
};

/* What the reader of one lane's entries learns. */
struct rq_hand_sum {
	uint64_t lowest; /* position in head's chunk, as a head; head if nothing is in hand there */
	uint64_t bytes;  /* of records */
};

/* What is in hand of a queue, and what is back. */
struct rq_hand_count {
	uint64_t held;
	uint64_t returned;
	uint64_t oldest; /* when the oldest in hand was taken; 0: nothing is */
};

/* Attempts, in `from` of an entry; more than fit count as the most. */
static inline uint32_t rq_hand_attempt(uint64_t from)
{
	return (uint32_t)(from >> RQ_FROM_OFFSET_BITS);
}

static inline uint64_t rq_hand_from(uint64_t attempt, uint64_t offset)
{
	return (attempt < RQ_ATTEMPTS_MOST ? attempt : RQ_ATTEMPTS_MOST) << RQ_FROM_OFFSET_BITS |
	       (offset & RQ_FROM_OFFSET_MASK);
}

/* Writes what an entry says, then that it is a claim. `who` is the process and the thread. */
static rq_always_inline void rq_hand_write(struct rq_entry *entry, uint64_t claim, uint64_t key, uint64_t pos,
	uint64_t record, uint64_t port, uint64_t who, uint64_t taken)
{
	rq_release_fence(); /* D0: who reads any of this finds, behind it, no state from before the entry was free */
	rq_store(&entry->key, key);
	rq_store(&entry->pos, pos);
	rq_store(&entry->record, record);
	rq_store(&entry->port, port);
	rq_store(&entry->taken, taken);
	rq_store(&entry->from, rq_hand_from(1, 0));
	rq_store(&entry->killer, who);
	rq_store_release(&entry->state, claim | RQ_ENTRY_CLAIM); /* Z2 */
}

/* Moves head and taker at once. */
static rq_always_inline bool rq_hand_claim_again(
	struct rq_lane *lane, uint64_t head, uint64_t taker, uint64_t next, uint64_t claim)
{
	rq_tsan_release(&lane->head);
	bool done = rq_cas_two(&lane->head, head, taker, next, claim); /* Z3 */
	if (done)
		rq_tsan_acquire(&lane->head);
	return done;
}

/* The same whoever made the last claim. */
bool rq_hand_claim(const struct rq_lane_set *set, struct rq_lane *lane, uint64_t head, uint64_t next, uint64_t claim);

/* An entry of the caller's is in hand. */
static rq_always_inline void rq_hand_hold(struct rq_entry *entry, uint64_t claim)
{
	rq_store_release(&entry->state, claim | RQ_ENTRY_HELD); /* Z5 */
}

/* Says that this member takes from the queue, so that all others look, and watch it from then on. Before its first claim. */
void rq_hand_enlist(const struct rq_lane_set *set, struct rq_queue_shared *shared, uint32_t member);

/* Judges what an entry of a dead member says, of a lane of this set. */
void rq_hand_settle(const struct rq_lane_set *set, struct rq_entry *entry);

/* Members that have taken from the queue, other than `self`, from number `from` on: the next one, or -1. */
int64_t rq_hand_next_taker(const struct rq_lane_set *set, uint32_t from, uint32_t self);

/* What is in hand of a lane whose head, read before, is `head`; bytes only of records from the place `since` on. */
struct rq_hand_sum rq_hand_of_lane(const struct rq_lane_set *set, uint32_t lane, uint64_t head, uint64_t since);

/* Whether an entry names the chunk of this key, or a record at this place, 51 bits of it. False if nothing is acknowledged. */
bool rq_hand_has_chunk(const struct rq_lane_set *set, uint64_t key);
bool rq_hand_has_record(const struct rq_lane_set *set, uint32_t lane, uint64_t pos, uint64_t mask);

struct rq_hand_count rq_hand_count(const struct rq_lane_set *set);

/* Gives a chunk back that head has left, if nothing is in hand there and the table has it no more. `record` was there. */
void rq_hand_left(const struct rq_lane_set *set, struct rq_membership *membership, uint64_t key, uint64_t record);

/*
 * What is back and must be taken first: the oldest by stamp, or, of one lane, by place. How many there are; what dead
 * members have left half done is done. What was delivered `attempts` times, or more, is passed over.
 */
uint64_t rq_hand_returned(const struct rq_lane_set *set, uint32_t attempts, struct rq_hand *first);

/* The header of what an entry names, with its place; 0 if there cannot be one. */
uint64_t rq_hand_header(const struct ringq_region *region, uint64_t record);

/* Something is back: whoever takes from now on looks for it, and who sleeps is woken. */
void rq_hand_say_returned(struct rq_queue_shared *shared);

/* A scan has found nothing that is back; *word is what `returned` said before it. */
void rq_hand_none_returned(struct rq_queue_shared *shared, uint64_t word);

#define RQ_RETURNED_SOME UINT64_C(1)

/* Gives back all that a port of this member has in hand. */
void rq_hand_drop(const struct rq_lane_set *set, struct rq_queue_shared *shared, uint32_t member, uint64_t port);

/* Frees what members' books still say of a queue that nobody uses. */
void rq_hand_forget(const struct ringq_region *region, uint64_t first);

/*
 * Moves what is back to an entry of the caller's, which then tells of so many attempts, and of who has it. False if somebody
 * else was faster; then the entry is free.
 */
bool rq_hand_move(const struct rq_lane_set *set, const struct rq_hand *hand, struct rq_entry *to, uint64_t claim,
	uint64_t port, uint32_t attempt, uint64_t who, uint64_t taken);

#endif
