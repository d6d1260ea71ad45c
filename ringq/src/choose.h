/* SPDX-License-Identifier: MIT */
#ifndef RQ_CHOOSE_H
#define RQ_CHOOSE_H

#include "bond.h"

/*
 * Which lane's record is next.
 *
 * RINGQ_ORDER_PRODUCER: any. A consumer stays with a lane for a while and then goes round, so that no lane starves.
 *
 * RINGQ_ORDER_TOTAL: the oldest stamp among the heads. Each record carries a stamp taken after its put began and before
 * it was published. The consumer looks at every lane that the roster has (roster.h) and picks the record b with the
 * oldest stamp; then it looks again at the lanes that were empty, and at whether the roster or the number of lanes has
 * changed; if anything has come, it begins again.
 *
 *   Why that is first in, first out: let the put of a be over before the put of b begins. Then a's stamp is older, a was
 *   published before b, and until a is taken its lane is in the roster. If a is still in its lane when b is picked: either
 *   its lane was looked at and had a head, then that was at most as old as a, so older than b, and b was not the oldest.
 *   Or it was empty, or not in the roster, at the first look and, unchanged, at the second; the second was after b was
 *   seen published, so after a's put was over. So b is not picked before a is taken.
 *   (Dodds, Haas, Kirsch, "A Scalable, Correct Time-Stamped Stack", POPL 2015, has the idea and the queue.)
 *
 * Empty means that at one instant all lanes were: two looks at all, between which no head moved.
 */

/* 1: *view is the next record; claim it, and choose again if that fails. 0: the queue was empty. -EBADMSG. */
int rq_choose(struct rq_bond *bond, struct rq_view *view);

/*
 * The look that most often succeeds, for gets of one record of no more than `most` bytes: whether *view, as said by
 * rq_lane_look_again(), may be next. A consumer may take RQ_STAY of these before it chooses again.
 */
static rq_always_inline bool rq_choose_again(const struct rq_bond *bond, uint64_t most, struct rq_view *view)
{
	if (rq_unlikely(bond->stay == 0 || !rq_lane_look_again(&bond->reader, most, view)))
		return false;
	/* With one lane there is nothing to merge, if there still is one after its record was seen. */
	return !bond->reader.stamped || rq_load_acquire(&bond->queue->shared->lanes_used) == 1;
}

#define RQ_STAY 64u

/* Whether the record behind the chosen one need not be the next. */
bool rq_must_merge(const struct rq_bond *bond);

bool rq_was_empty(struct rq_bond *bond);

#endif
