/* SPDX-License-Identifier: MIT */
/*
 * Children made by vfork() and posix_spawn() beside running queues. Such a child has the parent's memory until it starts its
 * program or ends: what the parent's threads hold, sleep for and are told of stays as it is, whatever becomes of the child.
 */
#include "../common.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { INHERITED = 100 };

static struct scene {
	ringq_region *region;
	ringq_queue *there, *back; /* with the programs that are started */
	ringq_queue *busy;         /* carries numbers all the time */
	ringq_queue *empty, *full; /* are slept for */
	ringq_queue *watched;      /* has an event descriptor */
	ringq_queue *kept;         /* room in it is reserved by the thread that makes the children */
	ringq_array *locked;       /* by that thread */
	atomic_int stop;
	_Atomic pid_t sleepers[3];
	atomic_ullong moved;
} scene;

static char region_name[64];
static char number[16];

/* ---- the programs that are started ---- */

static int take_part(ringq_region *region, int64_t n, bool stay)
{
	ringq_queue *there, *back;

	check_eq(ringq_queue_open(&there, region, "there"), 0);
	check_eq(ringq_queue_open(&back, region, "back"), 0);
	check_eq(put_number(back, n, RINGQ_NOWAIT), 0);
	if (stay) {
		get_number(there, RINGQ_FOREVER); /* until it is killed */
		return 1;
	}
	check_eq(get_number(there, TEST_SOON), n);
	ringq_queue_release(there);
	ringq_queue_release(back);
	ringq_region_detach(region);
	return 0;
}

static int program(char **arguments)
{
	ringq_region *region;
	const char *way = arguments[0];

	if (!strcmp(way, "descriptor"))
		check_eq(ringq_region_attach(&region, INHERITED), 0);
	else
		check_eq(ringq_region_open(&region, arguments[1]), 0);
	return take_part(region, atoi(arguments[2]), !strcmp(way, "stay"));
}

/* ---- ways to start one, or none ---- */

static char program_name[] = "vfork", by_name[] = "name", by_descriptor[] = "descriptor", to_stay[] = "stay";
static char *arguments[] = {program_name, by_name, region_name, number, NULL};

static pid_t started(void)
{
	pid_t child = vfork();

	if (child == 0) {
		execv("/proc/self/exe", arguments);
		_exit(127);
	}
	return child;
}

static pid_t started_late(void)
{
	pid_t child = vfork();

	if (child == 0) {
		usleep(3000); /* the thread that called vfork() waits as long, the others go on */
		execv("/proc/self/exe", arguments);
		_exit(127);
	}
	return child;
}

static pid_t spawned(void)
{
	posix_spawn_file_actions_t actions;
	pid_t child;

	check_eq(posix_spawn_file_actions_init(&actions), 0);
	check_eq(posix_spawn_file_actions_adddup2(&actions, ringq_region_fd(scene.region), INHERITED), 0);
	check_eq(posix_spawn(&child, "/proc/self/exe", &actions, NULL, arguments, environ), 0);
	posix_spawn_file_actions_destroy(&actions);
	return child;
}

static pid_t not_started(void)
{
	pid_t child = vfork();

	if (child == 0) {
		execv("/proc/self/no-such-program", arguments);
		_exit(127);
	}
	return child;
}

static pid_t killed(void)
{
	pid_t child = vfork();

	if (child == 0) {
		kill(getpid(), SIGKILL);
		_exit(1);
	}
	return child;
}

/* Against the rule, but common: what is to be done at exit is done in the parent's memory. */
static pid_t exited(void)
{
	pid_t child = vfork();

	if (child == 0)
		exit(127);
	return child;
}

/* ---- what goes on meanwhile ---- */

static void *puts_numbers(void *unused)
{
	for (int64_t i = 0; !scene.stop; i++)
		check_eq(put_number(scene.busy, i, TEST_SOON), 0);
	check_eq(put_number(scene.busy, -1, TEST_SOON), 0);
	return unused;
}

static void *gets_numbers(void *unused)
{
	int64_t n, next = 0;

	while ((n = get_number(scene.busy, TEST_SOON)) != -1) {
		check_eq(n, next++);
		scene.moved++;
	}
	return unused;
}

static void *sleeps_in_get(void *unused)
{
	scene.sleepers[0] = thread_id();
	check_eq(get_number(scene.empty, RINGQ_FOREVER), 5);
	return unused;
}

static void *sleeps_in_put(void *unused)
{
	scene.sleepers[1] = thread_id();
	check_eq(put_number(scene.full, 6, RINGQ_FOREVER), 0);
	return unused;
}

static void *sleeps_in_lock(void *unused)
{
	scene.sleepers[2] = thread_id();
	check_eq(ringq_lock(scene.locked, RINGQ_FOREVER), 0); /* nobody died */
	check_eq(ringq_unlock(scene.locked), 0);
	return unused;
}

static ssize_t members(void)
{
	struct ringq_member m[32];
	ssize_t n = ringq_region_members(scene.region, m, COUNT(m));

	check(n >= 0 && n <= (ssize_t)COUNT(m));
	return n;
}

static void is_told_of_what_is_put(void)
{
	struct pollfd fd = {.fd = ringq_event_fd(scene.watched), .events = POLLIN};

	check_eq(poll(&fd, 1, 0), 0);
	check_eq(put_number(scene.watched, 1, RINGQ_NOWAIT), 0);
	check_eq(poll(&fd, 1, (int)(TEST_SOON / RINGQ_MS(1))), 1);
	check_eq(get_number(scene.watched, RINGQ_NOWAIT), 1);
	check_eq(get_number(scene.watched, RINGQ_NOWAIT), -EAGAIN);
}

/* ---- the rows ---- */

enum fate { TAKES_PART, IS_KILLED, STARTS_NOTHING };

static const struct row {
	pid_t (*start)(void);
	char *way;
	enum fate fate;
} rows[] = {
	{started, by_name, TAKES_PART},
	{started_late, by_name, TAKES_PART},
	{spawned, by_descriptor, TAKES_PART},
	{started, to_stay, IS_KILLED},
	{spawned, to_stay, IS_KILLED},
	{not_started, by_name, STARTS_NOTHING},
	{killed, by_name, STARTS_NOTHING},
	{exited, by_name, STARTS_NOTHING},
};

static void begin(const struct row *row, int64_t n)
{
	ssize_t before = members();
	unsigned long long moved = scene.moved;
	pid_t child;
	int status;

	arguments[1] = row->way;
	snprintf(number, sizeof(number), "%d", (int)n);
	child = row->start();
	check_compare(child, >, 0);
	if (row->fate != STARTS_NOTHING) {
		check_eq(get_number(scene.back, TEST_SOON), n);
		check_eq(members(), before + 1);
	}
	if (row->fate == TAKES_PART)
		check_eq(put_number(scene.there, n, RINGQ_NOWAIT), 0);
	if (row->fate == IS_KILLED)
		kill(child, SIGKILL);
	check_eq(waitpid(child, &status, 0), child);
	check_eq(WIFEXITED(status) ? WEXITSTATUS(status) : -1, row->fate == TAKES_PART                           ? 0
							       : row->fate == IS_KILLED || row->start == &killed ? -1
														 : 127);
	check_eq(members(), before);
	is_told_of_what_is_put();
	for (int64_t late = now_ns() + TEST_SOON; scene.moved == moved; pause_ns(RINGQ_US(100)))
		check_compare(now_ns(), <, late);
}

static void all_stays_as_it_is(void)
{
	void *(*const ways[])(void *) = {sleeps_in_get, sleeps_in_put, sleeps_in_lock, puts_numbers, gets_numbers};
	pthread_t threads[COUNT(ways)];
	void *reserved;

	check_eq(put_number(scene.full, 1, RINGQ_NOWAIT), 0);
	check_eq(ringq_lock(scene.locked, RINGQ_NOWAIT), 0);
	check_eq(ringq_reserve(scene.kept, &reserved, sizeof(int64_t), RINGQ_NOWAIT), 0);
	for (size_t i = 0; i < COUNT(ways); i++)
		threads[i] = start_thread(ways[i], NULL);
	for (size_t i = 0; i < COUNT(scene.sleepers); i++) {
		while (!scene.sleepers[i])
			pause_ns(RINGQ_US(100));
		wait_asleep(scene.sleepers[i]);
	}
	is_told_of_what_is_put();
	for (size_t i = 0; i < brief_or_long(3, 100) * COUNT(rows) + COUNT(rows); i++) {
		test_row(i % COUNT(rows));
		if (rows[i % COUNT(rows)].start != exited || !TEST_UNDER_ASAN) /* which looks for leaks then */
			begin(&rows[i % COUNT(rows)], (int64_t)i);
	}
	test_context = NULL;
	check_eq(put_number(scene.empty, 5, RINGQ_NOWAIT), 0);
	check_eq(get_number(scene.full, RINGQ_NOWAIT), 1);
	check_eq(get_number(scene.full, TEST_SOON), 6);
	check_eq(ringq_unlock(scene.locked), 0);
	memcpy(reserved, &(int64_t){7}, sizeof(int64_t));
	check_eq(ringq_commit(scene.kept, reserved, sizeof(int64_t)), 0);
	check_eq(get_number(scene.kept, RINGQ_NOWAIT), 7);
	scene.stop = 1;
	for (size_t i = 0; i < COUNT(ways); i++)
		join_thread(threads[i]);
}

/* ---- a death in the middle ---- */

static struct {
	atomic_int inside;
} * shared;

static void stays_in_vfork(void *unused)
{
	pid_t self = getpid();

	(void)unused;
	check_eq(ringq_lock(scene.locked, RINGQ_NOWAIT), 0);
	if (vfork() == 0) {
		shared->inside = 1;
		for (int i = 0; getppid() == self && i < 10000; i++)
			usleep(1000);
		_exit(0);
	}
}

/* Its child has its memory still, and copies of its descriptors. */
static void the_death_of_who_is_in_vfork_is_told_at_once(void)
{
	pid_t parent = fork_child(stays_in_vfork, NULL);
	int64_t start;

	wait_set(&shared->inside);
	start = now_ns();
	kill_child(parent);
	check_eq(ringq_lock(scene.locked, RINGQ_FOREVER), -EOWNERDEAD);
	check_compare(now_ns() - start, <, TEST_SOON);
	check_eq(ringq_unlock(scene.locked), 0);
}

int main(int argc, char **argv)
{
	ringq_queue **queues[] = {
		&scene.there, &scene.back, &scene.busy, &scene.empty, &scene.full, &scene.watched, &scene.kept};
	static const struct ringq_queue_options options[COUNT(queues)] = {
		{.name = "there"}, {.name = "back"}, {0}, {0}, {.max_records = 1}, {0}, {0}};

	if (argc > 1)
		return program(argv + 1);
	snprintf(region_name, sizeof(region_name), "%s", unique_name());
	shared = share_memory(sizeof(*shared));
	check_eq(ringq_region_create(&scene.region, &(struct ringq_region_options){.name = region_name}), 0);
	for (size_t i = 0; i < COUNT(queues); i++)
		check_eq(ringq_queue_create(queues[i], scene.region, &options[i]), 0);
	check_eq(ringq_array_create(&scene.locked, scene.region, "locked", RINGQ_INT32, 1), 0);
	sleep_without_bounds();
	the_death_of_who_is_in_vfork_is_told_at_once();
	all_stays_as_it_is();
	check_eq(ringq_region_unlink(region_name), 0);
	ringq_array_release(scene.locked);
	for (size_t i = 0; i < COUNT(queues); i++)
		ringq_queue_release(*queues[i]);
	ringq_region_detach(scene.region);
	return 0;
}
