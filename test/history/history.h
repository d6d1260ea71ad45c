/* SPDX-License-Identifier: MIT */
#ifndef HISTORY_HISTORY_H
#define HISTORY_HISTORY_H

/*
 * Recorded histories: which calls were made, when each began and ended, and what it said; and whether a queue that
 * keeps its promises could have answered so.
 *
 * THE CLOCK. All that is asked of it: if the end of one call is smaller than the begin of another, then the first was
 * over when the second began, so that whatever the first has stored is seen by the second. Equal stamps say nothing.
 *
 *   TICKET     an atomic counter in memory that all processes share. Its additions have one order, each orders what
 *              stands before it in its thread before what stands behind the next ones. So it is right on any machine.
 *              But it is a line that all fight for, and a full fence on either side of each call: it hides what the
 *              processor would do without.
 *   MONOTONIC  CLOCK_MONOTONIC, the same for all processors and processes, which the kernel promises not to go back.
 *              Reading it does not wait for earlier stores to leave the processor, and a call is only over, for others
 *              on the wall's clock, when its stores are there: so a fence stands before the end is read. Behind the
 *              begin's read none is needed: later loads may be early by no more than what the clock's own fence lets
 *              by, which is nothing (the kernel reads the counter with an ordered instruction).
 *
 * WHAT EACH CALL MAY SAY. A value is a record, and no two are the same. RINGQ_ORDER_TOTAL:
 *
 *   put        one step: the record is behind all that are in.
 *   put_many   a step for each record, in order: others may come between (a batch waits for room in the middle, and
 *              takes its place in the order anew then).
 *   get        one step: takes the first. -EAGAIN: at one instant nothing was in. -EPIPE: nor was the queue open.
 *   get_many   a step for each record; when fewer came than were asked for, a last one that found nothing.
 *   empty      one step, which sees whether anything is in.
 *   peek       one step, which sees the first.
 *   full       one step, which sees whether max_records are in, on the way in, or on the way out: a put takes one of the
 *              places before its record is in; what a get takes may have its place until the get is over. -EAGAIN of
 *              put and put_many: the same.
 *   close      one step. A put that had begun then may still go in. A put after it says -EPIPE.
 *   size       is not a step: what was in all the time is counted, what was in at no time is not.
 *
 * RINGQ_ORDER_PRODUCER is one queue for each producer, each of them as above and by itself. An -EAGAIN of get says that
 * each of these queues was empty at an instant of the call, not all at the same one. empty, and max_records, are about
 * all of them together.
 *
 * Of an acknowledged queue (RINGQ_ACKNOWLEDGED) a record stays, where it was put, until its delivery is acknowledged. It
 * waits, or is in somebody's hands; the first that waits is the next one, so what comes back comes before what is younger:
 *
 *   take       a step for each record, as get: it is in hand then. Its attempt is one more than it was. -EPIPE: the queue
 *              is closed, nothing waits, and nothing is in hand.
 *   ack        a step for each record: it is gone. What it leaves may have its place until the call is over.
 *   requeue    one step: it waits.
 *   get        a take, and an ack of the same record, somewhere before its end.
 *   death      from the begin of a kill to when the killed process is reaped: a step for each record that it had in hand,
 *              which waits then. What its last call would have done may be done before that.
 *   join       one step, which sees that nothing waits and nothing is in hand; or, if it says -EAGAIN, that something is.
 *   letter     a record was found in the dead-letter queue when all was over: then a take, or get, has come upon it when it
 *              had been delivered max_attempts times, has had it in hand, and it was gone. No other record goes so.
 *   size, empty, peek   of what waits. full: also of what is in hand.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "../common.h"

#define HISTORY_NEVER UINT64_MAX
#define HISTORY_BATCH 8

enum history_call {
	CALL_PUT,
	CALL_GET,
	CALL_PEEK,
	CALL_EMPTY,
	CALL_FULL,
	CALL_SIZE,
	CALL_CLOSE,
	CALL_TAKE,
	CALL_ACK,
	CALL_REQUEUE,
	CALL_DEATH,
	CALL_JOIN,
	CALL_LETTER,
	CALLS_COUNT
};

extern const char *const history_call_names[CALLS_COUNT];

/* One call. PUT, GET, TAKE and ACK are those of many records, too: `asked` says how many; of a DEATH it says whose. */
struct history_op {
	uint64_t begin;
	uint64_t end; /* HISTORY_NEVER: it did not return */
	enum history_call call;
	uint32_t asked;
	int64_t result;                   /* how many records, or the answer, or a negative errno */
	uint32_t values[HISTORY_BATCH];   /* of a PUT, ACK, REQUEUE: those asked for; else those that came */
	uint32_t attempts[HISTORY_BATCH]; /* of a TAKE */
};

/* A value names its producer and counts on for each. */
#define HISTORY_NUMBER_BITS 20
#define HISTORY_VALUE(producer, number) ((uint32_t)(producer) << HISTORY_NUMBER_BITS | (uint32_t)(number))
#define HISTORY_PRODUCER(value) ((value) >> HISTORY_NUMBER_BITS)

/* What one actor has done, one call after the other. */
struct history_log {
	uint32_t most;
	_Atomic uint32_t count;
	struct history_op *ops;
};

struct history {
	uint32_t actors;
	unsigned order;
	uint64_t max_records; /* 0: not bounded */
	bool acknowledged;
	uint32_t max_attempts; /* 0: not bounded; else what was delivered so often becomes a letter */
	bool drained;          /* in the end, everything has been taken */
	bool is_part;          /* of one producer: what it says of nothing may be about others' records */
	bool sizes;            /* each size is of an instant; in total order */
	struct history_log *logs;
};

/* Of all actors, one after the other; actor_ is whose it is. */
#define FOR_EACH_OP(op, history)                                                \
	for (uint32_t actor_ = 0; actor_ < (history)->actors; actor_++)         \
		for (const struct history_op *op = (history)->logs[actor_].ops; \
			op < (history)->logs[actor_].ops + (history)->logs[actor_].count; op++)

/* ---- judging ---- */

/* NULL: good. Else why not. Good enough for millions of calls; what it finds is wrong, and it finds what is wrong with
 * put, get and get's -EAGAIN. */
const char *history_patterns(const struct history *history);

/* The same of an acknowledged queue: of takes and how they end, deaths, and what says that nothing waits. */
const char *history_deliveries(const struct history *history);

/* The same by search, for all calls and few of them: finds whether there is an order in which all answers are right.
 * HISTORY_UNDECIDED when that would take too much memory. */
extern const char HISTORY_UNDECIDED[];
#define SEARCH_ACTORS 9
#define SEARCH_VALUES 100
const char *history_search(const struct history *history);

/* Both, and prints the history when it is refused. False: undecided. */
bool history_check(const struct history *history, const char *what);
void history_print(const struct history *history);

/* The part of a history that concerns one producer's records, in memory of its own. */
struct history history_of_producer(const struct history *history, uint32_t producer);
struct history history_without(const struct history *history, enum history_call call);
void history_free(struct history *history);

/* Logs in memory that children share, for so many actors and calls of each. */
struct history history_new(uint32_t actors, uint32_t most, const struct ringq_queue_options *options);

/* ---- recording: record.c ---- */

enum history_clock { CLOCK_IS_TICKET, CLOCK_IS_MONOTONIC };

#define ACTOR_LEN_MOST 200

struct actor {
	ringq_queue *queue;
	struct history_log *log;
	_Atomic uint64_t *ticket; /* NULL: the monotonic clock */
	uint32_t producer;        /* what its values are called */
	uint32_t number;          /* how many it has put, or tried to */
	bool reserves;            /* puts of one are ringq_reserve() and ringq_commit() */
	struct rng rng;

	/* The call that it is in. */
	struct history_op *op;
	int64_t timeout, result;
	char bufs[HISTORY_BATCH][ACTOR_LEN_MOST];
	size_t lens[HISTORY_BATCH];

	/* What it has in hand, oldest first. */
	uint32_t open;
	uint32_t ends; /* of these: the first that the call ends */
	struct ringq_delivery deliveries[HISTORY_BATCH];
	uint32_t open_values[HISTORY_BATCH];
};

_Atomic uint64_t *history_clock_new(enum history_clock clock);

/* Writes down that the call begins; makes it, and does nothing else; writes down what it said. */
void act_begin(struct actor *actor, enum history_call call, uint32_t n, int64_t timeout);
void act_make(struct actor *actor);
int64_t act_end(struct actor *actor);

/* Which of its open deliveries an ACK or REQUEUE ends: the oldest ones, or the youngest. */
void act_begin_end(struct actor *actor, enum history_call call, uint32_t n, bool youngest);

/* A process that is an actor is killed, and reaped, by a function of the caller's. */
void act_death(struct actor *reaper, uint32_t dead, void (*kill)(void *), void *arg);

/* Writes down what has become a dead letter, once all other calls are over; by an actor who has no records of its own. */
void act_letters(struct actor *actor, ringq_queue *dead_letters);

/* All three. */
int64_t act(struct actor *actor, enum history_call call, uint32_t n, int64_t timeout);

/*
 * A timer of the calling thread that stops it for a while in the middle of what it does then, at any instruction, as the
 * scheduler might: on few processors that would be rare.
 */
timer_t rest_timer_new(void);
void rest_soon(timer_t timer, struct rng *rng);

#endif
