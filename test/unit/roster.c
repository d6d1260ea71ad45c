/* SPDX-License-Identifier: MIT */
/*
 * The words by which total order knows which lanes have records, and who may use its last stamp again: by themselves, with
 * what others do in the midst of a barrier done by the barrier.
 */
#include "../common.h"

#include <criterion/criterion.h>
#include <errno.h>

#include "base/sys.h"
#include "order/roster.h"
#include "order/stamp.h"
#include "queue/enter.h"

#define LANES 40u
#define LANE 21u /* of the second word */
#define WORD (LANE / RQ_ROSTER_LANES)
#define BIT (1u << LANE % RQ_ROSTER_LANES * 2)

static ringq_queue *queue;
static struct rq_queue_shared *shared;
static struct rq_order *order;
static struct rq_lane *lane;
static struct {
	void (*meanwhile)(void);
	int result;
	unsigned calls;
} barrier;

static int make_barrier(void)
{
	barrier.calls++;
	if (barrier.meanwhile)
		barrier.meanwhile();
	return barrier.result;
}

static void set_up(void)
{
	static const struct ringq_queue_options options = {.max_producers = LANES};
	struct rq_port *port;

	queue = queue_new(&options);
	shared = queue->shared;
	check_eq(rq_enter(queue, &port), 0);
	rq_leave();
	order = &port->order;
	lane = rq_lane_at(&queue->set, LANE);
	rq_sys.barrier = make_barrier;
}

static void tear_down(void)
{
	ringq_queue_release(queue);
}

static uint64_t word(void)
{
	return rq_load(&shared->roster[WORD]);
}

static uint32_t version(void)
{
	return (uint32_t)(word() >> RQ_ROSTER_VERSION_SHIFT);
}

static bool is_active(void)
{
	return rq_roster_active(word()) & BIT;
}

Test(roster, has_a_lane_from_its_first_record_on_and_changes_by_that_alone, .init = set_up, .fini = tear_down)
{
	check(!is_active());
	rq_roster_published(shared, LANE);
	check_eq(rq_roster_active(word()), BIT);
	check_eq(version(), 1);
	rq_roster_published(shared, LANE);
	rq_roster_add(shared, LANE);
	check_eq(version(), 1);
	for (uint32_t i = 0; i < LANES; i++)
		check_eq(rq_roster_is_confirmed(shared, i), i == LANE);
	rq_roster_add(shared, LANE + 1);
	check_eq(rq_roster_active(word()), BIT | BIT << 2);
	check_eq(version(), 2);
}

Test(roster, dismisses_lanes_that_are_empty_and_no_others, .init = set_up, .fini = tear_down)
{
	rq_roster_add(shared, LANE);
	rq_roster_add(shared, LANE + 1);
	rq_roster_dismiss(order, WORD, BIT);
	check_eq(barrier.calls, 1);
	check_eq(rq_roster_active(word()), BIT << 2);
	check(!rq_roster_is_confirmed(shared, LANE));
	check(rq_roster_is_confirmed(shared, LANE + 1));
	rq_roster_dismiss(order, WORD, BIT); /* it is out already */
	check_eq(barrier.calls, 1);
	rq_roster_published(shared, LANE);
	check(rq_roster_is_confirmed(shared, LANE));
}

/* A record in a lane of another's: as if its producer were stopped right behind the publish. */
static void publish_in_lane(void)
{
	uint64_t page = queue->region->at.page;
	int64_t unit = rq_units_claim(queue->region, 1, rq_chunk_owner(&queue->set, LANE, 0), page);

	check(unit >= 0);
	rq_store((rq_u64 *)rq_unit_at(queue->region, (uint64_t)unit), rq_record_header(0, 8, RQ_RECORD_DATA));
	rq_store(rq_entry_at(&queue->set, lane, 0), rq_entry(0, (uint64_t)unit, rq_size_code(1)));
	rq_store(&shared->lanes_backed, LANES);
	rq_store(&shared->lanes_used, LANES);
}

Test(roster, keeps_a_lane_whose_record_was_published_before_the_barrier, .init = set_up, .fini = tear_down)
{
	rq_roster_add(shared, LANE);
	barrier.meanwhile = publish_in_lane; /* its producer has seen it CONFIRMED before */
	rq_roster_dismiss(order, WORD, BIT);
	check(is_active());
	check(!rq_roster_is_confirmed(shared, LANE)); /* so its next put looks to it */
	rq_roster_published(shared, LANE);
	check(rq_roster_is_confirmed(shared, LANE));
}

static void add_it_again(void)
{
	rq_roster_add(shared, LANE);
}

Test(roster, keeps_a_lane_that_a_producer_has_added_since, .init = set_up, .fini = tear_down)
{
	rq_roster_add(shared, LANE);
	barrier.meanwhile = add_it_again;
	rq_roster_dismiss(order, WORD, BIT);
	check(rq_roster_is_confirmed(shared, LANE));
}

Test(roster, keeps_all_lanes_where_the_barrier_is_refused, .init = set_up, .fini = tear_down)
{
	rq_roster_add(shared, LANE);
	barrier.result = -EPERM;
	rq_roster_dismiss(order, WORD, BIT);
	check(is_active());
}

Test(roster, has_versions_that_come_round_and_leave_the_lanes_alone, .init = set_up, .fini = tear_down)
{
	rq_store(&shared->roster[WORD], UINT64_C(0xffffffff) << RQ_ROSTER_VERSION_SHIFT);
	rq_roster_add(shared, LANE);
	check_eq(version(), 0);
	check_eq(rq_roster_active(word()), BIT);
	rq_roster_dismiss(order, WORD, BIT);
	check_eq(word(), UINT64_C(2) << RQ_ROSTER_VERSION_SHIFT);
}

/* ---- stamps ---- */

#define ME UINT64_C(0x100000001)
#define OTHER UINT64_C(0x100000002)

Test(stamp, of_the_last_put_serves_again_until_another_has_put, .init = set_up, .fini = tear_down)
{
	rq_stamp_bias(order, ME);
	check_eq(rq_load(&shared->bias), ME);
	uint64_t last = order->stamp;
	check_eq(rq_stamp_if(order, true), last);
	rq_stamp_published(shared, ME);
	check_eq(rq_stamp_if(order, true), last);
	check(rq_stamp_is_quiet(shared, ME) && !rq_stamp_is_quiet(shared, OTHER));
	rq_stamp_published(shared, OTHER);
	check_eq(rq_load(&shared->bias), 0);
	check(rq_stamp_if(order, true) > last);
	check_eq(rq_stamp_if(order, false), 0);
}

Test(stamp, is_a_new_one_where_the_barrier_is_refused, .init = set_up, .fini = tear_down)
{
	rq_stamp_bias(order, ME);
	rq_stamp_published(shared, OTHER);
	uint64_t last = rq_stamp_if(order, true);
	barrier.result = -EPERM;
	rq_stamp_bias(order, ME);
	check_eq(barrier.calls, 2);
	check_eq(rq_load(&shared->bias), ME); /* which costs another no more than a store */
	for (unsigned i = 0; i < 2; i++) {
		uint64_t stamp = rq_stamp_if(order, true);
		check(stamp > last);
		last = stamp;
	}
}

static uint64_t seen;
static void put_another(void)
{
	rq_stamp_published(shared, OTHER);
	seen = rq_clock_stamp(order->clock);
}

Test(stamp, is_taken_behind_the_barrier_and_not_used_where_another_put_then, .init = set_up, .fini = tear_down)
{
	barrier.meanwhile = put_another;
	rq_stamp_bias(order, ME);
	check_compare(order->stamp, >, seen);
	check_eq(rq_load(&shared->bias), 0);
	check(rq_stamp_if(order, true) > order->stamp);
}

/* Barriers in vain become rarer: each wait is twice as long, up to 32. */
Test(stamp, barriers_in_vain_become_rare, .init = set_up, .fini = tear_down)
{
	barrier.meanwhile = put_another;
	for (unsigned i = 0; i < 1000; i++)
		rq_stamp_bias(order, ME);
	check_compare(barrier.calls, >=, 1000 / 33);
	check_compare(barrier.calls, <=, 1000 / 33 + 6);
	barrier.meanwhile = NULL;
	for (unsigned i = 0; i < 33; i++)
		rq_stamp_bias(order, ME);
	unsigned calls = barrier.calls;
	for (unsigned i = 0; i < 100; i++)
		rq_stamp_bias(order, ME); /* it has the bias: nothing to do */
	check_eq(barrier.calls, calls);
	check_eq(order->bias_in, 0);
}
