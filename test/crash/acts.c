/* SPDX-License-Identifier: MIT */
#include "acts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void put(struct stage *s)
{
	s->result = ringq_put(s->queue, s->buffer, s->len, RINGQ_NOWAIT);
}

/* An error says that the record is not in the queue and never will be. */
static void finish_put(struct stage *s)
{
	if (s->result != -EAGAIN)
		check_eq(s->result, 0);
	if (s->result == 0)
		s->book->done[CHILD] = s->book->begun[CHILD];
	else
		s->book->begun[CHILD] = s->book->done[CHILD];
}

const struct act act_put = {put, finish_put};

static void put_many(struct stage *s)
{
	s->result = ringq_put_many(s->queue, s->records, STAGE_MANY, RINGQ_NOWAIT);
}

static void finish_put_many(struct stage *s)
{
	if (s->result != -EAGAIN)
		check_compare(s->result, >, 0);
	if (s->result > 0)
		s->book->done[CHILD] += (uint32_t)s->result;
	s->book->begun[CHILD] = s->book->done[CHILD];
}

const struct act act_put_many = {put_many, finish_put_many};

static void reserve_commit(struct stage *s)
{
	s->result = ringq_reserve(s->queue, &s->reserved, s->len, RINGQ_NOWAIT);
	if (s->result)
		return;
	memcpy(s->reserved, s->buffer, s->len);
	s->result = ringq_commit(s->queue, s->reserved, s->len);
}

const struct act act_reserve_commit = {reserve_commit, finish_put};

static void reserve_abort(struct stage *s)
{
	s->result = ringq_reserve(s->queue, &s->reserved, 5000, RINGQ_NOWAIT);
	if (s->result == 0)
		ringq_abort(s->queue, s->reserved);
}

/* What was aborted never was. */
static void finish_abort(struct stage *s)
{
	s->book->begun[CHILD] = s->book->done[CHILD];
}

const struct act act_reserve_abort = {reserve_abort, finish_abort};

static void get(struct stage *s)
{
	s->result = ringq_get(s->queue, s->buffer, STAGE_BUFFER, RINGQ_NOWAIT);
}

static void finish_get(struct stage *s)
{
	uint32_t next[PARTIES] = {0};

	if (s->result >= 0) {
		stage_see(s, s->buffer, (size_t)s->result, next);
		s->result = 0;
	} else {
		check_eq(s->result, -EAGAIN);
	}
	s->book->gets_done = s->book->gets_begun;
}

const struct act act_get = {get, finish_get};

static void get_alloc(struct stage *s)
{
	void *record = NULL;

	s->result = ringq_get_alloc(s->queue, &record, RINGQ_NOWAIT);
	if (s->result >= 0)
		s->buffer = record;
}

const struct act act_get_alloc = {get_alloc, finish_get};

static void get_many(struct stage *s)
{
	s->result = ringq_get_many(s->queue, s->records, STAGE_MANY, RINGQ_NOWAIT);
}

static void finish_get_many(struct stage *s)
{
	uint32_t next[PARTIES] = {0};

	if (s->result != -EAGAIN)
		check_compare(s->result, >, 0);
	for (long i = 0; i < s->result; i++)
		stage_see(s, s->records[i].iov_base, s->records[i].iov_len, next);
	s->book->gets_done = s->book->gets_begun;
}

const struct act act_get_many = {get_many, finish_get_many};

/* Sees records in its hands, and copies them to be checked later, then acknowledges them. */
static void see_and_acknowledge(struct stage *s, struct ringq_delivery *d, size_t n)
{
	uint32_t next[PARTIES] = {0};
	struct record_id id[STAGE_MANY];

	for (size_t i = 0; i < n; i++) {
		check_compare(d[i].len, >=, sizeof(id[i]));
		check_compare(d[i].len, <=, n == 1 ? STAGE_BUFFER : STAGE_SLOT);
		memcpy(&id[i], d[i].data, sizeof(id[i]));
		check_compare(id[i].producer, <, PARTIES);
		check_compare(id[i].number, <, STAGE_RECORDS);
		s->book->at_work[id[i].producer][id[i].number] = 1;
		stage_enter(s, id[i], next);
		memcpy(s->buffer + i * STAGE_SLOT, d[i].data, d[i].len);
	}
	check_eq(n == 1 ? ringq_ack(s->queue, d) : ringq_ack_many(s->queue, d, n), 0);
	for (size_t i = 0; i < n; i++)
		s->book->at_work[id[i].producer][id[i].number] = 0;
}

static void take(struct stage *s)
{
	s->result = ringq_take(s->queue, &s->deliveries[0], RINGQ_NOWAIT);
	if (s->result == 0)
		see_and_acknowledge(s, &s->deliveries[0], 1);
}

/* What was there was another's by the time. */
static void finish_take(struct stage *s)
{
	if (s->result < 0)
		check_eq(s->result, -EAGAIN);
	else
		record_check(s->buffer, s->deliveries[0].len);
	s->book->gets_done = s->book->gets_begun;
}

const struct act act_take = {take, finish_take};

/* Of what a dead one had. */
static void finish_take_returned(struct stage *s)
{
	finish_take(s);
	if (s->undisturbed)
		check_eq(s->deliveries[0].attempt, 2);
}

const struct act act_take_returned = {take, finish_take_returned};

static void take_many(struct stage *s)
{
	s->result = ringq_take_many(s->queue, s->deliveries, STAGE_MANY, RINGQ_NOWAIT);
	if (s->result > 0)
		see_and_acknowledge(s, s->deliveries, (size_t)s->result);
}

static void finish_take_many(struct stage *s)
{
	for (long i = 0; i < s->result; i++)
		record_check(s->buffer + i * STAGE_SLOT, s->deliveries[i].len);
	if (s->result < 0)
		check_eq(s->result, -EAGAIN);
	s->book->gets_done = s->book->gets_begun;
}

const struct act act_take_many = {take_many, finish_take_many};

/* Of what it has taken before. */
static void requeue(struct stage *s)
{
	s->result = ringq_requeue(s->queue, &s->deliveries[0]);
}

static void finish_requeue(struct stage *s)
{
	check_eq(s->result, 0);
	s->book->gets_done = s->book->gets_begun;
}

const struct act act_requeue = {requeue, finish_requeue};

static void join(struct stage *s)
{
	s->result = ringq_join(s->queue, RINGQ_NOWAIT);
}

/* There is something, or it was another's by the time. */
static void finish_join(struct stage *s)
{
	check(s->result == 0 || s->result == -EAGAIN);
}

const struct act act_join = {join, finish_join};

static void peek(struct stage *s)
{
	s->result = ringq_peek(s->queue, s->buffer, STAGE_BUFFER);
}

static void finish_peek(struct stage *s)
{
	if (s->result != -EAGAIN) {
		record_check(s->buffer, (size_t)s->result);
		s->result = 0;
	}
}

const struct act act_peek = {peek, finish_peek};

/* What a dead one had is next. */
static void finish_peek_returned(struct stage *s)
{
	if (s->undisturbed) {
		struct record_id id = record_check(s->buffer, (size_t)s->result);

		check_eq(id.producer, s->book->poison.producer);
		check_eq(id.number, s->book->poison.number);
	}
	finish_peek(s);
}

const struct act act_peek_returned = {peek, finish_peek_returned};

static void close_it(struct stage *s)
{
	s->result = ringq_close(s->queue);
}

const struct act act_close = {close_it, NULL};

static void create_named(struct stage *s)
{
	ringq_queue *queue;

	s->result = ringq_queue_create(&queue, s->region,
		&(struct ringq_queue_options){.name = ACT_NAME, .max_producers = 8, .max_records = 3});
}

static void finish_create(struct stage *s)
{
	if (s->result != -EEXIST) /* others have made it while this one was stopped */
		check_eq(s->result, 0);
}

const struct act act_create_named = {create_named, finish_create};

/* The queue of that name, which the child has used. */
static void delete_it(struct stage *s)
{
	s->result = ringq_queue_delete(s->doomed);
	ringq_queue_release(s->doomed);
}

static void finish_delete(struct stage *s)
{
	check_eq(s->result, 0);
}

const struct act act_delete = {delete_it, finish_delete};

static void create_anonymous(struct stage *s)
{
	ringq_queue *queue;

	s->result = ringq_queue_create(&queue, s->region, &(struct ringq_queue_options){.max_producers = 8});
}

const struct act act_create_anonymous = {create_anonymous, finish_create};

static void open_it(struct stage *s)
{
	ringq_queue *queue;

	s->result = ringq_queue_open(&queue, s->region, NULL);
}

const struct act act_open = {open_it, NULL};

static void attach(struct stage *s)
{
	s->result = ringq_region_attach(&s->region, s->fd);
}

const struct act act_attach = {attach, NULL};

/* What a thread's end does to what it has; the process then ends too, which is more of the same. */
static void thread_exit(struct stage *s)
{
	(void)s;
	pthread_exit(NULL);
}

const struct act act_thread_exit = {thread_exit, NULL};

static void release(struct stage *s)
{
	ringq_queue_release(s->queue);
}

const struct act act_release = {release, NULL};
