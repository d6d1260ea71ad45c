/* SPDX-License-Identifier: MIT */
/* Waiting for many queues by ringq_wait_any. */
#include "../common.h"

#include <criterion/criterion.h>
#include <errno.h>

enum { MOST = 120 };

static void new_queues(ringq_queue **queues, size_t n)
{
	for (size_t i = 0; i < n; i++)
		queues[i] = queue_new(&(struct ringq_queue_options){.order = i % 2});
}

Test(wait_any, finds_the_one_with_a_record)
{
	static const size_t counts[] = {1, 3, 100, MOST};
	ringq_queue *queues[MOST];

	new_queues(queues, MOST);
	for (size_t i = 0; i < COUNT(counts); i++) {
		for (size_t k = 0; k < counts[i]; k++) {
			check_eq(put_number(queues[k], 1, RINGQ_NOWAIT), 0);
			check_eq(ringq_wait_any(queues, counts[i], RINGQ_NOWAIT), k);
			check_eq(ringq_wait_any(queues, counts[i], RINGQ_FOREVER), k);
			check_eq(get_number(queues[k], RINGQ_NOWAIT), 1);
			check_eq(ringq_wait_any(queues, counts[i], RINGQ_NOWAIT), -EAGAIN);
		}
	}
	release_queues(queues, MOST);
}

Test(wait_any, wakes_for_a_put_and_a_close)
{
	static const size_t counts[] = {1, 3, 100, MOST};
	ringq_queue *queues[MOST];

	new_queues(queues, MOST);
	for (size_t i = 0; i < COUNT(counts); i++) {
		size_t last = counts[i] - 1;
		pthread_t other = start_thread(put_later, queues[last / 2]);

		check_eq(ringq_wait_any(queues, counts[i], RINGQ_FOREVER), last / 2);
		join_thread(other);
		check_eq(get_number(queues[last / 2], RINGQ_NOWAIT), 1);
	}
	for (size_t i = 0; i < COUNT(counts); i++) {
		size_t last = counts[i] - 1;
		pthread_t other = start_thread(close_later, queues[last]);

		check_eq(ringq_wait_any(queues + i, counts[i] - i, TEST_SOON), last - i);
		join_thread(other);
		ringq_queue_release(queues[last]);
		queues[last] = queue_new(NULL);
	}
	release_queues(queues, MOST);
}

Test(wait_any, goes_round_among_several)
{
	ringq_queue *queues[5];
	int seen[5] = {0};

	new_queues(queues, 5);
	for (size_t i = 0; i < 5; i++)
		check_eq(put_number(queues[i], i, RINGQ_NOWAIT), 0);
	for (int round = 0; round < 50; round++) {
		int ready = ringq_wait_any(queues, 5, RINGQ_NOWAIT);

		check(ready >= 0 && ready < 5);
		seen[ready]++;
	}
	for (size_t i = 0; i < 5; i++)
		check_compare(seen[i], >, 0);
	release_queues(queues, 5);
}

Test(wait_any, times_out_no_sooner_than_asked)
{
	ringq_queue *queues[100];
	int64_t start = now_ns();

	new_queues(queues, 100);
	check_eq(ringq_wait_any(queues, 3, RINGQ_MS(50)), -ETIMEDOUT);
	check_waited(start, RINGQ_MS(50));
	start = now_ns();
	check_eq(ringq_wait_any(queues, 100, RINGQ_MS(50)), -ETIMEDOUT);
	check_waited(start, RINGQ_MS(50));
	release_queues(queues, 100);
}

Test(wait_any, waits_for_more_queues_than_one_sleep_is_on)
{
	enum { MANY = 300 };
	static ringq_queue *queues[MANY];

	new_queues(queues, MANY);
	for (size_t i = 0; i < MANY; i += 97) {
		pthread_t other = start_thread(put_later, queues[i]);

		check_eq(ringq_wait_any(queues, MANY, RINGQ_FOREVER), i);
		join_thread(other);
		check_eq(get_number(queues[i], RINGQ_NOWAIT), 1);
	}
	check_eq(ringq_wait_any(queues, MANY, RINGQ_MS(20)), -ETIMEDOUT);
	release_queues(queues, MANY);
}

Test(wait_any, bad_arguments_are_einval)
{
	ringq_queue *queues[2];

	new_queues(queues, 2);
	check_eq(ringq_wait_any(queues, 0, RINGQ_NOWAIT), -EINVAL);
	check_eq(ringq_wait_any(queues, ((size_t)1 << 20) + 1, RINGQ_NOWAIT), -EINVAL);
	check_eq(ringq_wait_any(NULL, 1, RINGQ_NOWAIT), -EINVAL);
	check_eq(ringq_wait_any(&(ringq_queue *){NULL}, 1, RINGQ_NOWAIT), -EINVAL);
	release_queues(queues, 2);
}
