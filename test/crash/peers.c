/* SPDX-License-Identifier: MIT */
/* The others: two producers and two consumers, threads of the driver. */
#include "peers.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Mostly short; some are longer than the first ring of a lane. */
static size_t len_of(uint32_t number)
{
	return number % 32 == 31 ? 5000 : RECORD_MIN + number * 37 % 200;
}

/* Of a single producer, the two take turns. */
static int put_in_turn(struct stage *s, const void *record, size_t len)
{
	static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
	bool single = s->call->queue.flags & RINGQ_SINGLE_PRODUCER;

	if (single)
		pthread_mutex_lock(&turn);
	int rc = ringq_put(s->queue, record, len, TEST_SOON);
	if (single)
		pthread_mutex_unlock(&turn);
	return rc;
}

/* Of a single consumer, as well: who waits has the turn. */
static ssize_t get_in_turn(struct stage *s, char *buffer)
{
	static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
	bool single = s->call->queue.flags & RINGQ_SINGLE_CONSUMER;

	if (single)
		pthread_mutex_lock(&turn);
	ssize_t len = ringq_get(s->queue, buffer, STAGE_BUFFER, TEST_SOON);
	if (single)
		pthread_mutex_unlock(&turn);
	return len;
}

static void produce(struct stage *s, enum party party)
{
	char record[5000];

	for (uint32_t i = 0; i < s->burst; i++) {
		size_t len = len_of(i);
		int rc;

		record_fill(record, len, (struct record_id){party, s->book->begun[party]++});
		rc = put_in_turn(s, record, len);
		if (rc == -EPIPE && s->call->closes) {
			s->book->begun[party]--;
			return;
		}
		check_eq(rc, 0);
		s->book->done[party]++;
	}
}

static void *produce_first(void *stage)
{
	struct stage *s = stage;

	s->sleeper = thread_id();
	produce(s, FIRST);
	return NULL;
}

static void *produce_second(void *stage)
{
	produce(stage, SECOND);
	return NULL;
}

/* Until its own LAST comes. */
static void consume(struct stage *s, char *buffer)
{
	uint32_t next[PARTIES] = {0};

	for (;;) {
		ssize_t len = get_in_turn(s, buffer);

		if (len == -EPIPE && s->call->closes)
			return;
		check_compare(len, >=, 0);
		if (record_check(buffer, len).producer == LAST)
			return;
		stage_see(s, buffer, len, next);
	}
}

static void *consume_first(void *stage)
{
	static char buffer[STAGE_BUFFER];
	struct stage *s = stage;

	s->sleeper = thread_id();
	consume(s, buffer);
	return NULL;
}

static void *consume_second(void *stage)
{
	static char buffer[STAGE_BUFFER];

	consume(stage, buffer);
	return NULL;
}

/* Quicker than wait_asleep(), and sure enough: the queue says that a sleeper comes, the kernel that it is there. */
static void wait_sleeper(struct stage *s, bool producer)
{
	int64_t deadline = now_ns() + TEST_SOON;
	struct ringq_queue_stat stat;
	char path[64], line[128];

	for (;;) {
		FILE *file;

		check_compare(now_ns(), <, deadline);
		pause_ns(RINGQ_US(20));
		check_eq(ringq_queue_stat(s->queue, &stat), 0);
		if (!s->sleeper || !(producer ? stat.producers_asleep : stat.consumers_asleep))
			continue;
		snprintf(path, sizeof(path), "/proc/self/task/%d/stat", (int)s->sleeper);
		file = fopen(path, "r");
		check(file);
		check(fgets(line, sizeof(line), file));
		fclose(file);
		if (strstr(line, ") S "))
			return;
	}
}

void stage_sleeping_producer(struct stage *s)
{
	s->first_producer = start_thread(produce_first, s);
	s->producer_began = true;
	wait_sleeper(s, true);
}

void stage_sleeping_consumer(struct stage *s)
{
	s->first_consumer = start_thread(consume_first, s);
	s->consumer_began = true;
	wait_sleeper(s, false);
}

/* Each consumer ends at one of these. */
static void put_last(struct stage *s)
{
	char record[RECORD_MIN];
	int rc;

	record_fill(record, sizeof(record), (struct record_id){.producer = LAST});
	rc = ringq_put(s->queue, record, sizeof(record), TEST_SOON);
	if (rc != -EPIPE || !s->call->closes)
		check_eq(rc, 0);
}

void peers_run(struct stage *s)
{
	pthread_t first_producer = s->first_producer, second_producer, first_consumer = s->first_consumer;
	pthread_t second_consumer = start_thread(consume_second, s);

	if (!s->producer_began)
		first_producer = start_thread(produce_first, s);
	second_producer = start_thread(produce_second, s);
	if (!s->consumer_began)
		first_consumer = start_thread(consume_first, s);
	join_thread(first_producer);
	join_thread(second_producer);
	put_last(s);
	put_last(s);
	join_thread(first_consumer);
	join_thread(second_consumer);
}

static uint32_t drain(struct stage *s)
{
	static char buffer[STAGE_BUFFER];
	uint32_t next[PARTIES] = {0}, count = 0;
	ssize_t len;

	while ((len = ringq_get(s->queue, buffer, sizeof(buffer), RINGQ_NOWAIT)) >= 0) {
		if (record_check(buffer, len).producer == LAST) {
			check(s->call->closes);
			continue;
		}
		stage_see(s, buffer, len, next);
		count++;
	}
	if (len != -EPIPE || !s->call->closes)
		check_eq(len, -EAGAIN);
	return count;
}

/* Whose death it tells of is the poison's; what else was set aside the child had in its hands when it was killed. */
static void see_dead_letter(struct stage *s, const char *record, size_t len)
{
	struct ringq_dead_letter letter;
	uint32_t next[PARTIES] = {0};
	struct book *book = s->book;

	check_compare(len, >=, sizeof(letter));
	memcpy(&letter, record, sizeof(letter));
	check_eq(letter.size, sizeof(letter));
	check_eq(letter.attempts, 1);
	struct record_id id = record_check(record + letter.size, len - letter.size);
	check_compare(id.producer, <, PARTIES);
	check_compare(id.number, <, STAGE_RECORDS);
	if (id.producer == book->poison.producer && id.number == book->poison.number)
		check_eq(letter.process, book->poisoned);
	/* Once more, if who set it aside was killed before it could say that this is done. */
	if (book->set_aside[id.producer][id.number]++ == 0)
		stage_enter(s, id, next);
	else
		check_eq(book->set_aside[id.producer][id.number], s->dies ? 2 : 1);
}

/* Whether there was any. Empty ones only fill the queue. */
static bool drain_dead_letters(struct stage *s)
{
	static char buffer[STAGE_BUFFER];
	bool any = false;
	ssize_t len;

	while ((len = ringq_get(s->dead, buffer, sizeof(buffer), RINGQ_NOWAIT)) >= 0) {
		if (len)
			see_dead_letter(s, buffer, (size_t)len);
		any = true;
	}
	check_eq(len, -EAGAIN);
	return any;
}

/* What could not be set aside, as there was no room, can be when there is. */
uint32_t peers_drain(struct stage *s)
{
	uint32_t count = 0;

	do
		count += drain(s);
	while (s->dead && drain_dead_letters(s));
	return count;
}
