/* SPDX-License-Identifier: MIT */
/*
 * The memory of a lane's chunks by itself: entries of its table, made by hand, in a lane that nobody puts to; who takes a
 * spare chunk, when it is given back, and what of it stays where somebody may read it.
 */
#include "../common.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "lane/chunks.h"
#include "queue/handle.h"

#define MIB ((size_t)1 << 20)
#define LANE 2u
#define NOW UINT32_C(0xfffffffe) /* the chunk that head is in: their numbers are about to come round */

static ringq_region *region;
static ringq_queue *queue;
static struct rq_membership *me;
static struct rq_lane *lane;
static struct rq_lane_set *set;

static void set_up(void)
{
	static const struct ringq_queue_options options = {.max_producers = 4, .max_bytes = 4 * MIB};

	region = region_new(16 * MIB);
	check_eq(ringq_queue_create(&queue, region, &options), 0);
	check_eq(rq_membership_of(&me, region), 0);
	set = &queue->set;
	lane = rq_lane_at(set, LANE);
	rq_store(&lane->head, rq_head(NOW, 4096));
}

static void tear_down(void)
{
	rq_store(&lane->head, rq_head(0, 0));
	ringq_queue_release(queue);
	ringq_region_detach(region);
}

static uint64_t owner_of(uint64_t unit)
{
	return rq_load(rq_owner_at(region, unit));
}

/* A chunk of so many units, filled, in the table. Its first unit. */
static uint64_t add(uint32_t chunk, uint64_t units)
{
	unsigned code = rq_size_code(units);
	uint64_t n = rq_size_units(code);
	int64_t unit = rq_units_claim(region, n, rq_chunk_owner(set, LANE, chunk), n * region->at.page);

	check(unit >= 0);
	memset(rq_unit_at(region, (uint64_t)unit), 'x', n * region->at.page);
	rq_store(rq_entry_at(set, lane, chunk), rq_entry(chunk, (uint64_t)unit, code));
	return (uint64_t)unit;
}

static struct rq_ring ring_of(uint32_t chunk)
{
	struct rq_ring ring;

	check(rq_ring_of(set, rq_load(rq_entry_at(set, lane, chunk)), &ring));
	return ring;
}

static bool is_there(uint32_t chunk, uint64_t unit)
{
	uint64_t entry = rq_load(rq_entry_at(set, lane, chunk));

	return entry && rq_entry_chunk(entry) == chunk && rq_entry_unit(entry) == unit &&
	       owner_of(unit) == rq_chunk_owner(set, LANE, chunk);
}

static void check_gone(uint32_t chunk, uint64_t unit)
{
	check_eq(rq_load(rq_entry_at(set, lane, chunk)), 0);
	check_eq(owner_of(unit), 0);
}

/* Head moves from `left` into the next one, as its claim says. */
static void leave(uint32_t left)
{
	struct rq_ring ring = ring_of(left);

	rq_store(&lane->head, rq_head(left + 1, 0));
	rq_store(&lane->newest, left + 1); /* the producer's, too: consumers have caught up */
	rq_chunk_left(set, me, &ring, LANE, left);
}

Test(chunks, that_head_has_left_are_taken_by_a_later_one_of_their_size, .init = set_up, .fini = tear_down)
{
	uint64_t head = rq_load(&lane->head), old = add(NOW - 1, 4), here = add(NOW, 4);
	unsigned code = rq_size_code(4);

	check_eq(rq_chunk_reuse(set, LANE, NOW + 1, rq_size_code(8), head), -ENOMEM);
	check_eq(rq_chunk_reuse(set, LANE, NOW + 1, code, head), (int64_t)old);
	check_eq(rq_load(rq_entry_at(set, lane, NOW - 1)), 0);
	for (uint64_t u = old; u < old + 4; u++)
		check_eq(owner_of(u), rq_chunk_owner(set, LANE, NOW + 1));
	check_eq(rq_chunk_reuse(set, LANE, NOW + 2, code, head), -ENOMEM); /* head is in the other */
	check(is_there(NOW, here));
}

Test(chunks, of_which_a_unit_is_anothers_by_now_are_not_taken, .init = set_up, .fini = tear_down)
{
	uint64_t old = add(NOW - 1, 4);

	add(NOW, 4);
	rq_store(rq_owner_at(region, old + 2), 0); /* as a sweep has it that has seen it as garbage */
	check_eq(rq_chunk_reuse(set, LANE, NOW + 1, rq_size_code(4), rq_load(&lane->head)), -ENOMEM);
	for (uint64_t u = old; u < old + 4; u++)
		check(owner_of(u) != rq_chunk_owner(set, LANE, NOW + 1));
}

Test(chunks, have_their_entry_where_one_that_head_has_left_stood, .init = set_up, .fini = tear_down)
{
	uint64_t head = rq_load(&lane->head), old = add(NOW + 1 - set->table, 4), here = add(NOW, 4);

	check(rq_chunk_clear_entry(set, LANE, NOW + 1, head));
	check_gone(NOW + 1, old);
	check(rq_chunk_clear_entry(set, LANE, NOW + 1, head)); /* it is clear */
	check(!rq_chunk_clear_entry(set, LANE, NOW + set->table, head));
	check(is_there(NOW, here));
}

Test(chunks, stay_for_the_producer_as_many_as_it_may_fill, .init = set_up, .fini = tear_down)
{
	enum { CHUNKS = 3 };
	uint64_t units[CHUNKS];

	check(set->spares >= CHUNKS);
	for (uint32_t i = 0; i < CHUNKS; i++)
		units[i] = add(NOW - CHUNKS + i, 16);
	add(NOW, 16);
	for (uint32_t i = 0; i < CHUNKS; i++)
		leave(NOW - CHUNKS + i);
	for (uint32_t i = 0; i < CHUNKS; i++)
		check(is_there(NOW - CHUNKS + i, units[i]));
}

Test(chunks, that_are_larger_than_what_the_producer_uses_go, .init = set_up, .fini = tear_down)
{
	uint64_t old = add(NOW - 1, 16), here = add(NOW, 4);

	leave(NOW - 1);
	check_gone(NOW - 1, old);
	check_eq(rq_unit_at(region, old)[0], 0); /* and their memory */
	check(is_there(NOW, here));
}

Test(chunks, that_are_large_stay_one_at_a_time_and_of_the_size_in_use, .init = set_up, .fini = tear_down)
{
	uint64_t units = 2 * MIB / region->at.page, first = add(NOW - 2, units), second = add(NOW - 1, units);

	add(NOW, units);
	leave(NOW - 2);
	check(is_there(NOW - 2, first));
	leave(NOW - 1);
	check_gone(NOW - 2, first);
	check(is_there(NOW - 1, second));
}

Test(chunks, that_are_spare_go_when_the_lane_is_trimmed, .init = set_up, .fini = tear_down)
{
	uint64_t old = add(NOW - 1, 4), older = add(NOW - 2, 8), here = add(NOW, 4), next = add(NOW + 2, 4);

	rq_lane_trim(set, me, LANE);
	check_gone(NOW - 1, old);
	check_gone(NOW - 2, older);
	check(is_there(NOW, here));
	check(is_there(NOW + 2, next)); /* behind the end of the numbers */
	check_eq(rq_unit_at(region, old)[0], 0);
}

static struct {
	atomic_int named, over;
	uint64_t key;
} reader;

/* A consumer that may be reading a chunk. */
static void *name_it(void *unused)
{
	struct rq_membership *mine;

	(void)unused;
	check_eq(rq_membership_of(&mine, region), 0);
	rq_store(&mine->member->hazard, reader.key);
	atomic_store(&reader.named, 1);
	wait_set(&reader.over);
	return NULL;
}

Test(chunks, that_a_consumer_names_keep_their_memory_behind_free_units, .init = set_up, .fini = tear_down)
{
	uint64_t old = add(NOW - 1, 4), older = add(NOW - 2, 4);

	add(NOW, 4);
	reader.key = rq_chunk_owner(set, LANE, NOW - 1);
	pthread_t thread = start_thread(name_it, NULL);
	wait_set(&reader.named);
	rq_lane_trim(set, me, LANE);
	check_gone(NOW - 1, old);
	check_gone(NOW - 2, older);
	for (uint64_t i = 0; i < 4 * region->at.page; i++)
		check_eq(rq_unit_at(region, old)[i], 'x');
	check_eq(rq_unit_at(region, older)[0], 0);
	atomic_store(&reader.over, 1);
	join_thread(thread);
}
