/* SPDX-License-Identifier: MIT */
/*
 * Workers and producers of an acknowledged queue are killed all the time. Each record is done by the book: a worker counts
 * it as done in shared memory, then acknowledges it. At the end none is missing, and one that was done twice was in the
 * hands of a worker that was killed between its count and the end of its acknowledgement.
 */
#include "../common.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WORKERS = 3, PRODUCERS = 2, HELD = 8, RECORDS_MOST = 1 << 20 };

static struct book {
	_Atomic uint32_t next[PRODUCERS]; /* the number that the producer puts, or is about to */
	_Atomic uint32_t
		at_work[WORKERS][HELD]; /* number + 1 of records in the worker's hands, once they are counted as done */
	_Atomic uint8_t done[PRODUCERS][RECORDS_MOST];
	_Atomic uint32_t redelivered;
} * book;

struct job {
	uint32_t producer;
	uint32_t number;
	char rest[40];
};

static ringq_queue *queue;
static uint8_t may_repeat[PRODUCERS][RECORDS_MOST], may_miss[PRODUCERS][RECORDS_MOST];

static void produce(void *arg)
{
	uint32_t self = (uint32_t)(uintptr_t)arg;
	struct job job = {.producer = self};

	for (;;) {
		job.number = book->next[self];
		check_compare(job.number, <, RECORDS_MOST);
		check_eq(ringq_put(queue, &job, sizeof job - job.number % 32, RINGQ_FOREVER), 0);
		book->next[self] = job.number + 1;
	}
}

/* By one call for all, or for each: many, by one. */
static void finish(uint32_t self, struct ringq_delivery *d, const struct job *job, size_t n)
{
	for (size_t k = 0; k < n; k++) {
		book->at_work[self][k] = 1 + job[k].number * PRODUCERS + job[k].producer;
		book->done[job[k].producer][job[k].number]++;
	}
	check_eq(n == 1 ? ringq_ack(queue, d) : ringq_ack_many(queue, d, n), 0);
	for (size_t k = 0; k < n; k++)
		book->at_work[self][k] = 0;
}

static void see(const struct ringq_delivery *d, struct job *job)
{
	check_compare(d->len, <=, sizeof *job);
	memcpy(job, d->data, d->len);
	check_compare(job->producer, <, PRODUCERS);
	check_compare(job->number, <, RECORDS_MOST);
	check_eq(d->len, sizeof *job - job->number % 32);
	if (d->attempt > 1)
		book->redelivered++;
}

static void work_on_many(uint32_t self)
{
	struct ringq_delivery d[HELD];
	struct job job[HELD];
	ssize_t n = ringq_take_many(queue, d, HELD, RINGQ_FOREVER);

	check_compare(n, >=, 1);
	for (ssize_t k = 0; k < n; k++)
		see(&d[k], &job[k]);
	finish(self, d, job, (size_t)n);
}

static void work(void *arg)
{
	uint32_t self = (uint32_t)(uintptr_t)arg;
	struct ringq_delivery d[3];
	struct job job[3];

	for (uint32_t i = 0;; i++) {
		int n = 1 + (int)(i % 3);
		for (int k = 0; k < n; k++) {
			check_eq(ringq_take(queue, &d[k], RINGQ_FOREVER), 0);
			see(&d[k], &job[k]);
		}
		if (i % 5 == 4)
			check_eq(ringq_requeue(queue, &d[--n]), 0);
		for (int k = n; k--;)
			finish(self, &d[k], &job[k], 1);
		work_on_many(self);
	}
}

static void after_worker(uint32_t worker)
{
	for (size_t k = 0; k < HELD; k++) {
		uint32_t at = book->at_work[worker][k];

		book->at_work[worker][k] = 0;
		if (at)
			may_repeat[(at - 1) % PRODUCERS][(at - 1) / PRODUCERS]++;
	}
}

/* What it was about to put is in the queue, or it is not. */
static void after_producer(uint32_t producer)
{
	uint32_t number = book->next[producer]++;

	may_miss[producer][number] = 1;
}

static void drain(void)
{
	struct ringq_delivery d;
	struct job job;

	while (ringq_take(queue, &d, RINGQ_NOWAIT) == 0) {
		memcpy(&job, d.data, d.len);
		book->done[job.producer][job.number]++;
		check_eq(ringq_ack(queue, &d), 0);
	}
	check_eq(ringq_join(queue, RINGQ_NOWAIT), 0);
}

/* How often a record was done once more, each time by one whose last worker was killed right there. */
static unsigned check_book(void)
{
	unsigned again = 0;

	for (uint32_t p = 0; p < PRODUCERS; p++)
		for (uint32_t i = 0; i < book->next[p]; i++) {
			check_compare(book->done[p][i] + may_miss[p][i], >=, 1);
			check_compare(book->done[p][i], <=, 1 + may_repeat[p][i]);
			again += book->done[p][i] ? book->done[p][i] - 1u : 0;
		}
	return again;
}

static void storm(unsigned order, uint64_t kills)
{
	struct rng rng = {order + 1};
	pid_t workers[WORKERS], producers[PRODUCERS];
	uint64_t put = 0;

	book = share_memory(sizeof *book);
	memset(may_repeat, 0, sizeof may_repeat);
	memset(may_miss, 0, sizeof may_miss);
	queue = queue_new(&(struct ringq_queue_options){
		.order = order, .flags = RINGQ_ACKNOWLEDGED, .max_bytes = 16 << 10, .max_records = order ? 0 : 100});
	for (uint32_t i = 0; i < WORKERS; i++)
		workers[i] = fork_child(work, (void *)(uintptr_t)i);
	for (uint32_t i = 0; i < PRODUCERS; i++)
		producers[i] = fork_child(produce, (void *)(uintptr_t)i);
	for (uint64_t kill = 0; kill < kills; kill++) {
		uint32_t victim = (uint32_t)rng_below(&rng, WORKERS + 1);
		pause_ns((int64_t)rng_below(&rng, 3000000));
		if (victim < WORKERS) {
			kill_child(workers[victim]);
			after_worker(victim);
			workers[victim] = fork_child(work, (void *)(uintptr_t)victim);
		} else {
			victim = (uint32_t)rng_below(&rng, PRODUCERS);
			kill_child(producers[victim]);
			after_producer(victim);
			producers[victim] = fork_child(produce, (void *)(uintptr_t)victim);
		}
		if (book->next[0] > RECORDS_MOST * 3 / 4 || book->next[1] > RECORDS_MOST * 3 / 4)
			break;
	}
	for (uint32_t i = 0; i < PRODUCERS; i++) {
		kill_child(producers[i]);
		after_producer(i);
		put += book->next[i];
	}
	for (uint32_t i = 0; i < WORKERS; i++) {
		kill_child(workers[i]);
		after_worker(i);
	}
	drain();
	printf("order %u: %llu records, %u delivered again, %u done again\n", order, (unsigned long long)put,
		book->redelivered, check_book());
	ringq_queue_release(queue);
}

int main(void)
{
	uint64_t kills = brief_or_long(1000, 100000);

	storm(RINGQ_ORDER_TOTAL, kills);
	storm(RINGQ_ORDER_PRODUCER, kills);
	return 0;
}
