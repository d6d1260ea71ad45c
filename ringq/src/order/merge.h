/* SPDX-License-Identifier: MIT */
#ifndef RQ_MERGE_H
#define RQ_MERGE_H

/*
 * Total order: the lanes as one queue, by the stamps of their records.
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

#include "order/order.h"

/*
 * Looks at everything in a row that something came between: each such look means that another call has put or taken, so the
 * queue as a whole goes on. The bound is for a region that a hostile peer keeps changing: no call goes round for ever.
 */
#define RQ_CHOOSE_ROUNDS_MOST 65536u

/* As rq_choose(), in total order. */
int rq_merge_choose(struct rq_order *order, struct rq_view *view);

/* 1: the queue was empty at one instant. 0: it was not, or who knows. -EBADMSG. */
int rq_lanes_were_empty(struct rq_order *order);

/*
 * Whether *view, which rq_choose() has chosen, was the queue's first at an instant of the call and stays so, until it is
 * taken, to all calls that begin from now on. False: others have changed the queue. peeked: the queue's word, read before
 * the choice.
 */
bool rq_choose_pin(struct rq_order *order, uint64_t peeked, const struct rq_view *view);

#endif
