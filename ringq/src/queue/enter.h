/* SPDX-License-Identifier: MIT */
#ifndef RQ_ENTER_H
#define RQ_ENTER_H

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

#include <errno.h>

#include "queue/port.h"

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
	uint64_t id = rq_load_acquire(&queue->id); /* its value alone counts; Y2 decides */
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

/*
 * Entering a call that only looks, by the region's file: no membership, no port, also of an observed region. The handle stays
 * until rq_leave(). -EBADF once it was released; -ENOMEM.
 */
static inline int rq_look_enter(const struct ringq_queue *queue)
{
	struct rq_thread *t = rq_thread_self();
	if (!t)
		return -ENOMEM;
	return rq_name_handle(t, queue) == RQ_HANDLE_GONE ? -EBADF : 0;
}

/* Enters again after a sleep, with the handle held. False once it was released: the thread's port may be gone, too. */
static inline bool rq_enter_held(const struct ringq_queue *queue)
{
	return rq_name_handle(rq_thread_current, queue) != RQ_HANDLE_GONE;
}

/*
 * Keeps the queue's memory until rq_outside_end(), for a thread that has left a call, was a member in it, and holds the handle.
 * Once that was released, the thread uses the queue no more, and its memory may be another's. False: the queue was deleted;
 * there is nobody to be woken then.
 */
bool rq_outside_begin(const struct ringq_queue *queue, struct rq_membership **membership);
void rq_outside_end(const struct ringq_queue *queue, struct rq_membership *membership);

/*
 * Returns when every call on the handle, which had this id and is gone, has been left, or sleeps. Who is inside may have a
 * lower priority than the caller, and then gets this processor only while the caller sleeps.
 */
void rq_wait_for_calls(uint64_t id);

#endif
