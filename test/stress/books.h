/* SPDX-License-Identifier: MIT */
#ifndef STRESS_BOOKS_H
#define STRESS_BOOKS_H

/*
 * The books of the kill storm: in memory of their own, outside of ringq, so that they outlive whoever is killed.
 *
 * A life is a producer process from its start to its death; its records are numbered. A hand is what a consumer gets
 * with: the buffers are in the books too, so that after its death one can tell which records it may have had in hand.
 * A get copies a record out before it claims it, so a record that a killed consumer took with it is in the hand; nothing
 * else is excused.
 */

#include "../common.h"

enum {
	LIVES = 1024,         /* in one phase of a storm */
	LIFE_RECORDS = 16384, /* a producer that has put so many ends */
	FINGERS = 4,          /* records of a get_many */
	LARGEST = 300000,     /* longer than the largest ring for one record can go round in */
};

struct life {
	_Atomic uint32_t begun, done; /* puts, by the producer */
	atomic_uchar seen[LIFE_RECORDS];
};

struct hand {
	_Atomic uint64_t begun, done; /* gets, by the consumer */
	_Alignas(8) char fingers[FINGERS][LARGEST];
};

/* What all phases came to. */
struct sums {
	uint64_t put, lost_with_consumers, in_flight_came, in_flight_gone;
};

struct books {
	uint32_t first; /* life of this phase; its account is lives[0] */
	uint32_t used;  /* lives of this phase */
	struct sums sums;
	struct life lives[LIVES];
};

/* The account of a life, which must be one of this phase. */
struct life *books_life(struct books *books, uint32_t life);

/* Begins a phase, when all of the last have been settled. */
void books_begin(struct books *books);

/* Before a get: what lies in the hand is not of this get. */
void hand_open(struct hand *hand);

/* After a get of n records, which have been entered. */
void hand_close(struct hand *hand);

/* Enters a record that has come out. */
void books_see(struct books *books, struct record_id id);

/* The consumer is dead: what it may have had in hand may be missing. */
void books_excuse(struct books *books, const struct hand *hand);

/* All are dead and the queue is empty: each record must have come out once, or have gone with a consumer. */
void books_settle(struct books *books);

#endif
