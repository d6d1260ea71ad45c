/* SPDX-License-Identifier: MIT */
#include "choose.h"

#define STAY 64u

/* Whether every one of the first n lanes is empty; *heads: the sum of their heads, which only grow. */
static int all_empty(struct rq_bond *b, uint32_t n, uint64_t *heads)
{
	struct rq_view view;
	*heads = 0;
	for (uint32_t i = 0; i < n; i++) {
		int r = rq_lane_look(&b->reader, i, &view);
		if (r)
			return r < 0 ? r : 0;
		*heads += view.head;
	}
	return 1;
}

/* 1: the queue was empty at one instant. 0: it was not, or who knows. -EBADMSG. */
static int was_empty(struct rq_bond *b)
{
	uint64_t first, second;
	uint32_t n = rq_lanes_used(b->queue);
	int r = all_empty(b, n, &first);
	if (r == 1)
		r = all_empty(b, n, &second);
	return r == 1 ? first == second && n == rq_lanes_used(b->queue) : r;
}

bool rq_was_empty(struct rq_bond *bond)
{
	struct rq_view view;
	for (;;) {
		if (rq_choose(bond, &view) == 1)
			return false;
		int r = was_empty(bond);
		if (r)
			return true;
	}
}

static int choose_any(struct rq_bond *b, struct rq_view *view)
{
	uint32_t n = rq_lanes_used(b->queue);
	if (b->stay == 0) {
		b->lane_at++;
		b->stay = STAY;
	}
	for (uint32_t i = 0; i < n; i++) {
		if (rq_unlikely(b->lane_at >= n))
			b->lane_at %= n;
		int r = rq_lane_look(&b->reader, b->lane_at, view);
		if (rq_likely(r)) {
			b->stay--;
			return r;
		}
		b->lane_at++;
		b->stay = STAY;
	}
	return 0;
}

struct empties {
	uint64_t bits[RQ_LANES_MAX / 64];
};

/* Looks at all lanes. 1 and the oldest head, 0, or -EBADMSG. */
static int oldest(struct rq_bond *b, uint32_t n, struct rq_view *best, struct empties *empty)
{
	struct rq_view view;
	int found = 0;
	memset(empty->bits, 0, (n + 63) / 64 * sizeof empty->bits[0]);
	for (uint32_t i = 0; i < n; i++) {
		int r = rq_lane_look(&b->reader, i, &view);
		if (r < 0)
			return r;
		if (r == 0) {
			empty->bits[i / 64] |= UINT64_C(1) << i % 64;
		} else if (!found || view.stamp < best->stamp) {
			*best = view;
			found = 1;
		}
	}
	return found;
}

/* Whether none of the lanes that were empty has a record now. */
static bool still_empty(struct rq_bond *b, uint32_t n, const struct empties *empty)
{
	struct rq_view view;
	for (uint32_t word = 0; word < (n + 63) / 64; word++)
		for (uint64_t bits = empty->bits[word]; bits; bits &= bits - 1)
			if (rq_lane_look(&b->reader, word * 64 + (uint32_t)__builtin_ctzll(bits), &view))
				return false;
	return true;
}

static int choose_oldest(struct rq_bond *b, struct rq_view *view)
{
	struct empties empty;
	struct rq_view best = { 0 };
	for (;;) {
		uint32_t n = rq_lanes_used(b->queue);
		int r;
		if (n <= 1) {
			r = n ? rq_lane_look(&b->reader, 0, view) : 0;
			if (r < 0 || rq_lanes_used(b->queue) == n)
				return r;
			continue;
		}
		r = oldest(b, n, &best, &empty);
		if (r < 0)
			return r;
		if (r == 0) {
			r = was_empty(b);
			if (r)
				return r == 1 ? 0 : r;
			continue;
		}
		if (!still_empty(b, n, &empty) || rq_lanes_used(b->queue) != n)
			continue;
		/* Other lanes were looked at since: name this one's chunk again before its payload is read. */
		r = rq_lane_look(&b->reader, best.index, view);
		if (r < 0 || (r == 1 && view->head == best.head))
			return r;
	}
}

int rq_choose_slowly(struct rq_bond *bond, struct rq_view *view)
{
	return bond->queue->total ? choose_oldest(bond, view) : choose_any(bond, view);
}

bool rq_must_merge(const struct rq_bond *bond)
{
	return bond->queue->total && rq_lanes_used(bond->queue) > 1;
}
