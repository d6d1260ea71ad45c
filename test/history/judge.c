/* SPDX-License-Identifier: MIT */
/*
 * Judges the judge: histories that must be accepted and that must be refused, of each kind; random ones that a queue
 * has made; and random ones that are nearly right, on which the patterns and the search must agree, neither knowing of
 * the other.
 */
#include "example.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- by hand ---- */

static const struct example examples[] = {
	{true, .name = "nothing", .text = ""},
	{true, .name = "one after the other",
		.text = "0 1 2 put a0\n0 3 4 put a1\n1 5 6 get a0\n1 7 8 get a1\n1 9 10 get EAGAIN", .drained = true},
	{true, .name = "puts beside each other come out in any order",
		.text = "0 1 4 put a0\n1 2 3 put b0\n2 5 6 get b0\n2 7 8 get a0"},
	{true, .name = "gets beside each other, too", .text = "0 1 2 put a0\n1 3 4 put b0\n2 5 8 get b0\n3 6 7 get a0"},
	{true, .name = "a get that began before its put", .text = "1 1 4 get a0\n0 2 3 put a0"},
	{true, .name = "equal stamps say nothing", .text = "0 1 2 put a0\n1 2 3 put b0\n2 4 5 get b0\n2 6 7 get a0"},
	{false, .name = "got before it was put", .text = "1 1 2 get a0\n0 3 4 put a0"},
	{false, .name = "got twice", .text = "0 1 2 put a0\n1 3 4 get a0\n2 3 4 get a0"},
	{false, .name = "invented", .text = "0 1 2 put a0\n1 3 4 get a1"},
	{false, .name = "put in vain, and got", .text = "0 1 2 put a0 EPIPE\n1 3 4 get a0"},
	{false, .name = "lost", .text = "0 1 2 put a0\n1 3 4 get EAGAIN", .drained = true},
	{false, .name = "overtaken", .text = "0 1 2 put a0\n1 3 4 put b0\n2 5 6 get b0\n2 7 8 get a0"},
	{false, .name = "overtaken by gets of two", .text = "0 1 2 put a0\n1 3 4 put b0\n2 5 6 get b0\n3 7 8 get a0"},
	{false, .name = "overtaken for ever", .text = "0 1 2 put a0\n1 3 4 put b0\n2 5 6 get b0"},
	{false, .name = "overtaken in a batch", .text = "0 1 2 put a0\n1 3 4 put b0\n2 5 6 get b0 a0"},
	{false, .name = "a producer's records in the wrong order",
		.text = "0 1 2 put a0\n0 3 4 put a1\n2 5 6 get a1\n2 7 8 get a0"},
	{false, .name = "a batch put in order, got in another", .text = "0 1 4 put a0 a1\n2 5 6 get a1\n2 7 8 get a0"},
	{false, .name = "the same while it is put", .text = "0 1 9 put a0 a1\n2 2 3 get a1\n2 4 5 get a0"},
	{true, .name = "a batch of which others come between",
		.text = "0 1 4 put a0 a1\n1 2 3 put b0\n2 5 6 get a0\n2 7 8 get b0 a1"},
	{true, .name = "empty beside a put", .text = "0 1 4 put a0\n1 2 3 get EAGAIN\n1 5 6 get a0"},
	{true, .name = "empty between two", .text = "0 1 2 put a0\n1 3 6 get EAGAIN\n2 4 5 get a0"},
	{false, .name = "empty beside a record", .text = "0 1 2 put a0\n1 3 4 get EAGAIN\n1 5 6 get a0"},
	{false, .name = "empty beside one of two records",
		.text = "0 1 2 put a0\n1 3 10 get EAGAIN\n0 4 5 put a1\n2 6 7 get a0\n2 11 12 get a1"},
	{false, .name = "empty beside one of three",
		.text = "0 1 2 put a0\n1 3 20 get EAGAIN\n0 4 5 put a1\n2 6 7 get a0\n0 8 9 put a2\n2 10 11 get a1\n2 "
			"21 22 get a2"},
	{true, .name = "empty between one of three",
		.text = "0 1 2 put a0\n1 3 20 get EAGAIN\n0 4 5 put a1\n2 6 7 get a0\n2 8 9 get a1\n0 10 11 put a2\n2 "
			"21 22 get a2"},
	{false, .name = "fewer than there were", .text = "0 1 2 put a0 a1\n1 3 4 get a0 of 2"},
	{true, .name = "fewer than there were beside another get",
		.text = "0 1 2 put a0 a1\n1 3 6 get a0 of 2\n2 4 5 get a1"},
	{false, .name = "empty() beside a record", .text = "0 1 2 put a0\n1 3 4 empty 1"},
	{false, .name = "not empty() beside none", .text = "0 1 2 put a0\n1 3 4 get a0\n1 5 6 empty 0"},
	{true, .name = "empty() beside a get", .text = "0 1 2 put a0\n1 3 6 get a0\n2 4 5 empty 1"},
	{false, .name = "empty() to who knows better",
		.text = "0 1 2 put a0\n1 3 9 get a0\n2 4 5 empty 1\n2 6 7 empty 0"},
	{true, .name = "full", .text = "0 1 2 put a0 a1\n0 3 4 put a2 EAGAIN\n1 5 6 full 1\n1 7 8 get a0\n1 9 10 full 0",
		.max_records = 2},
	{true, .name = "full of what is being put",
		.text = "0 1 9 put a0\n1 2 3 put b0 EAGAIN\n1 4 5 get EAGAIN\n2 10 11 get a0", .max_records = 1},
	{true, .name = "full of what is being got",
		.text = "0 1 2 put a0 a1\n1 5 12 get a0\n2 6 7 peek a1\n2 8 9 full 1\n0 10 11 put a2 EAGAIN",
		.max_records = 2},
	{false, .name = "full of what was got", .text = "0 1 2 put a0 a1\n1 5 12 get a0\n2 13 14 full 1",
		.max_records = 2},
	{false, .name = "full of nothing", .text = "0 1 2 put a0\n0 3 4 put a1 EAGAIN\n1 5 6 get a0", .max_records = 2},
	{false, .name = "not full", .text = "0 1 2 put a0 a1\n1 5 6 full 0\n1 7 8 get a0", .max_records = 2},
	{false, .name = "more than it may have", .text = "0 1 2 put a0 a1\n1 3 4 put b0\n1 5 6 get a0 a1",
		.max_records = 2},
	{false, .name = "more than it may have on the way in",
		.text = "0 1 9 put a0\n1 2 3 put b0 EAGAIN\n2 4 5 put c0\n2 10 11 get c0\n2 12 13 get a0",
		.max_records = 1},
	{false, .name = "full with no bound", .text = "0 1 2 put a0\n0 3 4 put a1 EAGAIN"},
	{true, .name = "closed",
		.text = "0 1 2 put a0\n1 3 4 close 0\n0 5 6 put a1 EPIPE\n1 7 8 get a0\n1 9 10 get EPIPE"},
	{true, .name = "a put that had begun", .text = "0 1 9 put a0\n1 2 3 close 0\n1 4 5 get EPIPE\n1 10 11 get a0"},
	{false, .name = "put after close", .text = "1 2 3 close 0\n0 4 9 put a0\n1 10 11 get a0"},
	{false, .name = "open after close", .text = "1 2 3 close 0\n1 4 5 get EAGAIN"},
	{false, .name = "closed before close", .text = "1 1 2 get EPIPE\n1 3 4 close 0"},
	{false, .name = "a put refused before close", .text = "0 1 2 put a0 EPIPE\n1 3 4 close 0"},
	{false, .name = "closed but not drained", .text = "0 1 2 put a0\n1 3 4 close 0\n1 5 6 get EPIPE\n1 7 8 get a0"},
	{true, .name = "a peek and a get", .text = "0 1 2 put a0\n1 3 4 peek a0\n1 5 6 get a0"},
	{true, .name = "a peek, and what was on its way in",
		.text = "0 1 9 put a0\n1 2 3 put b0\n2 4 5 peek b0\n2 10 11 get b0\n2 12 13 get a0"},
	{false, .name = "a peek, and what was on its way in comes first",
		.text = "0 1 9 put a0\n1 2 3 put b0\n2 4 5 peek b0\n2 10 11 get a0\n2 12 13 get b0"},
	{true, .name = "a peek, and what was on its way in comes first, to a get that had begun",
		.text = "0 1 9 put a0\n1 2 3 put b0\n3 3 11 get a0\n2 4 5 peek b0\n2 12 13 get b0"},
	{false, .name = "a peek that is overtaken by what came later",
		.text = "1 2 3 put b0\n2 4 5 peek b0\n0 6 9 put a0\n2 10 11 get a0\n2 12 13 get b0"},
	{false, .name = "a peek behind the first", .text = "0 1 2 put a0\n1 3 4 put b0\n2 5 6 peek b0\n2 7 8 get a0 b0"},
	{false, .name = "a peek at what was got", .text = "0 1 2 put a0\n1 3 4 get a0\n2 5 6 peek a0"},
	{false, .name = "a peek that goes back",
		.text = "0 1 9 put a0\n1 2 8 put b0\n2 3 4 peek a0\n2 5 6 peek b0\n2 10 11 get a0 b0"},
	{false, .name = "a peek that goes back while both are put",
		.text = "0 1 9 put a0\n1 2 8 put b0\n2 3 4 peek b0\n2 5 6 peek a0\n2 10 11 get a0 b0"},
	{true, .name = "a size", .text = "0 1 2 put a0\n1 3 4 put b0\n2 5 6 size 2"},
	{false, .name = "a size too small", .text = "0 1 2 put a0\n1 3 4 put b0\n2 5 6 size 1"},
	{false, .name = "a size too large", .text = "0 1 2 put a0\n1 3 4 get a0\n2 5 6 size 1"},
	{true, .name = "sizes of no instant",
		.text = "0 1 2 put a0\n2 3 10 size 0\n1 4 5 put b0\n3 6 7 get a0\n3 11 12 get b0"},
	{false, .name = "sizes of no instant, where there was one",
		.text = "0 1 2 put a0\n2 3 10 size 0\n1 4 5 put b0\n3 6 7 get a0\n3 11 12 get b0", .sizes = true},
	{true, .name = "sizes of an instant",
		.text = "0 1 2 put a0\n2 3 10 size 2\n1 4 5 put b0\n3 6 7 get a0\n3 11 12 get b0", .sizes = true},
	{false, .name = "sizes in no order", .text = "0 1 10 put a0\n1 2 3 size 1\n2 4 5 size 0\n3 11 12 get a0",
		.sizes = true},
	{true, .name = "killed, and it was in", .text = "0 1 - put a0\n1 3 4 get a0", .drained = true},
	{true, .name = "killed, and it was not", .text = "0 1 - put a0\n1 3 4 get EAGAIN", .drained = true},
	{false, .name = "killed, and in twice", .text = "0 1 - put a0\n1 3 4 get a0\n1 5 6 get a0"},
	{true, .name = "killed with what it took", .text = "0 1 2 put a0 a1\n1 3 - get\n2 4 5 get a1\n2 6 7 get EAGAIN",
		.drained = true},
	{true, .name = "in any order across producers", .text = "0 1 2 put a0\n1 3 4 put b0\n2 5 6 get b0\n2 7 8 get a0",
		.order = RINGQ_ORDER_PRODUCER, .drained = true},
	{false, .name = "in order of each producer", .text = "0 1 2 put a0\n0 3 4 put a1\n2 5 6 get a1\n2 7 8 get a0",
		.order = RINGQ_ORDER_PRODUCER},
	{true, .name = "a batch of another's records",
		.text = "0 1 2 put a0\n1 3 4 put b0\n2 5 6 get b0 of 4\n0 5 6 get a0 of 4",
		.order = RINGQ_ORDER_PRODUCER, .drained = true},
	{false, .name = "a batch of another's records, and mine in all the time",
		.text = "0 1 2 put a0\n1 3 4 put b0\n2 5 6 get b0 of 4\n0 7 8 get a0", .order = RINGQ_ORDER_PRODUCER},
	{false, .name = "lost by one producer", .text = "0 1 2 put a0\n1 3 4 put b0\n2 5 6 get b0\n2 7 8 get EAGAIN",
		.order = RINGQ_ORDER_PRODUCER},
	{true, .name = "each lane empty once",
		.text = "0 1 2 put a0\n1 3 10 get EAGAIN\n0 4 5 put b0\n2 6 7 get a0\n2 11 12 get b0",
		.order = RINGQ_ORDER_PRODUCER},
	{false, .name = "all lanes never empty at once",
		.text = "0 1 2 put a0\n1 3 10 empty 1\n0 4 5 put b0\n2 6 7 get a0\n2 11 12 get b0",
		.order = RINGQ_ORDER_PRODUCER},
};

static const char *judge(const struct history *history)
{
	const char *why = history->acknowledged ? history_deliveries(history) : history_patterns(history);

	return why ? why : history_search(history);
}

static void judge_example(const struct example *example)
{
	struct history history = example_read(example);
	const char *why = judge(&history);

	if (!why != example->good) {
		fprintf(stderr, "%s: %s\n", example->name, why ? why : "accepted");
		history_print(&history);
		test_fail(__FILE__, __LINE__, "the example is judged right");
	}
	/* The patterns know only part of what is wrong, but that they know for sure. */
	if (history.acknowledged && example->good != !history_search(&history)) {
		fprintf(stderr, "%s\n", example->name);
		test_fail(__FILE__, __LINE__, "the search judges it right by itself");
	}
	history_free(&history);
}

static void judge_examples(void)
{
	for (size_t i = 0; i < COUNT(examples); i++)
		judge_example(&examples[i]);
	for (size_t i = 0; i < examples_acknowledged.count; i++)
		judge_example(&examples_acknowledged.list[i]);
}

/* ---- histories of a queue that is right ---- */

enum { PLAYERS = 4, QUEUE_MOST = 200, CALLS_UNFINISHED = 5 };

/* A queue, and players that make its steps at random times. */
struct model {
	bool simple; /* put, get, and -EAGAIN of get only */
	uint64_t now, max_records;
	uint32_t calls; /* of each player */
	uint32_t held, count;
	bool closed;
	uint32_t queue[QUEUE_MOST];
	struct player {
		bool busy, refused, ended;
		uint32_t placed, turned, taken;
		uint32_t number;
	} players[PLAYERS];
	struct rng rng;
	struct history history;
};

static struct history_op *current(struct model *m, uint32_t i)
{
	return &m->history.logs[i].ops[m->history.logs[i].count - 1];
}

static void model_begin(struct model *m, uint32_t i)
{
	struct history_log *log = &m->history.logs[i];
	if (log->count && m->now == log->ops[log->count - 1].end)
		m->now++; /* else only the search would know which was first */
	uint32_t dice = (uint32_t)rng_below(&m->rng, m->simple ? 8 : 14);
	struct history_op op = {.begin = m->now, .end = HISTORY_NEVER, .asked = 1};

	op.call = dice < 4   ? CALL_PUT
	          : dice < 8 ? CALL_GET
	                     : (enum history_call[]){
				       CALL_PEEK, CALL_PEEK, CALL_EMPTY, CALL_FULL, CALL_SIZE, CALL_SIZE}[dice - 8];
	if (!m->simple && op.call <= CALL_GET)
		op.asked = 1 + (uint32_t)rng_below(&m->rng, 3);
	if (!m->simple && rng_below(&m->rng, 60) == 0)
		op.call = CALL_CLOSE;
	for (uint32_t n = 0; op.call == CALL_PUT && n < op.asked; n++)
		op.values[n] = HISTORY_VALUE(i, m->players[i].number++);
	log->ops[log->count] = op;
	log->count++;
	/* What was open when it began. */
	m->players[i] = (struct player){.busy = true, .refused = m->closed, .number = m->players[i].number};
}

static bool model_full(const struct model *m)
{
	return m->max_records && m->count + m->held >= m->max_records;
}

static void model_put(struct model *m, struct player *p, struct history_op *op)
{
	bool go_on = p->placed < op->asked && !p->ended;

	if (p->turned < p->placed && (!go_on || rng_below(&m->rng, 2))) {
		m->queue[m->count++] = op->values[p->turned++];
		m->held--;
	} else if (go_on && (p->refused || model_full(m))) {
		p->ended = true;
		op->result = p->refused ? -EPIPE : -EAGAIN;
	} else if (go_on) {
		p->placed++;
		m->held++;
	}
	if (p->turned == p->placed && (p->ended || p->placed == op->asked)) {
		p->busy = false;
		op->result = p->placed ? p->placed : op->result;
	}
}

/* What it takes has its place until the end of the call. */
static void model_get(struct model *m, struct player *p, struct history_op *op)
{
	if (p->taken == op->asked || p->ended) {
		m->held -= p->taken;
		p->busy = false;
		op->result = p->taken ? p->taken : op->result;
	} else if (m->count) {
		op->values[p->taken++] = m->queue[0];
		memmove(&m->queue[0], &m->queue[1], --m->count * sizeof(m->queue[0]));
		m->held++;
	} else {
		p->ended = true;
		op->result = p->refused ? -EPIPE : -EAGAIN;
	}
}

static void model_look(struct model *m, struct player *p, struct history_op *op)
{
	if (op->call == CALL_PEEK) {
		op->result = m->count ? 1 : p->refused ? -EPIPE : -EAGAIN;
		op->values[0] = m->count ? m->queue[0] : 0;
	} else if (op->call == CALL_CLOSE) {
		m->closed = true;
		op->result = 0;
	} else {
		op->result = op->call == CALL_EMPTY ? m->count == 0 : op->call == CALL_FULL ? model_full(m) : m->count;
	}
	p->busy = false;
}

/* Begins a call, makes a step of one, or ends one. */
static void model_tick(struct model *m, uint32_t i)
{
	struct player *p = &m->players[i];
	struct history_log *log = &m->history.logs[i];
	struct history_op *op = log->count ? current(m, i) : NULL;

	m->now += rng_below(&m->rng, 2);
	if (!op || op->end != HISTORY_NEVER) {
		if (log->count < m->calls)
			model_begin(m, i);
	} else if (!p->busy) {
		op->end = m->now;
	} else if (op->call == CALL_PUT) {
		model_put(m, p, op);
	} else if (op->call == CALL_GET) {
		model_get(m, p, op);
	} else {
		model_look(m, p, op);
	}
}

/* Ends all calls; then one player takes what is left. */
static void model_drain(struct model *m)
{
	struct history_log *log = &m->history.logs[0];
	int64_t result;

	m->calls = 0;
	for (unsigned ticks = 0; ticks < 100 * PLAYERS; ticks++)
		model_tick(m, ticks % PLAYERS);
	do {
		struct history_op op = {.begin = m->now + 1, .end = m->now + 2, .call = CALL_GET, .asked = 1};

		m->players[0] = (struct player){.busy = true, .refused = m->closed};
		while (m->players[0].busy)
			model_get(m, &m->players[0], &op);
		log->ops[log->count] = op;
		log->count++;
		m->now += 3;
		result = op.result;
	} while (result > 0);
	m->history.drained = true;
}

static struct history random_history(uint64_t seed, bool simple, uint32_t most)
{
	struct model *m = calloc(1, sizeof(*m));
	struct ringq_queue_options options = {0};
	struct history history;

	check(m);
	m->rng.state = seed;
	m->simple = simple;
	m->max_records = options.max_records = simple || rng_below(&m->rng, 2) ? 0 : 1 + rng_below(&m->rng, 4);
	m->now = 1;
	m->history = history_new(PLAYERS, most + 3 * PLAYERS * most, &options);
	m->calls = most;
	for (unsigned ticks = 0; ticks < 30 * most; ticks++)
		model_tick(m, (uint32_t)rng_below(&m->rng, PLAYERS));
	if (most > CALLS_UNFINISHED)
		model_drain(m);
	history = m->history;
	free(m);
	return history;
}

/* ---- histories that are nearly right ---- */

static struct history_op *random_op(struct history *history, struct rng *rng)
{
	struct history_log *log = &history->logs[rng_below(rng, history->actors)];

	return log->count ? &log->ops[rng_below(rng, log->count)] : NULL;
}

/* Exchanges two answers, or moves a call's begin or end. */
static void spoil(struct history *history, struct rng *rng)
{
	struct history_op *a = random_op(history, rng), *b = random_op(history, rng), before;

	if (!a || !b || a->end == HISTORY_NEVER || b->end == HISTORY_NEVER)
		return;
	switch (rng_below(rng, 4)) {
	case 0: /* It keeps its place among its actor's. */
		a->begin += rng_below(rng, a->end - a->begin + 1);
		return;
	case 1:
		a->end -= rng_below(rng, a->end - a->begin + 1);
		return;
	default:
		if (a->call != b->call || a->call == CALL_PUT || a->asked != b->asked)
			return;
		before = *a;
		memcpy(a->values, b->values, sizeof(a->values));
		a->result = b->result;
		memcpy(b->values, before.values, sizeof(b->values));
		b->result = before.result;
	}
}

static void judge_good_ones(uint64_t count)
{
	uint64_t undecided = 0;

	for (uint64_t seed = 0; seed < count; seed++) {
		struct history history = random_history(seed, seed % 2, 3 + seed % 7);

		history.sizes = true;
		undecided += !history_check(&history, "a good one");
		history_free(&history);
	}
	printf("%llu good histories, of which it left %llu undecided\n", (unsigned long long)count,
		(unsigned long long)undecided);
	check_compare(undecided, <, count / 50);
}

/* The patterns and the search are both exact here, and have nothing in common. */
static void judge_simple_ones(uint64_t count)
{
	uint64_t refused = 0;

	for (uint64_t seed = 0; seed < count; seed++) {
		struct history history = random_history(seed, true, 3 + seed % 6);
		struct rng rng = {~seed};

		for (uint64_t i = 0; i <= seed % 5; i++)
			spoil(&history, &rng);
		const char *by_pattern = history_patterns(&history), *by_search = history_search(&history);
		if (!by_pattern != !by_search) {
			fprintf(stderr, "seed %llu: by pattern %s; by search %s\n", (unsigned long long)seed,
				by_pattern ? by_pattern : "good", by_search ? by_search : "good");
			history_print(&history);
			test_fail(__FILE__, __LINE__, "patterns and search agree");
		}
		refused += by_pattern != NULL;
		history_free(&history);
	}
	printf("patterns and search agree on %llu histories, of which they refuse %llu\n", (unsigned long long)count,
		(unsigned long long)refused);
	check_compare(refused, >, count / 10);
	check_compare(refused, <, count / 5 * 4);
}

/* With all calls the patterns refuse only part of what is wrong: what they refuse the search must refuse, too. */
static void judge_other_ones(uint64_t count)
{
	uint64_t by_pattern = 0, by_search = 0;

	for (uint64_t seed = 0; seed < count; seed++) {
		struct history history = random_history(2 * seed, false, 3 + seed % 6), without;
		struct rng rng = {~seed};

		for (uint64_t i = 0; i <= seed % 5; i++)
			spoil(&history, &rng);
		history.sizes = seed % 2;
		without = history_without(
			&history, CALL_SIZE); /* those of no instant the search leaves to the patterns */
		const struct history *judged = history.sizes ? &history : &without;
		const char *why = history_search(judged);
		bool pattern = history_patterns(judged), search = why && why != HISTORY_UNDECIDED;
		if (pattern && !why) {
			history_print(judged);
			test_fail(__FILE__, __LINE__, history_patterns(judged));
		}
		by_pattern += pattern;
		by_search += search;
		history_free(&without);
		history_free(&history);
	}
	printf("of %llu histories of all calls, the search refuses %llu, the patterns %llu of these\n",
		(unsigned long long)count, (unsigned long long)by_search, (unsigned long long)by_pattern);
	check_compare(by_search, >, by_pattern);
	check_compare(by_pattern, >, 0);
}

int main(void)
{
	judge_examples();
	judge_good_ones(brief_or_long(1000, 20000));
	judge_simple_ones(brief_or_long(6000, 120000));
	judge_other_ones(brief_or_long(2000, 40000));
	return 0;
}
