/* SPDX-License-Identifier: MIT */
#ifndef RQ_WATCH_H
#define RQ_WATCH_H

#include "queue/level.h"

/*
 * A call on the queue, which has a watch, has found nothing: its level is low. True if something has come just now: look again.
 * The caller is inside a call.
 */
bool rq_watch_emptied(struct rq_port *port);

/* The same where the port's next put would be refused, or was; wake_at as lane.wake_at, or 0: for one of max_records. */
void rq_watch_refused(struct rq_port *port, uint64_t wake_at);

/* A put of a port that has a watch has gone in: it may have been the last that does. */
void rq_watch_put(struct rq_port *port);

/* A port goes, and its watch is nobody's: the descriptor stays until the handle goes. Under the process lock. */
void rq_watch_port_ends(struct rq_port *port);

/* Has the queue watched for a call that waits in wait_any; until rq_add(&watch->subscribers, -1u). -EAGAIN, -ENOMEM, -EUSERS. */
int rq_watch_subscribe(struct rq_watch **out, struct rq_port *port);

/* All watches of a handle go. Nobody is in a call on it any more. */
void rq_watches_end(struct ringq_queue *queue);

/* The handle goes, and nobody waits on it. */
void rq_watches_free(struct ringq_queue *queue);

/* Sees to it that a child of fork has a watching thread of its own, once it uses a queue with a watch. */
void rq_watch_used(struct rq_port *port);

/* There has been a fork. Under the watch lock. */
void rq_watches_share(void);

/* In a child of fork: numbers stay, and those that tell of a thread of the parent's are made anew. */
void rq_watches_forget_parent(void);

#endif
