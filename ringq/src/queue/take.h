/* SPDX-License-Identifier: MIT */
#ifndef RQ_TAKE_H
#define RQ_TAKE_H

/*
 * Takes from acknowledged queues, and what ends them. The protocol of claims, of what is in hand and of what comes back
 * is in lane/hand.h; here is what each call makes of it.
 *
 * ORDER. What is back is older than all that waits, in the one order of all takes: when it was first taken, it was the
 * first of the queue, so what waits now came, or comes, after it. So a take looks for it before it looks at the lanes, if
 * `returned` says that there may be some. Of several the one with the oldest stamp is next, of one lane the one that lies
 * before the other. In total order this means: without deaths and requeues takes are one FIFO. With them, each delivery
 * of a record counts as a take of its own; a record that comes back is put before all that is not taken yet, and several
 * in the order of their stamps. That is the one in which they were put; but of two puts that overlapped, the one with the
 * older stamp may have been published, and taken, later.
 *
 *   A take looks at `returned`, and at the leases of the others, behind the look that has found what it would take from a
 *   lane: so what came back before that was put is taken first. The scan of the books that has found the oldest of what is
 *   back is made again, until two agree: an older one may have come back behind the first. A peek does both as well; and who
 *   finds something back that nobody has said yet, says so, as those who take must not be behind those who look.
 *
 * EMPTY. A take that says that nothing waits has read `returned`, without SOME, then seen all lanes empty at one instant,
 * and then found `returned` unchanged: who gives something back changes it, so that at that instant nothing was back. What
 * a dead member had comes back when somebody finds that it is dead: a take looks at the leases of the others that take, if
 * they are not many, and through the books each time that RQ_LOOK_EVERY has gone by, and before it sleeps.
 *
 * CLOSED. Nothing comes into the lanes any more, but what is in hand may come back: a take says -EPIPE when the lanes are
 * empty and no book says that anything is in hand. Else it sleeps on `drained`, as ringq_join() does: who ends the last
 * delivery wakes all of these, whoever gives one back does so too.
 */

#include <ringq/queue.h>

#include "queue/port.h"

#define RQ_LOOK_EVERY INT64_C(5000000) /* ns: how long what the dead had may lie while others take all the time */

/* Gets: take, copy and acknowledgement in one. As the public calls, of an acknowledged queue. */
ssize_t rq_take_get(struct ringq_queue *queue, void *buf, size_t size, int64_t timeout);
ssize_t rq_take_get_alloc(struct ringq_queue *queue, void **out, int64_t timeout);
ssize_t rq_take_get_many(struct ringq_queue *queue, struct iovec *records, size_t n, int64_t timeout);

/* As the public call, with arguments that are good, of an acknowledged queue. */
ssize_t rq_take_many(struct ringq_queue *queue, struct ringq_delivery *out, size_t n, int64_t timeout);

/* The same of records that fit, each into its own of `into`; NULL: any do. -EMSGSIZE if the first one does not. */
ssize_t rq_take_fitting(
	struct ringq_queue *queue, struct ringq_delivery *out, const struct iovec *into, size_t n, int64_t timeout);

/* A take of a record of no more than `most` bytes: -EMSGSIZE if the next one is longer, which then stays. */
int rq_take(struct ringq_queue *queue, struct ringq_delivery *out, uint64_t most, int64_t timeout);

/*
 * Claims the record in view, which a choice has found, and those behind it that may go with it, up to n and to one that does
 * not fit into its own of `into`: by one claim, an entry for each. How many. -EAGAIN: somebody else was faster; -EMSGSIZE: the
 * first does not fit; -ENOMEM.
 */
#define RQ_CLAIM_MOST 64u
ssize_t rq_take_claim(
	struct rq_port *port, const struct rq_view *first, int64_t now, struct ringq_delivery *out, size_t n);
ssize_t rq_take_claim_fitting(struct rq_port *port, const struct rq_view *first, int64_t now,
	struct ringq_delivery *out, const struct iovec *into, size_t n);

#endif
