/* SPDX-License-Identifier: MIT */
/*
 * What signal handlers do to calls that they have interrupted: they make children there, and they do not come back. Each
 * instruction of a call is made a signal's, by the processor's trap flag; so this is for x86.
 */
#include "../common.h"

#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__x86_64__)

static struct {
	bool inside;
	long count;
	long stop; /* the instruction at which it is done; or, of forks, each so many */
	long forks;
} step;

static sigjmp_buf out;

static void begin_steps(void)
{
	step.count = 0;
	step.inside = true;
	__asm__ volatile("pushfq; orq $0x100, (%%rsp); popfq" ::: "memory", "cc");
}

static void end_steps(void)
{
	__asm__ volatile("pushfq; andq $~0x100, (%%rsp); popfq" ::: "memory", "cc");
	step.inside = false;
}

static void jump(int signal)
{
	(void)signal;
	if (step.inside && ++step.count == step.stop) {
		step.inside = false;
		siglongjmp(out, 1);
	}
}

static void make_child(int signal)
{
	pid_t child;

	(void)signal;
	if (!step.inside || ++step.count % step.stop)
		return;
	child = fork();
	if (child == 0)
		_exit(0);
	if (child < 0 || waitpid(child, NULL, 0) != child)
		_exit(1);
	step.forks++;
}

static void handle_traps(void (*handler)(int))
{
	struct sigaction action = {.sa_handler = handler, .sa_flags = SA_NODEFER};

	check_eq(sigaction(SIGTRAP, &action, NULL), 0);
}

/* ---- children ---- */

/* Where the calls have the library's locks, too: they open and release a handle, and put with it for the first time. */
static void children_may_be_made_by_handlers(void *arg)
{
	ringq_region *region = region_new(4 << 20);
	ringq_queue *queue = queue_in(region, NULL), *other = NULL;

	(void)arg;
	handle_traps(make_child);
	step.stop = test_size() == TEST_QUICK ? 997 : 197;
	begin_steps();
	int opened = ringq_queue_open(&other, region, NULL);
	int put = ringq_put(other, &opened, sizeof(opened), RINGQ_NOWAIT);
	ssize_t got = ringq_get(other, &opened, sizeof(opened), RINGQ_NOWAIT);
	ringq_queue_release(other);
	end_steps();
	check_eq(opened, 0);
	check_eq(put, 0);
	check_eq(got, (ssize_t)sizeof(opened));
	check_compare(step.forks, >, 3);
	check_eq(put_number(queue, 1, RINGQ_NOWAIT), 0); /* no lock was kept */
	ringq_queue_release(queue_in(region, NULL));
	ringq_queue_release(queue);
}

/* ---- jumps ---- */

enum { BEFORE = 3, INSIDE = 100, AFTER = 200, OUTSIDE = 300 };

static ringq_region *region;
static ringq_queue *seen; /* the main thread's handle */

static void put_one(ringq_queue *queue)
{
	put_number(queue, INSIDE, RINGQ_NOWAIT);
}

static void put_several(ringq_queue *queue)
{
	int64_t n = INSIDE;
	struct iovec records[3] = {{&n, sizeof(n)}, {&n, sizeof(n)}, {&n, sizeof(n)}};

	ringq_put_many(queue, records, 3, RINGQ_NOWAIT);
}

static void reserve_and_commit(ringq_queue *queue)
{
	void *place;

	if (ringq_reserve(queue, &place, sizeof(int64_t), RINGQ_NOWAIT))
		return;
	*(int64_t *)place = INSIDE;
	ringq_commit(queue, place, sizeof(int64_t));
}

static void get_one(ringq_queue *queue)
{
	get_number(queue, RINGQ_NOWAIT);
}

static void take_one(ringq_queue *queue)
{
	struct ringq_delivery delivery;

	ringq_take(queue, &delivery, RINGQ_NOWAIT);
}

static void take_and_acknowledge(ringq_queue *queue)
{
	struct ringq_delivery delivery;

	if (ringq_take(queue, &delivery, RINGQ_NOWAIT) == 0)
		ringq_ack(queue, &delivery);
}

/* The first of a queue's records may be gone by a call that takes; it puts no more than `puts`. */
static const struct left {
	const char *name;
	void (*call)(ringq_queue *queue);
	struct ringq_queue_options options;
	int puts, takes;
} lefts[] = {
	{"put", put_one, {.max_producers = 3}, 1, 0},
	{"put, max_records", put_one, {.max_producers = 3, .max_records = 16}, 1, 0},
	{"put_many", put_several, {.max_producers = 3, .max_records = 16}, 3, 0},
	{"reserve, commit", reserve_and_commit, {.max_producers = 3, .max_records = 16}, 1, 0},
	{"get", get_one, {.max_producers = 3}, 0, 1},
	{"take", take_one, {.max_producers = 3, .flags = RINGQ_ACKNOWLEDGED}, 0, 0},
	{"take, ack", take_and_acknowledge, {.max_producers = 3, .flags = RINGQ_ACKNOWLEDGED}, 0, 1},
};

/* Leaves the call at step.stop, if it has so many; then releases the handle, and goes on with another. */
static void *leave(void *arg)
{
	const struct left *left = arg;
	ringq_queue *queue, *again;

	check_eq(ringq_queue_open(&queue, region, NULL), 0);
	for (int i = 0; i < 3; i++) { /* so that it is as any put and get after the first ones */
		check_eq(put_number(queue, i, RINGQ_NOWAIT), 0);
		check_eq(get_number(queue, RINGQ_NOWAIT), i);
	}
	for (int i = 1; i <= BEFORE; i++)
		check_eq(put_number(queue, i, RINGQ_NOWAIT), 0);
	if (sigsetjmp(out, 1) == 0) {
		begin_steps();
		left->call(queue);
		end_steps();
	}
	ringq_queue_release(queue);
	check_eq(ringq_queue_open(&again, region, NULL), 0);
	for (int i = 1; i <= 2; i++)
		check_eq(put_number(again, AFTER + i, TEST_SOON), 0);
	if (left->options.flags & RINGQ_ACKNOWLEDGED) { /* by an entry that says nothing of what it had in hand before */
		struct ringq_delivery delivery;

		check_eq(ringq_take(again, &delivery, RINGQ_NOWAIT), 0);
		check_eq(ringq_requeue(again, &delivery), 0);
	}
	ringq_queue_release(again);
	return NULL;
}

/* All that is there, of which only what the call put or took may be missing, in order, each once. */
static void see_all(const struct left *left)
{
	int64_t n, inside = 0, taken = 0, want[] = {1, 2, 3, AFTER + 1, AFTER + 2, OUTSIDE};
	size_t at = 0;

	while ((n = get_number(seen, RINGQ_NOWAIT)) >= 0) {
		if (n == INSIDE) {
			inside++;
			continue;
		}
		while (at < COUNT(want) && n != want[at]) {
			taken++;
			at++;
		}
		check_compare(at, <, COUNT(want));
		at++;
	}
	check_eq(n, -EAGAIN);
	check_eq(at, COUNT(want));
	check_compare(inside, <=, left->puts);
	check_compare(taken, <=, left->takes);
	check(ringq_empty(seen));
}

static void round_of(const struct left *left, long instruction)
{
	char row[64];

	snprintf(row, sizeof(row), "%s, instruction %ld", left->name, instruction);
	test_context = row;
	step.stop = instruction;
	join_thread(start_thread(leave, (void *)(uintptr_t)left));
	check_eq(put_number(seen, OUTSIDE, TEST_SOON), 0);
	see_all(left);
	test_context = NULL;
}

/* Instructions that lie evenly, and are others in each run. */
static void a_handle_whose_call_was_left_can_be_released(void *arg)
{
	const struct left *left = arg;
	long rounds = (long)brief_or_long(32, 2000), all;
	struct rng rng = {(uint64_t)now_ns()};

	handle_traps(jump);
	region = region_new(8 << 20);
	seen = queue_in(region, &left->options);
	round_of(left, LONG_MAX);
	all = step.count;
	check_compare(all, >, 20);
	for (long i = 0; i < rounds; i++)
		round_of(left, 1 + all * i / rounds + (long)rng_below(&rng, (uint64_t)(all / rounds + 1)));
	ringq_queue_release(seen);
	ringq_region_detach(region);
}

/* ---- other programs ---- */

static void *execute(void *arg)
{
	char word[16];

	snprintf(word, sizeof(word), "%d", *(int *)arg);
	check_eq(get_number(seen, RINGQ_NOWAIT), -EAGAIN); /* a member it is */
	ringq_queue_release(seen);
	ringq_region_detach(region);
	execl("/proc/self/exe", "handlers", word, (char *)NULL);
	return NULL;
}

/* The kernel does not tell of what a thread had that calls exec and is not the first: so it must give it up before. */
static void who_detaches_before_exec_leaves_nothing(void *arg)
{
	struct ringq_member members[4];
	int words[2];
	char byte;
	pid_t child;
	ringq_queue *queue;
	ringq_array *array;

	(void)arg;
	check_eq(pipe(words), 0);
	region = region_new(8 << 20);
	queue = seen = queue_in(region, &(struct ringq_queue_options){.max_producers = 1});
	check_eq(ringq_array_create(&array, region, "lock", RINGQ_INT32, 1), 0);
	child = fork();
	check_compare(child, >=, 0);
	if (child == 0) {
		ringq_array_release(array);
		start_thread(execute, &words[1]);
		for (;;)
			pause();
	}
	close(words[1]);
	check_eq(read(words[0], &byte, 1), 1);
	check_eq(ringq_region_members(region, members, COUNT(members)), 1);
	check_eq(wait_status(child), 0);
	ringq_array_release(array);
	ringq_queue_release(queue);
	ringq_region_detach(region);
}

int main(int argc, char **argv)
{
	if (argc == 2)
		return write(atoi(argv[1]), "x", 1) != 1;
	if (TEST_UNDER_ASAN || TEST_UNDER_TSAN) /* which step through what they add themselves */
		return TEST_SKIPPED;
	reap_child(fork_child(children_may_be_made_by_handlers, NULL));
	for (size_t i = 0; i < COUNT(lefts); i++)
		reap_child(fork_child(a_handle_whose_call_was_left_can_be_released, (void *)(uintptr_t)&lefts[i]));
	reap_child(fork_child(who_detaches_before_exec_leaves_nothing, NULL));
	return 0;
}

#else

int main(void)
{
	return TEST_SKIPPED;
}

#endif
