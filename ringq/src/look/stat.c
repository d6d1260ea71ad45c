/* SPDX-License-Identifier: MIT */

/* A queue in figures: of the whole, and lane by lane. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <ringq/look.h>

#include "base/event.h"
#include "base/sys.h"
#include "lane/sight.h"
#include "look/author.h"
#include "look/hands.h"
#include "queue/enter.h"
#include "region/things.h"

#define LANES_BYTES 65536u /* of lanes, with their tables, that are read at once */

static int look_at_lane(
	const struct rq_lane_set *set, uint32_t index, struct rq_lane *words, struct ringq_lane_stat *out)
{
	uint64_t waiting;
	int r = rq_sight_waiting(set, index, words, &waiting);
	if (r)
		return r;
	uint64_t in = rq_load(&words->puts);
	*out = (struct ringq_lane_stat){
		.records_in = in,
		.records_out = in > waiting ? in - waiting : 0,
		.bytes_held = rq_sight_bytes_held(set, words),
		.bytes_most = rq_load(&words->most),
		.lane = index,
		.asleep = rq_load(&words->not_full) & RQ_EVENT_WAITERS,
	};
	return rq_author_of(set, words, RQ_AUTHOR_LAST, &out->producer);
}

/* Has `see` look at the first n lanes, of which it reads as many at once as fit. */
static int each_lane(const struct rq_lane_set *set, uint32_t n,
	void (*see)(const struct ringq_lane_stat *lane, void *arg), void *arg)
{
	struct ringq_lane_stat lane;
	uint32_t at_once = set->stride < LANES_BYTES ? LANES_BYTES / set->stride : 1;
	at_once = at_once < n ? at_once : n;
	char *lanes = malloc((size_t)at_once * set->stride + 1);
	int r = lanes ? 0 : -ENOMEM;
	for (uint32_t i = 0; r == 0 && i < n; i++) {
		uint32_t k = i % at_once;
		if (k == 0)
			r = rq_sight_lanes(set, i, n - i < at_once ? n - i : at_once, lanes);
		if (r == 0)
			r = look_at_lane(set, i, (struct rq_lane *)(lanes + (size_t)k * set->stride), &lane);
		if (r == 0)
			see(&lane, arg);
	}
	free(lanes);
	return r;
}

static uint32_t lanes_used(const struct ringq_queue *q, const struct rq_queue_shared *words)
{
	uint32_t n = rq_load(&words->lanes_used);
	return n <= q->set.max ? n : q->set.max;
}

static int read_words(const struct ringq_queue *q, struct rq_queue_shared *words)
{
	const struct ringq_region *region = q->region;
	return rq_glance_read(
		region, rq_unit_offset(region, q->set.first), words, offsetof(struct rq_queue_shared, roster));
}

/* What was read was the queue's if it is still there: its word never comes back. */
static int check_there(const struct ringq_queue *q, int error)
{
	uint64_t owner;
	int r = rq_glance_owner(q->region, q->set.first, &owner);
	return r ? r : owner != q->owner ? -EPIPE : error;
}

static void add_lane(const struct ringq_lane_stat *lane, void *arg)
{
	struct ringq_queue_stat *out = arg;
	out->records_in += lane->records_in;
	out->records_out += lane->records_out;
	out->bytes_held += lane->bytes_held;
	out->producers += lane->producer.state == RINGQ_ALIVE;
	out->dead_producers += lane->producer.state == RINGQ_DEAD;
	out->producers_asleep |= lane->asleep;
	if (lane->bytes_most > out->bytes_most)
		out->bytes_most = lane->bytes_most;
}

/* What the queue of dead letters is called, unless it was deleted. */
static int name_dead_letters(const struct ringq_region *region, const struct rq_look_hands *hands, char name[64])
{
	struct rq_thing thing;
	if (!hands->dead_letters)
		return 0;
	int r = rq_thing_at(region, hands->dead_first, &thing);
	if (r == 1 && thing.owner == hands->dead_letters)
		memcpy(name, thing.shared.name, 63);
	return r < 0 ? r : 0;
}

/* After the lanes: what has come back by then was taken, and waits again. */
static int look_at_hands(const struct rq_lane_set *set, struct ringq_queue_stat *out)
{
	struct rq_look_hands hands;
	int r = rq_look_at_hands(set, &hands);
	if (r)
		return r;
	const struct rq_held *oldest = hands.held_count ? hands.held : NULL;
	for (size_t i = 1; i < hands.held_count; i++)
		oldest = hands.held[i].taken < oldest->taken ? &hands.held[i] : oldest;
	int64_t now = rq_sys.tick();
	out->in_hand = hands.held_count;
	out->returned = hands.returned;
	out->records_out -= hands.returned < out->records_out ? hands.returned : out->records_out;
	out->redelivered = hands.redelivered;
	out->dead_lettered = hands.dead_lettered;
	out->oldest_ns = oldest && now > (int64_t)oldest->taken ? (uint64_t)now - oldest->taken : 0;
	out->oldest_process = oldest ? oldest->holder.process : 0;
	out->oldest_thread = oldest ? oldest->holder.thread : 0;
	out->max_attempts = hands.max_attempts;
	r = name_dead_letters(set->region, &hands, out->dead_letters);
	rq_look_hands_free(&hands);
	return r;
}

static int look_at_queue(const struct ringq_queue *q, struct ringq_queue_stat *out)
{
	struct rq_queue_shared words;
	int r = read_words(q, &words);
	if (r)
		return r;
	*out = (struct ringq_queue_stat){
		.max_records = q->max_records,
		.max_bytes = q->set.max_bytes,
		.order = q->order,
		.flags = q->flags,
		.lanes = lanes_used(q, &words),
		.closed = rq_load(&words.closed) != 0,
		.consumers_asleep = rq_load(&words.not_empty) & RQ_EVENT_WAITERS,
		.producers_asleep = rq_load(&words.not_full) & RQ_EVENT_WAITERS,
		.max_producers = q->set.max,
		.sleeps_get = rq_load(&words.sleeps_get),
		.sleeps_put = rq_load(&words.sleeps_put),
		.wakes = rq_load(&words.wakes),
		.created = words.created,
	};
	memcpy(out->name, words.name, sizeof out->name - 1);
	r = each_lane(&q->set, out->lanes, add_lane, out);
	return r || !(q->flags & RINGQ_ACKNOWLEDGED) ? r : look_at_hands(&q->set, out);
}

int ringq_queue_stat(const ringq_queue *queue, struct ringq_queue_stat *out)
{
	struct ringq_queue_stat stat;
	if (!queue || !out)
		return -EINVAL;
	int r = rq_look_enter(queue);
	if (r)
		return r;
	r = check_there(queue, look_at_queue(queue, &stat));
	rq_leave();
	if (r == 0)
		*out = stat;
	return r;
}

static void list_lane(const struct ringq_lane_stat *lane, void *arg)
{
	struct ringq_lane_stat **out = arg;
	*(*out)++ = *lane;
}

static ssize_t look_at_lanes(const struct ringq_queue *q, struct ringq_lane_stat *out, size_t n)
{
	struct rq_queue_shared words;
	int r = read_words(q, &words);
	if (r)
		return r;
	uint32_t used = lanes_used(q, &words);
	r = each_lane(&q->set, used < n ? used : (uint32_t)n, list_lane, &out);
	return r ? r : (ssize_t)used;
}

ssize_t ringq_queue_lanes(const ringq_queue *queue, struct ringq_lane_stat *out, size_t n)
{
	if (!queue || (!out && n))
		return -EINVAL;
	ssize_t r = rq_look_enter(queue);
	if (r)
		return r;
	r = look_at_lanes(queue, out, n);
	int gone = check_there(queue, 0);
	r = gone ? gone : r;
	rq_leave();
	return r;
}
