/* SPDX-License-Identifier: MIT */
/*
 * RINGQ_ORDER_TOTAL: one FIFO across producers. Threads or processes take turns, so that what happened first is known:
 * each does one thing and hands over to another at random.
 */
#include "../common.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "region/region.h"

enum { PLAYERS = 4, TURNS = TEST_UNDER_TSAN ? 3000 : 15000 };

struct game {
	ringq_queue *queue;
	unsigned order;
	uint64_t turns;
	bool gets; /* players get as well, else they only put */
	atomic_int next_name;
	_Atomic uint64_t turn; /* the turn and, in the low bits, whose it is */

	/* These belong to the player whose turn it is. */
	struct rng rng;
	uint32_t in, out, in_of[PLAYERS], out_of[PLAYERS];
};

static void play_put(struct game *game, uint32_t player)
{
	struct record_id id = {player, game->order == RINGQ_ORDER_TOTAL ? game->in : game->in_of[player]};
	size_t len = record_random_len(&game->rng, 2000);
	char record[2000];
	int rc;

	record_fill(record, len, id);
	rc = ringq_put(game->queue, record, len, RINGQ_NOWAIT);
	if (rc == 0) {
		game->in++;
		game->in_of[player]++;
	}
	check(rc == 0 || (rc == -EAGAIN && game->in != game->out));
}

static void play_get(struct game *game)
{
	char record[2000];
	ssize_t len = ringq_get(game->queue, record, sizeof(record), RINGQ_NOWAIT);
	struct record_id id;

	if (game->in == game->out) {
		check_eq(len, -EAGAIN);
		return;
	}
	id = record_check(record, len);
	if (game->order == RINGQ_ORDER_TOTAL)
		check_eq(id.number, game->out);
	else
		check_eq(id.number, game->out_of[id.producer]);
	game->out_of[id.producer]++;
	game->out++;
}

static void play_turn(struct game *game, uint32_t player, uint64_t turn)
{
	/* It leans now to filling, now to draining. */
	if (!game->gets || rng_below(&game->rng, 100) < (turn / 500 % 2 ? 40 : 60))
		play_put(game, player);
	else
		play_get(game);
	check_eq(ringq_size(game->queue), game->in - game->out);
	check_eq(ringq_empty(game->queue), game->in == game->out);
}

static void play(void *arg)
{
	struct game *game = arg;
	uint32_t player = atomic_fetch_add(&game->next_name, 1);

	for (;;) {
		uint64_t now = atomic_load(&game->turn), turn = now / PLAYERS;

		if (turn >= game->turns)
			return;
		if (now % PLAYERS != player) {
			sched_yield();
			continue;
		}
		play_turn(game, player, turn);
		atomic_store(&game->turn, (turn + 1) * PLAYERS + rng_below(&game->rng, PLAYERS));
	}
}

static void *play_thread(void *game)
{
	play(game);
	return NULL;
}

static struct game *new_game(const struct ringq_queue_options *options, uint64_t turns, bool gets)
{
	struct game *game = share_memory(sizeof(*game));

	game->queue = queue_new(options);
	game->order = options->order;
	game->turns = turns;
	game->gets = gets;
	return game;
}

static void play_with_threads(struct game *game)
{
	pthread_t players[PLAYERS];

	for (size_t i = 0; i < PLAYERS; i++)
		players[i] = start_thread(play_thread, game);
	for (size_t i = 0; i < PLAYERS; i++)
		join_thread(players[i]);
	ringq_queue_release(game->queue);
}

static void play_with_processes(struct game *game)
{
	pid_t players[PLAYERS];

	for (size_t i = 0; i < PLAYERS; i++)
		players[i] = fork_child(play, game);
	for (size_t i = 0; i < PLAYERS; i++)
		reap_child(players[i]);
	ringq_queue_release(game->queue);
}

static const struct ringq_queue_options games[] = {
	{.order = RINGQ_ORDER_TOTAL},
	{.order = RINGQ_ORDER_PRODUCER},
	{.order = RINGQ_ORDER_TOTAL, .max_records = 20},
	{.order = RINGQ_ORDER_PRODUCER, .max_records = 20},
	{.order = RINGQ_ORDER_TOTAL, .max_bytes = 5000},
	{.order = RINGQ_ORDER_TOTAL, .flags = RINGQ_SINGLE_PRODUCER | RINGQ_SINGLE_CONSUMER},
	{.order = RINGQ_ORDER_PRODUCER, .flags = RINGQ_SINGLE_PRODUCER | RINGQ_SINGLE_CONSUMER},
};

Test(order, threads_in_turn_see_one_queue, .timeout = 200)
{
	for (size_t i = 0; i < COUNT(games); i++)
		play_with_threads(new_game(&games[i], brief_or_long(TURNS, 10 * TURNS), true));
}

Test(order, processes_in_turn_see_one_queue, .timeout = 200)
{
	for (size_t i = 0; i < COUNT(games); i++)
		play_with_processes(new_game(&games[i], brief_or_long(TURNS, 10 * TURNS), true));
}

Test(order, a_backlog_of_many_producers_comes_out_as_it_went_in)
{
	struct game *game = new_game(&(struct ringq_queue_options){.max_bytes = RINGQ_UNBOUNDED}, 20000, false);
	ringq_queue *drain;

	check_eq(ringq_queue_open(&drain, ringq_queue_region(game->queue), NULL), 0);
	play_with_threads(game);
	game->queue = drain;
	check_eq(game->in, 20000);
	while (game->out < game->in)
		play_get(game);
	ringq_queue_release(drain);
}

static void *put_two_and_three(void *queue)
{
	check_eq(put_number(queue, 2, RINGQ_NOWAIT), 0);
	check_eq(put_number(queue, 3, RINGQ_NOWAIT), 0);
	return NULL;
}

/* It is reserved while there is one lane, whose records need no stamps, and committed when there are two. */
Test(order, a_reservation_takes_its_turn_when_it_is_committed)
{
	ringq_queue *queue = queue_new(&(struct ringq_queue_options){0});
	void *reserved;

	check_eq(put_number(queue, 1, RINGQ_NOWAIT), 0);
	check_eq(ringq_reserve(queue, &reserved, sizeof(int64_t), RINGQ_NOWAIT), 0);
	join_thread(start_thread(put_two_and_three, queue));
	memcpy(reserved, &(int64_t){4}, sizeof(int64_t));
	check_eq(ringq_commit(queue, reserved, sizeof(int64_t)), 0);
	check_eq(put_number(queue, 5, RINGQ_NOWAIT), 0);
	for (int64_t i = 1; i <= 5; i++)
		check_eq(get_number(queue, RINGQ_NOWAIT), i);
	ringq_queue_release(queue);
}

#define FLOWING (TEST_UNDER_TSAN ? 4000 : 20000)

static int flowing(void)
{
	return (int)brief_or_long(FLOWING, FLOWING);
}

struct flow {
	ringq_queue *queue;
	_Atomic uint64_t next_put; /* as in struct game: the number, and in the low bits, whose turn it is */
	_Atomic uint64_t clock;
	atomic_int next_name, taken;
	struct rng rng;
	uint64_t begun[FLOWING], ended[FLOWING];
};

static void *flow_in(void *arg)
{
	struct flow *flow = arg;
	uint64_t player = atomic_fetch_add(&flow->next_name, 1);

	for (;;) {
		uint64_t now = atomic_load(&flow->next_put), number = now / PLAYERS;

		if (number == (uint64_t)flowing())
			return NULL;
		if (now % PLAYERS != player) {
			sched_yield();
			continue;
		}
		check_eq(put_number(flow->queue, number, TEST_SOON), 0);
		atomic_store(&flow->next_put, (number + 1) * PLAYERS + rng_below(&flow->rng, PLAYERS));
	}
}

static void *flow_out(void *arg)
{
	struct flow *flow = arg;
	int64_t last = -1;

	while (atomic_fetch_add(&flow->taken, 1) < flowing()) {
		uint64_t begun = atomic_fetch_add(&flow->clock, 1);
		int64_t number = get_number(flow->queue, TEST_SOON);

		check_compare(number, >, last);
		check_compare(number, <, flowing());
		check_eq(flow->ended[number], 0);
		flow->begun[number] = begun;
		flow->ended[number] = atomic_fetch_add(&flow->clock, 1);
		last = number;
	}
	return NULL;
}

/* No get may have ended before one began that took an older record. */
static void check_flow(const struct flow *flow)
{
	uint64_t first_end_of_younger = UINT64_MAX;

	for (int number = flowing(); number--;) {
		check_compare(flow->begun[number], <, flow->ended[number]);
		check(flow->begun[number] < first_end_of_younger);
		if (flow->ended[number] < first_end_of_younger)
			first_end_of_younger = flow->ended[number];
	}
}

static void run_flow(size_t consumers, uint64_t max_records)
{
	struct flow *flow = calloc(1, sizeof(*flow));
	pthread_t in[PLAYERS], out[8];

	check(flow && consumers <= COUNT(out));
	flow->queue = queue_new(&(struct ringq_queue_options){.max_records = max_records});
	for (size_t i = 0; i < consumers; i++)
		out[i] = start_thread(flow_out, flow);
	for (size_t i = 0; i < PLAYERS; i++)
		in[i] = start_thread(flow_in, flow);
	for (size_t i = 0; i < PLAYERS; i++)
		join_thread(in[i]);
	for (size_t i = 0; i < consumers; i++)
		join_thread(out[i]);
	check_flow(flow);
	ringq_queue_release(flow->queue);
	free(flow);
}

Test(order, one_consumer_beside_the_producers_gets_all_in_order, .timeout = 200)
{
	run_flow(1, 0);
	run_flow(1, 5);
}

Test(order, many_consumers_together_take_the_oldest_first, .timeout = 200)
{
	run_flow(2, 0);
	run_flow(4, 0);
	run_flow(4, 5);
}

/* ---- a clock that goes back ---- */

struct late {
	ringq_queue *queue;
	pthread_barrier_t met;
};

static void *put_before_and_after(void *arg)
{
	struct late *late = arg;

	check_eq(put_number(late->queue, 1, RINGQ_NOWAIT), 0);
	pthread_barrier_wait(&late->met);
	pthread_barrier_wait(&late->met); /* the clock has gone back */
	check_eq(put_number(late->queue, 2, RINGQ_NOWAIT), 0);
	pthread_barrier_wait(&late->met);
	pthread_barrier_wait(&late->met);
	return NULL;
}

/* The consumer knows both producers and always finds a record of one; the other's one comes out all the same. */
Test(order, nobody_starves_where_the_clock_has_gone_back)
{
	enum { MOST = 50000 };
	struct late late;
	pthread_t other;
	int i;

	setenv("RINGQ_CLOCK", "ticket", 1);
	late.queue = queue_new(&(struct ringq_queue_options){0});
	rq_u64 *ticket = &ringq_queue_region(late.queue)->header->ticket;
	rq_store(ticket, UINT64_C(1) << 50);
	pthread_barrier_init(&late.met, NULL, 2);
	other = start_thread(put_before_and_after, &late);
	pthread_barrier_wait(&late.met);
	for (i = 0; i < 20; i++)
		check_eq(put_number(late.queue, 7, RINGQ_NOWAIT), 0);
	check_eq(get_number(late.queue, RINGQ_NOWAIT), 1);
	for (i = 0; i < 10; i++)
		check_eq(get_number(late.queue, RINGQ_NOWAIT), 7);
	rq_store(ticket, 1);
	pthread_barrier_wait(&late.met);
	pthread_barrier_wait(&late.met);
	for (i = 0; i < MOST; i++) {
		check_eq(put_number(late.queue, 7, RINGQ_NOWAIT), 0);
		if (get_number(late.queue, RINGQ_NOWAIT) == 2)
			break;
	}
	check_compare(i, <, MOST);
	for (; ringq_size(late.queue) != 0; i++) /* nothing is lost */
		check_eq(get_number(late.queue, RINGQ_NOWAIT), 7);
	pthread_barrier_wait(&late.met);
	join_thread(other);
	ringq_queue_release(late.queue);
	unsetenv("RINGQ_CLOCK");
}
