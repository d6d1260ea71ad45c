/* SPDX-License-Identifier: MIT */
#ifndef BRIDGE_WINDOW_H
#define BRIDGE_WINDOW_H

/*
 * What is on its way out: records in hand, in the order in which they were taken, and the messages of this connection that
 * carry them. A record leaves by a confirm of its message, or as a failure. Sequence numbers are a connection's own: when it
 * ends, its messages are forgotten, and the records that are left are sent anew, in order, over the next. Memory is bounded by
 * the size that was given at the start.
 *
 *   records   head ... next ... tail      head to next: sent; next to tail: yet to be sent
 *   messages  first ... last              each carries a run of records, and has the sequence number of its place
 */

#include <stdbool.h>
#include <stdint.h>

#include <ringq/ringq.h>

enum record_state { RECORD_WAITS, RECORD_DONE };

struct record {
	struct ringq_delivery delivery;
	int64_t taken;     /* when */
	uint64_t sequence; /* with its lane it names the record */
	uint32_t lane;
	enum record_state state;
};

struct message {
	uint64_t record; /* the first of its run */
	uint32_t records;
	bool returned; /* it could not be routed: its confirm, which follows, is none */
	bool decided;  /* confirmed or refused */
};

struct window {
	uint64_t size;
	struct record *record; /* in a ring, by free-running counts */
	uint64_t head, next, tail;
	struct message *message; /* likewise; the count is the sequence number */
	uint64_t first, last;
	/* One of the records up to here ended a channel: of these, no more than so many messages are on their way at a time. */
	struct {
		uint64_t end;
		uint64_t most;
	} suspects;
};

int window_init(struct window *w, uint64_t size); /* 0, or -ENOMEM */
void window_free(struct window *w);

static inline struct record *window_record(struct window *w, uint64_t i)
{
	return &w->record[i % w->size];
}

static inline struct message *window_message(struct window *w, uint64_t i)
{
	return &w->message[i % w->size];
}

static inline bool window_is_full(const struct window *w)
{
	return w->tail - w->head == w->size;
}

static inline uint64_t window_in_flight(const struct window *w)
{
	return w->last - w->first;
}

/* The first sequence number that a connection gives is 1. */
void window_connection_begins(struct window *w);

/* The next `records` of those yet to be sent go as one message. Its sequence number. */
uint64_t window_sent(struct window *w, uint32_t records);

/* The next of those yet to be sent is done without. */
void window_skip(struct window *w);

/*
 * The broker has decided on a message, or, with multiple, on all up to it, 0 being the last: on *from to before *to, of which
 * some may have been decided before. False: it speaks of one that was never sent.
 */
bool window_decided(const struct window *w, uint64_t number, bool multiple, uint64_t *from, uint64_t *to);

/* Drops what is decided, and done, from the front. */
void window_settle(struct window *w);

#endif
