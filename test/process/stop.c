/* SPDX-License-Identifier: MIT */
/*
 * Participants that are stopped anywhere in the middle of put and get: the others go on, and so do they, later. Some
 * rounds are short and many; in one, some stay stopped for ten seconds (two in the quick size), and the others must be as fast as
 * without them.
 */
#include "../common.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

enum { PLAYERS = 6, OTHERS = 2, MAX_LEN = 3000 };

/* Of the long stop. */
enum phase { BEFORE, DURING, AFTER };

/* Where a player is. */
enum { BETWEEN, IN_PUT, IN_GET };

/* A stopped player may hold a place of a bounded queue: there are more places than players. */
static const struct ringq_queue_options options[] = {
	{.order = RINGQ_ORDER_TOTAL},
	{.order = RINGQ_ORDER_PRODUCER},
	{.order = RINGQ_ORDER_TOTAL, .max_records = 2 * PLAYERS},
	{.order = RINGQ_ORDER_PRODUCER, .max_records = 2 * PLAYERS},
	{.order = RINGQ_ORDER_PRODUCER, .max_bytes = 10000},
};

#define TABLES (2 * COUNT(options))

/* What a player has put and taken. Only it writes here. */
struct account {
	_Atomic uint64_t put, got;
	atomic_int inside, parked;
	uint64_t got_of[PLAYERS], sum_of[PLAYERS];
};

struct table {
	ringq_queue *queue;
	atomic_int stop, park; /* park: all but the first OTHERS stay outside of calls */
	struct account accounts[PLAYERS];
	pid_t children[PLAYERS];
	uint64_t alone[3]; /* records that the others took in each phase */
};

/* Where a child plays. */
struct seat {
	struct table *table;
	uint32_t player;
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

static void stay_parked(struct table *table, struct account *account)
{
	account->parked = 1;
	while (table->park && !table->stop)
		pause_ns(RINGQ_MS(10));
	account->parked = 0;
}

static void play(void *arg)
{
	struct seat *seat = arg;
	struct table *table = seat->table;
	uint32_t player = seat->player, next[PLAYERS] = {0};
	struct account *account = &table->accounts[player];
	struct rng rng = {player};
	char record[MAX_LEN];

	while (!table->stop) {
		size_t len = record_random_len(&rng, MAX_LEN);
		ssize_t rc;

		if (table->park && player >= OTHERS)
			stay_parked(table, account);
		record_fill(record, len, (struct record_id){player, account->put});
		account->inside = IN_PUT;
		rc = ringq_put(table->queue, record, len, RINGQ_NOWAIT);
		account->inside = BETWEEN;
		check(rc == 0 || rc == -EAGAIN);
		account->put += rc == 0;
		account->inside = IN_GET;
		rc = ringq_get(table->queue, record, MAX_LEN, RINGQ_NOWAIT);
		account->inside = BETWEEN;
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

static void check_player_moves(const struct table *table, size_t player)
{
	int64_t deadline = now_ns() + TEST_SOON;
	uint64_t begun = table->accounts[player].got;

	while (table->accounts[player].got < begun + 100) {
		check_compare(now_ns(), <, deadline);
		pause_ns(RINGQ_US(100));
	}
}

static void stop_child(pid_t child)
{
	int status;

	check_eq(kill(child, SIGSTOP), 0);
	check_eq(waitpid(child, &status, WUNTRACED), child);
	check(WIFSTOPPED(status));
}

static void let_go_on(pid_t child)
{
	check_eq(kill(child, SIGCONT), 0);
}

static void stop_some(const struct table *table, size_t first, size_t count)
{
	for (size_t i = 0; i < count; i++)
		stop_child(table->children[(first + i) % PLAYERS]);
	check_moves(table);
	for (size_t i = 0; i < count; i++)
		let_go_on(table->children[(first + i) % PLAYERS]);
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

static struct table *begin(const struct ringq_queue_options *of)
{
	struct table *table = share_memory(sizeof(*table));

	table->queue = queue_new(of);
	for (uint32_t i = 0; i < PLAYERS; i++)
		table->children[i] = fork_child(play, &(struct seat){table, i});
	return table;
}

static void end(struct table *table)
{
	table->stop = 1;
	for (size_t i = 0; i < PLAYERS; i++)
		reap_child(table->children[i]);
	check_accounts(table);
	ringq_queue_release(table->queue);
}

static void stop_often(const struct ringq_queue_options *of, int rounds)
{
	struct table *table = begin(of);
	struct rng rng = {1};

	for (int round = 0; round < rounds; round++) {
		pause_ns(RINGQ_US(rng_below(&rng, 2000)));
		stop_some(table, rng_below(&rng, PLAYERS), 1 + rng_below(&rng, PLAYERS - 1));
	}
	check_moves(table);
	end(table);
}

/* ---- the long stop ---- */

static void park(struct table *table)
{
	int64_t deadline = now_ns() + TEST_SOON;

	table->park = 1;
	for (size_t i = OTHERS; i < PLAYERS; i++)
		while (!table->accounts[i].parked) {
			check_compare(now_ns(), <, deadline);
			pause_ns(RINGQ_MS(1));
		}
}

/* Stops a player inside of this call. */
static void stop_inside(const struct table *table, size_t player, int call, struct rng *rng)
{
	int64_t deadline = now_ns() + 3 * TEST_SOON;

	for (;;) {
		pause_ns(RINGQ_US(rng_below(rng, 500)));
		stop_child(table->children[player]);
		if (table->accounts[player].inside == call)
			return;
		check_compare(now_ns(), <, deadline);
		let_go_on(table->children[player]);
	}
}

static uint64_t moved_by_others(const struct table *table)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < OTHERS; i++)
		sum += table->accounts[i].got;
	return sum;
}

/* How many records the others of each table take in this time. */
static void measure(struct table *const *tables, enum phase phase, int64_t time)
{
	for (size_t i = 0; i < TABLES; i++)
		tables[i]->alone[phase] = moved_by_others(tables[i]);
	pause_ns(time);
	for (size_t i = 0; i < TABLES; i++)
		tables[i]->alone[phase] = moved_by_others(tables[i]) - tables[i]->alone[phase];
}

static void stop_players(struct table *table, struct rng *rng)
{
	table->park = 0;
	for (size_t player = OTHERS; player < PLAYERS; player++)
		stop_inside(table, player, player % 2 ? IN_PUT : IN_GET, rng);
}

static void let_players_park(struct table *table)
{
	table->park = 1;
	for (size_t player = OTHERS; player < PLAYERS; player++)
		let_go_on(table->children[player]);
	park(table);
}

/* The others were as fast as those beside them; the limit is generous, as two tables' shares of the machine may differ. */
static void check_cost(const struct table *table, const struct table *beside)
{
	for (enum phase phase = BEFORE; phase <= AFTER; phase++) {
		static const char *const names[] = {"before", "while 4 are stopped", "after"};

		printf("%s: %llu, and beside it %llu\n", names[phase], (unsigned long long)table->alone[phase],
			(unsigned long long)beside->alone[phase]);
	}
	fflush(stdout);
	check_compare(table->alone[DURING] * 4, >=, beside->alone[DURING]);
	check_compare(table->alone[AFTER] * 4, >=, beside->alone[AFTER]);
}

/*
 * Two of the players of some tables are stopped inside of a put and two inside of a get, for a while; at other tables
 * the same four stay outside of calls all the time. The others of both play side by side, and so have the same machine.
 */
static void stop_long(void)
{
	struct table *tables[TABLES];
	struct rng rng = {now_ns()};
	bool quick = test_size() == TEST_QUICK;

	for (size_t i = 0; i < TABLES; i++)
		park(tables[i] = begin(&options[i / 2]));
	measure(tables, BEFORE, RINGQ_SEC(1));
	for (size_t i = 0; i < TABLES; i += 2)
		stop_players(tables[i], &rng);
	measure(tables, DURING, quick ? RINGQ_SEC(2) : RINGQ_SEC(10));
	for (size_t i = 0; i < TABLES; i += 2)
		let_players_park(tables[i]);
	measure(tables, AFTER, quick ? RINGQ_SEC(2) : RINGQ_SEC(6));
	for (size_t i = 0; i < TABLES; i++) {
		test_row(i / 2);
		if (i % 2 == 0)
			check_cost(tables[i], tables[i + 1]);
		tables[i]->park = 0;
		for (size_t player = 0; player < PLAYERS; player++)
			check_player_moves(tables[i], player);
		end(tables[i]);
	}
}

int main(void)
{
	for (size_t i = 0; i < COUNT(options); i++) {
		test_row(i);
		stop_often(&options[i], brief_or_long(60, 5000));
	}
	for (uint64_t times = brief_or_long(1, 6); times--;)
		stop_long();
	return 0;
}
