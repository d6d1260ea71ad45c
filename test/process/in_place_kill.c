/* SPDX-License-Identifier: MIT */
/*
 * The consumer of a queue with a single consumer takes records where they lie, and is killed all the time; so are
 * producers. What it had in hand is the next one's: none is missing, they come in each producer's order, and one that was
 * done twice was in the hands of a consumer that was killed between its count and the end of its acknowledgement.
 */
#include "../common.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PRODUCERS = 2, SHORT = 16, LIVES_MOST = 1 << 16, RECORDS_MOST = 1 << 22 };

static struct book {
	_Atomic uint32_t next[PRODUCERS];  /* the number that the producer puts, or is about to */
	_Atomic uint32_t lives[PRODUCERS]; /* one for each time that it was killed: another producer to the queue */
	_Atomic uint32_t last[PRODUCERS][LIVES_MOST]; /* the number of the last of that life's that was done, + 1 */
	_Atomic uint8_t done[PRODUCERS][RECORDS_MOST];
	_Atomic uint8_t may_repeat[PRODUCERS][RECORDS_MOST]; /* a consumer was killed with it in hand */
	_Atomic uint32_t repeated,
		in_hand; /* number + 1 of the record in hand, if it is, or is about to be, counted as done */
} * book;

struct job {
	uint32_t life;
	char record[2008];
};

static ringq_queue *queue;
static uint8_t may_miss[PRODUCERS][RECORDS_MOST];

static size_t len_of(uint32_t number)
{
	return number % 64 == 0 ? sizeof(struct job) : SHORT + number % 40;
}

static size_t record_len(size_t job_len)
{
	return job_len - offsetof(struct job, record);
}

static void produce(void *arg)
{
	uint32_t self = (uint32_t)(uintptr_t)arg;
	struct job job = {.life = book->lives[self]};

	for (;;) {
		uint32_t number = book->next[self];

		check_compare(number, <, RECORDS_MOST);
		record_fill(job.record, record_len(len_of(number)), (struct record_id){self, number});
		check_eq(ringq_put(queue, &job, len_of(number), RINGQ_FOREVER), 0);
		book->next[self] = number + 1;
	}
}

/* Only what a killed consumer had counted comes again. */
static void work(const struct ringq_delivery *d)
{
	struct job job;

	check_compare(d->len, >=, SHORT);
	check_compare(d->len, <=, sizeof job);
	memcpy(&job, d->data, d->len);
	struct record_id id = record_check(job.record, record_len(d->len));
	check_compare(id.producer, <, PRODUCERS);
	check_compare(id.number, <, RECORDS_MOST);
	check_compare(job.life, <, LIVES_MOST);
	check_eq(d->len, len_of(id.number));
	uint32_t in_hand = 1 + id.number * PRODUCERS + id.producer;
	if (book->done[id.producer][id.number]) {
		check(book->may_repeat[id.producer][id.number]);
		book->repeated++;
		book->in_hand = in_hand;
		return;
	}
	book->in_hand = in_hand;
	check_compare(id.number, >=, book->last[id.producer][job.life]);
	book->done[id.producer][id.number] = 1; /* before the next: killed in between, it is done, and comes again */
	book->last[id.producer][job.life] = id.number + 1;
}

static void consume(void *arg)
{
	int64_t timeout = *(int64_t *)arg;
	struct ringq_delivery d;
	int r;

	while ((r = ringq_take(queue, &d, timeout)) == 0) {
		work(&d);
		if (book->in_hand % 64 == 0)
			pause_ns(RINGQ_US(20)); /* so that it is killed with one in hand, too */
		check_eq(ringq_ack(queue, &d), 0);
		book->in_hand = 0;
	}
	check_eq(r, -EAGAIN);
}

/* What it was about to put is in the queue, or it is not. */
static void kill_producer(pid_t producer, uint32_t self)
{
	kill_child(producer);
	may_miss[self][book->next[self]++] = 1;
	book->lives[self]++;
}

/* The next consumer may begin with another lane, so that several that were in hand come later. */
static void kill_consumer(pid_t consumer)
{
	kill_child(consumer);
	uint32_t at = book->in_hand;
	if (at)
		book->may_repeat[(at - 1) % PRODUCERS][(at - 1) / PRODUCERS] = 1;
	book->in_hand = 0;
}

static void storm(struct ringq_queue_options options, uint64_t kills)
{
	struct rng rng = {options.order + options.max_records + 1};
	pid_t consumer, producers[PRODUCERS];
	int64_t forever = RINGQ_FOREVER, nowait = RINGQ_NOWAIT;
	uint32_t put = 0;

	book = share_memory(sizeof *book);
	memset(may_miss, 0, sizeof may_miss);
	options.flags = RINGQ_SINGLE_CONSUMER;
	queue = queue_new(&options);
	consumer = fork_child(consume, &forever);
	for (uint32_t i = 0; i < PRODUCERS; i++)
		producers[i] = fork_child(produce, (void *)(uintptr_t)i);
	for (uint64_t kill = 0; kill < kills; kill++) {
		pause_ns((int64_t)rng_below(&rng, 2000000));
		if (rng_below(&rng, 4)) {
			kill_consumer(consumer);
			consumer = fork_child(consume, &forever);
		} else {
			uint32_t victim = (uint32_t)rng_below(&rng, PRODUCERS);
			kill_producer(producers[victim], victim);
			producers[victim] = fork_child(produce, (void *)(uintptr_t)victim);
		}
		if (book->next[0] > RECORDS_MOST * 3 / 4 || book->next[1] > RECORDS_MOST * 3 / 4)
			break;
	}
	for (uint32_t i = 0; i < PRODUCERS; i++)
		kill_producer(producers[i], i);
	kill_consumer(consumer);
	consume(&nowait);
	for (uint32_t i = 0; i < PRODUCERS; put += book->next[i++])
		for (uint32_t n = 0; n < book->next[i]; n++)
			check_compare(book->done[i][n] + may_miss[i][n], >=, 1);
	check_compare(put, >, kills);
	check_compare(book->repeated, <=, kills + 1);
	printf("order %u: %u records, %u done again\n", options.order, put, book->repeated);
	ringq_queue_release(queue);
}

int main(void)
{
	uint64_t kills = brief_or_long(400, 40000);

	storm((struct ringq_queue_options){.order = RINGQ_ORDER_TOTAL, .max_bytes = 16 << 10}, kills);
	storm((struct ringq_queue_options){.order = RINGQ_ORDER_PRODUCER, .max_records = 100}, kills);
	return 0;
}
