/* SPDX-License-Identifier: MIT */
/*
 * Many short histories of all calls, by threads and by processes that begin together: each is searched for an order in
 * which all answers are right. A queue is used for some rounds and then drained and left, so that lanes are new, are
 * alone, and have company. Of an acknowledged queue, a process is killed in the last round, with what it has in hand.
 */
#include "history.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

enum { ACTORS_MOST = SEARCH_ACTORS - 1, ROUNDS = 12, CALLS = 5, BATCH = 3, MOST = 2 * SEARCH_VALUES };

/* What a table's actors do together. The last log is of who drains. */
struct table {
	bool processes, closes;
	uint32_t actors;
	uint32_t calls; /* of each, in a round */
	struct history history;
	struct actor list[ACTORS_MOST + 1];
	atomic_uint round, ready;
	atomic_uint done[ACTORS_MOST]; /* the last round that each has played */
	pid_t children[ACTORS_MOST];   /* -1: was killed */
};

static void wait_for(const atomic_uint *count, unsigned at_least)
{
	int64_t deadline = now_ns() + TEST_SOON;

	for (unsigned looks = 1; atomic_load(count) < at_least; looks++) {
		if (looks % 64 == 0)
			sched_yield();
		if (looks % 1024 == 0)
			check_compare(now_ns(), <, deadline);
	}
}

/* So that calls meet now here, now there. */
static void linger(struct rng *rng)
{
	volatile uint64_t spins = rng_below(rng, 8) ? rng_below(rng, 100) : rng_below(rng, 2000);

	while (spins)
		spins--;
	if (rng_below(rng, 12) == 0)
		sched_yield();
}

static void end_deliveries(struct actor *actor, enum history_call call)
{
	bool all = call == CALL_ACK && rng_below(&actor->rng, 2);

	act_begin_end(actor, call, all ? actor->open : 1, rng_below(&actor->rng, 2));
	act_make(actor);
	act_end(actor);
}

/* With room for what it takes; of the oldest or of the youngest, one or all. */
static void one_call_acknowledged(struct table *table, struct actor *actor)
{
	uint64_t dice = rng_below(&actor->rng, table->closes ? 66 : 64);
	uint32_t n = rng_below(&actor->rng, 3) ? 1 : 2 + (uint32_t)rng_below(&actor->rng, BATCH - 1);
	int64_t timeout = rng_below(&actor->rng, 8) ? RINGQ_NOWAIT : RINGQ_US(20);

	actor->reserves = rng_below(&actor->rng, 4) == 0;
	if (dice < 18)
		act(actor, CALL_PUT, n, timeout);
	else if (dice < 32 && actor->open + n <= HISTORY_BATCH)
		act(actor, CALL_TAKE, n, timeout);
	else if (dice < 50 && actor->open)
		end_deliveries(actor, dice < 42 ? CALL_ACK : CALL_REQUEUE);
	else
		act(actor,
			dice < 54   ? CALL_GET
			: dice < 56 ? CALL_PEEK
			: dice < 58 ? CALL_EMPTY
			: dice < 60 ? CALL_FULL
			: dice < 61 ? CALL_SIZE
			: dice < 64 ? CALL_JOIN
				    : CALL_CLOSE,
			dice < 52 ? n : 1, timeout);
}

static void one_call(struct table *table, struct actor *actor)
{
	if (table->history.acknowledged) {
		one_call_acknowledged(table, actor);
		return;
	}

	uint64_t dice = rng_below(&actor->rng, table->closes ? 64 : 60);
	uint32_t n = rng_below(&actor->rng, 3) ? 1 : 2 + (uint32_t)rng_below(&actor->rng, BATCH - 1);

	actor->reserves = rng_below(&actor->rng, 4) == 0;
	if (dice < 20)
		act(actor, CALL_PUT, n, rng_below(&actor->rng, 8) ? RINGQ_NOWAIT : RINGQ_US(20));
	else if (dice < 44)
		act(actor, CALL_GET, n, rng_below(&actor->rng, 8) ? RINGQ_NOWAIT : RINGQ_US(20));
	else
		act(actor,
			dice < 49   ? CALL_PEEK
			: dice < 53 ? CALL_EMPTY
			: dice < 56 ? CALL_FULL
			: dice < 60 ? CALL_SIZE
				    : CALL_CLOSE,
			1, 0);
}

static void take_part(struct table *table, uint32_t number)
{
	struct actor *actor = &table->list[number];
	timer_t timer = rest_timer_new();

	for (unsigned round = 1; round <= ROUNDS; round++) {
		atomic_fetch_add(&table->ready, 1);
		wait_for(&table->round, round);
		for (uint32_t i = 0; i < table->calls; i++) {
			linger(&actor->rng);
			if (rng_below(&actor->rng, 2))
				rest_soon(timer, &actor->rng);
			one_call(table, actor);
		}
		while (actor->open)
			end_deliveries(actor, rng_below(&actor->rng, 3) ? CALL_ACK : CALL_REQUEUE);
		atomic_store(&table->done[number], round);
	}
	check_eq(timer_delete(timer), 0);
}

struct seat {
	struct table *table;
	uint32_t number;
};

static void sit_down(void *arg)
{
	const struct seat *seat = arg;

	take_part(seat->table, seat->number);
}

static void *sit_down_thread(void *arg)
{
	sit_down(arg);
	return NULL;
}

static void drain(struct table *table)
{
	while (act(&table->list[table->actors], CALL_GET, 1, RINGQ_NOWAIT) > 0)
		continue;
	if (table->history.acknowledged)
		act(&table->list[table->actors], CALL_JOIN, 1, RINGQ_NOWAIT);
	table->history.drained = true;
}

static void kill_first(void *arg)
{
	struct table *table = arg;

	kill_child(table->children[0]);
	table->children[0] = -1;
}

/* One history. */
static bool play_round(struct table *table, unsigned round, const char *what)
{
	struct actor *last = &table->list[table->actors];
	bool kills = round == ROUNDS && table->history.acknowledged && table->processes;

	wait_for(&table->ready, table->actors * round);
	for (uint32_t i = 0; i < table->history.actors; i++)
		table->history.logs[i].count = 0;
	atomic_store(&table->round, round);
	if (kills) {
		pause_ns((int64_t)rng_below(&last->rng, 150000));
		act_death(last, 0, kill_first, table);
	}
	for (uint32_t i = kills; i < table->actors; i++)
		wait_for(&table->done[i], round);
	drain(table);
	return history_check(&table->history, what);
}

static struct table *table_new(struct rng *rng, const struct ringq_queue_options *options, bool processes)
{
	struct table *table = share_memory(sizeof(*table));
	enum history_clock clock = rng_below(rng, 2) ? CLOCK_IS_TICKET : CLOCK_IS_MONOTONIC;
	_Atomic uint64_t *ticket = history_clock_new(clock);
	ringq_queue *queue = queue_new(options);

	table->processes = processes;
	table->actors = 2 + (uint32_t)rng_below(rng, rng_below(rng, 3) ? 2 : ACTORS_MOST - 1);
	table->calls = table->actors > 4 ? 3 : CALLS + (uint32_t)rng_below(rng, CALLS - 1);
	table->history = history_new(table->actors + 1, MOST, options);
	for (uint32_t i = 0; i <= table->actors; i++)
		table->list[i] = (struct actor){.queue = queue,
			.log = &table->history.logs[i],
			.ticket = ticket,
			.producer = i,
			.rng = {rng_next(rng)}};
	return table;
}

static void table_end(struct table *table)
{
	ringq_queue_release(table->list[0].queue);
	if (table->list[0].ticket)
		munmap(table->list[0].ticket, sizeof(uint64_t));
	history_free(&table->history);
	munmap(table, sizeof(*table));
}

/* Returns how many of its histories were not decided. */
static unsigned play_table(struct table *table, const char *what)
{
	struct seat seats[ACTORS_MOST];
	pthread_t threads[ACTORS_MOST];
	unsigned undecided = 0;

	for (uint32_t i = 0; i < table->actors; i++) {
		seats[i] = (struct seat){table, i};
		if (table->processes)
			table->children[i] = fork_child(sit_down, &seats[i]);
		else
			threads[i] = start_thread(sit_down_thread, &seats[i]);
	}
	for (unsigned round = 1; round <= ROUNDS; round++) {
		/* A closed queue stays so: only the last round closes. */
		undecided += !play_round(table, round, what);
		table->closes = round == ROUNDS - 1;
	}
	for (uint32_t i = 0; i < table->actors; i++) {
		if (table->processes && table->children[i] > 0)
			reap_child(table->children[i]);
		else if (!table->processes)
			join_thread(threads[i]);
	}
	return undecided;
}

static const struct {
	const char *name;
	struct ringq_queue_options options;
} queues[] = {
	{"total order", {.order = RINGQ_ORDER_TOTAL}},
	{"total order, few records", {.order = RINGQ_ORDER_TOTAL, .max_records = 2}},
	{"total order, one record", {.order = RINGQ_ORDER_TOTAL, .max_records = 1}},
	{"acknowledged", {.flags = RINGQ_ACKNOWLEDGED}},
	{"acknowledged, few records", {.flags = RINGQ_ACKNOWLEDGED, .max_records = 2}},
	{"acknowledged, order of each producer", {.flags = RINGQ_ACKNOWLEDGED, .order = RINGQ_ORDER_PRODUCER}},
	{"order of each producer", {.order = RINGQ_ORDER_PRODUCER}},
	{"order of each producer, few records", {.order = RINGQ_ORDER_PRODUCER, .max_records = 3}},
};

int main(int argc, char **argv)
{
	uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 10) : (uint64_t)now_ns(), histories = 0, undecided = 0;
	int64_t until = now_ns() + (int64_t)brief_or_long(RINGQ_SEC(5), RINGQ_SEC(900));
	struct rng rng = {seed};

	printf("seed %llu\n", (unsigned long long)seed);
	fflush(stdout);
	for (unsigned tables = 0; now_ns() < until || tables < 2 * COUNT(queues); tables++) {
		struct ringq_queue_options options = queues[tables % COUNT(queues)].options;
		struct table *table;

		options.max_producers = ACTORS_MOST + 2;
		table = table_new(&rng, &options, tables / COUNT(queues) % 2);
		undecided += play_table(table, queues[tables % COUNT(queues)].name);
		histories += ROUNDS;
		table_end(table);
	}
	printf("%llu histories, of which %llu were too much to decide\n", (unsigned long long)histories,
		(unsigned long long)undecided);
	check_compare(undecided * 20, <, histories);
	return 0;
}
