/* SPDX-License-Identifier: MIT */
/* Counters and words that come round: chunks of heads, counts of puts, sequences of events, and ages of places. */
#include "../common.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>

#include "base/event.h"
#include "queue/handle.h"
#include "queue/permits.h"

#define LEN 1000

/* A queue whose lanes have never been used, with all that counts near its end. */
static void start_late(ringq_queue *queue, uint32_t lanes, uint32_t chunk)
{
	struct rq_queue_shared *s = queue->shared;

	rq_store(&s->not_empty, UINT32_MAX - 31 - 3);
	rq_store(&s->not_full, UINT32_MAX - 31 - 3);
	for (uint32_t i = 0; i < lanes; i++) {
		struct rq_lane *lane = rq_lane_at(&queue->set, i);

		rq_store(&lane->head, rq_head(chunk, 0));
		rq_store(&lane->tail, rq_head(chunk, 0));
		rq_store(&lane->newest, chunk);
		rq_store(&lane->puts, RQ_SEQUENCE_MASK - 15);
		rq_store(&lane->not_full, UINT32_MAX - 31 - 3);
	}
}

static char buffer[LEN];

static void put_next(ringq_queue *queue, uint32_t producer, uint32_t number, int64_t timeout)
{
	char record[LEN];

	record_fill(record, LEN, (struct record_id){producer, number});
	check_eq(ringq_put(queue, record, LEN, timeout), 0);
}

static void take_next(ringq_queue *queue, uint32_t number)
{
	check_eq(ringq_get(queue, buffer, LEN, RINGQ_NOWAIT), LEN);
	check_eq(record_check(buffer, LEN).number, number);
}

/* A backlog that comes and goes through many chunks: what is there, how many, and for how much there is room. */
static void come_and_go(ringq_queue *queue, uint32_t rounds, uint32_t backlog)
{
	uint32_t in = 0, out = 0;

	for (uint32_t round = 0; round < rounds; round++) {
		for (; in - out < backlog; in++)
			put_next(queue, 0, in, RINGQ_NOWAIT);
		check_eq(ringq_size(queue), backlog);
		for (; in - out > backlog / 10; out++)
			take_next(queue, out);
		check_eq(ringq_size(queue), backlog / 10);
		check(!ringq_empty(queue) && !ringq_full(queue));
	}
	for (; out < in; out++)
		take_next(queue, out);
	check(ringq_empty(queue));
}

Test(wrap, of_all_that_a_lane_counts_is_noticed_by_nobody, .timeout = 50)
{
	for (size_t kind = 0; kind < kinds_count; kind++) {
		struct ringq_queue_options options = kinds[kind].options;

		test_context = kinds[kind].name;
		/* Little room, so that a chunk is left soon. */
		options.max_bytes = 256 * 1024;
		ringq_queue *queue = queue_new(&options);
		start_late(queue, options.flags & RINGQ_SINGLE_PRODUCER ? 1 : 8, UINT32_MAX - 1);
		come_and_go(queue, 40, 240);
		uint32_t chunk = rq_head_chunk(rq_load(&rq_lane_at(&queue->set, 0)->head));
		check_compare((int32_t)(chunk - (UINT32_MAX - 1)), >, 1);
		ringq_queue_release(queue);
	}
}

/* The number of the chunk behind head is then that of an entry that there never was. */
Test(wrap, of_the_next_chunk_is_no_chunk_yet)
{
	ringq_queue *queue = queue_new(NULL);

	start_late(queue, 1, UINT32_MAX);
	check_eq(put_number(queue, 1, RINGQ_NOWAIT), 0);
	check_eq(ringq_size(queue), 1);
	ringq_queue_release(queue);
}

struct flow {
	ringq_queue *queue;
	atomic_uint next;
};

enum { PRODUCERS = 3, RECORDS = 3000 };

static void *produce(void *arg)
{
	struct flow *flow = arg;
	uint32_t me = atomic_fetch_add(&flow->next, 1);

	for (uint32_t i = 0; i < RECORDS; i++)
		put_next(flow->queue, me, i, TEST_SOON);
	return NULL;
}

Test(wrap, beside_sleepers_is_noticed_by_nobody, .timeout = 50)
{
	for (unsigned order = 0; order < 2; order++) {
		for (uint64_t places = 0; places <= 3; places += 3) {
			struct flow flow = {.queue = queue_new(&(struct ringq_queue_options){
						    .order = order, .max_bytes = 8192, .max_records = places})};
			uint32_t next[PRODUCERS] = {0};
			pthread_t threads[PRODUCERS];

			start_late(flow.queue, 8, UINT32_MAX - 1);
			for (size_t i = 0; i < PRODUCERS; i++)
				threads[i] = start_thread(produce, &flow);
			for (size_t i = 0; i < (size_t)PRODUCERS * RECORDS; i++) {
				check_eq(ringq_get(flow.queue, buffer, LEN, TEST_SOON), LEN);
				struct record_id id = record_check(buffer, LEN);
				check_eq(id.number, next[id.producer]++);
			}
			for (size_t i = 0; i < PRODUCERS; i++)
				join_thread(threads[i]);
			check(ringq_empty(flow.queue));
			ringq_queue_release(flow.queue);
		}
	}
}

/* As if so many chunks had been passed since the places were last used. */
static void pass_chunks(ringq_queue *queue, uint32_t chunks)
{
	struct rq_lane *lane = rq_lane_at(&queue->set, 0);
	uint32_t now = rq_head_chunk(rq_load(&lane->head)) + chunks;

	for (uint32_t i = 0; i < queue->set.table; i++)
		rq_store(&lane->table[i], 0);
	rq_store(&lane->head, rq_head(now, 0));
	rq_store(&lane->tail, rq_head(now, 0));
	rq_store(&lane->newest, now);
	rq_store(&lane->owner, 0);
}

static void *fill_and_drain(void *arg)
{
	ringq_queue *queue = arg;
	int64_t n = 0;

	while (put_number(queue, n, RINGQ_NOWAIT) == 0)
		n++;
	check_eq(n, queue->max_records);
	check(ringq_full(queue));
	for (int64_t i = 0; i < n; i++)
		check_eq(get_number(queue, RINGQ_NOWAIT), i);
	return NULL;
}

static void *put_and_get(void *queue)
{
	check_eq(put_number(queue, 1, RINGQ_NOWAIT), 0);
	check_eq(get_number(queue, RINGQ_NOWAIT), 1);
	return NULL;
}

/* Places that were last used so long ago that their words could be taken for words of what is to come. */
Test(wrap, of_what_a_place_names_leaves_none_taken)
{
	ringq_queue *queue = queue_new(&(struct ringq_queue_options){.max_records = 100, .max_producers = 1});

	join_thread(start_thread(fill_and_drain, queue));
	/* Half of what a word can tell, where before and behind change places, and beyond. */
	for (unsigned i = 0; i < 24; i++) {
		join_thread(start_thread(put_and_get, queue));
		pass_chunks(queue, UINT32_C(1) << (RQ_PERMIT_CHUNK_BITS - 1 - 3));
		if (i % 8 == 7)
			join_thread(start_thread(fill_and_drain, queue));
	}
	ringq_queue_release(queue);
}

/* More records in a lane than sequences: those of the chunks behind head are counted by the chunk. */
Test(wrap, of_sequences_within_a_backlog_is_no_fault_of_size)
{
	ringq_queue *queue = queue_new(NULL);
	struct rq_lane *lane = rq_lane_at(&queue->set, 0);
	struct ringq_queue_stat stat;
	int64_t n = 0;

	for (; rq_load(&lane->newest) < 2; n++)
		check_eq(put_number(queue, n, RINGQ_NOWAIT), 0);
	check_eq(ringq_size(queue), n);
	/* As if the second chunk had had so many more; its records' sequences are those that they would have. */
	for (uint64_t more = UINT64_C(1) << 27; more <= UINT64_C(1) << 32; more <<= 1) {
		uint64_t puts = rq_load(&lane->puts);

		rq_store(&lane->puts, puts + more);
		check_eq(ringq_size(queue), n + (int64_t)more);
		check_eq(ringq_queue_stat(queue, &stat), 0);
		check_eq(stat.records_in, n + (int64_t)more);
		check_eq(stat.records_out, 0);
		rq_store(&lane->puts, puts);
	}
	ringq_queue_release(queue);
}
