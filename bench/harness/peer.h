/* SPDX-License-Identifier: MIT */
#ifndef BENCH_PEER_H
#define BENCH_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A peer is a way to hand records over: ringq in one of its modes, a pipe, somebody's queue. Each has an adapter in
 * peers/, all behind the calls below, so that every scenario runs over every peer, by the same code.
 *
 * A channel is one queue of a peer, opened by one process before there are others. An end is what one producer or
 * consumer has of it, joined in the thread or process that uses it, and by nobody else.
 *
 * A peer offers tries, calls that sleep, or both. Scenarios take the calls that sleep where there are any, but for those
 * that are about spinning; around tries the harness waits, in the same way for all peers (back_off.h).
 *
 * Results of put: 1 = it is in, 0 = full (tries), or no longer waited for. Of get: 1 = got one, 0 = empty (tries), or
 * nothing came within PEER_PATIENCE_MS, -1 = no more will come.
 */
struct end;

struct channel_ops {
	int (*try_put)(struct end *end, const void *record, size_t len);
	int (*try_get)(struct end *end, void *record, size_t len);
	int (*put)(struct end *end, const void *record, size_t len); /* sleeps; NULL = none */
	int (*get)(struct end *end, void *record, size_t len);       /* sleeps; NULL = none */
	/* n records of len bytes, one behind the other. They return how many, else as above, and sleep if put and get do. */
	int (*put_many)(struct end *end, const void *records, size_t len, unsigned n); /* NULL = none */
	int (*get_many)(struct end *end, void *records, size_t len, unsigned n);
	void (*join)(struct end *end);  /* NULL = nothing to do */
	void (*leave)(struct end *end); /* the same */
	void (*close)(struct end *end); /* by the last producer, after its last put; NULL = end by count or record */
};

/* What a scenario asks for. */
struct channel_options {
	size_t len; /* of every record */
	unsigned producers, consumers;
	size_t depth;   /* records that must fit in before a put waits, where a peer has such a bound */
	bool processes; /* each end in a process of its own, else in a thread */
};

struct peer;

struct channel {
	struct channel_ops ops; /* zero but for what open sets: it may choose them by the options */
	struct channel_options options;
	const struct peer *peer;
	void *state;
};

/* A cache line of its own: an end's state may change with each call. */
struct end {
	const struct channel *channel __attribute__((aligned(64)));
	void *state; /* the channel's; join may set another */
	void *local; /* join's */
	bool producer;
	unsigned index; /* among the producers, or consumers */
};

enum {
	PEER_THREADS = 1 << 0,   /* works between threads, and is shown there */
	PEER_PROCESSES = 1 << 1, /* and between processes */
	PEER_FIFO = 1 << 2,      /* one order for all: a last record for each consumer comes out last */
	PEER_TRIES = 1 << 3,     /* has try_put and try_get */
	PEER_SLEEPS = 1 << 4,    /* has put and get */
	PEER_MANY = 1 << 5,      /* has put_many and get_many */
	PEER_BACKLOG = 1 << 6,   /* can be made to hold a large one */
	PEER_SWAPS = 1 << 7,     /* may bring a producer's records out of order: that is counted, not an error */
};

enum { PEER_PATIENCE_MS = 20 };

struct sample;
struct scenario;

struct peer {
	const char *name;
	const char *mode; /* which of its modes, and how records go through it: a few words for the table */
	unsigned flags;
	unsigned max_producers; /* 0 = any number */
	unsigned max_consumers;
	size_t max_len;                        /* 0 = any */
	void (*open)(struct channel *channel); /* ends the process when it cannot */
	/* Runs whole scenarios in its own way, for what is not called from C. NULL = as all others. */
	void (*run)(const struct scenario *s, uint64_t n, struct sample *out);
	bool (*knows)(const struct scenario *s); /* which those are */
	struct peer *next;                       /* the register's */
};

/** Registers a peer. Adapters do so before main(). */
void peer_add(struct peer *peer);

/** All, ringq's modes first, then by name. */
struct peer *peer_first(void);

/** The peer of that name; ends the process if there is none. */
const struct peer *peer_find(const char *name);

/** Zeroed memory for a channel's state, page-aligned, shared if its ends are processes. It is never freed. */
void *channel_memory(const struct channel *channel, size_t size);

/** The least power of two from n on. */
size_t power_up(size_t n);

/** Opens a channel for scenario code. */
struct channel channel_open(const struct peer *peer, const struct channel_options *options);

/** Joins a producer's or consumer's end. */
void channel_join(const struct channel *channel, struct end *end, bool producer, unsigned index);
void channel_leave(struct end *end);

/** Ends the process, as bench_die(); here too, so that adapters in C++ need this header only. */
void bench_die(int error, const char *format, ...) __attribute__((noreturn, format(printf, 2, 3)));

#ifdef __cplusplus
}
#endif
#endif
