/* SPDX-License-Identifier: MIT */
#ifndef RQ_LEVEL_H
#define RQ_LEVEL_H

#include "base/sys.h"
#include "queue/port.h"

struct rq_sleeper;

/*
 * Watches: what a process wants to be told of a queue by something else than a call on it that waits.
 *
 * A watch has a level: high if a get, or a put of its thread, would not say -EAGAIN. Its descriptor is an eventfd that is
 * readable while the level is high. Nothing on the quick paths knows of watches, so a thread of the library sees to the
 * levels: watcher.h. And a call that finds a level to be lower than its descriptor says lowers it at once, so that who polls
 * until -EAGAIN is not told again of what it has seen.
 *
 * Whoever lowers looks again behind that, and raises if something has come: so a record that comes meanwhile is told of,
 * whoever else lowers or raises, in this process or in another that shares the descriptor since a fork.
 */

enum rq_watch_state {
	RQ_WATCH_NEW,
	RQ_WATCH_RUNS,
	RQ_WATCH_FAILED,
};

/* What a descriptor's number led to when it was made. */
struct rq_number {
	dev_t device;
	ino_t inode; /* as of all eventfds, timerfds and epoll's descriptors; */
	int tag;     /* so that one has this as its F_GETSIG, which means nothing else to it */
};

struct rq_watch {
	struct ringq_queue *queue;
	unsigned what; /* RINGQ_READABLE, RINGQ_WRITABLE */
	int fd;        /* -1: none, for wait_any alone */
	struct rq_number number;
	rq_u32 high;        /* what the descriptor says, as far as this process knows */
	rq_u32 shared;      /* another process may raise and lower it, too: there has been a fork */
	rq_u32 subscribers; /* calls that wait for it in wait_any */
	rq_u32 state;       /* enum rq_watch_state */
	int error;          /* why it failed */

	/* Of the kind RINGQ_WRITABLE. */
	struct rq_lane *_Atomic lane; /* where its thread puts; NULL: no put has been refused yet */
	rq_u64 wake_at;               /* head at which a put has room again */
	rq_u32 waits;                 /* a put was refused, or would be: until there is room */
	rq_u32 owned;                 /* a port has it */

	/* The watching thread's. */
	struct rq_port *port;        /* its port with the queue, once it has one */
	uint64_t moves;              /* of the queue when it was raised last */
	bool ticks;                  /* nothing will wake for its next change: look again soon */
	bool done;                   /* high for good */
	struct rq_sys_wait words[2]; /* what it sleeps on for the watch, and how many of them */
	unsigned word_count;
	struct rq_sleeper *sleepers[2]; /* who does it instead, a word each */

	struct rq_watch *next; /* the process's, under the watch lock */
	struct rq_watch *next_of_queue;
};

/* Whether a get would not have to wait. The caller is inside a call. */
bool rq_is_ready(struct rq_port *port);

/* The level is high: the descriptor is readable, and whoever waits for it in wait_any wakes. */
void rq_watch_raise(struct rq_watch *watch);

/* The descriptor is not readable any more; whether it was. Look again behind this. */
bool rq_watch_lower(struct rq_watch *watch);

/* Whether the number still leads to what was made there. */
bool rq_watch_has_number(const struct rq_watch *watch);

/* Marks a new eventfd, so that it is known again. 0 or -ENOSYS. Under the watch lock. */
int rq_number_mark(struct rq_number *out, int fd);

/* Whether the put that was refused would go in now. */
bool rq_watch_has_room(const struct rq_watch *watch);

#endif
