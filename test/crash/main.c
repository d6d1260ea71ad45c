/* SPDX-License-Identifier: MIT */
/*
 * The stepping test: whatever a call of the library is doing, its process may be killed or stopped there, at each single
 * machine instruction, and the others notice nothing.
 *
 *     crash_step [NAME[/ORDER] [INSTRUCTION]]
 *
 * steps through all calls of the table in calls.c, or that one, in both orders or in one: total or producer. --help lists the
 * calls. Instructions between which nothing happens that others
 * could see are tried once for all (access.h): of the run of instructions between two changes of what others see, the
 * first is that at which the child is killed or stopped; it is held and goes on before each look that it takes at what
 * others can change. By default that is done to as many as a minute and a half in all allows: first to those where an
 * address is passed for the first time, the second or the last, then to the rest of a loop's passes. With
 * RINGQ_TEST_SIZE=quick it is every sixteenth call, for an eighth of that time; with RINGQ_TEST_SIZE=long it is done to all.
 * RINGQ_TEST_SEED repeats a run's choice, beside the same RINGQ_TEST_PART.
 *
 * The rounds run in a driver, a process of its own: a check that fails ends it, and the next goes on behind that.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "stage.h"
#include "trace.h"

#define BRIEF RINGQ_SEC(90)
#define FAILURES_MOST 5 /* of a call, order and fate: more would tell little more */
#define ALL UINT64_MAX

static const char *const fate_names[FATES] = {"kill", "stop", "resume", "pile"};
static const char *const order_names[] = {"total", "producer"};

/* Which rounds a driver is to do. */
struct plan {
	struct book *book;
	const struct call *call;
	unsigned order;
	enum fate fate;
	uint64_t next; /* the first that no driver has begun */
};

static struct {
	uint64_t seed, only;
	bool every;
	int64_t until; /* when the plan must end; what one leaves of its slice is the others' */
	int64_t slice;
	unsigned failures;
	const char *program;
} run;

static uint64_t greatest_divisor(uint64_t a, uint64_t b)
{
	while (b) {
		uint64_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

/* Who is killed or stopped matters by what others see then; who goes on, by what it sees. */
static const struct trace_choice *choice_of(const struct plan *plan)
{
	return plan->fate == RESUMED ? &plan->book->path.accesses : &plan->book->path.states;
}

/* Goes through all of the choice, each once; in the brief form corners, far apart, so that it may end at any time. */
static uint64_t nth_instruction(const struct plan *plan, uint64_t i)
{
	const struct trace_choice *choice = choice_of(plan);
	uint64_t n = choice->corners, step = n * 618 / 1000 | 1;

	if (run.every || i >= n)
		return choice->order[i];
	while (greatest_divisor(step, n) != 1)
		step++;
	return choice->order[(run.seed + i * step) % n];
}

static void drive(void *arg)
{
	struct plan *plan = arg;
	struct book *book = plan->book;
	static char context[128];

	for (uint64_t i = plan->next; i < (run.only == ALL ? choice_of(plan)->count : 1); i++) {
		uint64_t instruction = run.only == ALL ? nth_instruction(plan, i) : run.only;

		if (!run.every && run.only == ALL && now_ns() >= run.until)
			break;
		book->instruction = instruction;
		plan->next = i + 1;
		snprintf(context, sizeof(context), "(%s/%s, %s at %llu)", plan->call->name, order_names[plan->order],
			fate_names[plan->fate], (unsigned long long)instruction);
		test_context = context;
		stage_round(book, plan->call, plan->order, instruction, plan->fate);
	}
}

static void drive_undisturbed(void *arg)
{
	struct plan *plan = arg;

	test_context = plan->call->name;
	stage_round(plan->book, plan->call, plan->order, ALL, KILLED);
}

/* Where an address is: the driver has the same addresses as its children, and as this process. */
static void print_place(uint64_t pc)
{
	char command[256];
	extern const char __executable_start[];

	snprintf(command, sizeof(command), "addr2line -pfie /proc/%d/exe %#llx >&2", (int)getpid(),
		(unsigned long long)(pc - (uintptr_t)__executable_start));
	fflush(NULL);
	if (system(command))
		fprintf(stderr, "  at %s\n", command);
}

/* A driver's exit status: 0, or it has failed, and said so unless a signal has ended it. */
static bool driver_passed(struct plan *plan, void (*run_driver)(void *))
{
	static const char *const names[] = {"RINGQ_BARRIER", "RINGQ_CLOCK"};
	pid_t driver = fork_child(run_driver, plan);
	int status;

	check_eq(waitpid(driver, &status, 0), driver);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return true;
	run.failures++;
	fprintf(stderr, "%s/%s: %s at instruction %llu failed%s%s, at:\n", plan->call->name, order_names[plan->order],
		run_driver == drive ? fate_names[plan->fate] : "undisturbed",
		(unsigned long long)plan->book->instruction, WIFSIGNALED(status) ? ": " : "",
		WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "");
	print_place(plan->book->pc);
	fputs("to repeat it: ", stderr);
	for (size_t i = 0; i < COUNT(names); i++)
		if (getenv(names[i]))
			fprintf(stderr, "%s=%s ", names[i], getenv(names[i]));
	if (run_driver == drive)
		fprintf(stderr, "%s %s/%s %llu\n", run.program, plan->call->name, order_names[plan->order],
			(unsigned long long)plan->book->instruction);
	else
		fprintf(stderr, "%s %s/%s\n", run.program, plan->call->name, order_names[plan->order]);
	return false;
}

/* Prints how many rounds there were. */
static void step_through(struct plan *plan)
{
	unsigned failures = 0;
	uint64_t before = plan->book->rounds;

	plan->next = 0;
	run.until += run.slice;
	if (run.until < now_ns() + run.slice / 2)
		run.until = now_ns() + run.slice / 2;
	while (!driver_passed(plan, drive) && ++failures < FAILURES_MOST && run.only == ALL)
		continue;
	printf(" %s %llu", fate_names[plan->fate], (unsigned long long)(plan->book->rounds - before));
	if (failures)
		printf(" (%u failed)", failures);
	fflush(stdout);
}

static void step_call(struct plan *plan)
{
	const struct trace_path *path = &plan->book->path;
	unsigned failures = run.failures;

	printf("%s/%s: ", plan->call->name, order_names[plan->order]);
	fflush(stdout);
	if (driver_passed(plan, drive_undisturbed)) {
		printf("%u instructions, %u different; %u states, %u accesses;", path->count, path->different,
			path->states.count, path->accesses.count);
		fflush(stdout);
		for (plan->fate = KILLED; plan->fate < FATES; plan->fate++)
			if (stage_allows(plan->call, plan->fate))
				step_through(plan);
	}
	puts(run.failures == failures ? " ok" : " FAILED");
}

/* The first thread that ends this way loads a library. A child that does it later finds it there. */
static void *exit_thread(void *arg)
{
	pthread_exit(arg);
}

/* What the command line names; name NULL: all. */
struct choice {
	const char *name;
	size_t len;
	int order; /* -1: both */
};

/* NAME or NAME/ORDER. Whether there is such an order. */
static bool read_choice(struct choice *choice, const char *word)
{
	const char *slash = word ? strchr(word, '/') : NULL;

	*choice = (struct choice){.name = word, .len = word ? strcspn(word, "/") : 0, .order = -1};
	for (int i = 0; slash && i < 2; i++)
		if (!strcmp(slash + 1, order_names[i]))
			choice->order = i;
	return !slash || choice->order >= 0;
}

/*
 * Without a name, those of this run's part. Of a quick run every sixteenth of them, which ones by its seed: to step through
 * a call at all takes a second.
 */
static bool chosen(const struct choice *choice, const struct call *call, unsigned order)
{
	size_t i = (size_t)(call - calls);

	if (order > !call->one_order || (choice->order >= 0 && (unsigned)choice->order != order))
		return false;
	if (choice->name)
		return strlen(call->name) == choice->len && !strncmp(choice->name, call->name, choice->len);
	return test_in_part(i) && (test_size() != TEST_QUICK || i / test_parts() % 16 == run.seed % 16);
}

static unsigned count_plans(const struct choice *choice)
{
	unsigned n = 0;

	for (size_t i = 0; i < calls_count; i++)
		for (unsigned order = 0; order < 2; order++)
			n += chosen(choice, &calls[i], order) * FATES;
	return n;
}

static void print_usage(FILE *to)
{
	fprintf(to, "usage: %s [CALL[/ORDER] [INSTRUCTION]]\nORDER is total or producer. Calls:", run.program);
	for (size_t i = 0, column = 72; i < calls_count; i++) {
		column += 1 + strlen(calls[i].name);
		if (column > 72) {
			fputs("\n ", to);
			column = 2 + strlen(calls[i].name);
		}
		fprintf(to, " %s", calls[i].name);
	}
	fputc('\n', to);
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : NULL, *seed = getenv("RINGQ_TEST_SEED");
	struct choice choice;
	struct plan *plan = share_memory(sizeof(*plan));
	unsigned plans;

	run.program = argv[0];
	if (name && !strcmp(name, "--help")) {
		print_usage(stdout);
		return 0;
	}
	setbuf(stdout, NULL);
	join_thread(start_thread(exit_thread, NULL));
	if (TEST_UNDER_TSAN || TEST_UNDER_ASAN || !trace_permitted()) {
		puts("skipped: no child can be traced here, or not in time");
		return TEST_SKIPPED;
	}
	run.seed = seed ? strtoull(seed, NULL, 0) : (uint64_t)now_ns() % 1000000;
	plans = read_choice(&choice, name) ? count_plans(&choice) : 0;
	if (plans == 0) {
		fprintf(stderr, "no call %s\n", name ? name : "of this part");
		print_usage(stderr);
		return 2;
	}
	run.only = argc > 2 ? strtoull(argv[2], NULL, 0) : ALL;
	run.every = brief_or_long(0, 1);
	run.slice = (int64_t)brief_or_long(BRIEF, BRIEF) / (name ? 1 : test_parts()) / plans;
	run.until = now_ns();
	plan->book = share_memory(sizeof(*plan->book));
	printf("RINGQ_TEST_SEED=%llu\n", (unsigned long long)run.seed);
	for (size_t i = 0; i < calls_count; i++)
		for (unsigned order = 0; order < 2; order++) {
			if (!chosen(&choice, &calls[i], order))
				continue;
			plan->call = &calls[i];
			plan->order = order;
			step_call(plan);
		}
	printf("%u failed\n", run.failures);
	return run.failures > 0;
}
