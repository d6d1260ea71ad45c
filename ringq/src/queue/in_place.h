/* SPDX-License-Identifier: MIT */
#ifndef RQ_IN_PLACE_H
#define RQ_IN_PLACE_H

/*
 * Takes from a queue with a single consumer that is not acknowledged: the record is read where it lies.
 *
 * A take is a peek, and its acknowledgement the rest of a get: it moves head past the record. In between nothing is
 * written into the region, so the queue is as if nothing had been taken: a holder that dies, forks or releases the handle
 * has left nothing, and the record is the next one's. Nobody but a consumer moves head past a record, and this is the
 * only one; so the record's memory stays without a hazard.
 *
 * A turn to get lasts from the take to its end. One delivery is open at a time: gets and takes by the thread that has it
 * say -EBUSY. It knows by its port alone, so that nothing is written that its producers read: the reader forgets its
 * chunk and is told that something is taken (lane/get.c), which closes all fast paths, and the port is special, which the
 * slow ones ask anyway. Another thread of the process may finish the delivery, under the process lock.
 *
 * In total order the record that a take has chosen is held as a peek's is (merge.h), so that no other is first meanwhile.
 */

#include <ringq/queue.h>

#include "queue/handle.h"

/* As the public calls, with arguments that are good, of such a queue. */
int rq_in_place_take(struct ringq_queue *queue, struct ringq_delivery *out, int64_t timeout);
int rq_in_place_ack(struct ringq_queue *queue, struct ringq_delivery *delivery);

/* Whether a queue is one. */
static inline bool rq_in_place_is_possible(const struct ringq_queue *queue)
{
	return queue->set.single_consumer && !queue->side;
}

#endif
