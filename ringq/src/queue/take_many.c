/* SPDX-License-Identifier: MIT */

/*
 * Many takes by one call: records that lie one behind the other in a lane are taken by one claim. Each has an entry of
 * its own, all with the same ticket, so that they are in hand together or not at all, and are finished in any order.
 */

#include <errno.h>
#include <sys/uio.h>

#include "base/sys.h"
#include "order/next.h"
#include "queue/enter.h"
#include "queue/finish.h"
#include "queue/take.h"
#include "queue/taker.h"

/* Whether nothing has come back that would have to be taken first, and it is not time to look at the books. */
static bool nothing_is_back(const struct rq_port *b, int64_t now)
{
	const struct rq_taker *t = b->taker;
	return t && now - t->looked < RQ_LOOK_EVERY && rq_taker_nothing_back(b, t->returned, UINT64_MAX);
}

/* Records of one lane by one claim. How many; 0: take one, and see why. */
static size_t take_batch(struct rq_port *b, struct ringq_delivery *out, const struct iovec *into, size_t n)
{
	struct rq_view first;
	int64_t now = rq_sys.tick();
	if (!nothing_is_back(b, now) || rq_load_acquire(&b->queue->shared->closed) == RQ_CLOSED_DELETED) /* E2 */
		return 0;
	b->order.patience = (struct rq_patience){.timeout = RINGQ_NOWAIT};
	/* Looked again: what came back before the first was put comes before it. */
	if (rq_choose(&b->order, &first) != 1 || !nothing_is_back(b, now))
		return 0;
	ssize_t r = into ? rq_take_claim_fitting(b, &first, now, out, into, n) : rq_take_claim(b, &first, now, out, n);
	return r > 0 ? (size_t)r : 0;
}

static ssize_t take_some(
	struct ringq_queue *queue, struct ringq_delivery *out, const struct iovec *into, size_t n, int64_t timeout)
{
	struct rq_port *b;
	size_t taken = 0;
	while (taken < n) {
		const struct iovec *rest = into ? into + taken : NULL;
		size_t more = 0;
		if (n - taken > 1 && rq_enter_again(queue, &b)) {
			more = take_batch(b, out + taken, rest, n - taken);
			rq_leave_again(b);
		}
		if (more == 0) {
			int r = rq_take(
				queue, out + taken, rest ? rest->iov_len : UINT64_MAX, taken ? RINGQ_NOWAIT : timeout);
			if (r)
				return taken ? (ssize_t)taken : r;
			more = 1;
		}
		taken += more;
	}
	return (ssize_t)taken;
}

ssize_t rq_take_many(struct ringq_queue *queue, struct ringq_delivery *out, size_t n, int64_t timeout)
{
	return take_some(queue, out, NULL, n, timeout);
}

ssize_t rq_take_fitting(
	struct ringq_queue *queue, struct ringq_delivery *out, const struct iovec *into, size_t n, int64_t timeout)
{
	return take_some(queue, out, into, n, timeout);
}
