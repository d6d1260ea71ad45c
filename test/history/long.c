/* SPDX-License-Identifier: MIT */
/*
 * Long histories of puts and gets, judged by the patterns: threads and processes, more of them than processors,
 * batches, producers that come and go, are killed in the middle and leave their lanes to others, are stopped anywhere;
 * and processes that hand over by pipes, so that whose put was first is beyond doubt.
 */
#include "history.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { CONSUMERS_MOST = 4, PRODUCERS_MOST = 8, LOOKS_MOST = 200000 };

struct shape {
	const char *name;
	struct ringq_queue_options queue;
	bool processes;
	uint32_t producers, consumers;
	uint32_t records; /* calls of each producer, about */
	uint32_t waves;   /* so many producers come after each other in each producer's stead; 0: one that stays */
	bool killed;      /* each but the last of these is killed */
	bool stopped;     /* now one is, now another */
	bool relay;       /* producers put in turn, and say so by a pipe */
};

static const struct shape shapes[] = {
	{.name = "two threads and one", .producers = 2, .consumers = 1, .records = 8000},
	{.name = "threads", .producers = 3, .consumers = 3, .records = 5000},
	{.name = "processes", .processes = true, .producers = 3, .consumers = 3, .records = 5000},
	{.name = "many threads", .producers = 8, .consumers = 4, .records = 2000},
	{.name = "few places", .queue = {.max_records = 3}, .producers = 3, .consumers = 2, .records = 2000},
	{.name = "few places, processes",
		.queue = {.max_records = 5},
		.processes = true,
		.producers = 3,
		.consumers = 2,
		.records = 2000},
	{.name = "threads come and go", .producers = 4, .consumers = 2, .records = 20, .waves = 60},
	{.name = "processes come and go", .processes = true, .producers = 4, .consumers = 2, .records = 20, .waves = 30},
	{.name = "killed producers",
		.processes = true,
		.producers = 4,
		.consumers = 2,
		.records = 1000,
		.waves = 30,
		.killed = true},
	{.name = "killed producers, few places",
		.queue = {.max_records = 4},
		.processes = true,
		.producers = 3,
		.consumers = 2,
		.records = 1000,
		.waves = 20,
		.killed = true},
	{.name = "stopped", .processes = true, .producers = 4, .consumers = 2, .records = 3000, .stopped = true},
	{.name = "relay", .processes = true, .producers = 4, .consumers = 2, .records = 2500, .relay = true},
	{.name = "each producer's order",
		.queue = {.order = RINGQ_ORDER_PRODUCER},
		.processes = true,
		.producers = 3,
		.consumers = 3,
		.records = 5000},
	{.name = "each producer's order, killed",
		.queue = {.order = RINGQ_ORDER_PRODUCER},
		.processes = true,
		.producers = 4,
		.consumers = 2,
		.records = 1000,
		.waves = 30,
		.killed = true},
};

/* In shared memory. Logs: consumers, then one that drains, then producers, each with its own. */
struct crew {
	const struct shape *shape;
	ringq_queue *queue;
	_Atomic uint64_t *ticket;
	struct history history;
	uint64_t seed;
	uint32_t calls;   /* of a producer */
	atomic_bool over; /* no more producers */
	int pipes[PRODUCERS_MOST][2];
};

struct worker {
	struct crew *crew;
	uint32_t number; /* its log, and what its records are called */
	uint32_t seat;
};

static struct actor *actor_new(const struct worker *worker)
{
	const struct crew *crew = worker->crew;
	struct actor *actor = malloc(sizeof(*actor));

	check(actor);
	*actor = (struct actor){.queue = crew->queue,
		.log = &crew->history.logs[worker->number],
		.ticket = crew->ticket,
		.producer = worker->number,
		.rng = {crew->seed + worker->number}};
	return actor;
}

static void linger(struct rng *rng)
{
	uint64_t dice = rng_below(rng, 256);

	for (volatile uint64_t spins = rng_below(rng, 64); spins;)
		spins--;
	if (dice < 8)
		sched_yield();
	else if (dice == 8)
		pause_ns(RINGQ_US(rng_below(rng, 100)));
}

static uint32_t batch(struct rng *rng)
{
	return rng_below(rng, 4) ? 1 : 2 + (uint32_t)rng_below(rng, HISTORY_BATCH - 1);
}

static void await_turn(const struct worker *worker)
{
	char byte;

	if (worker->crew->shape->relay)
		check_eq(read(worker->crew->pipes[worker->seat][0], &byte, 1), 1);
}

static void pass_turn(const struct worker *worker)
{
	if (worker->crew->shape->relay)
		check_eq(write(worker->crew->pipes[(worker->seat + 1) % worker->crew->shape->producers][1], "", 1), 1);
}

static void produce(void *arg)
{
	const struct worker *worker = arg;
	struct actor *actor = actor_new(worker);
	timer_t timer = rest_timer_new();

	for (uint32_t i = 0; i < worker->crew->calls; i++) {
		actor->reserves = rng_below(&actor->rng, 8) == 0;
		await_turn(worker);
		if (rng_below(&actor->rng, 32) == 0)
			rest_soon(timer, &actor->rng);
		check_compare(act(actor, CALL_PUT, batch(&actor->rng), TEST_SOON), >, 0);
		pass_turn(worker);
		if (!worker->crew->shape->relay)
			linger(&actor->rng);
	}
	check_eq(timer_delete(timer), 0);
	free(actor);
}

static void consume(void *arg)
{
	const struct worker *worker = arg;
	struct crew *crew = worker->crew;
	struct actor *actor = actor_new(worker);
	timer_t timer = rest_timer_new();
	bool over;
	int64_t got;

	do {
		/* Read first: what was put before producers were done is found by the get. */
		over = atomic_load(&crew->over);
		if (rng_below(&actor->rng, 32) == 0)
			rest_soon(timer, &actor->rng);
		got = act(actor, CALL_GET, batch(&actor->rng), rng_below(&actor->rng, 8) ? RINGQ_NOWAIT : RINGQ_US(100));
		if (got < 0)
			pause_ns(RINGQ_US(rng_below(&actor->rng, 20)));
		else if (rng_below(&actor->rng, 16) == 0)
			act(actor, CALL_EMPTY, 0, 0);
		linger(&actor->rng);
	} while (got > 0 || !over);
	check_eq(timer_delete(timer), 0);
	free(actor);
}

static void *run_produce(void *arg)
{
	produce(arg);
	return NULL;
}

static void *run_consume(void *arg)
{
	consume(arg);
	return NULL;
}

/* ---- who is run as what ---- */

struct running {
	struct worker worker;
	pthread_t thread;
	pid_t child;
};

static void start(struct running *r, struct crew *crew, uint32_t number, uint32_t seat, bool producer)
{
	r->worker = (struct worker){crew, number, seat};
	if (crew->shape->processes)
		r->child = fork_child(producer ? produce : consume, &r->worker);
	else
		r->thread = start_thread(producer ? run_produce : run_consume, &r->worker);
}

static void await(struct running *r)
{
	if (r->worker.crew->shape->processes)
		reap_child(r->child);
	else
		join_thread(r->thread);
}

/* It begins to put when it has a log; then anywhere. */
static void kill_at_random(struct running *r, struct rng *rng)
{
	const struct history_log *log = &r->worker.crew->history.logs[r->worker.number];
	int64_t deadline = now_ns() + TEST_SOON;

	while (rng_below(rng, 16) && !atomic_load(&log->count))
		check_compare(now_ns(), <, deadline);
	pause_ns(RINGQ_US(rng_below(rng, 500)));
	kill_child(r->child);
}

static void stop_at_random(struct running *all, uint32_t count, struct rng *rng, int64_t until)
{
	while (now_ns() < until) {
		const struct running *r = &all[rng_below(rng, count)];

		/* Nobody is reaped before this is over: so the id is still of that process. */
		kill(r->child, SIGSTOP);
		pause_ns(RINGQ_US(rng_below(rng, 3000)));
		kill(r->child, SIGCONT);
		pause_ns(RINGQ_US(rng_below(rng, 300)));
	}
}

static struct crew *crew_new(const struct shape *shape, enum history_clock clock, uint64_t seed)
{
	struct crew *crew = share_memory(sizeof(*crew));
	uint32_t waves = shape->waves ? shape->waves : 1;

	crew->shape = shape;
	crew->queue = queue_new(&shape->queue);
	crew->ticket = history_clock_new(clock);
	crew->seed = seed;
	crew->calls = shape->records;
	crew->history = history_new(shape->consumers + 1 + shape->producers * waves, LOOKS_MOST, &shape->queue);
	for (uint32_t i = 0; i < shape->producers; i++)
		check_eq(pipe(crew->pipes[i]), 0);
	return crew;
}

static size_t crew_end(struct crew *crew)
{
	size_t calls = 0;

	for (uint32_t i = 0; i < crew->history.actors; i++)
		calls += crew->history.logs[i].count;
	for (uint32_t i = 0; i < crew->shape->producers; i++) {
		close(crew->pipes[i][0]);
		close(crew->pipes[i][1]);
	}
	history_free(&crew->history);
	if (crew->ticket)
		munmap(crew->ticket, sizeof(uint64_t));
	munmap(crew, sizeof(*crew));
	return calls;
}

static void run_producers(struct crew *crew, struct rng *rng)
{
	const struct shape *shape = crew->shape;
	uint32_t next = shape->consumers + 1, waves = shape->waves ? shape->waves : 1;
	struct running producers[PRODUCERS_MOST];

	for (uint32_t i = 0; i < shape->producers; i++)
		start(&producers[i], crew, next++, i, true);
	if (shape->relay)
		check_eq(write(crew->pipes[0][1], "", 1), 1);
	if (shape->stopped)
		stop_at_random(producers, shape->producers, rng, now_ns() + RINGQ_MS(500));
	/* One after the other, so that most of the time all others are at work. */
	for (uint32_t i = shape->producers; i < shape->producers * waves; i++) {
		struct running *r = &producers[i % shape->producers];

		if (shape->killed)
			kill_at_random(r, rng);
		else
			await(r);
		start(r, crew, next++, i % shape->producers, true);
	}
	for (uint32_t i = 0; i < shape->producers; i++)
		await(&producers[i]);
}

static size_t run_shape(const struct shape *shape, enum history_clock clock, uint64_t seed)
{
	struct crew *crew = crew_new(shape, clock, seed);
	struct running consumers[CONSUMERS_MOST];
	struct worker last = {crew, shape->consumers, 0};
	struct actor *drain = actor_new(&last);
	struct rng rng = {seed};

	for (uint32_t i = 0; i < shape->consumers; i++)
		start(&consumers[i], crew, i, i, false);
	run_producers(crew, &rng);
	atomic_store(&crew->over, true);
	for (uint32_t i = 0; i < shape->consumers; i++)
		await(&consumers[i]);
	while (act(drain, CALL_GET, 1, RINGQ_NOWAIT) > 0)
		continue;
	check(ringq_empty(crew->queue));
	crew->history.drained = true;
	check(history_check(&crew->history, shape->name));
	ringq_queue_release(crew->queue);
	free(drain);
	return crew_end(crew);
}

int main(int argc, char **argv)
{
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : (uint64_t)now_ns();
	int64_t until = now_ns() + (int64_t)brief_or_long(0, RINGQ_SEC(900));

	printf("seed %llu\n", (unsigned long long)seed);
	do {
		for (size_t i = 0; i < COUNT(shapes) * 2; i++) {
			const struct shape *shape = &shapes[i / 2];
			int64_t begun = now_ns();
			size_t calls;

			if ((argc > 1 && *argv[1] && strcmp(argv[1], shape->name) != 0) ||
				(TEST_UNDER_TSAN && shape->processes))
				continue;
			calls = run_shape(shape, i % 2 ? CLOCK_IS_TICKET : CLOCK_IS_MONOTONIC, seed++);
			printf("%s: %zu calls, %lld ms\n", shape->name, calls, (long long)(now_ns() - begun) / 1000000);
			fflush(stdout);
		}
	} while (now_ns() < until);
	return 0;
}
