/* SPDX-License-Identifier: MIT */
/* fork: the child goes on with the handles it inherited, at once, as a participant of its own. */
#include "../common.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct ringq_queue_options defaults;

struct shared {
	ringq_queue *queue, *back;
	void *reserved;
	struct tally *tally;
	atomic_int generation, stop, at_work;
};

static struct shared *shared_new(const struct ringq_queue_options *options)
{
	struct shared *shared = share_memory(sizeof(*shared));

	shared->queue = queue_new(options);
	shared->back = queue_new(options);
	return shared;
}

static void shared_end(struct shared *shared)
{
	ringq_queue_release(shared->queue);
	ringq_queue_release(shared->back);
}

static void use_at_once(void *arg)
{
	struct shared *shared = arg;

	check_eq(get_number(shared->queue, RINGQ_NOWAIT), 1);
	check_eq(put_number(shared->queue, 2, RINGQ_NOWAIT), 0);
	check_eq(put_number(shared->back, 3, RINGQ_NOWAIT), 0);
	/* 2 and 4, in whatever order the queue keeps between producers. */
	check_eq(get_number(shared->queue, TEST_SOON) + get_number(shared->queue, TEST_SOON), 6);
}

static void child_puts_and_gets(const struct ringq_queue_options *options)
{
	struct shared *shared = shared_new(options);
	pid_t child;

	check_eq(put_number(shared->queue, 1, RINGQ_NOWAIT), 0);
	child = fork_child(use_at_once, shared);
	check_eq(get_number(shared->back, TEST_SOON), 3);
	check_eq(put_number(shared->queue, 4, RINGQ_NOWAIT), 0);
	reap_child(child);
	shared_end(shared);
}

/* Whether a process has a member that is called so. */
static bool is_member(const ringq_queue *queue, pid_t process, const char *name)
{
	struct ringq_member members[16];
	ssize_t n = ringq_region_members(ringq_queue_region(queue), members, COUNT(members));

	check(n >= 0 && n <= (ssize_t)COUNT(members));
	for (ssize_t i = 0; i < n; i++)
		if (members[i].process == (uint32_t)process && !strcmp(members[i].name, name))
			return members[i].thread == (uint32_t)process;
	return false;
}

static void join_and_stay(void *arg)
{
	struct shared *shared = arg;

	check(is_member(shared->queue, getppid(), "fork-parent"));
	check(!is_member(shared->queue, getpid(), "fork-parent"));
	pthread_setname_np(pthread_self(), "fork-child");
	check_eq(put_number(shared->queue, 2, RINGQ_NOWAIT), 0);
	check_eq(get_number(shared->back, TEST_SOON), 3);
}

static void child_is_a_member_of_its_own(void)
{
	struct shared *shared;
	pid_t child;

	pthread_setname_np(pthread_self(), "fork-parent");
	shared = shared_new(&defaults);
	check_eq(put_number(shared->queue, 1, RINGQ_NOWAIT), 0);
	child = fork_child(join_and_stay, shared);
	check_eq(get_number(shared->queue, TEST_SOON), 1);
	check_eq(get_number(shared->queue, TEST_SOON), 2);
	check(is_member(shared->queue, getpid(), "fork-parent"));
	check(is_member(shared->queue, child, "fork-child"));
	check_eq(put_number(shared->back, 3, RINGQ_NOWAIT), 0);
	reap_child(child);
	check(is_member(shared->queue, getpid(), "fork-parent"));
	check(!is_member(shared->queue, child, "fork-child"));
	shared_end(shared);
}

static void commit_of_the_parent(void *arg)
{
	struct shared *shared = arg;

	check_eq(ringq_commit(shared->queue, shared->reserved, 8), -EINVAL);
	ringq_abort(shared->queue, shared->reserved);
	check_eq(put_number(shared->queue, 1, RINGQ_NOWAIT), 0);
	check_eq(get_number(shared->queue, RINGQ_NOWAIT), 1);
	check_eq(get_number(shared->queue, RINGQ_NOWAIT), -EAGAIN);
}

static void reservation_stays_with_the_parent(const struct ringq_queue_options *options)
{
	struct shared *shared = shared_new(options);

	check_eq(ringq_reserve(shared->queue, &shared->reserved, 8, RINGQ_NOWAIT), 0);
	memcpy(shared->reserved, &(int64_t){9}, 8);
	reap_child(fork_child(commit_of_the_parent, shared));
	check_eq(ringq_commit(shared->queue, shared->reserved, 8), 0);
	check_eq(get_number(shared->queue, RINGQ_NOWAIT), 9);
	check_eq(get_number(shared->queue, RINGQ_NOWAIT), -EAGAIN);
	shared_end(shared);
}

/* Each generation puts one, forks the next, and puts another. */
static void beget(void *arg)
{
	struct shared *shared = arg;
	int generation = atomic_fetch_add(&shared->generation, 1);

	check_eq(put_number(shared->queue, 2 * generation, RINGQ_NOWAIT), 0);
	if (generation < 6)
		reap_child(fork_child(beget, shared));
	check_eq(put_number(shared->queue, 2 * generation + 1, RINGQ_NOWAIT), 0);
}

static void grandchildren_take_part(void)
{
	struct shared *shared = shared_new(&defaults);

	reap_child(fork_child(beget, shared));
	for (int i = 0; i <= 6; i++)
		check_eq(get_number(shared->queue, RINGQ_NOWAIT), 2 * i);
	for (int i = 6; i >= 0; i--)
		check_eq(get_number(shared->queue, RINGQ_NOWAIT), 2 * i + 1);
	check_eq(get_number(shared->queue, RINGQ_NOWAIT), -EAGAIN);
	shared_end(shared);
}

enum { THREADS = 3, CHILDREN = 40, RECORDS = 50 };

static atomic_uint threads_named;

static void *put_until_stopped(void *arg)
{
	struct shared *shared = arg;
	int64_t name = -1 - (int64_t)atomic_fetch_add(&threads_named, 1);

	check_eq(put_number(shared->queue, name, RINGQ_FOREVER), 0);
	atomic_fetch_add(&shared->at_work, 1);
	while (!shared->stop)
		check_eq(put_number(shared->queue, name, RINGQ_FOREVER), 0);
	return NULL;
}

static void *drain_threads(void *arg)
{
	struct shared *shared = arg;
	int64_t name, names = 0;
	ssize_t len;

	/* The numbers of the threads are negative, and so no lengths or errors. */
	while ((len = ringq_get(shared->queue, &name, sizeof(name), RINGQ_FOREVER)) == sizeof(name)) {
		check(name < 0 && name >= -THREADS);
		atomic_fetch_add(&shared->at_work, names++ == 0);
	}
	check_eq(len, -EPIPE);
	return NULL;
}

static void put_as_child(void *arg)
{
	struct shared *shared = arg;
	uint32_t child = atomic_fetch_add(&shared->generation, 1);

	/* In the queue that the parent's threads were busy with, too. */
	check_eq(put_number(shared->queue, -1, RINGQ_FOREVER), 0);
	for (uint32_t i = 0; i < RECORDS; i++) {
		struct record_id id = {child, i};

		check_eq(ringq_put(shared->back, &id, sizeof(id), RINGQ_FOREVER), 0);
	}
}

static void fork_in_the_middle_of_puts(const struct ringq_queue_options *options)
{
	struct shared *shared = shared_new(options);
	pthread_t putters[THREADS], drainer;

	shared->tally = tally_new(CHILDREN, RECORDS);
	atomic_store(&threads_named, 0);
	drainer = start_thread(drain_threads, shared);
	for (size_t i = 0; i < THREADS; i++)
		putters[i] = start_thread(put_until_stopped, shared);
	/* The address sanitizer does not stand a fork beside an allocation, which only first calls make. */
	while (shared->at_work < THREADS + 1)
		pause_ns(RINGQ_MS(1));
	for (size_t i = 0; i < CHILDREN; i++) {
		pid_t child = fork_child(put_as_child, shared);
		struct record_id id;

		for (uint32_t k = 0; k < RECORDS; k++) {
			check_eq(ringq_get(shared->back, &id, sizeof(id), TEST_SOON), sizeof(id));
			check_eq(id.number, k);
			tally_see(shared->tally, id);
		}
		reap_child(child);
	}
	tally_check_complete(shared->tally);
	shared->stop = 1;
	for (size_t i = 0; i < THREADS; i++)
		join_thread(putters[i]);
	check_eq(ringq_close(shared->queue), 0);
	join_thread(drainer);
	shared_end(shared);
}

static void release_and_go_on(void *arg)
{
	struct shared *shared = arg;

	/* The child's own handle and mapping: nothing of the parent's. */
	ringq_queue_release(shared->queue);
	check_eq(put_number(shared->back, 1, RINGQ_NOWAIT), 0);
	ringq_queue_release(shared->back);
	check_eq(count_region_mappings(), 0);
}

static void release_in_the_child_leaves_the_parents_handle(void)
{
	struct shared *shared = shared_new(&defaults);

	reap_child(fork_child(release_and_go_on, shared));
	check_eq(get_number(shared->back, RINGQ_NOWAIT), 1);
	check_eq(put_number(shared->queue, 2, RINGQ_NOWAIT), 0);
	check_eq(get_number(shared->queue, RINGQ_NOWAIT), 2);
	shared_end(shared);
}

static void *use_first(void *arg)
{
	struct shared *shared = arg;

	check_eq(put_number(shared->queue, 1, RINGQ_FOREVER), 0);
	check_eq(get_number(shared->queue, RINGQ_FOREVER), 1);
	return NULL;
}

static void *use_first_again_and_again(void *arg)
{
	struct shared *shared = arg;

	shared->at_work = 1;
	while (!shared->stop)
		join_thread(start_thread(use_first, shared));
	return NULL;
}

/* What a thread maps for itself by its first call stays the parent's, wherever in that call the fork finds it. */
static void fork_beside_first_calls(void)
{
	struct shared *shared = shared_new(&defaults);
	pthread_t user = start_thread(use_first_again_and_again, shared);

	while (!shared->at_work)
		pause_ns(RINGQ_MS(1));
	for (size_t i = 0; i < brief_or_long(25, 25) * CHILDREN; i++)
		reap_child(fork_child(release_and_go_on, shared));
	shared->stop = 1;
	join_thread(user);
	shared_end(shared);
}

int main(void)
{
	static const struct ringq_queue_options options[] = {
		{.order = RINGQ_ORDER_TOTAL},
		{.order = RINGQ_ORDER_PRODUCER},
		{.order = RINGQ_ORDER_TOTAL, .max_records = 5},
		{.order = RINGQ_ORDER_PRODUCER, .max_records = 5},
	};

	release_in_the_child_leaves_the_parents_handle();
	if (!TEST_UNDER_ASAN) /* it stands no fork beside an allocation */
		fork_beside_first_calls();
	child_is_a_member_of_its_own();
	grandchildren_take_part();
	for (size_t i = 0; i < COUNT(options); i++) {
		child_puts_and_gets(&options[i]);
		reservation_stays_with_the_parent(&options[i]);
		fork_in_the_middle_of_puts(&options[i]);
	}
	return 0;
}
