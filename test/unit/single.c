/* SPDX-License-Identifier: MIT */
/*
 * RINGQ_SINGLE_PRODUCER and RINGQ_SINGLE_CONSUMER used in turns: nobody but who has the turn writes what is the turn's, and
 * a turn lasts from reserve to commit.
 */
#include "../common.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "queue/block.h"
#include "queue/single.h"
#include "queue/handle.h"

#define SINGLE (&(struct ringq_queue_options){.flags = RINGQ_SINGLE_PRODUCER})

static struct rq_lane *lane_of(const ringq_queue *queue)
{
	return rq_lane_at(&queue->set, 0);
}

/* All that a turn may write: the lane, and the memory of its last chunk. */
struct snapshot {
	char *lane, *chunk;
	struct rq_ring ring;
	uint64_t owner;
};

static struct snapshot snapshot(const ringq_queue *queue)
{
	struct rq_lane *lane = lane_of(queue);
	struct snapshot s = {.lane = malloc(queue->set.stride)};
	uint64_t entry = rq_load(rq_entry_at(&queue->set, lane, rq_load(&lane->newest)));

	check(rq_ring_of(&queue->set, entry, &s.ring));
	s.chunk = malloc(s.ring.size);
	memcpy(s.lane, lane, queue->set.stride);
	memcpy(s.chunk, s.ring.base, s.ring.size);
	s.owner = rq_load(&lane->owner);
	return s;
}

/* Nothing has been written since; but that the owner may be gone, and that a release wakes sleepers. */
static void check_untouched(const ringq_queue *queue, struct snapshot *s, uint64_t owner)
{
	uint64_t *was = (uint64_t *)(void *)(s->lane + offsetof(struct rq_lane, owner));
	uint32_t event = rq_load(&lane_of(queue)->not_full);

	check_eq(*was, s->owner);
	*was = owner;
	memcpy(s->lane + offsetof(struct rq_lane, not_full), &event, sizeof(event));
	check(!memcmp(s->lane, lane_of(queue), queue->set.stride));
	check(!memcmp(s->chunk, s->ring.base, s->ring.size));
	free(s->lane);
	free(s->chunk);
}

struct turn {
	ringq_queue *queue;
	unsigned left; /* records that it puts and does not take */
	atomic_int over, go_on;
};

static void *have_a_turn(void *arg)
{
	struct turn *turn = arg;

	check_eq(put_number(turn->queue, 0, RINGQ_NOWAIT), 0);
	check_eq(get_number(turn->queue, RINGQ_NOWAIT), 0);
	for (unsigned i = 0; i < turn->left; i++)
		check_eq(put_number(turn->queue, i, RINGQ_NOWAIT), 0);
	atomic_store(&turn->over, 1);
	wait_set(&turn->go_on);
	return NULL;
}

Test(single, the_end_of_a_thread_writes_nothing_into_the_lane)
{
	for (unsigned left = 0; left < 2000; left += 1999) {
		struct turn turn = {.queue = queue_new(SINGLE), .left = left};
		pthread_t thread = start_thread(have_a_turn, &turn);

		wait_set(&turn.over);
		struct snapshot before = snapshot(turn.queue);
		atomic_store(&turn.go_on, 1);
		join_thread(thread);
		check_untouched(turn.queue, &before, 0);
		for (unsigned i = 0; i < left; i++)
			check_eq(get_number(turn.queue, RINGQ_NOWAIT), i);
		ringq_queue_release(turn.queue);
	}
}

Test(single, a_release_writes_nothing_into_the_lane)
{
	ringq_region *region = region_new(4 << 20);
	ringq_queue *first = queue_in(region, SINGLE), *second;

	check_eq(ringq_queue_open(&second, region, NULL), 0);
	check_eq(put_number(first, 1, RINGQ_NOWAIT), 0);
	check_eq(get_number(first, RINGQ_NOWAIT), 1);
	struct snapshot before = snapshot(second);
	ringq_queue_release(first);
	check_untouched(second, &before, 0);
	check_eq(put_number(second, 2, RINGQ_NOWAIT), 0);
	check_eq(get_number(second, RINGQ_NOWAIT), 2);
	ringq_queue_release(second);
	ringq_region_detach(region);
}

static void put_three(void *queue)
{
	for (int i = 0; i < 3; i++)
		check_eq(put_number(queue, i, RINGQ_NOWAIT), 0);
}

Test(single, looks_at_what_the_dead_left_write_nothing_and_are_right)
{
	ringq_queue *queue = queue_new(SINGLE);
	struct ringq_queue_stat stat;
	char buf[8];

	reap_child(fork_child(put_three, queue));
	rq_store(&lane_of(queue)->puts, 1); /* as if it had died before it counted the last two */
	struct snapshot before = snapshot(queue);
	check_eq(ringq_size(queue), 3);
	check(!ringq_full(queue) && !ringq_empty(queue));
	check_eq(ringq_queue_stat(queue, &stat), 0);
	check_eq(ringq_peek(queue, buf, sizeof(buf)), 8);
	check_untouched(queue, &before, before.owner);
	for (int i = 0; i < 3; i++) {
		check_eq(ringq_size(queue), 3 - i);
		check_eq(get_number(queue, RINGQ_NOWAIT), i);
	}
	check_eq(put_number(queue, 3, RINGQ_NOWAIT), 0);
	check_eq(ringq_size(queue), 1);
	ringq_queue_release(queue);
}

static void reserve_and_die(void *queue)
{
	void *reserved;

	check_eq(ringq_reserve(queue, &reserved, 8, RINGQ_NOWAIT), 0);
}

Test(single, a_place_that_the_dead_reserved_is_free_for_the_next_turn)
{
	ringq_queue *queue = queue_new(&(struct ringq_queue_options){.flags = RINGQ_SINGLE_PRODUCER, .max_records = 2});

	check_eq(put_number(queue, 1, RINGQ_NOWAIT), 0);
	reap_child(fork_child(reserve_and_die, queue));
	check(!ringq_full(queue));
	check_eq(put_number(queue, 2, RINGQ_NOWAIT), 0);
	check(ringq_full(queue));
	check_eq(put_number(queue, 3, RINGQ_NOWAIT), -EAGAIN);
	ringq_queue_release(queue);
}

struct other {
	ringq_queue *queue;
	ringq_pipe *pipe;
	atomic_int tid;
	int64_t result;
};

static void *put_as_another(void *arg)
{
	struct other *other = arg;

	other->result = put_number(other->queue, 7, RINGQ_NOWAIT);
	return NULL;
}

static int64_t put_by_another(ringq_queue *queue)
{
	struct other other = {.queue = queue};

	join_thread(start_thread(put_as_another, &other));
	return other.result;
}

Test(single, a_turn_lasts_from_reserve_to_commit)
{
	ringq_queue *queue = queue_new(SINGLE);
	void *reserved;

	for (int round = 0; round < 3; round++) {
		check_eq(ringq_reserve(queue, &reserved, 8, RINGQ_NOWAIT), 0);
		memset(reserved, 0, 8);
		check_eq(put_number(queue, 1, RINGQ_NOWAIT), -EBUSY);
		check_eq(put_by_another(queue), RQ_GUARDS ? -EBUSY : 0);
		check_eq(ringq_commit(queue, reserved, 8), RQ_GUARDS ? 0 : -EBUSY);
		check_eq(get_number(queue, RINGQ_NOWAIT), RQ_GUARDS ? 0 : 7);
		check_eq(put_by_another(queue), 0);
		check_eq(ringq_reserve(queue, &reserved, 8, RINGQ_NOWAIT), 0);
		ringq_abort(queue, reserved);
		check_eq(put_by_another(queue), 0);
		check_eq(get_number(queue, RINGQ_NOWAIT), 7);
		check_eq(get_number(queue, RINGQ_NOWAIT), 7);
		check_eq(ringq_size(queue), 0);
	}
	ringq_queue_release(queue);
}

Test(single, an_abort_beside_anothers_turn_takes_nothing_of_it)
{
	ringq_queue *queue = queue_new(&(struct ringq_queue_options){.flags = RINGQ_SINGLE_PRODUCER, .max_records = 2});
	void *reserved;

	check_eq(ringq_reserve(queue, &reserved, 8, RINGQ_NOWAIT), 0);
	if (!RQ_GUARDS)
		check_eq(put_by_another(queue), 0);
	ringq_abort(queue, reserved);
	if (RQ_GUARDS)
		check_eq(put_by_another(queue), 0);
	check_eq(put_by_another(queue), 0);
	check_eq(put_by_another(queue), -EAGAIN);
	check_eq(get_number(queue, RINGQ_NOWAIT), 7);
	check_eq(get_number(queue, RINGQ_NOWAIT), 7);
	check_eq(get_number(queue, RINGQ_NOWAIT), -EAGAIN);
	ringq_queue_release(queue);
}

static void *reserve_and_end(void *queue)
{
	reserve_and_die(queue);
	return NULL;
}

Test(single, a_turn_is_over_when_its_thread_has_ended)
{
	ringq_queue *queue = queue_new(&(struct ringq_queue_options){.flags = RINGQ_SINGLE_PRODUCER, .max_records = 1});

	for (int round = 0; round < 3; round++) {
		join_thread(start_thread(reserve_and_end, queue));
		check_eq(put_by_another(queue), 0);
		check_eq(get_number(queue, RINGQ_NOWAIT), 7);
		reap_child(fork_child(reserve_and_die, queue));
		check_eq(put_by_another(queue), 0);
		check_eq(get_number(queue, RINGQ_NOWAIT), 7);
	}
	ringq_queue_release(queue);
}

static void *wait_in_poll(void *arg)
{
	struct other *other = arg;

	atomic_store(&other->tid, thread_id());
	other->result = ringq_poll(other->pipe, RINGQ_FOREVER);
	return NULL;
}

Test(single, a_poll_is_a_turn_to_get)
{
	struct other other = {0};
	ringq_pipe *writer;

	if (!RQ_GUARDS)
		cr_skip_test("this build has no checks");
	check_eq(ringq_pipe_create(&other.pipe, &writer, NULL, RINGQ_SIMPLEX | RINGQ_SINGLE_CONSUMER), 0);
	pthread_t thread = start_thread(wait_in_poll, &other);
	wait_set(&other.tid);
	wait_asleep(other.tid);
	check_eq(ringq_receive(other.pipe, &other.tid, sizeof(other.tid), RINGQ_NOWAIT), -EBUSY);
	check_eq(ringq_poll(other.pipe, RINGQ_NOWAIT), -EBUSY);
	check_eq(ringq_send(writer, "", 1, RINGQ_NOWAIT), 0);
	join_thread(thread);
	check_eq(other.result, 1);
	check_eq(ringq_poll(other.pipe, RINGQ_NOWAIT), 1);
	ringq_pipe_close(writer);
	ringq_pipe_close(other.pipe);
}

#define RECORD 1000
#define RECORDS 65 /* that is what max_bytes is for */
#define MAX_BYTES ((uint64_t)RECORDS * 1008)

static void *put_long_as_another(void *arg)
{
	static const char record[RECORD];
	struct other *other = arg;

	other->result = ringq_put(other->queue, record, RECORD, RINGQ_NOWAIT);
	if (other->result)
		check(ringq_full(other->queue));
	return NULL;
}

Test(single, those_who_take_turns_share_max_bytes)
{
	static const char record[RECORD];
	char buf[RECORD];
	struct other other = {.queue = queue_new(&(struct ringq_queue_options){
				      .flags = RINGQ_SINGLE_PRODUCER, .max_bytes = MAX_BYTES})};
	unsigned n = 0;

	do {
		join_thread(start_thread(put_long_as_another, &other));
		n += other.result == 0;
	} while (other.result == 0 && ringq_put(other.queue, record, RECORD, RINGQ_NOWAIT) == 0 && ++n < 1000);
	check_eq(n, RECORDS);
	check(ringq_full(other.queue));
	check_eq(ringq_get(other.queue, buf, RECORD, RINGQ_NOWAIT), RECORD);
	join_thread(start_thread(put_long_as_another, &other));
	check_eq(other.result, 0);
	ringq_queue_release(other.queue);
}

static int64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return RINGQ_SEC(t.tv_sec) + t.tv_nsec;
}

#define BACKLOG (TEST_UNDER_TSAN ? 20000 : 300000)

/* The cheapest of some turns that follow another handle's. */
static int64_t turn_costs(ringq_queue *mine, ringq_queue *others)
{
	int64_t least = INT64_MAX;

	for (int i = 0; i < 50; i++) {
		check_eq(put_number(others, 1, RINGQ_NOWAIT), 0);
		int64_t start = cpu_ns();
		check_eq(put_number(mine, 1, RINGQ_NOWAIT), 0);
		int64_t took = cpu_ns() - start;
		least = took < least ? took : least;
	}
	return least;
}

Test(single, a_turn_costs_no_look_at_the_whole_backlog)
{
	ringq_region *region = region_new(64 << 20);
	ringq_queue *first = queue_in(region,
			    &(struct ringq_queue_options){.flags = RINGQ_SINGLE_PRODUCER, .max_bytes = RINGQ_UNBOUNDED}),
		    *second;

	check_eq(ringq_queue_open(&second, region, NULL), 0);
	int64_t without = turn_costs(first, second);
	for (int i = 0; i < BACKLOG; i++)
		check_eq(put_number(first, i, RINGQ_NOWAIT), 0);
	turn_costs(first, second);
	check_compare(turn_costs(first, second), <, 10 * without + RINGQ_US(20));
	ringq_queue_release(first);
	ringq_queue_release(second);
	ringq_region_detach(region);
}

static void *first_put(void *arg)
{
	struct other *other = arg;
	int64_t start = cpu_ns();

	check_eq(put_number(other->queue, 1, RINGQ_NOWAIT), 0);
	other->result = cpu_ns() - start;
	return NULL;
}

static int64_t first_put_costs(ringq_queue *queue)
{
	int64_t least = INT64_MAX;

	for (int i = 0; i < 20; i++) {
		struct other other = {.queue = queue};

		join_thread(start_thread(first_put, &other));
		least = other.result < least ? other.result : least;
	}
	return least;
}

static void *put_backlog(void *queue)
{
	for (int i = 0; i < BACKLOG; i++)
		check_eq(put_number(queue, i, RINGQ_NOWAIT), 0);
	return NULL;
}

Test(single, nor_does_the_first_put_of_a_thread_that_takes_over_the_lane_of_one_that_ended)
{
	ringq_queue *queue = queue_new(&(struct ringq_queue_options){.max_bytes = RINGQ_UNBOUNDED});
	int64_t without = first_put_costs(queue);

	join_thread(start_thread(put_backlog, queue));
	check_compare(first_put_costs(queue), <, 10 * without + RINGQ_US(20));
	check_eq(ringq_size(queue), BACKLOG + 40);
	ringq_queue_release(queue);
}
