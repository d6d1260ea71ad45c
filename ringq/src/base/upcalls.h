/* SPDX-License-Identifier: MIT */
#ifndef RQ_UPCALLS_H
#define RQ_UPCALLS_H

/*
 * What lower layers ask of higher ones: a thread has one destructor, a process one set of fork handlers, a region one
 * collector, and each has customers in several folders. upcalls.c, which knows them all, fills the one table.
 */

#include <stdint.h>

struct ringq_region;
struct rq_thread;
struct rq_membership;
struct rq_port;
struct ringq_queue;

struct rq_upcalls {
	/* The thread ends: what it owned is free for others. Under the process lock. */
	void (*thread_ends)(struct rq_thread *thread);
	/* A thread has a new port with a queue that has watches; a port goes, under the process lock; a handle goes. */
	void (*port_made)(struct rq_port *port);
	void (*port_ends)(struct rq_port *port);
	void (*handle_ends)(struct ringq_queue *queue);
	/* No code of the library may run from now on but by calls: the calling thread tidies up. */
	void (*unload)(void);
	/* The process has a child of fork now. Under both locks. */
	void (*forked)(void);
	/* In a child of fork: what the parent's threads had stays theirs, and is forgotten here. */
	void (*forget_parent)(void);
	/* The new member's number was that of one who died: it has nothing of what that had. */
	void (*inherit)(struct rq_membership *membership);
	/* Frees what belongs to nobody. How many units that were. */
	uint64_t (*reclaim)(struct ringq_region *region);
};

extern const struct rq_upcalls rq_upcalls;

#endif
