/* SPDX-License-Identifier: MIT */
/*
 * Histories in which one call is held at each of its machine instructions, in turn, while others make the calls of a
 * script; then it goes on, or is killed there. So what breaks naive versions comes up on purpose and not by chance: a
 * producer held between its stamp and its publishing, a lane filled behind a consumer's look, a lone lane that gets
 * company in the middle of a batch.
 */
#include "../crash/trace.h"
#include "history.h"
#include "scene.h"

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
	ACTORS = HELPERS + 1, /* and a log more, of who kills */
	MOST = 80,
	LAST = HELPERS,
	TRIES = TEST_UNDER_ASAN ? 12 : 60,
	TURNS = 4, /* a run plays so many-th of the scenes of acknowledged queues, whose calls are long: others each time */
	TO_DISMISS = 1100,
	TO_STAND_ALONE = 1024 /* each of so many puts of a producer */
};

/* All in memory that the processes share. The helpers are one process, which plays the scripts that it is given. */
struct stage {
	const struct scene *scene;
	struct history history;
	struct actor actors[ACTORS + 1];
	ringq_queue *dead_letters; /* NULL: none */
	int orders[2], done[2];    /* pipes, to the helpers and from them */
};

static void begin_call(struct actor *actor, char what)
{
	static const char letters[] = "pgkefscPGrtTaAqQj";
	static const struct {
		enum history_call call;
		uint32_t n;
	} calls[] = {{CALL_PUT, 1}, {CALL_GET, 1}, {CALL_PEEK, 1}, {CALL_EMPTY, 1}, {CALL_FULL, 1}, {CALL_SIZE, 1},
		{CALL_CLOSE, 1}, {CALL_PUT, 3}, {CALL_GET, 4}, {CALL_PUT, 1}, {CALL_TAKE, 1}, {CALL_TAKE, 3},
		{CALL_ACK, 1}, {CALL_ACK, 0}, {CALL_REQUEUE, 1}, {CALL_REQUEUE, 1}, {CALL_JOIN, 1}};
	const char *letter = strchr(letters, what);

	check(letter);
	enum history_call call = calls[letter - letters].call;
	uint32_t n = calls[letter - letters].n;
	actor->reserves = what == 'r';
	if (call == CALL_ACK || call == CALL_REQUEUE)
		act_begin_end(actor, call, n ? n : actor->open, what == 'Q');
	else
		act_begin(actor, call, n, RINGQ_NOWAIT);
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

		if (play_unseen(stage, at[0], actor) || (strchr("aAqQ", at[0]) && !actor->open))
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
	struct stage *stage = arg;

	act_end(&stage->actors[0]);
	while (stage->actors[0].open)
		play(stage, "q0");
}

/* In a region with a queue for dead letters, if it has such. */
static ringq_queue *stage_queue(struct stage *stage, const struct ringq_queue_options *options)
{
	struct ringq_queue_options dead = {.name = options->dead_letters};

	if (!dead.name)
		return queue_new(options);
	stage->dead_letters = queue_new(&dead);
	return queue_in(ringq_queue_region(stage->dead_letters), options);
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
	stage->history = history_new(ACTORS + 1, MOST, &scene->options);
	stage->history.sizes = scene->held[0] == 's'; /* then nobody is held in a put or get */
	for (uint32_t i = 0; i <= ACTORS; i++) {
		struct actor *actor = &stage->actors[i];

		*actor = (struct actor){.log = &stage->history.logs[i], .ticket = ticket, .producer = i, .rng = {i}};
		if (i == 0)
			actor->queue = stage_queue(stage, &options);
		else if (i < ACTORS)
			check_eq(ringq_queue_open(
					 &actor->queue, ringq_queue_region(stage->actors[0].queue), options.name),
				0);
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
	ringq_queue_release(stage->dead_letters);
	history_free(&stage->history);
	munmap(stage, sizeof(*stage));
}

/* All helpers give back what they have, and the last one takes all. */
static void drain(struct stage *stage)
{
	const struct history_log *log = &stage->history.logs[LAST];
	const struct history_op *last;
	static const char *const give_back[] = {"q0", "q1", "q2", "q3", "q4", "q5"};

	for (uint32_t i = 1; i < ACTORS; i++)
		while (stage->actors[i].open)
			have_played(stage, give_back[i]);
	do {
		have_played(stage, stage->history.acknowledged ? "T5" : "g5");
		if (stage->actors[LAST].open)
			have_played(stage, "A5");
		last = &log->ops[log->count - 1];
	} while (last->result > 0);
	if (stage->history.acknowledged)
		have_played(stage, "j5");
	stage->history.drained = true;
}

static void kill_traced(void *held)
{
	trace_kill(held);
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
		act_death(&stage->actors[ACTORS], 0, kill_traced, &held);
		have_played(stage, "p4 e5");
	}
	trace_finish(&held);
	have_played(stage, scene->after);
	drain(stage);
	if (stage->dead_letters)
		act_letters(&stage->actors[ACTORS], stage->dead_letters);
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
		stride = 1 + path.count / (test_size() == TEST_QUICK || scene->options.flags ? TRIES / 10 : TRIES);
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
	for (size_t i = 0; i < scenes_ordinary.count + scenes_acknowledged.count; i++) {
		const struct scene *scene = i < scenes_ordinary.count
		                                    ? &scenes_ordinary.list[i]
		                                    : &scenes_acknowledged.list[i - scenes_ordinary.count];

		bool turn = i < scenes_ordinary.count || i % TURNS == seed % TURNS || test_size() == TEST_LONG;

		if (argc > 1 && *argv[1] ? !strcmp(argv[1], scene->name) : test_in_part(i) && turn)
			play_scene(scene, seed);
	}
	return 0;
}
