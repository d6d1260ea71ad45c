/* SPDX-License-Identifier: MIT */
#include "order/merge.h"

#include <errno.h>

#include "base/sys.h"
#include "order/roster.h"
#include "order/stamp.h"

#define DISMISS_EVERY 1024u /* a dismissal interrupts every processor: see rq_sys.barrier() */
#define REFRESH_EVERY 256u  /* choices that go by what is remembered */
#define MERGES_MOST (4 * RQ_LIVE)
/*
 * A round that comes to nothing means that others have changed the queue meanwhile, so it is rare that there are two in a
 * row. A look at the clock costs as much as a look at some lanes: one in 16 rounds is lost in these, and a call overruns its
 * time-out by 16 looks at all lanes at most. RQ_CHOOSE_ROUNDS_MOST is for calls without a time-out.
 */
#define ROUNDS_A_CLOCK 16u

/* Whether every one of the first n lanes is empty; *heads: the sum of their heads, which only grow. */
static int all_empty(struct rq_order *o, uint32_t n, uint64_t *heads)
{
	struct rq_view view;
	*heads = 0;
	for (uint32_t i = 0; i < n; i++) {
		int r = rq_lane_look(&o->reader, i, &view);
		if (r)
			return r < 0 ? r : 0;
		*heads += view.head;
	}
	return 1;
}

int rq_lanes_were_empty(struct rq_order *o)
{
	uint64_t first, second;
	uint32_t n = rq_order_lanes(o);
	int r = all_empty(o, n, &first);
	if (r == 1)
		r = all_empty(o, n, &second);
	return r == 1 ? first == second && n == rq_order_lanes(o) : r;
}

/* One look at the lanes of the roster. */
struct look {
	uint32_t words;
	uint32_t lanes;
	uint64_t roster[RQ_LANES_MAX / RQ_ROSTER_LANES];
	uint32_t empty[RQ_LANES_MAX / RQ_ROSTER_LANES]; /* of those ACTIVE: one bit each, as rq_roster_active() */
	struct rq_view best;
};

static uint32_t lane_of(uint32_t word, uint32_t bits)
{
	return word * RQ_ROSTER_LANES + (uint32_t)__builtin_ctz(bits) / 2;
}

/*
 * As rq_lane_look(), with a stamp that is the record's: while head has not moved, nothing overwrote it. A lane whose head
 * only seemed to be young would let a younger record of another lane pass an older one of its own.
 */
static int look_at_stamp(struct rq_order *o, uint32_t lane, struct rq_view *view)
{
	for (uint32_t steps = 0; steps < RQ_LOOK_STEPS; steps++) {
		int r = rq_lane_look(&o->reader, lane, view);
		rq_acquire_fence(); /* G5 */
		if (r <= 0 || rq_likely(rq_view_is_current(view)))
			return r;
	}
	return -EBADMSG;
}

/* Remembers a lane's head; of more than fit, those with the oldest. */
static void remember(struct rq_merge *m, uint32_t lane, uint64_t bound)
{
	struct rq_live *at = &m->live[m->n];
	if (m->n < RQ_LIVE) {
		m->n++;
	} else {
		at = m->live;
		for (uint32_t i = 1; i < m->n; i++)
			if (m->live[i].bound > at->bound)
				at = &m->live[i];
		uint64_t left_out = bound > at->bound ? bound : at->bound;
		if (left_out < m->rest)
			m->rest = left_out;
		if (bound >= at->bound)
			return;
	}
	*at = (struct rq_live){bound, lane};
}

/* Looks at all lanes that are ACTIVE. 1: look->best is the oldest head. 0: all empty. -EBADMSG. */
static int look_at_all(struct rq_order *o, struct look *look)
{
	struct rq_merge *m = &o->merge;
	struct rq_view view;
	m->n = 0;
	m->rest = rq_clock_now(o->clock);
	look->lanes = rq_order_lanes(o);
	look->words = (look->lanes + RQ_ROSTER_LANES - 1) / RQ_ROSTER_LANES;
	for (uint32_t w = 0; w < look->words; w++) {
		look->roster[w] = rq_load_acquire(&o->shared->roster[w]); /* R2 */
		look->empty[w] = 0;
		for (uint32_t in = rq_roster_active(look->roster[w]); in; in &= in - 1) {
			uint32_t lane = lane_of(w, in);
			if (lane >= look->lanes) /* a corrupt roster: nobody may look there */
				break;
			int r = look_at_stamp(o, lane, &view);
			if (r < 0)
				return r;
			if (r == 0) {
				look->empty[w] |= in & -in;
				continue;
			}
			if (m->n == 0 || view.stamp < look->best.stamp)
				look->best = view;
			remember(m, lane, view.stamp);
		}
	}
	return m->n != 0;
}

/* Whether nothing has come, since, into lanes that were empty or not ACTIVE. */
static bool nothing_came(struct rq_order *o, const struct look *look)
{
	struct rq_view view;
	for (uint32_t w = 0; w < look->words; w++)
		for (uint32_t left = look->empty[w]; left; left &= left - 1)
			if (rq_lane_look(&o->reader, lane_of(w, left), &view))
				return false;
	for (uint32_t w = 0; w < look->words; w++)
		if (rq_load_acquire(&o->shared->roster[w]) != look->roster[w]) /* R3 */
			return false;
	return rq_order_lanes(o) == look->lanes;
}

/* Now and then, lanes that were empty this time and the last time are dismissed. */
static void dismiss_idle(struct rq_order *o, const struct look *look)
{
	o->until_dismissal = DISMISS_EVERY;
	for (uint32_t w = 0; w < look->words; w++) {
		uint32_t idle = o->idle[w] & look->empty[w];
		o->idle[w] = look->empty[w];
		if (idle)
			rq_roster_dismiss(o, w, idle);
	}
}

/* A record in a lane that is not ACTIVE: its producer has not come to say so. Says it for the producer. */
static bool find_unlisted(struct rq_order *o)
{
	struct rq_view view;
	uint32_t n = rq_order_lanes(o);
	for (uint32_t i = 0; i < n; i++)
		if (rq_lane_look(&o->reader, i, &view) > 0) {
			rq_roster_add(o->shared, i);
			return true;
		}
	return false;
}

static void stay_until(struct rq_merge *m, const struct rq_view *view, uint64_t watermark)
{
	m->lane = view->lane;
	m->watermark = watermark;
}

/* What a peek has seen, if it is still there: 1. 0: nothing. -EBADMSG. */
static int look_at_peeked(struct rq_order *o, struct rq_view *view)
{
	uint64_t peeked = rq_load_acquire(&o->shared->peeked); /* L3 */
	uint32_t lane = peeked % RQ_LANES_MAX;
	if (rq_likely(peeked == o->merge.peeked))
		return 0;
	if (lane < rq_order_lanes(o)) {
		uint64_t head = rq_load(&rq_lane_at(o->reader.set, lane)->peeked);
		int r = look_at_stamp(o, lane, view);
		if (r < 0 || (r == 1 && view->head == head))
			return r;
	}
	o->merge.peeked = peeked; /* head has moved on, for good */
	return 0;
}

bool rq_choose_pin(struct rq_order *o, uint64_t peeked, const struct rq_view *view)
{
	rq_u64 *word = &o->shared->peeked, *of_lane = &view->lane->peeked;
	/* Compared and replaced by L1, which acquires: relaxed would do. */
	uint64_t head = rq_load_acquire(of_lane), next = (peeked / RQ_LANES_MAX + 1) * RQ_LANES_MAX + view->index;
	if (o->total) /* the producer may not have come to it */
		rq_total_published(o->shared, view->index, rq_load(&view->lane->owner));
	if (!rq_view_is_current(view))
		return false;
	if (!rq_stamp_needed(o->shared, o->total)) /* nor is there another lane that could come first */
		return true;
	/* Who comes late with an older head fails, or writes over one that is older still. */
	if (head != view->head && !rq_cas(of_lane, &head, view->head)) /* L1 */
		return false;
	return rq_cas(word, &peeked, next); /* L2 */
}

/* The oldest of what is remembered, if it may be next: 1. 0: a full look must tell. -EBADMSG. */
static int merge(struct rq_order *o, struct rq_view *view)
{
	struct rq_merge *m = &o->merge;
	for (unsigned looks = 0; m->n && looks < MERGES_MOST; looks++) {
		struct rq_live *oldest = m->live;
		uint64_t others = m->rest;
		for (uint32_t i = 1; i < m->n; i++) {
			struct rq_live *at = &m->live[i], *later = at;
			if (at->bound < oldest->bound) {
				later = oldest;
				oldest = at;
			}
			if (later->bound < others)
				others = later->bound;
		}
		if (oldest->bound > m->rest)
			break;
		int r = look_at_stamp(o, oldest->lane, view);
		if (r < 0)
			return r;
		if (r == 1 && view->stamp <= others) {
			oldest->bound = view->stamp;
			stay_until(m, view, others);
			return 1;
		}
		if (r == 1 && view->stamp <= m->rest)
			oldest->bound = view->stamp;
		else
			*oldest = m->live[--m->n]; /* nothing there that `rest` does not know */
	}
	return 0;
}

/*
 * Whether the chunk of a view is still the one that the reader knows and names as its hazard. A look at another lane may
 * have named a chunk there, and found then that head had moved on, or no memory yet: the reader knows the same as before,
 * but what it knows may be given back under it.
 */
static bool still_names(const struct rq_order *o, const struct rq_view *view)
{
	return o->reader.lane == view->lane && rq_load(o->reader.hazard) == o->reader.key;
}

int rq_merge_choose(struct rq_order *o, struct rq_view *view)
{
	struct look look;
	look.best = (struct rq_view){0}; /* set whenever a record is found: so the compiler need not see it */
	for (unsigned round = 0; round < RQ_CHOOSE_ROUNDS_MOST; round++) {
		if (round % ROUNDS_A_CLOCK == ROUNDS_A_CLOCK - 1 && rq_patience_is_over(&o->patience))
			break;
		int r = look_at_peeked(o, view);
		/*
		 * What is remembered holds for good, as long as the clock does not go back. Where it does, a lane that
		 * is not remembered could wait until the clock has caught up: so now and then all is looked at anew.
		 */
		if (r == 0 && o->until_refresh-- == 0)
			o->until_refresh = REFRESH_EVERY;
		else if (r == 0)
			r = merge(o, view);
		if (r)
			return r;
		r = look_at_all(o, &look);
		if (r < 0)
			return r;
		if (r == 0) {
			r = find_unlisted(o) ? 0 : rq_lanes_were_empty(o);
			if (r)
				return r == 1 ? 0 : r;
			continue;
		}
		if (o->until_dismissal-- == 0)
			dismiss_idle(o, &look);
		if (look.best.stamp <= o->merge.rest && o->merge.n == 1 && still_names(o, &look.best)) {
			*view = look.best; /* nothing else was there, and nothing else was read since */
			stay_until(&o->merge, view, o->merge.rest);
			return 1;
		}
		if (look.best.stamp <= o->merge.rest || !nothing_came(o, &look))
			continue;
		/* Other lanes were looked at since: name this one's chunk again before its payload is read. */
		r = rq_lane_look(&o->reader, look.best.index, view);
		if (r < 0 || (r == 1 && view->head == look.best.head)) {
			stay_until(&o->merge, view, o->merge.rest);
			return r;
		}
	}
	return -EAGAIN;
}
