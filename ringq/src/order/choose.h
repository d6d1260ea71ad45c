/* SPDX-License-Identifier: MIT */
#ifndef RQ_CHOOSE_H
#define RQ_CHOOSE_H

#include "queue/port.h"

#define RQ_QUANTUM 64u
#define RQ_QUANTA_MOST 8u

/*
 * Which lane's record is next.
 *
 * RINGQ_ORDER_PRODUCER: any. A consumer stays with a lane for RQ_QUANTUM records, and then goes round, so that no lane starves.
 *   To come to another lane takes as long as some twenty gets: its words and lines are with whoever used them last. So one
 *   that takes its records fast stays for up to RQ_QUANTA_MOST times as many.
 *
 * RINGQ_ORDER_TOTAL: the oldest stamp among the heads. What must hold for a record b that is taken: no record a, whose put
 * was over before the put of b began, is still in the queue. Then a's stamp is older (stamp.h), a was published before b,
 * and until a is taken its lane is in the roster (roster.h).
 *
 *   Full look. Note the time t. Look at every lane of the roster.
 *     A lane with a head of stamp s holds nothing older than s, from now on.
 *     A lane that was empty, or not in the roster, then: whatever comes there was published after t. If b's stamp is not
 *     after t, b's put began before that was over, so it is no a.
 *   So the head with the oldest stamp may be taken, if it is not after t. What was learned stays true: heads only move on.
 *   Merge. A consumer remembers s for each lane that had a head (`live`), and t for all others (`rest`). Of these it looks
 *     again at the one with the oldest s alone, and takes its head if that is not after any other's s, or t. The stamp up
 *     to which that holds (`watermark`) lets it take more of that lane without a look at any other. With a backlog, one
 *     full look is enough for all that was put before it.
 *   Look twice. Where the oldest head is after t, as in a queue that is nearly empty, look again at the lanes that were
 *     empty, and at whether the roster or the number of lanes has changed. If nothing has come since b was seen, then no
 *     a was there when b was published.
 *   While the queue has one lane, records have stamp 0, and are older than all that comes in other lanes.
 *
 * Peek. A stamp may be older than all that is in the queue and still be on its way in. So what a peek has seen first
 * could be overtaken by it, and a peek must hold its record where it is: the head of its lane goes into the lane's
 * `peeked`, then the lane into the queue's, with a new version. While that lane's head is still the same, nothing else
 * may be taken by a get that begins now, nor be seen by a peek. Gets that have begun may have looked before: what these
 * take counts as taken right before the peek, which cannot be told, for it has not returned when they began.
 *   A peek reads the queue's word, chooses, writes the lane's word if head has not moved, then replaces the queue's by
 *   CAS. If somebody takes the record before that, the peek was right before it. Each peek that returns has changed the
 *   version: one that was about to announce another record, because the word named nothing then, fails.
 *   Before that it does what the put may have left to do, in the roster and for the stamps of others: from now on it is
 *   as good as over, and whatever is put after the peek has returned comes after it.
 *   A queue of one lane needs no more than that.
 *
 * A stamp counts only if the lane's head is still the same after it was read: else it may be of a record that has been
 * overwritten, and say too much.
 *
 * (Dodds, Haas, Kirsch, "A Scalable, Correct Time-Stamped Stack", POPL 2015, has the idea and the queue.)
 *
 * Empty means that at one instant all lanes were: two looks at all, between which no head moved.
 */

/*
 * 1: *view is the next record; claim it, and choose again if that fails. 0: the queue was empty. -EBADMSG. -EAGAIN:
 * others have changed it all the time, so that neither could be told; the caller has a time-out to look at.
 */
int rq_choose(struct rq_port *port, struct rq_view *view);

/*
 * Whether *view, which rq_choose() has chosen, was the queue's first at an instant of the call and stays so, until it is
 * taken, to all calls that begin from now on. False: others have changed the queue. peeked: the queue's word, read before
 * the choice.
 */
bool rq_choose_pin(struct rq_port *port, uint64_t peeked, const struct rq_view *view);

/* So many of the lane's records were taken. */
static rq_always_inline void rq_choose_took(struct rq_port *port, uint32_t n)
{
	port->quantum -= n < port->quantum ? n : port->quantum;
}

/* Whether a record of the lane that was chosen from last may be taken before any other lane's, once it is that lane's head. */
static rq_always_inline bool rq_choose_may_stay(const struct rq_port *port, const struct rq_view *view)
{
	const struct rq_merge *m = &port->merge;
	return !port->reader.stamps || (view->lane == m->lane && view->stamp <= m->watermark &&
					       rq_load(&port->queue->shared->peeked) == m->peeked); /* L4 */
}

/* The newest stamp that may be taken so. */
static inline uint64_t rq_choose_watermark(const struct rq_port *port)
{
	return port->reader.stamps ? port->merge.watermark : UINT64_MAX;
}

/*
 * The look that most often succeeds, for gets of one record of no more than `most` bytes: whether *view, as said by
 * rq_lane_look_again(), may be next.
 */
static rq_always_inline bool rq_choose_again(struct rq_port *port, uint64_t most, struct rq_view *view)
{
	return rq_likely(
		port->quantum && rq_lane_look_again(&port->reader, most, view) && rq_choose_may_stay(port, view));
}

/*
 * Whether the queue, which is open, has one lane, and that was empty at some instant: cheap, so that waiting for a record
 * does little else than to read its header. False: who knows.
 */
static inline bool rq_choose_nothing_yet(const struct rq_port *port)
{
	const struct rq_queue_shared *s = port->queue->shared;
	return rq_lane_nothing_yet(&port->reader) && rq_load_acquire(&s->lanes_used) == 1 && /* U3 */
	       !rq_load_acquire(&s->closed);
}

bool rq_was_empty(struct rq_port *port);

/*
 * How many records the queue held at an instant of the call; if it never held still, at about that time. least: of a queue
 * with one lane, what rq_lane_count() is to know of it; else 0.
 */
uint64_t rq_records_waiting(struct rq_port *port, uint64_t least);

#endif
