/* SPDX-License-Identifier: MIT */
#ifndef RQ_PORT_H
#define RQ_PORT_H

/*
 * A port: what one thread has with one queue. Its lane if it has put, its reader if it has looked, its habits of
 * waiting. The thread alone uses it; thread and queue both list it under the process lock, so that either may end it.
 */

#include "lane/put.h"
#include "order/order.h"
#include "queue/handle.h"
#include "queue/peer.h"
#include "region/membership.h"

/* What is known of all puts of a port. */
enum rq_put_kind {
	RQ_PUT_WHOLE, /* nothing at once: there is no producer yet, or each put has a guard to hold */
	RQ_PUT_PLAIN, /* they never have a stamp, and nobody at the other end to ask about */
	RQ_PUT_TOTAL, /* they may need a stamp */
	RQ_PUT_PIPE,  /* never a stamp, but each asks for the hold of the pipe's other end */
	RQ_PUT_PIPE_TOTAL,
	RQ_PUT_KINDS,
};

struct rq_port {
	struct ringq_queue *queue;
	struct rq_producer *producer; /* NULL before the first put */
	uint64_t id; /* what the owner word of its lane says: the membership's id, and which of the thread's ports it is */
	struct rq_thread *thread;
	enum rq_put_kind put_kind;
	struct rq_order order;
	struct rq_membership *membership;
	uint32_t back_off; /* pauses after the last claim that was lost */
	uint32_t batch;    /* records to claim at once in get_many */
	uint32_t spin_get; /* how often to look before sleeping: more where that has paid */
	uint32_t spin_put;
	uint32_t disarm_get; /* claims since the last sleep */
	uint32_t disarm_put; /* how often to disarm the event was due since the last sleep */
	uint64_t disarmed;   /* puts when it was due last */
	bool special;        /* as queue->special; or this thread has a delivery open: in_place.h */
	bool spinning;       /* looks in quick succession: what needs a system call need not be asked each time */
	bool left;           /* a call of its thread was left by longjmp(): what it has may be half done */
	struct rq_peer peer;
	void *reserved; /* open reservation, or NULL */
	size_t reserved_len;
	rq_u64 *reserved_permit;
	/* What this thread has in hand where it lies, of a queue with a single consumer: in_place.h. */
	rq_u64 open;      /* where head goes when that is finished; 0: nothing is in hand */
	uint64_t open_at; /* where it lies, in this lane, */
	struct rq_lane *open_lane;
	uint64_t open_entry; /* and the table's entry of its chunk, if records may be taken from that at once; else 0 */
	struct rq_watch *writable; /* of its puts, or NULL: watch.h */
	struct rq_port *thread_next;
	struct rq_port *queue_next;
	struct rq_taker *taker; /* of an acknowledged queue, once it has taken: take.h */
	uint32_t idle[];        /* order.idle, in total order */
};

/*
 * The calling thread's port with a queue, whose handle it has named, made if there is none. -ENOMEM, -EUSERS; -EPIPE: the queue
 * was deleted.
 */
int rq_port_make(struct rq_port **out, struct ringq_queue *queue, uint64_t id);

/*
 * The calling thread releases the handle of this id, or ends. If it is said to be in a call on it, it has left that by longjmp() or
 * the like: what its port has stays as it is until the thread has ended, and then is taken over as from any dead.
 */
void rq_port_was_left(struct ringq_queue *queue, uint64_t id);

/* The open reservation never was: its permit is free, and others may put. Writes nothing into the lane. */
void rq_port_unreserve(struct rq_port *port);

/* The lane has no owner any more, unless it is another's by now. */
void rq_port_let_go(struct rq_lane *lane, uint64_t id);

/* The entry of a thread's cache that has its port with this handle, or one with another, or none. */
static rq_always_inline struct rq_cached *rq_cached_at(struct rq_thread *thread, const struct ringq_queue *queue)
{
	return (struct rq_cached *)((char *)thread->cache + queue->cached);
}

/* All under the process lock. */
void rq_ports_drop_thread(struct rq_thread *thread);
void rq_ports_drop_queue(struct ringq_queue *queue);
void rq_ports_forget_parent(void);

#endif
