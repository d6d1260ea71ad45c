/* SPDX-License-Identifier: MIT */
/* The states in which calls are stepped through: a line of the table for each, see its end. */
#include "stage.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "account.h"
#include "acts.h"
#include "arrays.h"
#include "looks.h"
#include "pipes.h"

#define SMALL 40
#define WRAP 500 /* seven fit into the first ring of a lane, which is a page */
#define LARGE ((size_t)3 << 20)

/* ---- prepare: what others have done before ---- */

static void *put_as_another(void *stage)
{
	stage_put(stage, ANOTHER, SMALL);
	return NULL;
}

/* At the same time, so that each has a lane of its own. */
static void *put_as_two(void *stage)
{
	stage_put(stage, OTHER, SMALL);
	join_thread(start_thread(put_as_another, stage));
	stage_put(stage, OTHER, SMALL);
	return NULL;
}

static void two_lanes(struct stage *s)
{
	join_thread(start_thread(put_as_two, s));
}

static void put_and_die(void *stage)
{
	for (int i = 0; i < 3; i++)
		stage_put(stage, OTHER, SMALL);
}

static void reserve_and_die(void *stage)
{
	struct stage *s = stage;
	void *reserved;

	put_and_die(s);
	check_eq(ringq_reserve(s->queue, &reserved, 5000, RINGQ_NOWAIT), 0);
}

static void take_and_die(void *stage)
{
	struct stage *s = stage;

	put_and_die(s);
	check_eq(ringq_take(s->queue, &s->deliveries[0], RINGQ_NOWAIT), 0);
	s->book->poison = record_check(s->deliveries[0].data, s->deliveries[0].len);
	s->book->poisoned = getpid();
	kill(getpid(), SIGKILL);
}

/* What it has in hand comes back, and is next. */
static void dead_taker(struct stage *s)
{
	await_death(fork_child(take_and_die, s));
}

/* The same, where there is no room for dead letters. */
static void dead_taker_full(struct stage *s)
{
	dead_taker(s);
	while (ringq_put(s->dead, NULL, 0, RINGQ_NOWAIT) == 0)
		;
}

/* The driver has one in hand until the others have put and taken all around it. */
static struct ringq_delivery in_hand;
static bool has_in_hand;

static void take_one(struct stage *s)
{
	check_eq(ringq_take(s->queue, &in_hand, RINGQ_NOWAIT), 0);
	record_check(in_hand.data, in_hand.len);
	has_in_hand = true;
}

/* It is what it was, whatever the others have put. */
static void end_in_hand(struct stage *s)
{
	uint32_t next[PARTIES] = {0};

	if (!has_in_hand)
		return;
	stage_see(s, in_hand.data, in_hand.len, next);
	check_eq(ringq_ack(s->queue, &in_hand), 0);
	has_in_hand = false;
}

static void living_taker(struct stage *s)
{
	two_lanes(s);
	take_one(s);
}

static void living_and_dead_taker(struct stage *s)
{
	take_one(s);
	dead_taker(s);
}

static void dead_producer(struct stage *s)
{
	reap_child(fork_child(put_and_die, s));
}

static void dead_reservation(struct stage *s)
{
	reap_child(fork_child(reserve_and_die, s));
}

/* One record of a dead producer's lane is in the driver's hand, the next in a dead one's, who has put there, too. */
static void dead_producer_in_hand(struct stage *s)
{
	dead_producer(s);
	living_and_dead_taker(s);
}

static void fill_ring_and_die(void *stage)
{
	for (int i = 0; i < 7; i++)
		stage_put(stage, OTHER, WRAP);
}

/* The only one that is not taken away yet is the first in the lane's ring, whose end is next. */
static void dead_producer_wrapping(struct stage *s)
{
	reap_child(fork_child(fill_ring_and_die, s));
	take_one(s);
	for (int i = 1; i < 7; i++)
		stage_get(s);
}

static void leave_ring_and_die(void *stage)
{
	struct stage *s = stage;
	void *reserved;

	for (int i = 0; i < 9; i++)
		stage_put(s, OTHER, WRAP);
	check_eq(ringq_reserve(s->queue, &reserved, 5000, RINGQ_NOWAIT), 0);
}

/* What is in hand lies in a chunk that head has left; one that nothing was published in is to be dropped. */
static void dead_producer_elsewhere(struct stage *s)
{
	reap_child(fork_child(leave_ring_and_die, s));
	take_one(s);
	for (int i = 1; i < 8; i++)
		stage_get(s);
}

/* ---- setup: what the child itself has done before ---- */

static void next_put(struct stage *s, size_t len)
{
	s->len = len;
	stage_write(s, 0, len);
}

/* It is a member, has a lane, and has looked. */
static void joined(struct stage *s)
{
	stage_put(s, CHILD, SMALL);
	stage_get(s);
}

static void put_some(struct stage *s, unsigned n, size_t len)
{
	while (n--)
		stage_put(s, CHILD, len);
}

static void set_put_first(struct stage *s)
{
	next_put(s, SMALL);
}

static void set_put(struct stage *s)
{
	joined(s);
	next_put(s, SMALL);
}

static void set_put_first_wrap(struct stage *s)
{
	next_put(s, WRAP);
}

static void set_put_wrap(struct stage *s)
{
	for (int i = 0; i < 7; i++) {
		stage_put(s, CHILD, WRAP);
		stage_get(s);
	}
	next_put(s, WRAP);
}

static void set_put_grow(struct stage *s)
{
	put_some(s, 7, WRAP);
	next_put(s, WRAP);
}

static void set_put_large(struct stage *s)
{
	joined(s);
	next_put(s, LARGE);
}

static void set_put_once(struct stage *s)
{
	joined(s);
	next_put(s, 20000);
}

/* The lane's chunk of another size, which consumers have left, is there to be used again. */
static void set_put_spare(struct stage *s)
{
	put_some(s, 30, WRAP);
	for (int i = 0; i < 30; i++)
		stage_get(s);
	put_some(s, 1, 20000);
	next_put(s, 30000);
}

/* As much as goes in. */
static void set_put_full(struct stage *s)
{
	do
		next_put(s, WRAP);
	while (ringq_put(s->queue, s->buffer, s->len, RINGQ_NOWAIT) == 0 && ++s->book->done[CHILD]);
}

/* It is a member and has a lane, without a record that would wake anybody. */
static void set_put_waking(struct stage *s)
{
	check_eq(ringq_reserve(s->queue, &s->reserved, SMALL, RINGQ_NOWAIT), 0);
	ringq_abort(s->queue, s->reserved);
	next_put(s, SMALL);
}

static void set_put_beside(struct stage *s)
{
	put_some(s, 2, SMALL);
	next_put(s, SMALL);
}

static void set_many(struct stage *s, size_t len)
{
	for (size_t i = 0; i < STAGE_MANY; i++) {
		stage_write(s, i * STAGE_SLOT, len);
		s->records[i] = (struct iovec){s->buffer + i * STAGE_SLOT, len};
	}
}

static void set_put_many(struct stage *s)
{
	joined(s);
	set_many(s, SMALL);
}

static void set_put_many_waking(struct stage *s)
{
	set_put_waking(s);
	s->book->begun[CHILD]--;
	set_many(s, SMALL);
}

static void set_put_many_grow(struct stage *s)
{
	joined(s);
	set_many(s, WRAP);
}

static void set_abort(struct stage *s)
{
	joined(s);
	s->book->begun[CHILD]++;
}

static void next_get(struct stage *s, uint32_t n)
{
	s->book->gets_begun += n;
	for (size_t i = 0; i < STAGE_MANY; i++)
		s->records[i] = (struct iovec){s->buffer + i * STAGE_SLOT, STAGE_SLOT};
}

static void set_get_first(struct stage *s)
{
	next_get(s, 1);
}

static void set_get_first_many(struct stage *s)
{
	next_get(s, STAGE_MANY);
}

static void set_get(struct stage *s)
{
	joined(s);
	put_some(s, 2, SMALL);
	next_get(s, 1);
}

/* Its claims have met nobody else's for a while: it takes head to be where it left it. */
static void set_get_alone(struct stage *s)
{
	for (int i = 0; i < 20; i++)
		joined(s);
	set_get(s);
}

static void set_take_alone(struct stage *s)
{
	struct ringq_delivery d;

	put_some(s, 22, SMALL);
	for (int i = 0; i < 20; i++) {
		uint32_t next[PARTIES] = {0};
		check_eq(ringq_take(s->queue, &d, RINGQ_NOWAIT), 0);
		stage_see(s, d.data, d.len, next);
		check_eq(ringq_ack(s->queue, &d), 0);
	}
	next_get(s, 1);
}

static void set_get_empty(struct stage *s)
{
	joined(s);
	next_get(s, 1);
}

static void set_get_wrap(struct stage *s)
{
	set_put_wrap(s);
	s->book->begun[CHILD]--;
	stage_put(s, CHILD, WRAP);
	next_get(s, 1);
}

/* The record behind the LINK is next. */
static void set_get_link(struct stage *s)
{
	put_some(s, 9, WRAP);
	for (int i = 0; i < 7; i++)
		stage_get(s);
	next_get(s, 1);
}

static void set_get_large(struct stage *s)
{
	joined(s);
	put_some(s, 1, LARGE);
	next_get(s, 1);
}

static void set_get_once(struct stage *s)
{
	joined(s);
	put_some(s, 1, 20000);
	next_get(s, 1);
}

static void set_get_many(struct stage *s)
{
	joined(s);
	put_some(s, STAGE_MANY, SMALL);
	next_get(s, STAGE_MANY);
}

static void set_get_many_link(struct stage *s)
{
	put_some(s, 12, WRAP);
	next_get(s, STAGE_MANY);
}

/* It has had as many in hand before: one claim takes all. */
static void take_many_before(struct stage *s, size_t len)
{
	uint32_t next[PARTIES] = {0};

	put_some(s, STAGE_MANY, len);
	check_eq(ringq_take_many(s->queue, s->deliveries, STAGE_MANY, RINGQ_NOWAIT), STAGE_MANY);
	for (size_t i = 0; i < STAGE_MANY; i++)
		stage_see(s, s->deliveries[i].data, s->deliveries[i].len, next);
	check_eq(ringq_ack_many(s->queue, s->deliveries, STAGE_MANY), 0);
}

static void set_take_many(struct stage *s)
{
	take_many_before(s, SMALL);
	set_get_many(s);
}

static void set_take_many_link(struct stage *s)
{
	take_many_before(s, SMALL);
	set_get_many_link(s);
}

/* It has the first of three in hand. */
static void set_requeue(struct stage *s)
{
	joined(s);
	put_some(s, 3, SMALL);
	check_eq(ringq_take(s->queue, &s->deliveries[0], RINGQ_NOWAIT), 0);
	s->book->gets_begun++;
}

/* All that there is is in its hand: who waits sleeps until it is given back. */
static void set_requeue_alone(struct stage *s)
{
	joined(s);
	put_some(s, 1, SMALL);
	check_eq(ringq_take(s->queue, &s->deliveries[0], RINGQ_NOWAIT), 0);
	s->book->gets_begun++;
}

static void set_peek(struct stage *s)
{
	joined(s);
	put_some(s, 2, SMALL);
}

static void set_attach(struct stage *s)
{
	s->fd = dup(ringq_region_fd(s->region));
	ringq_queue_release(s->queue);
	ringq_region_detach(s->region);
	ringq_region_detach(s->region);
}

/* With records in its lane, and a reservation open. */
static void set_leave(struct stage *s)
{
	void *reserved;

	joined(s);
	put_some(s, 9, WRAP);
	check_eq(ringq_reserve(s->queue, &reserved, SMALL, RINGQ_NOWAIT), 0);
}

static void set_leave_drained(struct stage *s)
{
	joined(s);
}

/* With records in its lane, and its turn over. */
static void set_leave_turn(struct stage *s)
{
	joined(s);
	put_some(s, 9, WRAP);
}

/* ---- after ---- */

/* The name leads to a queue that works, whoever made it. */
static void check_named(struct stage *s)
{
	const struct ringq_queue_options options = {.name = ACT_NAME, .max_producers = 8, .max_records = 3};
	ringq_queue *queue;
	int rc = ringq_queue_create(&queue, s->region, &options);

	if (rc == -EEXIST)
		rc = ringq_queue_open(&queue, s->region, ACT_NAME);
	check_eq(rc, 0);
	check_eq(put_number(queue, 1, RINGQ_NOWAIT), 0);
	check_eq(get_number(queue, RINGQ_NOWAIT), 1);
	ringq_queue_release(queue);
}

/* What there still is, and then its end. */
static void check_drained(ringq_queue *closed)
{
	int64_t number;

	while ((number = get_number(closed, RINGQ_NOWAIT)) >= 0)
		check_eq(number, 1);
	check_eq(number, -EPIPE);
}

/*
 * Whoever still has the queue finds it as it was, or closed; where its name is gone, it is closed, and another may have the
 * name.
 */
static void check_doomed(struct stage *s)
{
	ringq_queue *found;
	int rc = ringq_queue_open(&found, s->region, ACT_NAME);

	if (rc) {
		check_eq(rc, -ENOENT);
		check_eq(put_number(s->doomed, 1, RINGQ_NOWAIT), -EPIPE);
		check_named(s);
	} else {
		ringq_queue_release(found);
	}
	rc = put_number(s->doomed, 1, RINGQ_NOWAIT);
	if (rc == -EPIPE)
		check_drained(s->doomed);
	else
		check(rc == 0 || rc == -EAGAIN);
}

/* The end of what a dead child has left undone, so that the name is free. */
static void delete_doomed(struct stage *s)
{
	ringq_queue *found;

	ringq_queue_release(s->doomed);
	s->doomed = NULL;
	if (ringq_queue_open(&found, s->region, ACT_NAME) == 0) {
		check_eq(ringq_queue_delete(found), 0);
		ringq_queue_release(found);
	}
}

static void prepare_doomed(struct stage *s)
{
	delete_doomed(s);
	check_eq(ringq_queue_create(
			 &s->doomed, s->region, &(struct ringq_queue_options){.name = ACT_NAME, .max_producers = 8}),
		0);
	for (int i = 0; i < 3; i++)
		check_eq(put_number(s->doomed, LOOKS_DOOMED, RINGQ_NOWAIT), 0);
}

static void set_doomed(struct stage *s)
{
	check_eq(ringq_queue_open(&s->doomed, s->region, ACT_NAME), 0);
	check_eq(put_number(s->doomed, 1, RINGQ_NOWAIT), 0);
	check_eq(get_number(s->doomed, RINGQ_NOWAIT), 1);
}

static void after_doomed(struct stage *s)
{
	if (s->undisturbed)
		check_eq(put_number(s->doomed, 1, RINGQ_NOWAIT), -EPIPE);
	check_doomed(s);
	delete_doomed(s);
	check_named(s);
}

/* Whoever asks for more memory than there is looks first for what the dead held, and frees it. */
static void check_named_after_sweep(struct stage *s)
{
	if (ringq_put(s->queue, s->buffer, 900000, RINGQ_NOWAIT) == 0)
		check_eq(ringq_get(s->queue, s->buffer, STAGE_BUFFER, RINGQ_NOWAIT), 900000);
	check_named(s);
}

/* ---- the table ---- */

#define BOUNDED .queue.max_records = 3
#define ACKNOWLEDGED .queue.flags = RINGQ_ACKNOWLEDGED, .acknowledges = true
/* What is in hand when its holder dies is there still. */
#define IN_PLACE .queue.flags = RINGQ_SINGLE_CONSUMER, .acknowledges = true, .turn = true
#define SETS_ASIDE \
	.queue.flags = RINGQ_ACKNOWLEDGED, .queue.max_attempts = 1, .queue.dead_letters = "dead", .acknowledges = true
/* The driver looks where all records are, peeks and takes, beside the child and behind it. */
#define ACCOUNTED .held = account_beside, .killed = account_behind
#define BOUNDED_MANY .queue.max_records = 16
#define KEEPS_LARGE .memory = 4 << 20
#define SHORT .region = 1 << 20, .queue.max_bytes = 16384, .one_order = true
#define ARRAY .prepare = arrays_prepare, .during = arrays_during, .after = arrays_after, .one_order = true
#define TURNS .queue.flags = RINGQ_SINGLE_PRODUCER, .one_order = true
#define TURN TURNS, .turn = true
#define TURN_BOUNDED TURN, .queue.max_records = 3
#define FEW_BYTES .queue.max_bytes = 1500
/* What is in hand counts: the longest record has room beside one that a stopped consumer holds. */
#define BYTES_BESIDE_HELD .queue.max_bytes = 8192
/* By an observer, beside three records in the lanes of two. */
#define LOOK .prepare = two_lanes, .looks = true
#define PIPE .prepare = pipe_for_child, .after = check_pipe_ended, .one_order = true
#define PIPE_SENT .prepare = pipe_for_child_sent, .after = check_pipe_ended, .one_order = true

const struct call calls[] = {
	{"put_first", set_put_first, .act = &act_put},
	{"put_small", set_put, .act = &act_put},
	{"put_wrap", set_put_wrap, .act = &act_put},
	{"put_grow", set_put_grow, .act = &act_put},
	{"put_spare", set_put_spare, .act = &act_put},
	{"put_large", set_put_large, .act = &act_put, KEEPS_LARGE},
	{"put_once", set_put_once, .act = &act_put, FEW_BYTES},
	{"put_full_bytes", set_put_full, .act = &act_put, .expect = -EAGAIN, FEW_BYTES},
	{"put_full_records", set_put_full, .act = &act_put, .expect = -EAGAIN, BOUNDED},
	{"put_wakes", set_put_waking, .act = &act_put, .prepare = stage_sleeping_consumer},
	{"put_bounded", set_put, .act = &act_put, BOUNDED},
	{"put_first_bounded", set_put_first, .act = &act_put, BOUNDED},
	{"put_beside_lanes", set_put_beside, .act = &act_put, .prepare = two_lanes},
	{"put_many", set_put_many, .act = &act_put_many, .expect = STAGE_MANY},
	{"put_many_grow", set_put_many_grow, .act = &act_put_many, .expect = STAGE_MANY},
	{"put_many_bounded", set_put_many, .act = &act_put_many, .expect = STAGE_MANY, BOUNDED_MANY},
	{"put_many_few_places", set_put_many, .act = &act_put_many, .expect = 3, BOUNDED},
	{"put_many_wakes", set_put_many_waking, .act = &act_put_many, .expect = STAGE_MANY,
		.prepare = stage_sleeping_consumer},
	{"reserve_commit", set_put, .act = &act_reserve_commit},
	{"reserve_commit_bounded", set_put, .act = &act_reserve_commit, BOUNDED},
	{"reserve_abort", set_abort, .act = &act_reserve_abort, BOUNDED},
	{"adopt", set_put_first, .act = &act_put, .prepare = dead_producer},
	{"adopt_bounded", set_put_first, .act = &act_put, .prepare = dead_reservation, .queue.max_records = 5},
	{"adopt_in_hand", set_put_first, .act = &act_put, .prepare = dead_producer_in_hand, .settle = end_in_hand,
		ACKNOWLEDGED},
	{"adopt_in_hand_accounted", set_put_first, .act = &act_put, .prepare = dead_producer_in_hand,
		.settle = end_in_hand, ACKNOWLEDGED, ACCOUNTED},
	{"adopt_in_hand_wrap", set_put_first_wrap, .act = &act_put, .prepare = dead_producer_wrapping,
		.settle = end_in_hand, ACKNOWLEDGED},
	{"adopt_in_hand_link", set_put_first, .act = &act_put, .prepare = dead_producer_elsewhere,
		.settle = end_in_hand, ACKNOWLEDGED},
	{"get_first", set_get_first, .act = &act_get, .prepare = two_lanes},
	{"get_small", set_get, .act = &act_get},
	{"get_alone", set_get_alone, .act = &act_get},
	{"get_empty", set_get_empty, .act = &act_get, .expect = -EAGAIN},
	{"get_bounded", set_get, .act = &act_get, BOUNDED},
	{"get_wrap", set_get_wrap, .act = &act_get},
	{"get_link", set_get_link, .act = &act_get},
	{"get_large", set_get_large, .act = &act_get, KEEPS_LARGE},
	{"get_once", set_get_once, .act = &act_get, FEW_BYTES},
	{"get_alloc", set_get, .act = &act_get_alloc},
	{"get_wakes_bytes", set_get_first, .act = &act_get, .prepare = stage_sleeping_producer, FEW_BYTES},
	{"get_wakes_records", set_get_first, .act = &act_get, .prepare = stage_sleeping_producer, BOUNDED},
	{"get_many", set_get_many, .act = &act_get_many, .expect = STAGE_MANY},
	{"get_many_link", set_get_many_link, .act = &act_get_many, .expect = STAGE_MANY},
	{"take_first", set_get_first, .act = &act_take, .prepare = two_lanes, ACKNOWLEDGED},
	{"take", set_get, .act = &act_take, ACKNOWLEDGED},
	{"take_alone", set_take_alone, .act = &act_take, ACKNOWLEDGED},
	{"take_empty", set_get_empty, .act = &act_take, .expect = -EAGAIN, ACKNOWLEDGED},
	{"take_bounded", set_get, .act = &act_take, ACKNOWLEDGED, BOUNDED},
	{"take_wrap", set_get_wrap, .act = &act_take, ACKNOWLEDGED},
	{"take_link", set_get_link, .act = &act_take, ACKNOWLEDGED},
	{"take_once", set_get_once, .act = &act_take, ACKNOWLEDGED, BYTES_BESIDE_HELD},
	{"take_many_first", set_get_first_many, .act = &act_take_many, .expect = 3, .prepare = two_lanes, ACKNOWLEDGED},
	{"take_many", set_take_many, .act = &act_take_many, .expect = STAGE_MANY, ACKNOWLEDGED},
	{"take_many_bounded", set_take_many, .act = &act_take_many, .expect = STAGE_MANY, ACKNOWLEDGED, BOUNDED_MANY},
	{"take_many_link", set_take_many_link, .act = &act_take_many, .expect = STAGE_MANY, ACKNOWLEDGED},
	{"take_accounted", set_get, .act = &act_take, ACKNOWLEDGED, ACCOUNTED},
	{"take_many_accounted", set_take_many, .act = &act_take_many, .expect = STAGE_MANY, ACKNOWLEDGED, ACCOUNTED},
	{"take_returned", set_get, .act = &act_take_returned, .ready = dead_taker, ACKNOWLEDGED},
	{"take_returned_first", set_get_first, .act = &act_take_returned, .prepare = dead_taker, ACKNOWLEDGED},
	{"take_returned_accounted", set_get, .act = &act_take_returned, .ready = dead_taker, ACKNOWLEDGED, ACCOUNTED},
	{"set_aside_first", set_get_first, .act = &act_take, .prepare = dead_taker, SETS_ASIDE},
	{"set_aside", set_get, .act = &act_take, .ready = dead_taker, SETS_ASIDE},
	{"set_aside_bounded", set_get, .act = &act_take, .ready = dead_taker, SETS_ASIDE, .queue.max_records = 8},
	{"set_aside_accounted", set_get, .act = &act_take, .ready = dead_taker, SETS_ASIDE, ACCOUNTED},
	{"set_aside_full", set_get, .act = &act_take, .ready = dead_taker_full, SETS_ASIDE},
	{"take_wakes_bytes", set_get_first, .act = &act_take, .prepare = stage_sleeping_producer, ACKNOWLEDGED,
		BYTES_BESIDE_HELD},
	{"take_wakes_records", set_get_first, .act = &act_take, .prepare = stage_sleeping_producer, ACKNOWLEDGED,
		BOUNDED},
	{"join", set_get, .act = &act_join, .expect = -EAGAIN, .queue.flags = RINGQ_ACKNOWLEDGED},
	{"get_acknowledged", set_get, .act = &act_get, .queue.flags = RINGQ_ACKNOWLEDGED},
	{"get_many_acknowledged", set_get_many, .act = &act_get_many, .expect = STAGE_MANY,
		.queue.flags = RINGQ_ACKNOWLEDGED},
	{"requeue", set_requeue, .act = &act_requeue, ACKNOWLEDGED},
	{"requeue_wakes", set_requeue_alone, .act = &act_requeue, .ready = stage_sleeping_consumer, ACKNOWLEDGED},
	{"requeue_accounted", set_requeue, .act = &act_requeue, ACKNOWLEDGED, ACCOUNTED},
	{"release_in_hand", set_requeue, .act = &act_release, ACKNOWLEDGED},
	{"release_in_hand_accounted", set_requeue, .act = &act_release, ACKNOWLEDGED, ACCOUNTED},
	{"thread_exit_in_hand", set_requeue, .act = &act_thread_exit, ACKNOWLEDGED, ACCOUNTED, .one_order = true},
	{"take_in_place_first", set_get_first, .act = &act_take, .prepare = two_lanes, IN_PLACE},
	{"take_in_place", set_get, .act = &act_take, IN_PLACE},
	{"take_in_place_alone", set_take_alone, .act = &act_take, IN_PLACE},
	{"take_in_place_bounded", set_get, .act = &act_take, IN_PLACE, BOUNDED},
	{"take_in_place_link", set_get_link, .act = &act_take, IN_PLACE},
	{"take_in_place_wakes", set_get_first, .act = &act_take, .prepare = stage_sleeping_producer, IN_PLACE, FEW_BYTES},
	{"peek", set_peek, .act = &act_peek},
	{"peek_returned", set_peek, .act = &act_peek_returned, .ready = dead_taker, ACKNOWLEDGED},
	{"peek_returned_first", NULL, .act = &act_peek_returned, .prepare = dead_taker, ACKNOWLEDGED},
	{"peek_in_hand", set_peek, .act = &act_peek_returned, .ready = living_and_dead_taker, .settle = end_in_hand,
		ACKNOWLEDGED},
	{"close", set_put_beside, .act = &act_close, .closes = true},
	{"close_wakes", NULL, .act = &act_close, .prepare = stage_sleeping_consumer, .closes = true},
	{"create_named", NULL, .act = &act_create_named, .during = check_named, .after = check_named, .one_order = true},
	{"create_named_short", NULL, .act = &act_create_named, .after = check_named_after_sweep, .region = 1 << 20,
		.queue.max_bytes = 16384, .one_order = true},
	{"delete", set_doomed, .act = &act_delete, .prepare = prepare_doomed, .during = check_doomed,
		.after = after_doomed, .one_order = true, .memory = 256 << 10},
	{"create_anonymous", NULL, .act = &act_create_anonymous, .one_order = true},
	{"open", NULL, .act = &act_open, .one_order = true},
	{"attach", set_attach, .act = &act_attach, .one_order = true},
	{"thread_exit", set_leave, .act = &act_thread_exit, .one_order = true},
	{"thread_exit_bounded", set_leave_drained, .act = &act_thread_exit, BOUNDED},
	{"release", set_leave, .act = &act_release},
	{"release_drained", set_leave_drained, .act = &act_release, BOUNDED},
	{"put_turn", set_put, .act = &act_put, .prepare = dead_producer, TURN},
	{"put_turn_first", set_put_first, .act = &act_put, .prepare = dead_producer, TURN},
	{"put_turn_grow", set_put_grow, .act = &act_put, TURN},
	{"put_turn_in_hand", set_put_first_wrap, .act = &act_put, .prepare = dead_producer_wrapping,
		.settle = end_in_hand, .queue.flags = RINGQ_SINGLE_PRODUCER | RINGQ_ACKNOWLEDGED, .acknowledges = true,
		.turn = true, .one_order = true},
	{"put_turn_bounded", set_put_first, .act = &act_put, .prepare = dead_reservation, TURN, .queue.max_records = 5},
	{"put_many_turn", set_put_many, .act = &act_put_many, .expect = STAGE_MANY, TURN},
	{"reserve_commit_turn", set_put, .act = &act_reserve_commit, TURN_BOUNDED},
	{"reserve_abort_turn", set_abort, .act = &act_reserve_abort, TURN_BOUNDED},
	{"thread_exit_turn", set_leave_turn, .act = &act_thread_exit, TURNS},
	{"thread_exit_turn_drained", set_leave_drained, .act = &act_thread_exit, TURNS},
	{"thread_exit_turn_reserved", set_leave, .act = &act_thread_exit, TURN},
	{"release_turn", set_leave_turn, .act = &act_release, TURNS},
	{"release_turn_drained", set_leave_drained, .act = &act_release, TURNS},
	{"array_value_first", NULL, .act = &act_array_value, .during = arrays_during_create,
		.after = arrays_after_sweep, SHORT},
	{"array_value", arrays_setup_value, .act = &act_array_value, .during = arrays_during_create,
		.after = arrays_after_sweep, SHORT},
	{"array_large", arrays_setup_value, .act = &act_array_large, .during = arrays_during_create,
		.after = arrays_after_sweep, SHORT},
	{"array_named", NULL, .act = &act_array_named, .during = arrays_check_named, .after = arrays_check_named,
		.one_order = true},
	{"array_release", arrays_setup_value, .act = &act_array_release, .during = arrays_during_create,
		.after = arrays_after_sweep, SHORT},
	{"array_release_large", arrays_setup_large, .act = &act_array_release, .during = arrays_during_create,
		.after = arrays_after_sweep, SHORT},
	{"array_open", NULL, .act = &act_array_open, .prepare = arrays_prepare_named, .during = arrays_during,
		.after = arrays_after, .one_order = true},
	{"lock_first", NULL, .act = &act_lock, ARRAY},
	{"lock", arrays_setup, .act = &act_lock, ARRAY},
	{"lock_again", arrays_setup_locked, .act = &act_lock, ARRAY},
	{"lock_dead", NULL, .act = &act_lock, .expect = -EOWNERDEAD, .prepare = arrays_prepare_dead,
		.during = arrays_during, .after = arrays_after, .one_order = true},
	{"unlock", arrays_setup_locked, .act = &act_unlock, ARRAY},
	{"add", arrays_setup, .act = &act_add, .prepare = arrays_prepare, .after = arrays_after_add, .one_order = true},
	{"array_write", arrays_setup, .act = &act_array_write, ARRAY},
	{"array_read", arrays_setup, .act = &act_array_read, ARRAY},
	{"pipe_create", NULL, .act = &act_pipe_create, .after = check_pipes_gone, .one_order = true},
	{"pipe_send", set_pipe, .act = &act_pipe_send, PIPE, .during = check_pipe_open},
	{"pipe_receive", set_pipe, .act = &act_pipe_receive, PIPE_SENT, .during = check_pipe_open},
	{"pipe_close", set_pipe, .act = &act_pipe_close, PIPE},
	{"pipe_close_both", set_pipe_both, .act = &act_pipe_close_both, .after = check_pipes_gone, .one_order = true},
	{"pipe_take", set_pipe_untaken, .act = &act_pipe_take, PIPE},
	{"observe", looks_setup_descriptor, .act = &act_observe, LOOK, .one_order = true},
	{"look_objects", looks_setup, .act = &act_look_objects, .expect = 1, LOOK, .one_order = true},
	{"look_members", looks_setup, .act = &act_look_members, .expect = 1, LOOK, .one_order = true},
	{"look_stat", looks_setup, .act = &act_look_stat, .expect = 3, LOOK, .one_order = true},
	{"look_stat_returned", looks_setup, .act = &act_look_stat, .expect = 3, .prepare = dead_taker, .looks = true,
		ACKNOWLEDGED, .one_order = true},
	{"look_holder", looks_setup, .act = &act_look_holder, .expect = 1, .prepare = looks_prepare_locked,
		.after = looks_after_locked, .looks = true, .one_order = true},
	{"look_elements", looks_setup, .act = &act_look_elements, .expect = ARRAYS_CONTENT,
		.prepare = looks_prepare_locked, .after = looks_after_locked, .looks = true, .one_order = true},
	{"browse", looks_setup, .act = &act_browse, .expect = 3, LOOK},
	{"browse_returned", looks_setup, .act = &act_browse, .expect = 3, .prepare = dead_taker, .looks = true,
		ACKNOWLEDGED},
	{"browse_in_hand", looks_setup, .act = &act_browse_in_hand, .expect = 1, .prepare = living_taker,
		.settle = end_in_hand, .looks = true, ACKNOWLEDGED},
	{"browse_in_hand_returned", looks_setup, .act = &act_browse_in_hand, .expect = 1,
		.prepare = dead_producer_in_hand, .settle = end_in_hand, .looks = true, ACKNOWLEDGED},
	{"browse_doomed", looks_setup, .act = &act_browse_doomed, .expect = 3, .prepare = prepare_doomed,
		.during = looks_during_doomed, .after = delete_doomed, .looks = true, .memory = 256 << 10,
		.one_order = true},
	{"size_outside", NULL, .act = &act_size_outside, .expect = 3, .prepare = prepare_doomed,
		.ready = looks_fill_members, .held = looks_let_members_go, .during = looks_during_doomed,
		.after = delete_doomed, .looks = true, .memory = 256 << 10, SHORT},
};

const size_t calls_count = COUNT(calls);
