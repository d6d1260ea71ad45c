/* SPDX-License-Identifier: MIT */
/*
 * Histories in which one call is held at each of its machine instructions, in turn, while others make the calls of a
 * script; then it goes on, or is killed there. So what breaks naive versions comes up on purpose and not by chance: a
 * producer held between its stamp and its publishing, a lane filled behind a consumer's look, a lone lane that gets
 * company in the middle of a batch.
 */
#include "../crash/trace.h"
#include "history.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum {
	HELPERS = 5,
	ACTORS = HELPERS + 1,
	MOST = 80,
	LAST = HELPERS,
	TRIES = TEST_UNDER_ASAN ? 12 : 60,
	TO_DISMISS = 1100,
	TO_STAND_ALONE = 1024 /* each of so many puts of a producer */
};

/*
 * Scripts are pairs: what, and who. p, P: puts one, three; r: reserves and commits; g, G: gets one, up to four; k
 * peeks; e, f, s: empty, full, size; c closes; w puts a record that nobody writes down, and x lets many such pass from
 * 1 to who is named, so that all other lanes are dismissed from the roster and 1 stands alone; with y, who is named puts
 * and gets so many that its next put is the one by which it may come to stand alone. 0 is the one that is held, its
 * helpers are 1 to 5, each with a handle and so a lane of its own, all in one thread.
 */
struct scene {
	const char *name;
	struct ringq_queue_options options;
	const char *first;  /* by the helpers, before records pass */
	const char *before; /* by the helpers */
	const char *own;    /* by 0, before it is held */
	const char *then;   /* by the helpers again */
	const char *held;   /* its call */
	const char *script; /* by the helpers, while it is held */
	const char *after;  /* by the helpers, when it is over */
	unsigned warm;      /* so many records pass first, that nobody writes down */
	bool killed;
	bool all; /* at all its instructions, always */
};

static const struct scene scenes[] = {
	{.name = "put beside one lane", .before = "p1", .own = "p0", .held = "p0", .script = "p1 g2 p1 e2 g2"},
	{.name = "put beside two lanes", .before = "p1 p2 G5", .own = "p0", .held = "p0", .script = "p1 p2 g5 p1 g5 g5 p1"},
	{.name = "put behind others",
		.before = "p1",
		.own = "p0",
		.then = "G5 p1 p2",
		.held = "p0",
		.script = "g5 p1 g5",
		.all = true},
	{.name = "put seen by peeks",
		.before = "p1",
		.own = "p0",
		.then = "G5",
		.held = "p0",
		.script = "k4 p1 k4 p1 k4",
		.all = true},
	{.name = "put seen by one peek, and gets",
		.before = "p1 p2",
		.own = "p0",
		.then = "G5",
		.held = "p0",
		.script = "p2 k4 p1 g3 k4",
		.all = true},
	{.name = "put seen by size",
		.before = "p1",
		.own = "p0",
		.then = "G5",
		.held = "p0",
		.script = "s5 p1 s5 p2 s5 g5 s5"},
	{.name = "first put of a third lane", .before = "p1 p2", .held = "p0", .script = "p1 g5 p2 g5 g5 e5 p1"},
	{.name = "first put of a second lane", .before = "p1", .held = "p0", .script = "p1 p3 g5 p1 g5 G5"},
	{.name = "lone put, and another comes", .own = "p0", .held = "p0", .script = "p1 g5 p1 p2 g5"},
	{.name = "first put of all, and another comes", .held = "p0", .script = "p1 p1 g5 p2"},
	{.name = "put beside one that comes to stand alone",
		.before = "p1 p2",
		.own = "p0",
		.then = "G5",
		.held = "p0",
		.script = "g5 x5",
		.after = "p1 p2",
		.all = true},
	{.name = "put beside one that stands alone",
		.before = "p1 p2",
		.own = "p0",
		.then = "G5 x5",
		.held = "p0",
		.script = "p1 g5 p2 p1",
		.after = "p1",
		.all = true},
	{.name = "put of one that stands alone",
		.before = "p1 p2 G5",
		.own = "y0 p0",
		.then = "G5",
		.held = "p0",
		.script = "p1 g5 p2 g4 p1",
		.all = true},
	{.name = "put that comes to stand alone",
		.before = "p1 p2 G5",
		.own = "y0",
		.held = "p0",
		.script = "p1 g5 p2 g5 p1",
		.after = "p2"},
	{.name = "put_many of one that stands alone",
		.before = "p1 p2 G5",
		.own = "y0 p0",
		.then = "G5",
		.held = "P0",
		.script = "p1 g5 p2 g4 p1"},
	{.name = "commit of one that stands alone, seen by peeks",
		.before = "p1 p2 G5",
		.own = "y0 p0",
		.then = "G5",
		.held = "r0",
		.script = "k4 p1 k4 p2 g5 k4"},
	{.name = "put_many beside two lanes", .before = "p1 p2", .own = "p0", .held = "P0", .script = "p1 g5 p2 g5 p1 G5"},
	{.name = "put_many alone, and another comes", .own = "p0", .held = "P0", .script = "p1 g5 p1"},
	{.name = "commit", .before = "p1", .own = "r0", .held = "r0", .script = "p1 g5 p2 g5 p1"},
	{.name = "get beside filled lanes", .before = "p1 p2 g5 g5 p2", .own = "e0", .held = "g0", .script = "p1 p2 g5 p1"},
	{.name = "get that must not be empty",
		.before = "p1 p2 p3 G5 p3",
		.own = "e0",
		.held = "g0",
		.script = "p1 g5 p2 g5 p3 g5"},
	{.name = "get that must not be empty, lone lane", .before = "p1", .own = "e0", .held = "g0", .script = "p2 g5"},
	{.name = "get of a lone lane, and another comes", .before = "p1 g5", .own = "e0", .held = "g0", .script = "p2 p1"},
	{.name = "get of none, and others come", .own = "e0", .held = "g0", .script = "p1 p2 p1"},
	{.name = "get beside gets", .before = "p1 p2 p1 p2", .own = "e0", .held = "g0", .script = "g5 p1 g5 p2 g5"},
	{.name = "get beside dismissed lanes",
		.before = "p2 p3 G5 x5",
		.own = "e0",
		.held = "g0",
		.script = "p2 p1 g5 p3 p1"},
	{.name = "get of dismissed lanes only",
		.before = "p2 p3 G5 x5 p2",
		.own = "e0",
		.held = "g0",
		.script = "p3 p1 g5 p2"},
	{.name = "get that dismisses",
		.first = "p2 p3 G5",
		.warm = 1024,
		.before = "p1 p1",
		.own = "g0",
		.held = "g0",
		.script = "p2 p1 g5 p3 p1"},
	{.name = "put of a dismissed lane",
		.before = "p1",
		.own = "p0",
		.then = "G5 x5",
		.held = "p0",
		.script = "p1 g5 p1 g5"},
	{.name = "get_many of a lone lane, and another comes",
		.warm = 40,
		.before = "p1",
		.own = "G0 G0",
		.held = "G0",
		.script = "p2 p1"},
	{.name = "get_many of a lone lane's batch, and another comes",
		.warm = 40,
		.before = "P1 P1 p1",
		.own = "G0",
		.held = "G0",
		.script = "p2 p1 p1"},
	{.name = "get_many beside filled lanes",
		.before = "p1 p2 g5 g5 p2 p1",
		.own = "e0",
		.held = "G0",
		.script = "p1 p2 g5 p1"},
	{.name = "peek beside filled lanes", .before = "p1 p2 g5 g5 p2", .own = "e0", .held = "k0", .script = "p1 p2 g5 p1"},
	{.name = "get beside peeks",
		.before = "p1 p2 p3 G5 p3",
		.own = "e0",
		.held = "g0",
		.script = "k5 p1 p2 k4 g5 k5 g4"},
	{.name = "peek beside peeks and gets",
		.before = "p1 p2 g5 g5 p2 p1",
		.own = "e0",
		.held = "k0",
		.script = "k5 p3 g5 k4 g5"},
	{.name = "peek that is killed",
		.before = "p1 p2 g5 g5 p2 p1",
		.own = "e0",
		.held = "k0",
		.script = "k5 g4 k5 p1 g5",
		.killed = true},
	{.name = "peek of a lone lane, and another comes", .before = "p1 g5", .own = "e0", .held = "k0", .script = "p2 p1"},
	{.name = "empty that must not be",
		.before = "p1 p2 p3 G5 p3",
		.own = "g0",
		.held = "e0",
		.script = "p1 g5 p2 g5 p3 g5"},
	{.name = "size", .before = "p1 p2 p1", .own = "e0", .held = "s0", .script = "g5 p3 p2 g5 p1"},
	{.name = "size that must not be 0", .before = "p1 p2 G5 p2", .own = "e0", .held = "s0", .script = "p1 g5"},
	{.name = "size of a lone lane, and another comes", .before = "p1 p1", .own = "e0", .held = "s0", .script = "p2 g5"},
	{.name = "close beside puts", .before = "p1 p2", .own = "p0", .held = "c0", .script = "p1 g5 p2 g5 G5 p1"},
	{.name = "put beside close", .before = "p1", .own = "p0", .held = "p0", .script = "c1 G5 g5 p1"},
	{.name = "get beside close", .before = "p1 p2", .own = "e0", .held = "g0", .script = "G5 p2 c1 p1"},
	{.name = "get of none beside close", .before = "p1 g5", .own = "e0", .held = "g0", .script = "p1 c1"},
	{.name = "put, one place left",
		.options = {.max_records = 2},
		.before = "p1",
		.own = "e0",
		.held = "p0",
		.script = "f5 p2 g5 f5 p2 e5"},
	{.name = "put, no place left",
		.options = {.max_records = 2},
		.before = "p1 p1",
		.own = "e0",
		.held = "p0",
		.script = "f5 g5 p2 g5 f5 p2"},
	{.name = "put, a place that comes",
		.options = {.max_records = 2},
		.before = "p1 p2",
		.own = "e0",
		.held = "p0",
		.script = "g5 p2 p2 g5"},
	{.name = "put_many, no place left",
		.options = {.max_records = 2},
		.before = "p1 p2 g5",
		.own = "p0",
		.held = "P0",
		.script = "g5 p2 p2 g5 f5 g5"},
	{.name = "put_many, places that come",
		.options = {.max_records = 3},
		.before = "p1 p2 p1",
		.own = "e0",
		.held = "P0",
		.script = "g5 p2 p2 g5 g5"},
	{.name = "put_many with room, places that come",
		.options = {.max_records = 3},
		.before = "p1 p2",
		.own = "p0",
		.held = "P0",
		.script = "g5 p2 p2 g5 g5"},
	{.name = "full",
		.options = {.max_records = 2},
		.before = "p1 p2",
		.own = "e0",
		.held = "f0",
		.script = "g5 p1 g5 p2"},
	{.name = "put that is killed", .before = "p1 p2 g5", .own = "p0", .held = "p0", .script = "p1 g5 p2", .killed = true},
	{.name = "first put that is killed", .before = "p1", .held = "p0", .script = "p1 g5 p2", .killed = true},
	{.name = "put_many that is killed",
		.before = "p1 p2",
		.own = "p0",
		.held = "P0",
		.script = "p1 g5 p2",
		.killed = true},
	{.name = "get that is killed", .before = "p1 p2 p1", .own = "e0", .held = "g0", .script = "g5 p2", .killed = true},
	{.name = "in order of each producer: put",
		.options = {.order = RINGQ_ORDER_PRODUCER},
		.before = "p1",
		.own = "p0",
		.held = "P0",
		.script = "p1 g5 p1 k5 e5 g5"},
	{.name = "in order of each producer: get",
		.options = {.order = RINGQ_ORDER_PRODUCER},
		.before = "p1 p2 p3 G5 p3",
		.own = "e0",
		.held = "g0",
		.script = "p1 g5 p2 g5 p3 g5"},
	{.name = "in order of each producer: get_many",
		.options = {.order = RINGQ_ORDER_PRODUCER},
		.warm = 40,
		.before = "p1 p2 P1",
		.own = "G0",
		.held = "G0",
		.script = "p1 p2 P1 g5"},
	{.name = "in order of each producer: empty",
		.options = {.order = RINGQ_ORDER_PRODUCER},
		.before = "p1 p2 p3 G5 p3",
		.own = "g0",
		.held = "e0",
		.script = "p1 g5 p2 g5 p3 g5"},
};

/* All in memory that the processes share. The helpers are one process, which plays the scripts that it is given. */
struct stage {
	const struct scene *scene;
	struct history history;
	struct actor actors[ACTORS];
	int orders[2], done[2]; /* pipes, to the helpers and from them */
};

static void begin_call(struct actor *actor, char what)
{
	static const char letters[] = "pgkefscPGr";
	static const enum history_call calls[] = {CALL_PUT, CALL_GET, CALL_PEEK, CALL_EMPTY, CALL_FULL, CALL_SIZE,
		CALL_CLOSE, CALL_PUT, CALL_GET, CALL_PUT};
	const char *letter = strchr(letters, what);

	check(letter);
	actor->reserves = what == 'r';
	act_begin(actor, calls[letter - letters], what == 'P' ? 3 : what == 'G' ? 4 : 1, RINGQ_NOWAIT);
}

/* So many records, from one handle to another. */
static void pass_unseen(ringq_queue *from, ringq_queue *to, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		check_eq(put_number(from, i, RINGQ_NOWAIT), 0);
		check_eq(get_number(to, RINGQ_NOWAIT), i);
	}
}

/* What no history knows of. False: something else. */
static bool play_unseen(struct stage *stage, char what, struct actor *actor)
{
	if (what == 'w')
		check_eq(put_number(stage->actors[1].queue, 0, RINGQ_NOWAIT), 0);
	else if (what == 'x')
		pass_unseen(stage->actors[1].queue, actor->queue, 2 * TO_DISMISS);
	else if (what == 'y')
		pass_unseen(actor->queue, actor->queue, TO_STAND_ALONE - 1);
	else
		return false;
	return true;
}

static void play(struct stage *stage, const char *script)
{
	for (const char *at = script; at && *at; at += at[2] ? 3 : 2) {
		struct actor *actor = &stage->actors[at[1] - '0'];

		if (play_unseen(stage, at[0], actor))
			continue;
		begin_call(actor, at[0]);
		act_make(actor);
		act_end(actor);
	}
}

static void help(void *arg)
{
	struct stage *stage = arg;
	const char *script;

	while (read(stage->orders[0], &script, sizeof(script)) == sizeof(script) && script) {
		play(stage, script);
		check_eq(write(stage->done[1], "", 1), 1);
	}
}

/* NULL: there is nothing to play. */
static void have_played(struct stage *stage, const char *script)
{
	struct pollfd done = {.fd = stage->done[0], .events = POLLIN};
	char byte;

	if (!script)
		return;
	check_eq(write(stage->orders[1], &script, sizeof(script)), sizeof(script));
	check_eq(poll(&done, 1, TEST_SOON / RINGQ_MS(1)), 1);
	check_eq(read(stage->done[0], &byte, 1), 1);
}

/* Records that pass unseen by the history: habits come with them, such as batches. */
static void warm_up(struct stage *stage)
{
	int64_t numbers[4];
	struct iovec records[4];

	for (unsigned i = 0; i < stage->scene->warm; i += 4) {
		have_played(stage, "w1 w1 w1 w1");
		for (size_t n = 0; n < 4; n++)
			records[n] = (struct iovec){&numbers[n], sizeof(numbers[n])};
		check_eq(ringq_get_many(stage->actors[0].queue, records, 4, RINGQ_NOWAIT), 4);
	}
}

static void prepare(void *arg)
{
	struct stage *stage = arg;

	have_played(stage, stage->scene->first);
	warm_up(stage);
	have_played(stage, stage->scene->before);
	play(stage, stage->scene->own);
	have_played(stage, stage->scene->then);
	begin_call(&stage->actors[0], stage->scene->held[0]);
}

static void make_held(void *arg)
{
	act_make(&((struct stage *)arg)->actors[0]);
}

static void finish(void *arg)
{
	act_end(&((struct stage *)arg)->actors[0]);
}

static struct stage *stage_new(const struct scene *scene, enum history_clock clock)
{
	struct stage *stage = share_memory(sizeof(*stage));
	_Atomic uint64_t *ticket = history_clock_new(clock);
	struct ringq_queue_options options = scene->options;

	options.max_producers = ACTORS + 2;
	check_eq(pipe(stage->orders), 0);
	check_eq(pipe(stage->done), 0);
	stage->scene = scene;
	stage->history = history_new(ACTORS, MOST, &scene->options);
	stage->history.sizes = scene->held[0] == 's'; /* then nobody is held in a put or get */
	for (uint32_t i = 0; i < ACTORS; i++) {
		struct actor *actor = &stage->actors[i];

		*actor = (struct actor){.log = &stage->history.logs[i], .ticket = ticket, .producer = i, .rng = {i}};
		if (i == 0)
			actor->queue = queue_new(&options);
		else
			check_eq(ringq_queue_open(&actor->queue, ringq_queue_region(stage->actors[0].queue), NULL), 0);
	}
	return stage;
}

static void stage_end(struct stage *stage)
{
	for (unsigned i = 0; i < 2; i++) {
		close(stage->orders[i]);
		close(stage->done[i]);
	}
	if (stage->actors[0].ticket)
		munmap(stage->actors[0].ticket, sizeof(uint64_t));
	for (uint32_t i = 0; i < ACTORS; i++)
		ringq_queue_release(stage->actors[i].queue);
	history_free(&stage->history);
	munmap(stage, sizeof(*stage));
}

static void drain(struct stage *stage)
{
	const struct history_log *log = &stage->history.logs[LAST];
	const struct history_op *last;

	do {
		have_played(stage, "g5");
		last = &log->ops[log->count - 1];
	} while (last->result > 0);
	stage->history.drained = true;
}

/* Holds the call at instruction n; 0: steps through all of it, to learn its path. False: it was over before n. */
static bool try_at(const struct scene *scene, struct trace_path *path, uint64_t n, enum history_clock clock)
{
	struct stage *stage = stage_new(scene, clock);
	pid_t helper = fork_child(help, stage);
	struct traced held = trace_fork(prepare, make_held, finish, stage);
	char what[100];
	bool came;

	if (n == 0)
		trace_record(&held, path);
	else
		trace_to(&held, path, n);
	came = !held.ended;
	if (came)
		have_played(stage, scene->script);
	if (came && scene->killed) {
		trace_kill(&held);
		have_played(stage, "p4 e5");
	}
	trace_finish(&held);
	have_played(stage, scene->after);
	drain(stage);
	check_eq(write(stage->orders[1], &(const char *){NULL}, sizeof(char *)), sizeof(char *));
	reap_child(helper);
	snprintf(what, sizeof(what), "%s, held at instruction %llu", scene->name, (unsigned long long)n);
	if (!history_check(&stage->history, what))
		test_fail(__FILE__, __LINE__, "the history can be judged");
	stage_end(stage);
	return came;
}

/* At all instructions, or at so many of them, others each time. */
static void play_scene(const struct scene *scene, uint64_t seed)
{
	static struct trace_path path;
	uint64_t tries = 0, stride;
	struct rng rng = {seed};

	path.count = 0;
	try_at(scene, &path, 0, CLOCK_IS_TICKET);
	if ((scene->all && !TEST_UNDER_ASAN && test_size() != TEST_QUICK) || test_size() == TEST_LONG)
		stride = 1;
	else
		stride = 1 + path.count / (test_size() == TEST_QUICK ? TRIES / 4 : TRIES);
	for (uint64_t n = 1 + rng_below(&rng, stride);
		try_at(scene, &path, n, tries % 2 ? CLOCK_IS_TICKET : CLOCK_IS_MONOTONIC); n += stride)
		tries++;
	printf("%s: held at %llu of %u instructions\n", scene->name, (unsigned long long)tries, path.count);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : (uint64_t)time(NULL);

	if (!trace_permitted())
		return TEST_SKIPPED;
	printf("seed %llu\n", (unsigned long long)seed);
	for (size_t i = 0; i < COUNT(scenes); i++)
		if (argc > 1 && *argv[1] ? !strcmp(argv[1], scenes[i].name) : test_in_part(i))
			play_scene(&scenes[i], seed);
	return 0;
}
