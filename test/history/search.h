/* SPDX-License-Identifier: MIT */
#ifndef HISTORY_SEARCH_H
#define HISTORY_SEARCH_H

/* What the search for an order of a history's steps goes through, and the steps of what is in hand. */

#include "history.h"

/* Where a record is that has been put, and is not gone. */
struct place {
	uint8_t value;
	uint8_t holder;   /* 0: it waits; else whose hands it is in, and why: see held_by() */
	uint8_t attempts; /* how often it was taken */
};

enum holding { TAKEN, GOT, SET_ASIDE };

static inline uint8_t held_by(uint32_t actor, enum holding why)
{
	return (uint8_t)(1 + actor + SEARCH_ACTORS * (unsigned)why);
}

struct state {
	uint64_t closed_at; /* 0: open; else puts and gets that begin before may go on as if it were */
	uint8_t at[SEARCH_ACTORS];
	struct {
		uint8_t placed, turned, taken, failed; /* of the call that the actor is in */
		uint8_t left;                          /* records that are gone, by this call */
	} step[SEARCH_ACTORS];
	uint8_t dead[SEARCH_ACTORS];
	uint8_t held;  /* places taken, by records that have not had their turn */
	uint8_t count; /* in the queue, or in hand */
	struct place queue[SEARCH_VALUES];
};

struct search {
	const struct history *history;
	uint32_t values_count;
	uint32_t values[SEARCH_VALUES];
	const struct history_op *put[SEARCH_VALUES]; /* by which call each was put */
	bool letter[SEARCH_VALUES];                  /* is found in the dead-letter queue */
	struct got {
		const struct history_op *op; /* NULL: nobody */
		int64_t at;                  /* in its batch */
	} got[SEARCH_VALUES];
	bool some_died; /* in a get */
	uint32_t known_count, known_size;
	uint64_t (*known)[2]; /* states that lead nowhere */
	bool gave_up;
};

/* Whether a good end can be reached from here. *s is scratch. */
bool search_from(struct search *search, struct state *s);

uint8_t search_index(const struct search *search, uint32_t value);

/* The first that waits, as an index into the queue; count if there is none. */
static inline unsigned first_waiting(const struct state *s)
{
	unsigned i = 0;

	while (i < s->count && s->queue[i].holder)
		i++;
	return i;
}

/* Whether the next take may be of the record at this index. */
bool search_may_be_next(const struct search *search, const struct state *s, unsigned at);

/* The actor's call is over. */
void search_next_op(struct state *s, uint32_t actor);

/* Of a call that has no bound on what it does, or of one whose answer names it: how many records. */
unsigned search_done_by(const struct history_op *op);

/* Whether an actor has this in hand for this reason. */
bool search_holds(const struct state *s, uint32_t actor, enum holding why);

/* Tries each next step of a take, or get, of an acknowledged queue; of the end of a delivery; of a death. */
bool search_try_take(struct search *search, const struct state *s, uint32_t actor, const struct history_op *op);
bool search_try_finish(struct search *search, const struct state *s, uint32_t actor, const struct history_op *op);
bool search_try_death(struct search *search, const struct state *s, uint32_t actor, const struct history_op *op);

#endif
