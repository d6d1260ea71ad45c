/* SPDX-License-Identifier: MIT */
#ifndef RQ_PROCESS_H
#define RQ_PROCESS_H

/*
 * What a process keeps for itself: the lock of its lists, its threads, and what is done when one ends or a child is made.
 *
 * One mutex, the process lock, guards the lists. It is never held across anything that waits for another process, nothing
 * shared is locked by it, and no put or get takes it but the first of a thread on a queue; and, of a process that has more
 * than RQ_THREAD_CACHE handles, those that change between two which share an entry of the thread's cache. Whoever waits for it
 * lends its priority to who holds it.
 *
 * fork() takes it, so that a child finds the lists whole. Between that and the end of the handlers, on both sides, the thread
 * that forks may use the library: fork handlers of the application run in there, those that were registered before ours.
 */

#include "base/atomic.h"

struct rq_membership;
struct rq_port;

/* So many handles of a process have an entry of their own in each thread's cache. Those beyond share them. */
#define RQ_THREAD_CACHE 16384u

/*
 * A thread of this process, as the library knows it. Lies in memory that the kernel clears in a child, however that was
 * made: what a child finds in its parent's cache matches nothing.
 */
struct rq_thread {
	rq_u64 handle_hazard; /* id of the handle that it is using in a call, or 0: port.h */
	struct rq_membership *memberships;
	struct rq_port *ports; /* under the process lock: a release takes ports out of other threads' lists */
	/* By the number of the handle (handle.h). A page has memory once it is used. */
	struct rq_cached {
		uint64_t queue; /* ringq_queue.id: never used twice, nor 0, so that no stale or empty entry matches */
		struct rq_port *port;
	} cache[RQ_THREAD_CACHE];
};

#define RQ_HANDLE_GONE UINT64_MAX /* the id of a handle that was released */

void rq_process_lock(void);
void rq_process_unlock(void);

/* Whether this thread is in the handlers of a fork of its own. */
bool rq_process_is_forking(void);

/* The watch lock (queue/watch.h), which is taken before the process lock where both are. */
void rq_watch_lock(void);
void rq_watch_unlock(void);
extern struct rq_thread rq_no_thread;
extern _Thread_local struct rq_thread *rq_thread_current; /* &rq_no_thread, of which nothing is known, at first */
extern const uint32_t *rq_process_is_parent; /* 1 in the process that set it up; the kernel clears it in any child */

/* Sets the process up at its first region: the fork handlers, the key that sees threads end, barriers. */
int rq_process_start(void);

/*
 * Every running thread of this process passes a full barrier during the call. Without a way to make them, where a sandbox
 * has taken away what rq_process_start() found, it takes a while instead.
 */
void rq_process_barrier(void);

/* Whether some thread of the process is inside a call on the handle of this id. */
bool rq_process_names(uint64_t id);

struct rq_thread *rq_thread_create(void);

/* The calling thread, or NULL if it is out of memory. */
static inline struct rq_thread *rq_thread_self(void)
{
	struct rq_thread *t = rq_thread_current;
	return rq_likely(t != &rq_no_thread && *rq_process_is_parent) ? t : rq_thread_create();
}

#endif
