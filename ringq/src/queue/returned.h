/* SPDX-License-Identifier: MIT */
#ifndef RQ_RETURNED_H
#define RQ_RETURNED_H

#include <sys/types.h>

#include "queue/port.h"

/* Looks, by a caller inside a call. Peek: -EAGAIN if nothing is back. */
ssize_t rq_take_peek(struct rq_port *port, void *buf, size_t size);
bool rq_take_empty(struct rq_port *port);
uint64_t rq_take_waiting(struct rq_port *port, uint64_t least);
bool rq_take_is_ready(struct rq_port *port);

#endif
