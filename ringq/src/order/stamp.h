/* SPDX-License-Identifier: MIT */
#ifndef RQ_STAMP_H
#define RQ_STAMP_H

/*
 * Stamps: which of two puts was first, in total order. merge.h needs this of them:
 *
 *   Along a lane they do not go back.
 *   If the put of a was over when that of b began, in another lane, then b's stamp is greater than a's, and greater than
 *   any time that a consumer had noted before a was published.
 *
 * None. While the queue has one lane, records need none: whatever comes in other lanes later begins after these puts did,
 * and what has no stamp is older than all that has. Most queues that have one producer never stamp, and their records
 * are shorter by that: one of 56 bytes is one cache line.
 *
 * The last one's. A stamp costs as much as all the rest of a put. But a producer may go on with the one that it has for
 * as long as no other puts, and that is what producers mostly do who take turns on few processors. The queue's word
 * `bias` is the id of one who does, or 0.
 *
 *   put         if bias is my id, take my last stamp (I1), else a new one; publish; light barrier; if bias is another's
 *               id (I2), make it 0 (I3). Only then is the put over.
 *   take bias   make bias my id (I4); make everybody pass a barrier (I5); take a stamp for the puts to come
 *
 * Let a's put be over when b's begins, and b have the bias. At I2, a either saw b's id, or another's, and wrote 0 before it
 * was over: then b does not find its id. Or it saw what was there before I4: then it had published before I5, and b's
 * stamp was taken behind that. Or it saw a 0 that is younger than I4, and b finds that or what is younger still. Who is
 * stopped before I3 takes another's id away later: that costs a stamp.
 */

#include "order/order.h"
#include "order/roster.h"

/* Whether a record that is about to be published needs a stamp, where order is total or is not. */
static inline bool rq_stamp_needed(const struct rq_queue_shared *shared, bool total)
{
	return total && rq_load_acquire(&shared->lanes_used) != 1; /* U2 */
}

static rq_always_inline uint64_t rq_stamp_if(const struct rq_order *o, bool needed)
{
	if (!needed)
		return 0;
	return rq_load(&o->shared->bias) == o->bias ? o->stamp : /* I1 */
	               rq_clock_stamp(o->clock);
}

/* Whether a put in total order by the owner of this id has nothing to do at I3. Behind a light barrier. */
static inline bool rq_stamp_is_quiet(const struct rq_queue_shared *shared, uint64_t id)
{
	uint64_t bias = rq_load(&shared->bias); /* I2 */
	return !bias || bias == id;
}

/* Behind a light barrier, too. */
static inline void rq_stamp_published(struct rq_queue_shared *shared, uint64_t id)
{
	if (rq_unlikely(!rq_stamp_is_quiet(shared, id)))
		rq_store(&shared->bias, 0); /* I3 */
}

/*
 * What a put in total order has to do behind its publish, by the owner of this id in this lane: only then is it over. Anybody
 * may do it for the producer. And, behind a light barrier, whether there is nothing to do.
 */
static inline void rq_total_published(struct rq_queue_shared *shared, uint32_t lane, uint64_t id)
{
	rq_roster_published(shared, lane); /* begins with the light barrier */
	rq_stamp_published(shared, id);
}

static inline bool rq_total_is_quiet(const struct rq_queue_shared *shared, uint32_t lane, uint64_t id)
{
	return rq_roster_is_confirmed(shared, lane) && rq_stamp_is_quiet(shared, id);
}

/*
 * For the producer of this id that has just put, now and then: takes the bias, or keeps it. In vain, it waits longer for the
 * next time.
 */
void rq_stamp_bias(struct rq_order *o, uint64_t id);

#endif
