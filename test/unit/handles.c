/* SPDX-License-Identifier: MIT */
/* Many handles in one thread: each put and get as with one, without the process lock; and no two are taken for each other. */
#include "../common.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>

#include "base/process.h"
#include "queue/enter.h"

enum { HANDLES = 200, RECORDS = 1000 };

struct many {
	ringq_queue *queues[HANDLES];
	atomic_int ready, locked, over;
};

static void use_all(struct many *many)
{
	for (int64_t i = 0; i < HANDLES; i++)
		check_eq(put_number(many->queues[i], i, RINGQ_NOWAIT), 0);
	for (int64_t i = 0; i < HANDLES; i++)
		check_eq(get_number(many->queues[i], RINGQ_NOWAIT), i);
}

static void *use_them(void *arg)
{
	struct many *many = arg;

	use_all(many);
	atomic_store(&many->ready, 1);
	wait_set(&many->locked);
	for (int i = 0; i < 20; i++)
		use_all(many);
	atomic_store(&many->over, 1);
	return NULL;
}

/* Whoever has the lock, a fork for instance, keeps nobody from what is no first call. */
Test(handles, are_used_without_the_process_lock_however_many)
{
	ringq_region *region = region_new(64 << 20);
	struct many many = {0};

	for (int i = 0; i < HANDLES; i++)
		many.queues[i] = queue_in(region, NULL);
	pthread_t thread = start_thread(use_them, &many);
	wait_set(&many.ready);
	rq_process_lock();
	atomic_store(&many.locked, 1);
	wait_set(&many.over);
	rq_process_unlock();
	join_thread(thread);
	for (int i = 0; i < HANDLES; i++)
		ringq_queue_release(many.queues[i]);
	ringq_region_detach(region);
}

/* By turns through two handles of each kind of queue; all come out, in order. */
static void check_apart(ringq_queue *a, ringq_queue *b)
{
	struct rq_port *of_a, *of_b;

	for (int64_t i = 0; i < RECORDS; i++)
		check_eq(put_number(i % 2 ? a : b, i, RINGQ_NOWAIT), 0);
	check_eq(ringq_size(a), RECORDS);
	for (int64_t i = 0; i < RECORDS; i++)
		check_eq(get_number(a, RINGQ_NOWAIT), i);
	check_eq(get_number(b, RINGQ_NOWAIT), -EAGAIN);
	check_eq(rq_enter(a, &of_a), 0);
	rq_leave();
	check_eq(rq_enter(b, &of_b), 0);
	rq_leave();
	check(of_a->id != of_b->id);
}

static const struct ringq_queue_options options[] = {
	{.flags = RINGQ_SINGLE_PRODUCER}, {.flags = RINGQ_SINGLE_PRODUCER, .max_records = RECORDS}, {0}};

Test(handles, that_are_opened_one_after_the_other_share_a_number_but_not_at_the_same_time)
{
	for (size_t kind = 0; kind < COUNT(options); kind++) {
		ringq_region *region = region_new(16 << 20);
		ringq_queue *first = queue_in(region, &options[kind]), *next, *last;

		check_eq(put_number(first, 0, RINGQ_NOWAIT), 0);
		check_eq(get_number(first, RINGQ_NOWAIT), 0);
		for (int i = 0; i < 100; i++) {
			check_eq(ringq_queue_open(&next, region, NULL), 0);
			uint32_t number = next->number;
			check(number != first->number);
			check_apart(first, next);
			ringq_queue_release(next);
			check_eq(ringq_queue_open(&last, region, NULL), 0);
			check_eq(last->number, number); /* few numbers, few pages of a thread's cache */
			ringq_queue_release(last);
		}
		ringq_queue_release(first);
		ringq_region_detach(region);
	}
}

/* As many opened and released meanwhile as a port's id has numbers, and some more, so that a handle's count goes round. */
Test(handles, far_apart_are_not_taken_for_each_other, .timeout = 100)
{
	ringq_region *region = region_new(16 << 20);
	ringq_queue *first[COUNT(options)], *second[COUNT(options)], *other = queue_in(region, NULL), *again;

	for (size_t kind = 0; kind < COUNT(options); kind++) {
		first[kind] = queue_in(region, &options[kind]);
		check_eq(put_number(first[kind], 0, RINGQ_NOWAIT), 0);
		check_eq(get_number(first[kind], RINGQ_NOWAIT), 0);
	}
	uint64_t steps = brief_or_long(2000, RQ_HANDLES_MAX - COUNT(options));
	for (uint64_t i = 0; i < steps; i++) {
		check_eq(ringq_queue_open(&again, region, NULL), 0);
		ringq_queue_release(again);
	}
	for (size_t kind = 0; kind < COUNT(options); kind++) {
		uint64_t unit = first[kind]->set.first;

		check_eq(rq_queue_handle(&second[kind], region, unit,
				 rq_owner_object_units(rq_load(rq_owner_at(region, unit))),
				 rq_load(rq_owner_at(region, unit))),
			0);
	}
	for (size_t kind = 0; kind < COUNT(options); kind++)
		check_apart(first[kind], second[kind]);
	for (size_t kind = 0; kind < COUNT(options); kind++) {
		ringq_queue_release(first[kind]);
		ringq_queue_release(second[kind]);
	}
	ringq_queue_release(other);
	ringq_region_detach(region);
}

static void *let_go_soon(void *lane)
{
	pause_ns(RINGQ_MS(20));
	rq_store_release(&((struct rq_lane *)lane)->owner, 0);
	return NULL;
}

/* Who takes over what the dead left has a lane more for a moment. A new producer waits for that, but not for ever. */
Test(handles, get_the_lane_that_is_just_taken_over, .timeout = 60)
{
	ringq_region *region = region_new(16 << 20);
	ringq_queue *first = queue_in(region, &(struct ringq_queue_options){.max_producers = 1}), *second;
	struct rq_lane *lane = rq_lane_at(&first->set, 0);

	check_eq(put_number(first, 1, RINGQ_NOWAIT), 0);
	uint64_t owner = rq_load(&lane->owner);
	check_eq(ringq_queue_open(&second, region, NULL), 0);
	check_eq(put_number(second, 2, RINGQ_NOWAIT), -EUSERS);
	rq_store(&lane->owner, owner | RQ_ID_REAPS);
	check_eq(put_number(second, 2, RINGQ_NOWAIT), -EUSERS); /* that one is stopped */
	pthread_t reaper = start_thread(let_go_soon, lane);
	check_eq(put_number(second, 2, RINGQ_NOWAIT), 0);
	join_thread(reaper);
	check_eq(get_number(second, RINGQ_NOWAIT), 1);
	check_eq(get_number(second, RINGQ_NOWAIT), 2);
	ringq_queue_release(first);
	ringq_queue_release(second);
	ringq_region_detach(region);
}
