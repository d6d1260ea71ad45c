/* SPDX-License-Identifier: MIT */
#ifndef RQ_BOND_H
#define RQ_BOND_H

/*
 * A port: what one thread has with one queue. Its lane if it has put, its reader if it has looked, its habits of
 * waiting. The thread alone uses it; thread and queue both list it under the process lock, so that either may end it.
 */

#include <errno.h>

#include "queue/handle.h"
#include "lane/put.h"
#include "order/order.h"
#include "region/membership.h"

/* What is known of all puts of a port. */
enum rq_put_kind {
	RQ_PUT_ANY,          /* nothing; perhaps there is no producer yet */
	RQ_PUT_PLAIN,        /* they never have a stamp, ask for a pipe's hold, or have a guard */
	RQ_PUT_PLAIN_ASKING, /* the same, but ask for the hold */
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
	uint32_t disarm_put; /* how often calm was due since the last sleep */
	uint64_t disarmed;   /* puts when it was due last */
	bool spinning;       /* looks in quick succession: what needs a system call need not be asked each time */
	int64_t slice;       /* the last sleep where nothing tells of a death, in ns: liveness.h */
	uint64_t peer;       /* the other side's witness when it was last seen alive, and its lease then; 0: none was */
	rq_u64 *peer_lease;
	uint64_t peer_lease_word;
	void *reserved; /* open reservation, or NULL */
	size_t reserved_len;
	rq_u64 *reserved_permit;
	struct rq_port *thread_next;
	struct rq_port *queue_next;
	uint32_t idle[]; /* order.idle, in total order */
};

/* The calling thread's port with a queue, whose handle it has named, made if there is none. -ENOMEM, -EUSERS. */
int rq_port_make(struct rq_port **out, struct ringq_queue *queue, uint64_t id);

/*
 * Entering a call. Between enter and leave the handle, its region and the thread's port stay; a release waits. A thread
 * that goes to sleep leaves, but holds the handle: rq_handle_ref() before, rq_handle_unref() after, and rq_enter_held() between.
 *
 * A thread inside a call names the handle in a hazard word of its own (Y1), then looks whether the handle is still there
 * (Y2). Who releases has made the handle's id another before (Q1), makes all threads pass a barrier, then reads the hazards of
 * all threads of the process (Y3). So either Y3 sees the name, and waits until the call is over (Y4), or Y2 sees that the
 * handle is gone. A thread is inside one call at a time, so one word is enough.
 *
 * There are two ways in. rq_enter_again() is for a thread that has a port with the handle in its cache, rq_enter() for all
 * others. A thread whose hazard cannot be had, for lack of memory, is outside, and may look only under the process lock,
 * without which no release goes through (rq_process_names()).
 *
 * A call that is left by longjmp() leaves its name behind, until the thread's next call on any handle takes it away.
 */

/* The entry of a thread's cache that has its port with this handle, or one with another, or none. */
static rq_always_inline struct rq_cached *rq_cached_at(struct rq_thread *thread, const struct ringq_queue *queue)
{
	return (struct rq_cached *)((char *)thread->cache + queue->cached);
}

/* The short way, for a thread that has lately used the queue. False: use rq_enter(). Left by rq_leave_again(). */
static rq_always_inline bool rq_enter_again(const struct ringq_queue *queue, struct rq_port **port)
{
	struct rq_thread *t = rq_thread_current;
	const struct rq_cached *cached = rq_cached_at(t, queue);
	uint64_t id = rq_load(&queue->id);
	if (rq_unlikely(cached->queue != id))
		return false;
	rq_store(&t->handle_hazard, id); /* Y1 */
	rq_light_barrier();
	*port = cached->port;
	if (rq_likely(rq_load(&queue->id) == id)) /* Y2 */
		return true;
	rq_store(&t->handle_hazard, 0);
	return false;
}

static rq_always_inline void rq_leave_again(const struct rq_port *port)
{
	rq_store_release(&port->thread->handle_hazard, 0); /* Y4 */
}

/* The end of a call by the thread that made it. */
static inline void rq_leave(void)
{
	rq_store_release(&rq_thread_current->handle_hazard, 0); /* Y4 */
}

/* The handle's id, named by the calling thread; RQ_HANDLE_GONE once it was released, and then nothing is named. */
static inline uint64_t rq_name_handle(struct rq_thread *thread, const struct ringq_queue *queue)
{
	uint64_t id = rq_load_acquire(&queue->id);
	if (rq_unlikely(id == RQ_HANDLE_GONE))
		return id;
	rq_store(&thread->handle_hazard, id); /* Y1 */
	rq_light_barrier();
	if (rq_likely(rq_load_acquire(&queue->id) == id)) /* Y2 */
		return id;
	rq_store(&thread->handle_hazard, 0);
	return RQ_HANDLE_GONE;
}

/* The long way. -EBADF once the handle was released; -ENOMEM, -EUSERS if the thread could not become a member. */
static inline int rq_enter(struct ringq_queue *queue, struct rq_port **port)
{
	struct rq_thread *t = rq_thread_self();
	if (rq_unlikely(!t))
		return -ENOMEM;
	uint64_t id = rq_name_handle(t, queue);
	if (rq_unlikely(id == RQ_HANDLE_GONE))
		return -EBADF;
	const struct rq_cached *cached = rq_cached_at(t, queue);
	if (rq_likely(cached->queue == id)) {
		*port = cached->port;
		return 0;
	}
	int r = rq_port_make(port, queue, id);
	if (rq_unlikely(r))
		rq_leave();
	return r;
}

/* Enters again after a sleep, with the handle held. False once it was released: the thread's port may be gone, too. */
static inline bool rq_enter_held(const struct ringq_queue *queue)
{
	return rq_name_handle(rq_thread_current, queue) != RQ_HANDLE_GONE;
}

/* Makes sure that the port has a lane of its own. 0, -EUSERS, -ENOMEM, -EBADMSG. */
int rq_port_produce(struct rq_port *port);

/* Whether the port's lane is its own. With RINGQ_SINGLE_PRODUCER all who put share one, by turns. */
static inline bool rq_port_owns_lane(const struct rq_port *port)
{
	const struct rq_producer *p = port->producer;
	return p && (!(port->queue->flags & RINGQ_SINGLE_PRODUCER) || rq_load(&p->lane->owner) == port->id);
}

/* Takes a lane if the port has none, or if another has had a turn there. */
static inline int rq_port_producer(struct rq_port *port)
{
	return rq_likely(rq_port_owns_lane(port)) ? 0 : rq_port_produce(port);
}

/* The open reservation never was: its place is free, and others may put. Writes nothing into the lane. */
void rq_port_unreserve(struct rq_port *port);

/*
 * What the next turn of a single producer would find in the lane, without taking it: for looks, which may come at any time.
 * NULL: nothing can be told, for lack of memory, or nothing was ever put. free() it.
 */
struct rq_producer *rq_port_look_ahead(struct rq_port *port);

/* Whether the last turn of a single producer has ended by death: nobody has tidied up after it. */
bool rq_port_turn_died(const struct rq_port *port);

/* Takes over lanes whose owners are dead, for what these hold: places, memory. True if there was one. */
bool rq_port_reap(struct rq_port *port);

/* All under the process lock. */
void rq_ports_drop_thread(struct rq_thread *thread);
void rq_ports_drop_queue(struct ringq_queue *queue);
void rq_ports_forget_parent(void);

#endif
