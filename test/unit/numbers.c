/* SPDX-License-Identifier: MIT */
/*
 * Numbers that are given once and lie in fewer than 64 bits, near the end of these: of objects, members, families, claims and
 * joins, and how deep a lock is. wrap.c has those of a lane, handles.c those of handles.
 */
#include "../common.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "array/array.h"
#include "lane/hand.h"
#include "queue/handle.h"
#include "region/lease.h"
#include "region/member.h"
#include "region/objects.h"

#define MIB ((size_t)1 << 20)
#define LAST_OBJECT RQ_OWNER_CREATED_MASK

/* ---- objects ---- */

static void check_oldest(ringq_region *region, uint64_t max_records)
{
	ringq_region *observer = observe_region(region);
	ringq_queue *queue, *seen;

	check_eq(ringq_queue_open(&queue, region, NULL), 0);
	check_eq(stat_of(queue).max_records, max_records);
	check_eq(ringq_queue_open(&seen, observer, NULL), 0);
	check_eq(stat_of(seen).max_records, max_records);
	ringq_queue_release(seen);
	ringq_queue_release(queue);
	ringq_region_detach(observer);
}

/* To open without a name is to open the oldest. */
Test(numbers, of_objects_that_come_round_leave_the_oldest_the_oldest)
{
	enum { QUEUES = 6 };
	ringq_region *region = region_new(4 * MIB);
	ringq_queue *queues[QUEUES];

	rq_store(&region->header->creations, LAST_OBJECT - 3);
	for (uint64_t i = 0; i < QUEUES; i++) {
		queues[i] = queue_in(region, &(struct ringq_queue_options){.max_records = i + 1});
		check_eq(put_number(queues[i], (int64_t)i, RINGQ_NOWAIT), 0);
		check_oldest(region, 1);
	}
	for (uint64_t i = 0; i < QUEUES; i++) {
		check_oldest(region, i + 1);
		check_eq(get_number(queues[i], RINGQ_NOWAIT), (int64_t)i);
		check_eq(ringq_queue_delete(queues[i]), 0);
		ringq_queue_release(queues[i]);
	}
	ringq_region_detach(region);
}

/* A name whose hash says nothing in the bits that its place has of it. */
static const char *name_of_zeros(void)
{
	static char name[16];

	for (unsigned i = 0; i == 0 || (rq_name_hash(name) & 15); i++)
		snprintf(name, sizeof(name), "n%u", i);
	return name;
}

/* Number 0 at the first unit would be what the words of names and of naming say where there is none. */
Test(numbers, of_objects_are_never_none)
{
	for (uint64_t before = 0; before < 3; before++) {
		ringq_region *region = region_new(4 * MIB);
		const char *name = name_of_zeros();
		ringq_queue *queue, *again;

		rq_store(&region->header->creations, LAST_OBJECT - before);
		queue = queue_in(region, &(struct ringq_queue_options){.name = name});
		check_eq(put_number(queue, 1, RINGQ_NOWAIT), 0);
		check_eq(ringq_queue_open(&again, region, name), 0);
		check_eq(get_number(again, RINGQ_NOWAIT), 1);
		check_eq(ringq_queue_create(&again, region, &(struct ringq_queue_options){.name = name}), -EEXIST);
		ringq_queue_release(again);
		ringq_queue_release(queue);
		ringq_region_detach(region);
	}
}

static void use_names(ringq_region *region)
{
	for (int i = 0; i < 6; i++) {
		ringq_queue *queue = queue_in(region, &(struct ringq_queue_options){.name = "q"}), *again;
		ringq_array *array, *found;
		ringq_pipe *here, *there;
		char c;

		check_eq(ringq_array_create(&array, region, "a", RINGQ_INT32, 100), i ? -EEXIST : 0);
		check_eq(ringq_array_open(&found, region, "a"), 0);
		check_eq(ringq_pipe_create(&here, &there, region, 0), 0);
		check_eq(ringq_send(here, "x", 1, RINGQ_NOWAIT), 0);
		check_eq(ringq_receive(there, &c, 1, RINGQ_NOWAIT), 1);
		ringq_pipe_close(here);
		check_eq(ringq_receive(there, &c, 1, TEST_SOON), -EPIPE);
		ringq_pipe_close(there);
		check_eq(put_number(queue, i, RINGQ_NOWAIT), 0);
		check_eq(ringq_queue_open(&again, region, "q"), 0);
		check_eq(get_number(again, RINGQ_NOWAIT), i);
		check_eq(ringq_queue_delete(again), 0);
		check_eq(put_number(queue, i, RINGQ_NOWAIT), -EPIPE);
		ringq_queue_release(again);
		ringq_queue_release(queue);
		ringq_array_release(found);
		if (i == 0)
			ringq_array_release(array);
	}
}

Test(numbers, of_objects_that_come_round_leave_names_and_memory_right)
{
	for (uint64_t before = 0; before < 20; before++) {
		ringq_region *region = region_new(4 * MIB);
		int fit = count_queues_that_fit(region);

		rq_store(&region->header->creations, LAST_OBJECT - before);
		use_names(region);
		check_compare(count_queues_that_fit(region), >=, fit - 1); /* the array */
		ringq_region_detach(region);
	}
}

/* ---- members ---- */

/* All numbers have had nearly as many members as can be told apart. */
static void set_members_late(ringq_region *region, uint64_t incarnation)
{
	for (uint32_t i = 0; i < region->at.member_count; i++) {
		check_eq(rq_member_back(region, i), 0);
		rq_store(rq_lease_at(region, i), incarnation << 32);
		rq_store(rq_member_families(region, i), (uint32_t)incarnation);
	}
	rq_store(&region->header->joins, (uint32_t)incarnation);
}

struct scene {
	ringq_queue *queue, *bounded, *acknowledged;
	ringq_array *array;
	int64_t number;
};

static void *ends_with_all(void *arg)
{
	struct scene *s = arg;
	struct ringq_delivery d;
	void *reserved;
	int r = ringq_lock(s->array, RINGQ_NOWAIT);

	check_eq(r, s->number ? -EOWNERDEAD : 0);
	check_eq(put_number(s->queue, s->number, RINGQ_NOWAIT), 0);
	check_eq(put_number(s->bounded, s->number, RINGQ_NOWAIT), 0);
	check_eq(ringq_reserve(s->bounded, &reserved, 8, RINGQ_NOWAIT), 0);
	d = take_number(s->acknowledged, 1, (unsigned)s->number + 1);
	check_eq(d.len, 8);
	return NULL;
}

static void *sleeps(void *arg)
{
	check_eq(get_number(arg, RINGQ_FOREVER), 7);
	return NULL;
}

Test(numbers, of_members_that_come_round_leave_the_dead_dead, .timeout = 60)
{
	struct scene s = {.number = 0};
	ringq_region *region = region_new(4 * MIB);
	ringq_queue *empty;
	pthread_t sleeper;

	set_members_late(region, UINT32_MAX - 5);
	empty = queue_in(region, NULL);
	s.queue = queue_in(region, NULL);
	s.bounded = queue_in(region, &(struct ringq_queue_options){.max_records = 2});
	s.acknowledged = queue_in(region, &(struct ringq_queue_options){.flags = RINGQ_ACKNOWLEDGED});
	check_eq(ringq_array_create(&s.array, region, "array", RINGQ_INT64, 10), 0);
	check_eq(put_number(s.acknowledged, 1, RINGQ_NOWAIT), 0);
	sleeper = start_thread(sleeps, empty);
	for (; s.number < 12; s.number++) {
		join_thread(start_thread(ends_with_all, &s));
		check_eq(get_number(s.queue, RINGQ_NOWAIT), s.number);
		check_eq(get_number(s.bounded, RINGQ_NOWAIT), s.number);
		check_eq(get_number(s.bounded, RINGQ_NOWAIT), -EAGAIN); /* it was not committed */
	}
	uint64_t least = UINT32_MAX;
	for (uint32_t i = 0; i < 4; i++)
		least = rq_load(rq_lease_at(region, i)) >> 32 < least ? rq_load(rq_lease_at(region, i)) >> 32 : least;
	check_compare(least, <, 12); /* one has come round */
	check_eq(put_number(empty, 7, RINGQ_NOWAIT), 0);
	join_thread(sleeper);
	ringq_array_release(s.array);
	release_queues((ringq_queue *[]){empty, s.queue, s.bounded, s.acknowledged}, 4);
	ringq_region_detach(region);
}

/* ---- families ---- */

static void makes_values(void *arg)
{
	ringq_array *values[64];

	for (int32_t i = 0; i < 64; i++) {
		check_eq(ringq_array_create(&values[i], arg, NULL, RINGQ_INT32, 1), 0);
		check_eq(*(int32_t *)ringq_array_data(values[i]), 0);
		check_eq(ringq_store(values[i], 0, &i), 0);
	}
	/* They go with the process. */
}

Test(numbers, of_families_that_come_round_leave_arrays_to_their_own)
{
	ringq_region *region = region_new(MIB);
	ringq_array *mine;
	int32_t n = 5;

	set_members_late(region, UINT32_MAX - 2);
	check_eq(ringq_array_create(&mine, region, NULL, RINGQ_INT32, 1), 0);
	check_eq(ringq_store(mine, 0, &n), 0);
	for (int i = 0; i < 40; i++) /* more than fit: so those of the dead are free again */
		reap_child(fork_child(makes_values, region));
	check_eq(*(int32_t *)ringq_array_data(mine), 5);
	ringq_array_release(mine);
	ringq_region_detach(region);
}

/* ---- claims ---- */

static void set_claims_late(ringq_region *region, uint64_t tickets)
{
	for (uint32_t i = 0; i < region->at.member_count; i++) {
		check_eq(rq_member_back(region, i), 0);
		rq_store(&rq_member_at(region, i)->tickets, tickets);
	}
}

static void *takes_and_ends(void *queue)
{
	struct ringq_delivery d[3];

	check_eq(ringq_take(queue, &d[0], RINGQ_NOWAIT), 0);
	check_eq(ringq_take(queue, &d[1], RINGQ_NOWAIT), 0);
	check_eq(ringq_take_many(queue, &d[2], 1, RINGQ_NOWAIT), 1);
	check_eq(ringq_ack(queue, &d[0]), 0);
	check_eq(ringq_requeue(queue, &d[1]), 0);
	return NULL; /* with the last in its hands */
}

Test(numbers, of_claims_that_come_round_deliver_each_record_once, .timeout = 60)
{
	enum { RECORDS = 40 };
	ringq_region *region = region_new(4 * MIB);
	ringq_queue *queue;
	bool seen[RECORDS] = {0};
	struct ringq_delivery d;
	int acked = 0;

	set_claims_late(region, (UINT64_C(1) << 48) - 6);
	queue = queue_in(region, &(struct ringq_queue_options){.flags = RINGQ_ACKNOWLEDGED});
	rq_store(&queue->shared->returned, UINT64_MAX - 9);
	put_numbers(queue, 0, RECORDS);
	for (int i = 0; i < 20; i++)
		join_thread(start_thread(takes_and_ends, queue));
	while (ringq_take(queue, &d, RINGQ_NOWAIT) == 0) {
		int64_t n;

		memcpy(&n, d.data, sizeof(n));
		check(n >= 0 && n < RECORDS && !seen[n]);
		seen[n] = true;
		check_eq(ringq_ack(queue, &d), 0);
		acked++;
	}
	check_eq(acked, RECORDS - 20);
	check_eq(ringq_join(queue, RINGQ_NOWAIT), 0);
	ringq_queue_release(queue);
	ringq_region_detach(region);
}

static void *joins(void *queue)
{
	check_eq(ringq_join(queue, RINGQ_FOREVER), 0);
	return NULL;
}

Test(numbers, of_the_word_slept_on_for_the_last_record_come_round)
{
	ringq_queue *queue = queue_new(&(struct ringq_queue_options){.flags = RINGQ_ACKNOWLEDGED});
	struct ringq_delivery d;

	rq_store(&queue->shared->drained, UINT32_MAX - 31 - 3);
	for (int i = 0; i < 8; i++) {
		pthread_t thread;

		check_eq(put_number(queue, i, RINGQ_NOWAIT), 0);
		thread = start_thread(joins, queue);
		pause_ns(RINGQ_MS(3));
		d = take_number(queue, i, 1);
		check_eq(ringq_ack(queue, &d), 0);
		join_thread(thread);
	}
	ringq_queue_release(queue);
}

Test(numbers, of_deliveries_end_at_the_most_that_can_be_told)
{
	check_eq(rq_hand_attempt(rq_hand_from(RQ_ATTEMPTS_MOST - 1, 5)), RQ_ATTEMPTS_MOST - 1);
	check_eq(rq_hand_attempt(rq_hand_from(RQ_ATTEMPTS_MOST, 5)), RQ_ATTEMPTS_MOST);
	check_eq(rq_hand_attempt(rq_hand_from(RQ_ATTEMPTS_MOST + 1, 5)), RQ_ATTEMPTS_MOST);
	check_eq(rq_hand_attempt(rq_hand_from(UINT64_MAX, 5)), RQ_ATTEMPTS_MOST);
}

/* ---- peeks ---- */

static void *puts_one(void *queue)
{
	check_eq(put_number(queue, 1, RINGQ_NOWAIT), 0);
	return NULL;
}

Test(numbers, of_peeks_that_come_round_pin_the_first_record)
{
	ringq_queue *queue = queue_new(NULL);

	check_eq(put_number(queue, 0, RINGQ_NOWAIT), 0);
	join_thread(start_thread(puts_one, queue)); /* two lanes */
	rq_store(&queue->shared->peeked, UINT64_MAX - (RQ_LANES_MAX - 1) - 4 * (uint64_t)RQ_LANES_MAX);
	for (int i = 0; i < 12; i++) {
		int64_t n;

		check_eq(ringq_peek(queue, &n, sizeof(n)), sizeof(n));
		check_eq(get_number(queue, RINGQ_NOWAIT), n);
		check_eq(put_number(queue, i, RINGQ_NOWAIT), 0);
	}
	check_compare(rq_load(&queue->shared->peeked) / RQ_LANES_MAX, <, 100);
	ringq_queue_release(queue);
}

/* ---- locks ---- */

Test(numbers, of_a_lock_that_is_locked_as_often_as_can_be_counted)
{
	ringq_array *array;

	check_eq(ringq_array_create(&array, NULL, NULL, RINGQ_INT32, 1), 0);
	check_eq(ringq_lock(array, RINGQ_NOWAIT), 0);
	rq_store(&array->shared->depth, UINT32_MAX - 1);
	check_eq(ringq_lock(array, RINGQ_NOWAIT), 0);
	check_eq(ringq_lock(array, RINGQ_FOREVER), -EAGAIN);
	check_eq(ringq_unlock(array), 0);
	check_eq(rq_load(&array->shared->depth), UINT32_MAX - 1);
	rq_store(&array->shared->depth, 1);
	check_eq(ringq_unlock(array), 0);
	check_eq(ringq_unlock(array), -EPERM);
	ringq_array_release(array);
}
