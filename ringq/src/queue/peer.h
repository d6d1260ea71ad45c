/* SPDX-License-Identifier: MIT */
#ifndef RQ_PEER_H
#define RQ_PEER_H

/*
 * What a queue asks about who is at its other end. A queue that is no pipe's has nobody to ask about: peer is NULL there,
 * and side is RQ_SIDE_BOTH. pipe/liveness.h tells the rest.
 */

#include "base/layout.h"

struct ringq_queue;
struct rq_port;

/* The side of a queue that a handle is of. */
enum rq_side {
	RQ_SIDE_BOTH = 0, /* no pipe's */
	RQ_SIDE_READER = 1,
	RQ_SIDE_WRITER = 2,
};

/* The other side as a thread has seen it last. */
struct rq_peer {
	uint64_t id; /* the other side's witness when it was last seen alive, and its lease then; 0: none was */
	rq_u64 *lease;
	uint64_t lease_word;
	int64_t slice; /* the last sleep where nothing tells of a death, in ns */
};

struct rq_peer_ops {
	/* The calling thread is a witness of its side, if there is no other. */
	void (*joined)(struct rq_port *port);
	/* The port ends: its thread is none any more. */
	void (*left)(struct rq_port *port);
	/* What a put must ask, unless rq_peer_is_sure(): 0, -EPIPE, -EINVAL where the handle is the reader's. */
	int (*ask)(struct rq_port *port);
	/* Whether nobody holds the other side. Then the queue is closed. */
	bool (*gone)(struct rq_port *port);
	/* The longest that a sleep on the queue may be, of `most`. */
	int64_t (*sleep_most)(struct rq_port *port, int64_t most);
	/* The end of a handle, with the last reference to it. Its memory is the queue's no more. */
	void (*ended)(struct ringq_queue *queue);
};

/* Whether a put may go on: both sides' witnesses are as this thread saw them last. Wait-free. */
static inline bool rq_peer_is_sure(enum rq_side side, const rq_u64 witness[2], const struct rq_peer *peer)
{
	return side == RQ_SIDE_WRITER && peer->id && rq_load(&witness[1]) && rq_load(&witness[0]) == peer->id &&
	       rq_load(peer->lease) == peer->lease_word;
}

#endif
