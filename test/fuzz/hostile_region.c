/* SPDX-License-Identifier: MIT */
/*
 * A hostile region: somebody writes random and adversarial words into a live region while a victim uses it in every way.
 * The victim must not fault, must not touch what is not the region's (guard.c, sanitizers), must answer what it may
 * answer (calls.c) and must answer at all: the parent watches, and a call that takes longer than PATIENCE is a failure.
 *
 * Each round is a fresh region. In even rounds the victim scribbles itself, between its calls: those can be had again by
 * their seed. In odd rounds another process scribbles all the time, mostly at one word as fast as it goes, which is what
 * a loop that begins again when something has changed must survive.
 *
 *   hostile_region           rounds for half a minute, or an hour
 *   hostile_region SEED      the round of that seed, alone
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "calls.h"

#define PATIENCE RINGQ_SEC(20)
#define CALLS_BETWEEN 150
#define CALLS_BESIDE 1000
#define BESIDE_NS RINGQ_MS(120)
#define ROUNDS_A_CHILD 10

/* What the victim does just now, for the parent. */
static struct progress {
	atomic_ullong beat; /* changes with every call */
	uint64_t seed;
	uint64_t calls;
	const char *call;
	const char *mode;
	atomic_int scribbler;
	struct scribble_log between, beside;
} * progress;

static void run_call(struct stage *stage, struct chooser *chooser)
{
	const struct call *call = &calls[choose(chooser, calls_count)];

	progress->call = call->name;
	progress->calls++;
	progress->beat++;
	call->run(stage, chooser);
}

static void end_stage(struct stage *stage)
{
	progress->call = "release and detach";
	progress->beat++;
	stage_end(stage);
	progress->call = "nothing";
	progress->beat++;
}

static void scribble_between(struct stage *stage, struct chooser *chooser)
{
	for (int i = 0; i < CALLS_BETWEEN; i++) {
		uint64_t words = choose(chooser, 4);

		if (choose(chooser, 12) == 0)
			scribble_back(stage);
		while (words--)
			scribble(stage, chooser);
		run_call(stage, chooser);
	}
}

static void be_scribbler(void *arg)
{
	struct stage *stage = arg;
	struct chooser chooser = {.rng = {~progress->seed}};

	stage->log = &progress->beside;
	for (;;) {
		switch (choose(&chooser, 4)) {
		case 0:
			scribble_back(stage);
			break;
		case 1:
			for (uint64_t n = choose(&chooser, 2000); n; n--)
				scribble(stage, &chooser);
			break;
		default:
			scribble_hard(stage, &chooser, (int64_t)choose(&chooser, (uint64_t)RINGQ_MS(15)));
		}
	}
}

static void scribble_beside(struct stage *stage, struct chooser *chooser)
{
	int64_t end = now_ns() + BESIDE_NS;
	pid_t scribbler = fork_child(be_scribbler, stage);

	progress->scribbler = scribbler;
	for (int i = 0; i < CALLS_BESIDE && now_ns() < end; i++)
		run_call(stage, chooser);
	end_stage(stage); /* with the scribbler at work */
	progress->scribbler = 0;
	kill_child(scribbler);
}

static void run_round(uint64_t seed)
{
	struct chooser chooser = {.rng = {seed}};
	struct stage stage;
	bool beside = seed % 2;

	progress->seed = seed;
	progress->mode = beside ? "beside the calls" : "between the calls";
	progress->between.count = progress->beside.count = 0;
	progress->call = "the making of the stage";
	progress->beat++;
	stage_make(&stage, choose(&chooser, stage_kinds), &progress->between);
	if (beside) {
		scribble_beside(&stage, &chooser);
	} else {
		scribble_between(&stage, &chooser);
		end_stage(&stage);
	}
}

static void run_rounds(void *arg)
{
	uint64_t first = *(uint64_t *)arg;

	for (uint64_t i = 0; i < ROUNDS_A_CHILD; i++)
		run_round(first + i);
}

static void run_one(void *arg)
{
	run_round(*(uint64_t *)arg);
}

static void tell(const char *what)
{
	fprintf(stderr, "hostile_region: %s in %s, call %llu of the round with seed %llu, scribbled %s\n", what,
		progress->call, (unsigned long long)progress->calls, (unsigned long long)progress->seed, progress->mode);
	scribble_print(&progress->between, "the victim itself");
	scribble_print(&progress->beside, "another process");
}

/* Waits for a victim. It must come to its end, and each of its calls in time. */
static void watch(pid_t victim)
{
	unsigned long long beat = progress->beat;
	int64_t since = now_ns();
	int status;
	pid_t ended;

	while ((ended = waitpid(victim, &status, WNOHANG)) == 0) {
		if (progress->beat != beat) {
			beat = progress->beat;
			since = now_ns();
		}
		if (now_ns() - since > PATIENCE) {
			tell("no answer");
			if (getenv("RINGQ_FUZZ_HOLD"))
				pause(); /* for a debugger */
			kill(victim, SIGKILL);
			exit(1);
		}
		pause_ns(RINGQ_MS(1));
	}
	check_eq(ended, victim);
	if (!WIFEXITED(status) || WEXITSTATUS(status)) {
		tell(WIFSIGNALED(status) ? strsignal(WTERMSIG(status))
					 : "a forbidden answer, or a sanitizer's finding,");
		exit(1);
	}
}

int main(int argc, char **argv)
{
	int64_t end = now_ns() + RINGQ_SEC(brief_or_long(25, 3600));
	uint64_t seed = test_size() == TEST_LONG ? (uint64_t)now_ns() : 1000, first = seed, calls_made = 0;

	progress = share_memory(sizeof(*progress));
	if (argc > 1) {
		seed = strtoull(argv[1], NULL, 0);
		watch(fork_child(run_one, &seed));
		return 0;
	}
	for (; now_ns() < end; seed += ROUNDS_A_CHILD) {
		watch(fork_child(run_rounds, &seed));
		calls_made = progress->calls;
	}
	printf("%llu rounds from seed %llu on, %llu calls\n", (unsigned long long)(seed - first),
		(unsigned long long)first, (unsigned long long)calls_made);
	return 0;
}
