/* SPDX-License-Identifier: MIT */
/* Participants that are stopped anywhere in the middle of put and get: the others go on, and so do they, later. */
#include "../common.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

enum { PLAYERS = 4, MAX_LEN = 3000 };

/* What a player has put and taken. Only it writes here. */
struct account {
	_Atomic uint64_t put, got;
	uint64_t got_of[PLAYERS], sum_of[PLAYERS];
};

struct table {
	ringq_queue *queue;
	atomic_int stop;
	atomic_uint named;
	struct account accounts[PLAYERS];
};

static void book(struct account *account, uint32_t *next, const char *record, size_t len)
{
	struct record_id id = record_check(record, len);

	check_compare(id.producer, <, PLAYERS);
	check_compare(id.number, >=, next[id.producer]);
	next[id.producer] = id.number + 1;
	account->got_of[id.producer]++;
	account->sum_of[id.producer] += id.number;
	account->got++;
}

static void play(void *arg)
{
	struct table *table = arg;
	uint32_t player = atomic_fetch_add(&table->named, 1), next[PLAYERS] = {0};
	struct account *account = &table->accounts[player];
	struct rng rng = {player};
	char record[MAX_LEN];

	while (!table->stop) {
		size_t len = record_random_len(&rng, MAX_LEN);
		ssize_t rc;

		record_fill(record, len, (struct record_id){player, account->put});
		rc = ringq_put(table->queue, record, len, RINGQ_NOWAIT);
		check(rc == 0 || rc == -EAGAIN);
		account->put += rc == 0;
		rc = ringq_get(table->queue, record, MAX_LEN, RINGQ_NOWAIT);
		check(rc >= 0 || rc == -EAGAIN);
		if (rc >= 0)
			book(account, next, record, rc);
	}
}

static uint64_t moved(const struct table *table)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < PLAYERS; i++)
		sum += table->accounts[i].got;
	return sum;
}

/* Waits until some more records have been taken. */
static void check_moves(const struct table *table)
{
	int64_t deadline = now_ns() + TEST_SOON;
	uint64_t begun = moved(table);

	while (moved(table) < begun + 100) {
		check_compare(now_ns(), <, deadline);
		pause_ns(RINGQ_US(100));
	}
}

static void stop_some(const struct table *table, const pid_t *children, size_t first, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		pid_t child = children[(first + i) % PLAYERS];
		int status;

		check_eq(kill(child, SIGSTOP), 0);
		check_eq(waitpid(child, &status, WUNTRACED), child);
		check(WIFSTOPPED(status));
	}
	check_moves(table);
	for (size_t i = 0; i < count; i++)
		check_eq(kill(children[(first + i) % PLAYERS], SIGCONT), 0);
}

static void check_accounts(struct table *table)
{
	struct account rest = {0};
	uint32_t next[PLAYERS] = {0};
	char record[MAX_LEN];
	ssize_t len;

	while ((len = ringq_get(table->queue, record, MAX_LEN, RINGQ_NOWAIT)) >= 0)
		book(&rest, next, record, len);
	check_eq(len, -EAGAIN);
	for (size_t producer = 0; producer < PLAYERS; producer++) {
		uint64_t put = table->accounts[producer].put, got = rest.got_of[producer];
		uint64_t sum = rest.sum_of[producer];

		for (size_t i = 0; i < PLAYERS; i++) {
			got += table->accounts[i].got_of[producer];
			sum += table->accounts[i].sum_of[producer];
		}
		check_eq(got, put);
		check_eq(sum, put * (put - 1) / 2);
	}
}

static void run(const struct ringq_queue_options *options, int rounds)
{
	struct table *table = share_memory(sizeof(*table));
	pid_t children[PLAYERS];
	struct rng rng = {1};

	table->queue = queue_new(options);
	for (size_t i = 0; i < PLAYERS; i++)
		children[i] = fork_child(play, table);
	for (int round = 0; round < rounds; round++) {
		pause_ns(RINGQ_US(rng_below(&rng, 2000)));
		stop_some(table, children, rng_below(&rng, PLAYERS), 1 + rng_below(&rng, PLAYERS - 1));
	}
	check_moves(table);
	table->stop = 1;
	for (size_t i = 0; i < PLAYERS; i++)
		reap_child(children[i]);
	check_accounts(table);
	ringq_queue_release(table->queue);
}

int main(void)
{
	/* A stopped player may hold a place of a bounded queue: there are more places than players. */
	static const struct ringq_queue_options options[] = {
		{.order = RINGQ_ORDER_TOTAL},
		{.order = RINGQ_ORDER_PRODUCER},
		{.order = RINGQ_ORDER_TOTAL, .max_records = 2 * PLAYERS},
		{.order = RINGQ_ORDER_PRODUCER, .max_records = 2 * PLAYERS},
		{.order = RINGQ_ORDER_PRODUCER, .max_bytes = 10000},
	};

	for (size_t i = 0; i < COUNT(options); i++) {
		test_row(i);
		run(&options[i], brief_or_long(100, 5000));
	}
	return 0;
}
