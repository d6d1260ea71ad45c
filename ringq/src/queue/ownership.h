/* SPDX-License-Identifier: MIT */
#ifndef RQ_OWNERSHIP_H
#define RQ_OWNERSHIP_H

/* Who owns a lane: a producer takes one that is free, then a new one, then that of a dead producer. */

#include "queue/port.h"

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

/*
 * What the next turn of a single producer would find in the lane, without taking it: for looks, which may come at any time.
 * NULL: nothing can be told, for lack of memory, or nothing was ever put. free() it.
 */
struct rq_producer *rq_port_look_ahead(struct rq_port *port);

/* Whether the last turn of a single producer has ended by death: nobody has tidied up after it. */
bool rq_port_turn_died(const struct rq_port *port);

/* Takes over lanes whose owners are dead, for what these hold: permits, memory. True if there was one. */
bool rq_port_reap(struct rq_port *port);

#endif
