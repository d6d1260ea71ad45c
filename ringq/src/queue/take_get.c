/* SPDX-License-Identifier: MIT */

/* Gets of acknowledged queues, each a take, a copy and an acknowledgement, and looks at these queues. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "order/next.h"
#include "queue/take.h"

#define GET_MANY_MOST ((size_t)1 << 20)

ssize_t rq_take_get(struct ringq_queue *queue, void *buf, size_t size, int64_t timeout)
{
	struct ringq_delivery d;
	int r = rq_take(queue, &d, size, timeout);
	if (r)
		return r;
	rq_copy_out(buf, d.data, d.len);
	size_t len = d.len;
	r = ringq_ack(queue, &d);
	return r ? r : (ssize_t)len;
}

ssize_t rq_take_get_alloc(struct ringq_queue *queue, void **out, int64_t timeout)
{
	struct ringq_delivery d;
	int r = rq_take(queue, &d, UINT64_MAX, timeout);
	if (r)
		return r;
	void *buf = malloc(d.len ? d.len : 1);
	if (!buf) {
		ringq_requeue(queue, &d);
		return -ENOMEM;
	}
	rq_copy_out(buf, d.data, d.len);
	size_t len = d.len;
	r = ringq_ack(queue, &d);
	if (r) {
		free(buf);
		return r;
	}
	*out = buf;
	return (ssize_t)len;
}

ssize_t rq_take_get_many(struct ringq_queue *queue, struct iovec *records, size_t n, int64_t timeout)
{
	size_t done = 0;
	ssize_t r = 0;
	for (; done < n; done++) {
		if (!records[done].iov_base && records[done].iov_len) {
			r = -EINVAL;
			break;
		}
		r = rq_take_get(queue, records[done].iov_base, records[done].iov_len, done ? RINGQ_NOWAIT : timeout);
		if (r < 0)
			break;
		records[done].iov_len = (size_t)r;
	}
	return done ? (ssize_t)done : r;
}

/* ---- looks ---- */

ssize_t rq_take_peek(struct rq_port *b, void *buf, size_t size)
{
	const struct rq_lane_set *set = &b->queue->set;
	struct rq_hand hand;
	while (rq_hand_returned(set, UINT32_MAX, &hand)) {
		uint64_t header = rq_hand_header(set->region, hand.record), len = rq_record_len(header);
		bool fits = header && len <= size;
		if (fits)
			rq_copy_out(buf, set->region->base + hand.record + rq_record_offset(header), len);
		/* Nobody has taken it meanwhile: so nobody has written there. */
		rq_acquire_fence(); /* G4 */
		if (rq_load(&hand.entry->state) == hand.state)
			return fits ? (ssize_t)len : -EMSGSIZE;
	}
	return -EAGAIN;
}

bool rq_take_empty(struct rq_port *b)
{
	const rq_u64 *returned = &b->queue->shared->returned;
	for (;;) {
		uint64_t word = rq_load_acquire(returned);
		struct rq_hand hand;
		if (rq_hand_returned(&b->queue->set, UINT32_MAX, &hand) || !rq_was_empty(&b->order))
			return false;
		if (rq_load_acquire(returned) == word)
			return true;
	}
}

uint64_t rq_take_waiting(struct rq_port *b, uint64_t least)
{
	const struct rq_hands *h = b->queue->set.hands;
	uint64_t moves, word, n;
	unsigned counts = 0;
	do {
		moves = rq_load_acquire(&h->moves);
		word = rq_load_acquire(&b->queue->shared->returned);
		n = rq_hand_count(&b->queue->set).returned + rq_records_waiting(&b->order, least);
	} while ((rq_load_acquire(&h->moves) != moves || rq_load_acquire(&b->queue->shared->returned) != word) &&
		 ++counts < 16);
	return n;
}

bool rq_take_is_ready(struct rq_port *b)
{
	struct rq_view view;
	struct rq_hand hand;
	bool closed = rq_load_acquire(&b->queue->shared->closed); /* E2 */
	if (rq_choose(&b->order, &view) != 0 || rq_hand_returned(&b->queue->set, UINT32_MAX, &hand))
		return true;
	return closed && rq_hand_count(&b->queue->set).held == 0;
}
