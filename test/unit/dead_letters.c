/* SPDX-License-Identifier: MIT */
/* A record that has been taken too often is set aside: in a queue of dead letters, or dropped. */
#include "../common.h"

#include <criterion/criterion.h>
#include <errno.h>

Test(dead_letters, a_record_that_kills_is_set_aside)
{
	ringq_region *region;
	ringq_queue *queue, *dead;
	struct {
		struct ringq_dead_letter letter;
		int64_t number;
	} record;
	pid_t last = 0;

	check_eq(ringq_region_create(&region, NULL), 0);
	check_eq(ringq_queue_create(&dead, region, &(struct ringq_queue_options){.name = "dead"}), 0);
	check_eq(ringq_queue_create(&queue, region,
			 &(struct ringq_queue_options){
				 .flags = RINGQ_ACKNOWLEDGED, .max_attempts = 3, .dead_letters = "dead"}),
		0);
	put_numbers(queue, 0, 2);
	for (unsigned i = 1; i <= 3; i++)
		last = die_with(queue, 0, 1, i);
	check_eq(get_number(queue, RINGQ_NOWAIT), 1);
	check_eq(ringq_get(dead, &record, sizeof record, RINGQ_NOWAIT), sizeof record);
	check_eq(record.number, 0);
	check_eq(record.letter.size, sizeof record.letter);
	check_eq(record.letter.attempts, 3);
	check_eq(record.letter.process, last);
	check_eq(stat_of(queue).dead_lettered, 1);
	check_eq(ringq_join(queue, RINGQ_NOWAIT), 0);
	ringq_queue_release(queue);
	ringq_queue_release(dead);
	ringq_region_detach(region);
}

Test(dead_letters, without_a_dead_letter_queue_it_is_dropped_and_counted)
{
	ringq_queue *queue = queue_new(&(struct ringq_queue_options){
		.order = RINGQ_ORDER_PRODUCER, .flags = RINGQ_ACKNOWLEDGED, .max_attempts = 1});

	put_numbers(queue, 0, 3);
	die_with(queue, 0, 2, 1);
	check_eq(get_number(queue, RINGQ_NOWAIT), 2);
	check_eq(stat_of(queue).dead_lettered, 2);
	check(ringq_empty(queue));
	ringq_queue_release(queue);
}

static void put_nothing(void *queue)
{
	check_eq(ringq_put(queue, "", 0, RINGQ_NOWAIT), 0);
}

/* Also when the dead one's place in the region is another's, as where workers are started anew; and what was given back is blamed
 * on nobody. */
Test(dead_letters, tell_who_had_the_record_last)
{
	ringq_region *region;
	ringq_queue *queue, *dead, *other;
	struct {
		struct ringq_dead_letter letter;
		int64_t number;
	} record;
	struct ringq_delivery d;
	pid_t last;

	check_eq(ringq_region_create(&region, NULL), 0);
	check_eq(ringq_queue_create(&dead, region, &(struct ringq_queue_options){.name = "dead"}), 0);
	check_eq(ringq_queue_create(&other, region, NULL), 0);
	check_eq(ringq_queue_create(&queue, region,
			 &(struct ringq_queue_options){
				 .flags = RINGQ_ACKNOWLEDGED, .max_attempts = 1, .dead_letters = "dead"}),
		0);
	put_numbers(queue, 0, 2);
	last = die_with(queue, 0, 1, 1);
	for (int i = 0; i < 8; i++) /* each takes the first place that is free */
		reap_child(fork_child(put_nothing, other));
	check_eq(ringq_take(queue, &d, RINGQ_NOWAIT), 0);
	check_eq(ringq_get(dead, &record, sizeof record, RINGQ_NOWAIT), sizeof record);
	check_eq(record.letter.process, last);
	check_eq(record.letter.thread, last);
	check_eq(ringq_requeue(queue, &d), 0);
	check_eq(ringq_take(queue, &d, RINGQ_NOWAIT), -EAGAIN);
	check_eq(ringq_get(dead, &record, sizeof record, RINGQ_NOWAIT), sizeof record);
	check_eq(record.number, 1);
	check_eq(record.letter.process, 0);
	check_eq(record.letter.thread, 0);
	ringq_queue_release(queue);
	ringq_queue_release(other);
	ringq_queue_release(dead);
	ringq_region_detach(region);
}

/* It stays until there is room, and stands in nobody's way. */
Test(dead_letters, a_full_dead_letter_queue_loses_nothing)
{
	ringq_region *region;
	ringq_queue *queue, *dead;
	char record[64];

	check_eq(ringq_region_create(&region, NULL), 0);
	check_eq(ringq_queue_create(&dead, region, &(struct ringq_queue_options){.name = "dead", .max_records = 1}), 0);
	check_eq(ringq_queue_create(&queue, region,
			 &(struct ringq_queue_options){
				 .flags = RINGQ_ACKNOWLEDGED, .max_attempts = 1, .dead_letters = "dead"}),
		0);
	put_numbers(queue, 0, 4);
	die_with(queue, 0, 2, 1);
	check_eq(get_number(queue, RINGQ_NOWAIT), 2);
	check_eq(ringq_size(queue), 2);
	check_eq(stat_of(queue).dead_lettered, 1);
	check_eq(ringq_get(dead, record, sizeof record, RINGQ_NOWAIT), sizeof(struct ringq_dead_letter) + 8);
	check_eq(((struct ringq_dead_letter *)record)->attempts, 1);
	check_eq(get_number(queue, RINGQ_NOWAIT), 3);
	check_eq(stat_of(queue).dead_lettered, 2);
	check_eq(ringq_get(dead, record, sizeof record, RINGQ_NOWAIT), sizeof(struct ringq_dead_letter) + 8);
	check_eq(((struct ringq_dead_letter *)record)->attempts, 1);
	ringq_queue_release(queue);
	ringq_queue_release(dead);
	ringq_region_detach(region);
}

/* Closed, they take none, and what kills stays, in nobody's way, until they are deleted. */
Test(dead_letters, what_cannot_be_set_aside_stays)
{
	ringq_region *region;
	ringq_queue *queue, *dead;
	struct ringq_delivery none;

	check_eq(ringq_region_create(&region, NULL), 0);
	check_eq(ringq_queue_create(&dead, region, &(struct ringq_queue_options){.name = "dead"}), 0);
	check_eq(ringq_queue_create(&queue, region,
			 &(struct ringq_queue_options){
				 .flags = RINGQ_ACKNOWLEDGED, .max_attempts = 1, .dead_letters = "dead"}),
		0);
	put_numbers(queue, 0, 3);
	check_eq(ringq_close(dead), 0);
	die_with(queue, 0, 1, 1);
	check_eq(get_number(queue, RINGQ_NOWAIT), 1);
	check_eq(get_number(queue, RINGQ_MS(1)), 2);
	check_eq(ringq_take(queue, &none, RINGQ_NOWAIT), -EAGAIN);
	check_eq(ringq_take(queue, &none, RINGQ_MS(1)), -ETIMEDOUT);
	check_eq(ringq_size(queue), 1);
	check_eq(stat_of(queue).dead_lettered, 0);
	check_eq(ringq_join(queue, RINGQ_MS(1)), -ETIMEDOUT);
	check_eq(ringq_queue_delete(dead), 0);
	check_eq(ringq_take(queue, &none, RINGQ_NOWAIT), -EAGAIN);
	check_eq(stat_of(queue).dead_lettered, 1);
	check_eq(ringq_join(queue, RINGQ_NOWAIT), 0);
	ringq_queue_release(queue);
	ringq_queue_release(dead);
	ringq_region_detach(region);
}
