/* SPDX-License-Identifier: MIT */
#ifndef RQ_BOND_H
#define RQ_BOND_H

/*
 * A bond: what one thread has with one queue. Its lane if it has put, its reader if it has looked, its habits of
 * waiting. The thread alone uses it; thread and queue both list it under rq_process_lock, so that either may end it.
 */

#include <errno.h>

#include "handle.h"
#include "lane_get.h"
#include "lane_put.h"
#include "process.h"

/*
 * What a consumer in total order knows of the lanes, and will for good: choose.h says how. The lanes of `live` have had a
 * record, and have none older than `bound`; all others have none that must come before a record of `rest`.
 */
#define RQ_LIVE 16u
struct rq_merge {
	uint64_t rest;
	uint64_t horizon;      /* the same of all lanes but `lane`, which it chose from last */
	struct rq_lane *lane;
	uint64_t peeked; /* the queue's word for what was peeked, which is taken meanwhile */
	uint32_t n;
	struct rq_live {
		uint64_t bound;
		uint32_t lane;
	} live[RQ_LIVE];
};

/* What is known of all puts of a bond. */
enum rq_put_kind {
	RQ_PUT_ANY,          /* nothing; perhaps there is no producer yet */
	RQ_PUT_PLAIN,        /* they never have a stamp, ask for a pipe's hold, or have a guard */
	RQ_PUT_PLAIN_ASKING, /* the same, but ask for the hold */
};

struct rq_bond {
	struct ringq_queue *queue;
	struct rq_producer *producer; /* NULL before the first put */
	struct rq_reader reader;
	struct rq_seat *seat;
	uint64_t id;       /* what the owner word of its lane says: the seat's id, and which of the thread's bonds it is */
	uint64_t alone;    /* id, once it has stood alone: stamp.h */
	uint64_t stamp;    /* of its puts while it does */
	enum rq_put_kind put_kind;
	uint32_t lane_at;  /* where the next get looks first */
	uint32_t stay;     /* records left before it goes round */
	uint32_t stays;    /* over, in this lane */
	int64_t stay_ended; /* when the last one was over */
	uint32_t missed;   /* stay at the last get that found nothing at once */
	uint32_t back_off; /* pauses after the last claim that was lost */
	uint32_t batch;    /* records to claim at once in get_many */
	uint32_t spin_get; /* how often to look before sleeping: more where that has paid */
	uint32_t spin_put;
	uint32_t until_dismissal; /* gets in total order */
	struct rq_merge merge;
	uint32_t calm_get; /* claims since the last sleep */
	uint32_t calm_put; /* how often calm was due since the last sleep */
	uint64_t calmed;   /* puts when it was due last */
	uint32_t alone_in; /* how often, of 1024 puts each, until it tries to stand alone, */
	uint32_t alone_wait; /* and until the next time, if that is in vain */
	bool hurried;  /* the put at hand must not wait */
	bool spinning; /* looks in quick succession: what needs a system call need not be asked each time */
	int64_t slice; /* the last sleep where nothing tells of a death, in ns: hold.h */
	uint64_t peer; /* the other side's witness when it was last seen alive, and its lease then; 0: none was */
	rq_u64 *peer_lease;
	uint64_t peer_lease_word;
	void *reserved; /* open reservation, or NULL */
	size_t reserved_len;
	rq_u64 *reserved_place;
	struct rq_thread *thread;
	struct rq_bond *thread_next;
	struct rq_bond *queue_next;
	uint32_t idle[]; /* lanes that the last look for dismissal found empty, as in the roster's words; total order */
};

/* The calling thread's bond with a queue, made if there is none. -EBADF, -ENOMEM, -EUSERS. */
int rq_bond_make(struct rq_bond **out, struct ringq_queue *queue);

/*
 * Entering a call. Between enter and leave the handle, its region and the thread's bond stay; a release waits. A thread
 * that goes to sleep leaves, but holds the handle: rq_handle_hold() before, rq_handle_drop() after.
 *
 * There are two ways. rq_enter() is a read side of liburcu. A put or a get that is much like the one before takes a
 * tenth of its time for that, so rq_enter_again() does with less: the thread names the handle (Y1), as with any hazard
 * pointer, then looks whether it is still there (Y2). Who releases has made the handle's id another before (Q1), makes
 * everybody pass a barrier, then reads the names of all that have a bond with the queue (Y3). So either Y3 sees the
 * name, and waits until the call is over (Y4), or Y2 sees that the handle is gone.
 */

/* The entry of a thread's cache that has its bond with this handle, or one with another, or none. */
static rq_always_inline struct rq_cached *rq_cached_at(struct rq_thread *thread, const struct ringq_queue *queue)
{
	return (struct rq_cached *)((char *)thread->cache + queue->cached);
}

/* The short way, for a thread that has lately used the queue. False: use rq_enter(). Left by rq_leave_again(). */
static rq_always_inline bool rq_enter_again(const struct ringq_queue *queue, struct rq_bond **bond)
{
	struct rq_thread *t = rq_thread_current;
	const struct rq_cached *cached = rq_cached_at(t, queue);
	uint64_t id = rq_load(&queue->id);
	if (rq_unlikely(cached->queue != id))
		return false;
	rq_store(&t->inside, id); /* Y1 */
	rq_light_barrier();
	*bond = cached->bond;
	if (rq_likely(rq_load(&queue->id) == id)) /* Y2 */
		return true;
	rq_store(&t->inside, 0);
	return false;
}

static rq_always_inline void rq_leave_again(const struct rq_bond *bond)
{
	rq_store_release(&bond->thread->inside, 0); /* Y4 */
}

/* The long way. -EBADF once the handle was released; -ENOMEM, -EUSERS if the thread could not become a member. */
static inline int rq_enter(struct ringq_queue *queue, struct rq_bond **bond)
{
	urcu_bp_read_lock();
	const struct rq_cached *cached = rq_cached_at(rq_thread_current, queue);
	if (rq_likely(cached->queue == rq_load_acquire(&queue->id))) {
		*bond = cached->bond;
		return 0;
	}
	int r = rq_bond_make(bond, queue);
	if (rq_unlikely(r))
		urcu_bp_read_unlock();
	return r;
}

/* From the short way to the long one, inside all the time. */
static inline void rq_enter_the_long_way(const struct rq_bond *bond)
{
	urcu_bp_read_lock();
	rq_leave_again(bond);
}

#ifdef RQ_TSAN
extern rq_u32 rq_left; /* the thread sanitizer does not see how membarrier orders a grace period: show it this */
#endif

static inline void rq_leave(void)
{
#ifdef RQ_TSAN
	rq_add(&rq_left, 1);
#endif
	urcu_bp_read_unlock();
}

/* Makes sure that the bond has a lane of its own. 0, -EUSERS, -ENOMEM, -EBADMSG. */
int rq_bond_produce(struct rq_bond *bond);

/* With RINGQ_SINGLE_PRODUCER all threads share one lane, one after the other: takes it over if another was there. */
static inline int rq_bond_producer(struct rq_bond *bond)
{
	const struct rq_producer *p = bond->producer;
	if (rq_likely(p && (!(bond->queue->flags & RINGQ_SINGLE_PRODUCER) || rq_load(&p->lane->owner) == bond->id)))
		return 0;
	return rq_bond_produce(bond);
}

/* Takes over lanes whose owners are dead, for what these hold: places, memory. True if there was one. */
bool rq_bond_reap(struct rq_bond *bond);

/* All under rq_process_lock. */
void rq_bonds_drop_thread(struct rq_thread *thread);
void rq_bonds_drop_queue(struct ringq_queue *queue);
void rq_bonds_forget_parent(void);

#endif
