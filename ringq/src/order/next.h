/* SPDX-License-Identifier: MIT */
#ifndef RQ_NEXT_H
#define RQ_NEXT_H

#include "order/order.h"

#define RQ_QUANTUM 64u
#define RQ_QUANTA_MOST 8u

/*
 * Which lane's record is next.
 *
 * RINGQ_ORDER_PRODUCER: any. A consumer stays with a lane for RQ_QUANTUM records, and then goes round, so that no lane starves.
 *   To come to another lane takes as long as some twenty gets: its words and lines are with whoever used them last. So one
 *   that takes its records fast stays for up to RQ_QUANTA_MOST times as many.
 *
 * RINGQ_ORDER_TOTAL: the oldest stamp among the heads; merge.h.
 */

/*
 * 1: *view is the next record; claim it, and choose again if that fails. 0: the queue was empty. -EBADMSG. -EAGAIN:
 * others have changed it all the time, so that neither could be told; the caller has a time-out to look at.
 */
int rq_choose(struct rq_order *order, struct rq_view *view);

/* So many of the lane's records were taken. */
static rq_always_inline void rq_choose_took(struct rq_order *o, uint32_t n)
{
	o->quantum -= n < o->quantum ? n : o->quantum;
}

/* Whether a record of the lane that was chosen from last may be taken before any other lane's, once it is that lane's head. */
static rq_always_inline bool rq_choose_may_stay(const struct rq_order *o, const struct rq_view *view)
{
	const struct rq_merge *m = &o->merge;
	return !o->reader.stamps || (view->lane == m->lane && view->stamp <= m->watermark &&
					    rq_load(&o->shared->peeked) == m->peeked); /* L4 */
}

/* The newest stamp that may be taken so. */
static inline uint64_t rq_choose_watermark(const struct rq_order *o)
{
	return o->reader.stamps ? o->merge.watermark : UINT64_MAX;
}

/* The record at view->next, behind one that is not claimed yet, if it may go with that in one claim. */
static rq_always_inline bool rq_choose_behind(const struct rq_order *o, struct rq_view *view)
{
	struct rq_view last = *view;
	return rq_lane_look_behind(&o->reader, &last, view) > 0 && rq_choose_may_stay(o, view);
}

/*
 * The look that most often succeeds, for gets of one record of no more than `most` bytes: whether *view, as said by
 * rq_lane_look_quick(), may be next.
 */
static rq_always_inline bool rq_choose_quick(struct rq_order *o, uint64_t most, bool plain, struct rq_view *view)
{
	return rq_likely(o->quantum && rq_lane_look_quick(&o->reader, most, plain, view) &&
			 (plain || rq_choose_may_stay(o, view)));
}

/*
 * Whether the queue, which is open, has one lane, and that was empty at some instant: cheap, so that waiting for a record
 * does little else than to read its header. False: who knows.
 */
static inline bool rq_choose_nothing_yet(const struct rq_order *o)
{
	const struct rq_queue_shared *s = o->shared;
	return rq_lane_nothing_yet(&o->reader) && rq_load_acquire(&s->lanes_used) == 1 && /* U3 */
	       !rq_load_acquire(&s->closed);
}

/*
 * A consumer that has caught up with a producer at work: the line where the next record will be is the one that is being
 * written now, and each look at it there and then takes it from the producer. A moment later there are several. And where
 * it is the faster of the two, all that it takes right behind the producer holds that up, as its processor fetches lines
 * ahead, too: the longer the run that has ended, the longer it stays behind.
 */
#define RQ_STREAM_PAUSES 8u /* some 15 ns each on x86 */
#define RQ_STREAM_PAUSES_MOST 128u
#define RQ_STREAM_SHARE 4u /* records of the run before, for each pause */
#define RQ_STREAM_RUN 2u   /* records taken at once since the last miss: fewer is no stream */
static inline void rq_choose_let_backlog_build(struct rq_order *o)
{
	uint32_t run = o->missed - o->quantum;
	o->missed = o->quantum;
	if (run < RQ_STREAM_RUN || !o->quantum)
		return;
	uint32_t pauses = run / RQ_STREAM_SHARE;
	pauses = pauses < RQ_STREAM_PAUSES        ? RQ_STREAM_PAUSES
	         : pauses > RQ_STREAM_PAUSES_MOST ? RQ_STREAM_PAUSES_MOST
	                                          : pauses;
	for (uint32_t i = 0; i < pauses; i++)
		rq_pause();
}

bool rq_was_empty(struct rq_order *order);

/*
 * How many records the queue held at an instant of the call; if it never held still, at about that time. least: of a queue
 * with one lane, what rq_lane_count() is to know of it; else 0.
 */
uint64_t rq_records_waiting(struct rq_order *order, uint64_t least);

#endif
