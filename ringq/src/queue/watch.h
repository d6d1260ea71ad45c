/* SPDX-License-Identifier: MIT */
#ifndef RQ_EVENT_H
#define RQ_EVENT_H

#include "queue/handle.h"

/* Whether a get would not have to wait. The caller is inside a call. */
bool rq_is_ready(struct rq_port *port);

/* A queue's event fd ends with its handle. */
void rq_watch_end(struct ringq_queue *queue);

/* A get has found nothing: the fd is not readable until something comes. True if something has come just now. */
bool rq_watch_arm(struct ringq_queue *queue, struct rq_port *port);

/* In a child of fork: the parent's watching thread is not here, and its eventfds are not ours to read. */
void rq_watch_forget_parent(void);

#endif
