/* SPDX-License-Identifier: MIT */
/*
 * Fork handlers of the application that use the library, registered before the library's own, which come with the first
 * region, or after. Each case in a process of its own, as handlers stay.
 */
#include "../common.h"

#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

static ringq_queue *queue;
static ringq_region *region;
static void (*in_prepare)(void), (*in_parent)(void), (*in_child)(void);
static atomic_int *calls; /* shared */

static void run(void (*handler)(void))
{
	if (handler) {
		handler();
		(*calls)++;
	}
}

static void prepare(void)
{
	run(in_prepare);
}

static void parent(void)
{
	run(in_parent);
}

static void child(void)
{
	run(in_child);
}

static void put(void)
{
	check_eq(put_number(queue, 5, RINGQ_NOWAIT), 0);
}

static void get(void)
{
	check_eq(get_number(queue, RINGQ_NOWAIT), 1);
}

static void open_again(void)
{
	ringq_queue *other;

	check_eq(ringq_queue_open(&other, region, NULL), 0);
	ringq_queue_release(other);
}

static void create(void)
{
	ringq_queue *other;

	check_eq(ringq_queue_create(&other, NULL, NULL), 0);
	check_eq(put_number(other, 1, RINGQ_NOWAIT), 0);
	ringq_queue_release(other);
}

static void ask_for_a_descriptor(void)
{
	check_compare(ringq_event_fd(queue), >=, 0);
	check_compare(ringq_size(queue), >=, 1); /* the child may have put, too */
}

static void *fork_once(void *arg)
{
	pid_t process = fork();
	int status;

	check_compare(process, >=, 0);
	if (process == 0)
		_exit(put_number(queue, 6, RINGQ_NOWAIT) != 0);
	check_eq(waitpid(process, &status, 0), process);
	check_eq(status, 0);
	return arg;
}

struct place {
	bool before, other_thread;
	void (*prepare)(void), (*parent)(void), (*child)(void);
};

static void try(void *arg)
{
	const struct place *place = arg;

	in_prepare = place->prepare;
	in_parent = place->parent;
	in_child = place->child;
	*calls = 0;
	if (place->before)
		check_eq(pthread_atfork(prepare, parent, child), 0);
	check_eq(ringq_queue_create(&queue, NULL, NULL), 0);
	region = ringq_queue_region(queue);
	check_eq(put_number(queue, 1, RINGQ_NOWAIT), 0);
	if (!place->before)
		check_eq(pthread_atfork(prepare, parent, child), 0);
	if (place->other_thread) /* its first call is in the handler */
		join_thread(start_thread(fork_once, NULL));
	else
		fork_once(NULL);
	check_eq(*calls, 1);
	ringq_queue_release(queue);
}

int main(void)
{
	static void (*const uses[])(void) = {put, get, open_again, create, ask_for_a_descriptor};

	calls = share_memory(sizeof(*calls));
	for (unsigned i = 0; i < 12 * COUNT(uses); i++) {
		void (*use)(void) = uses[i / 12];
		unsigned where = i / 4 % 3;
		struct place place = {.before = i & 1,
			.other_thread = i & 2,
			.prepare = where == 0 ? use : NULL,
			.parent = where == 1 ? use : NULL,
			.child = where == 2 ? use : NULL};

		if (TEST_UNDER_TSAN && use == ask_for_a_descriptor && where == 2)
			continue; /* it does not let such a child start a thread */
		test_row(i);
		reap_child(fork_child(try, &place));
	}
	return 0;
}
