/* SPDX-License-Identifier: MIT */
/* Many takes and acknowledgements by one call each: one claim for what lies together, one wake-up for what has ended. */
#include "../common.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/sys.h"

static const unsigned orders[] = {RINGQ_ORDER_TOTAL, RINGQ_ORDER_PRODUCER};

static ringq_queue *acknowledged(struct ringq_queue_options options)
{
	options.flags = RINGQ_ACKNOWLEDGED;
	return queue_new(&options);
}

static void check_numbers(const struct ringq_delivery *d, int64_t n, int64_t from, unsigned attempt)
{
	for (int64_t i = 0; i < n; i++) {
		int64_t number = from + i;
		check_eq(d[i].len, sizeof number);
		check_eq(memcmp(d[i].data, &number, sizeof number), 0);
		check_eq(d[i].attempt, attempt);
	}
}

static int64_t no_time_goes_by(void)
{
	return RINGQ_SEC(1);
}

/* What a delivery's entry says while it is in hand begins with the ticket of the claim. */
static size_t claims_of(const struct ringq_delivery *d, size_t n)
{
	size_t claims = 1;
	for (size_t i = 1; i < n; i++)
		claims += d[i].own[1] != d[i - 1].own[1];
	return claims;
}

Test(take_many, what_lies_together_is_taken_by_one_claim)
{
	rq_sys.tick = no_time_goes_by;
	for (size_t o = 0; o < COUNT(orders); o++) {
		ringq_queue *queue = acknowledged((struct ringq_queue_options){.order = orders[o]});
		struct ringq_delivery d[64];

		for (int64_t round = 0; round < 50; round++) {
			put_numbers(queue, 32 * round, 32 * round + 32);
			check_eq(ringq_take_many(queue, d, 64, TEST_SOON), 32);
			check_numbers(d, 32, 32 * round, 1);
			check_compare(claims_of(d, 32), <=, round == 0 ? 32 : round * 32 % 64 ? 2 : 3);
			check_eq(ringq_ack_many(queue, d, 32), 0);
			check_eq(ringq_ack_many(queue, d, 32), -ESTALE);
		}
		check_eq(ringq_join(queue, RINGQ_NOWAIT), 0);
		ringq_queue_release(queue);
	}
}

Test(take_many, they_are_finished_in_any_order)
{
	for (size_t o = 0; o < COUNT(orders); o++) {
		ringq_queue *queue = acknowledged((struct ringq_queue_options){.order = orders[o]});
		struct ringq_delivery d[300], again[10];
		struct ringq_queue_stat stat;

		for (int round = 0; round < 5; round++) {
			put_numbers(queue, 0, 300);
			check_eq(ringq_take_many(queue, d, 300, RINGQ_NOWAIT), 300);
			check_numbers(d, 300, 0, 1);
			for (int i = 50; i < 55; i++)
				check_eq(ringq_requeue(queue, &d[i]), 0);
			check_eq(ringq_take_many(queue, again, 10, RINGQ_NOWAIT), 5);
			check_numbers(again, 5, 50, 2);
			check_eq(ringq_ack(queue, &d[7]), 0);
			check_eq(ringq_ack_many(queue, again, 5), 0);
			for (int i = 0; i < 150; i++) {
				struct ringq_delivery swapped = d[i];
				d[i] = d[299 - i];
				d[299 - i] = swapped;
			}
			check_eq(ringq_ack_many(queue, d, 300), -ESTALE); /* six are not in hand: all others end */
			check_eq(ringq_queue_stat(queue, &stat), 0);
			check_eq(stat.in_hand, 0);
			check_eq(ringq_join(queue, RINGQ_NOWAIT), 0);
		}
		ringq_queue_release(queue);
	}
}

/* Lengths of all kinds, so that batches end at rings' ends, at chunks' ends and at records that have a chunk alone. */
Test(take_many, rings_and_chunks_end_batches)
{
	static char record[300000];
	for (size_t o = 0; o < COUNT(orders); o++) {
		ringq_queue *queue =
			acknowledged((struct ringq_queue_options){.order = orders[o], .max_bytes = 1 << 20});
		struct ringq_delivery d[100];
		struct rng rng = {3};
		uint32_t put = 0, taken = 0;

		while (taken < brief_or_long(20000, 1000000)) {
			for (uint64_t n = rng_below(&rng, 120); n; n--) {
				size_t len = 4 + rng_below(&rng, put % 100 == 99 ? sizeof record - 4 : 200);
				memcpy(record, &put, sizeof put);
				if (ringq_put(queue, record, len, RINGQ_NOWAIT))
					break;
				put++;
			}
			ssize_t n = ringq_take_many(queue, d, 1 + rng_below(&rng, 100), RINGQ_NOWAIT);
			for (ssize_t i = 0; i < n; i++, taken++)
				check_eq(memcmp(d[i].data, &taken, sizeof taken), 0);
			if (n > 0)
				check_eq(ringq_ack_many(queue, d, (size_t)n), 0);
			else
				check_eq(n, -EAGAIN);
		}
		ringq_queue_release(queue);
	}
}

static void take_and_die(ringq_queue *queue, ssize_t n)
{
	struct ringq_delivery d[40];

	check_eq(ringq_take_many(queue, d, 40, RINGQ_NOWAIT), n);
	check_eq(ringq_ack_many(queue, d, 3), 0);
	kill(getpid(), SIGKILL);
}

Test(take_many, all_that_a_killed_process_had_comes_back)
{
	for (size_t o = 0; o < COUNT(orders); o++) {
		ringq_queue *queue = acknowledged((struct ringq_queue_options){.order = orders[o]});
		struct ringq_delivery d[40];

		put_numbers(queue, 0, 30);
		for (int deaths = 0; deaths < 3; deaths++) {
			pid_t child = fork();
			check_compare(child, >=, 0);
			if (child == 0)
				take_and_die(queue, 30 - 3 * deaths);
			await_death(child);
		}
		put_numbers(queue, 30, 35);
		check_eq(ringq_take_many(queue, d, 40, RINGQ_NOWAIT), 26);
		check_numbers(d, 21, 9, 4);
		check_numbers(d + 21, 5, 30, 1);
		check_eq(ringq_ack_many(queue, d, 26), 0);
		check_eq(ringq_join(queue, RINGQ_NOWAIT), 0);
		ringq_queue_release(queue);
	}
}

struct sleeper {
	ringq_queue *queue;
	atomic_int tid;
	int result;
};

static void *put_asleep(void *arg)
{
	struct sleeper *s = arg;

	atomic_store(&s->tid, thread_id());
	s->result = put_number(s->queue, 9, TEST_SOON);
	return NULL;
}

static void *join_asleep(void *arg)
{
	struct sleeper *s = arg;

	atomic_store(&s->tid, thread_id());
	s->result = ringq_join(s->queue, TEST_SOON);
	return NULL;
}

static pthread_t start_asleep(struct sleeper *s, ringq_queue *queue, void *(*run)(void *))
{
	*s = (struct sleeper){.queue = queue};
	pthread_t thread = start_thread(run, s);

	wait_set(&s->tid);
	wait_asleep(s->tid);
	return thread;
}

Test(take_many, one_call_wakes_all_whom_it_has_made_room_for)
{
	ringq_queue *queue = acknowledged((struct ringq_queue_options){.max_records = 3});
	struct ringq_delivery d[8];
	struct sleeper sleepers[3], joiner;
	pthread_t threads[3], joining;

	sleep_without_bounds();
	put_numbers(queue, 0, 3);
	check_eq(ringq_take_many(queue, d, 8, RINGQ_NOWAIT), 3);
	for (int i = 0; i < 3; i++)
		threads[i] = start_asleep(&sleepers[i], queue, put_asleep);
	check_eq(ringq_ack_many(queue, d, 3), 0);
	for (int i = 0; i < 3; i++) {
		join_thread(threads[i]);
		check_eq(sleepers[i].result, 0);
	}
	check_eq(ringq_take_many(queue, d, 8, RINGQ_NOWAIT), 3);
	joining = start_asleep(&joiner, queue, join_asleep);
	check_eq(ringq_ack_many(queue, d, 2), 0);
	wait_asleep(joiner.tid);
	check_eq(ringq_ack_many(queue, d + 2, 1), 0);
	join_thread(joining);
	check_eq(joiner.result, 0);
	ringq_queue_release(queue);
}

Test(take_many, arguments_and_ends)
{
	ringq_queue *queue = acknowledged((struct ringq_queue_options){0});
	struct ringq_delivery d[4];

	check_eq(ringq_take_many(queue, d, 0, RINGQ_NOWAIT), -EINVAL);
	check_eq(ringq_take_many(queue, d, ((size_t)1 << 20) + 1, RINGQ_NOWAIT), -EINVAL);
	check_eq(ringq_take_many(queue, NULL, 1, RINGQ_NOWAIT), -EINVAL);
	check_eq(ringq_take_many(queue, d, 4, RINGQ_NOWAIT), -EAGAIN);
	check_eq(ringq_take_many(queue, d, 4, RINGQ_MS(1)), -ETIMEDOUT);
	check_eq(ringq_ack_many(queue, NULL, 0), 0);
	check_eq(ringq_ack_many(queue, NULL, 1), -EINVAL);
	put_numbers(queue, 0, 2);
	check_eq(ringq_close(queue), 0);
	check_eq(ringq_take_many(queue, d, 4, RINGQ_FOREVER), 2);
	check_eq(ringq_ack_many(queue, d, 2), 0);
	check_eq(ringq_take_many(queue, d, 4, RINGQ_FOREVER), -EPIPE);
	ringq_queue_release(queue);
}

/* Takes one, and says by which of the thread's claims. */
static uint64_t claim_of_next(ringq_queue *queue)
{
	struct ringq_delivery d;
	uint64_t state;

	check_eq(ringq_take(queue, &d, TEST_SOON), 0);
	state = d.own[1];
	check_eq(d.attempt, 1);
	check_eq(ringq_ack(queue, &d), 0);
	return state;
}

static void buffers(struct iovec *records, char (*bufs)[16], size_t n)
{
	for (size_t i = 0; i < n; i++)
		records[i] = (struct iovec){bufs[i], sizeof bufs[i]};
}

Test(take_many, a_get_of_many_makes_few_claims)
{
	rq_sys.tick = no_time_goes_by;
	for (size_t o = 0; o < COUNT(orders); o++) {
		ringq_queue *queue = acknowledged((struct ringq_queue_options){.order = orders[o]});
		struct iovec records[200];
		char bufs[200][16];

		for (int64_t round = 0; round < 8; round++) {
			put_numbers(queue, 0, 204);
			uint64_t first = claim_of_next(queue), one = claim_of_next(queue) - first;
			uint64_t before = claim_of_next(queue);
			buffers(records, bufs, COUNT(records));
			check_eq(ringq_get_many(queue, records, COUNT(records), RINGQ_NOWAIT), (ssize_t)COUNT(records));
			for (int64_t i = 0; i < (int64_t)COUNT(records); i++) {
				int64_t number = i + 3;
				check_eq(records[i].iov_len, sizeof number);
				check_eq(memcmp(bufs[i], &number, sizeof number), 0);
			}
			uint64_t claims = (claim_of_next(queue) - before) / one - 1;
			if (round > 3) /* the thread has had as many in hand before */
				check_compare(claims, <=, 10);
		}
		check_eq(ringq_join(queue, RINGQ_NOWAIT), 0);
		ringq_queue_release(queue);
	}
}

Test(take_many, a_get_of_many_ends_before_what_does_not_fit)
{
	ringq_queue *queue = acknowledged((struct ringq_queue_options){0});
	struct iovec records[8];
	struct ringq_delivery d;
	char bufs[8][16], large[40] = "";

	put_numbers(queue, 0, 20);
	buffers(records, bufs, 8);
	check_eq(ringq_get_many(queue, records, 8, RINGQ_NOWAIT), 8);
	buffers(records, bufs, 8);
	records[2].iov_base = NULL;
	check_eq(ringq_get_many(queue, records, 8, RINGQ_NOWAIT), 2);
	records[0].iov_base = NULL;
	check_eq(ringq_get_many(queue, records, 8, RINGQ_NOWAIT), -EINVAL);
	check_eq(ringq_size(queue), 10);
	check_eq(ringq_put(queue, large, sizeof large, RINGQ_NOWAIT), 0);
	put_numbers(queue, 0, 2);
	buffers(records, bufs, 8);
	check_eq(ringq_get_many(queue, records, 8, RINGQ_NOWAIT), 8);
	buffers(records, bufs, 8);
	check_eq(ringq_get_many(queue, records, 8, RINGQ_NOWAIT), 2);
	buffers(records, bufs, 8);
	check_eq(ringq_get_many(queue, records, 8, RINGQ_NOWAIT), -EMSGSIZE);
	check_eq(ringq_take(queue, &d, RINGQ_NOWAIT), 0);
	check_eq(d.len, sizeof large);
	check_eq(d.attempt, 1);
	check_eq(ringq_ack(queue, &d), 0);
	buffers(records, bufs, 8);
	check_eq(ringq_get_many(queue, records, 8, RINGQ_NOWAIT), 2);
	check_eq(ringq_get_many(queue, records, 8, RINGQ_NOWAIT), -EAGAIN);
	check_eq(ringq_join(queue, RINGQ_NOWAIT), 0);
	ringq_queue_release(queue);
}
