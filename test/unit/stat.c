/* SPDX-License-Identifier: MIT */
/* Looking at a queue and at the members of its region from outside. */
#include "../common.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static struct ringq_queue_stat look(const ringq_queue *queue)
{
	struct ringq_queue_stat stat;

	memset(&stat, 0xff, sizeof(stat));
	check_eq(ringq_queue_stat(queue, &stat), 0);
	return stat;
}

Test(stat, tells_how_the_queue_was_made)
{
	ringq_queue *queue = queue_new(&(struct ringq_queue_options){
		.name = "a name",
		.max_records = 77,
		.max_bytes = 12345,
		.order = RINGQ_ORDER_PRODUCER,
		.flags = RINGQ_SINGLE_CONSUMER,
	});
	struct ringq_queue_stat stat = look(queue);

	check_eq(strcmp(stat.name, "a name"), 0);
	check_eq(stat.max_records, 77);
	check_eq(stat.max_bytes, 12345);
	check_eq(stat.order, RINGQ_ORDER_PRODUCER);
	check_eq(stat.flags, RINGQ_SINGLE_CONSUMER);
	check_eq(stat.records_in, 0);
	check_eq(stat.records_out, 0);
	check_eq(stat.lanes, 0);
	check_eq(stat.producers, 0);
	check_eq(stat.closed, 0);
	ringq_queue_release(queue);
}

Test(stat, an_anonymous_queue_has_an_empty_name)
{
	ringq_queue *queue = queue_new(&(struct ringq_queue_options){0});

	check_eq(look(queue).name[0], 0);
	ringq_queue_release(queue);
}

Test(stat, bad_arguments_are_einval)
{
	ringq_queue *queue = queue_new(&(struct ringq_queue_options){0});
	struct ringq_queue_stat stat;

	check_eq(ringq_queue_stat(NULL, &stat), -EINVAL);
	check_eq(ringq_queue_stat(queue, NULL), -EINVAL);
	ringq_queue_release(queue);
}

Test(stat, counts_records_in_and_out)
{
	for (size_t kind = 0; kind < kinds_count; kind++) {
		ringq_queue *queue = queue_new(&kinds[kind].options);
		struct ringq_queue_stat stat;
		char buf[64];

		test_context = kinds[kind].name;
		for (int i = 0; i < 1000; i++)
			check_eq(ringq_put(queue, buf, i % 64, RINGQ_NOWAIT), 0);
		stat = look(queue);
		check_eq(stat.records_in, 1000);
		check_eq(stat.records_out, 0);
		check_compare(stat.bytes_held, >=, 1000 * 30);
		for (int i = 0; i < 300; i++)
			check_eq(ringq_get(queue, buf, sizeof(buf), RINGQ_NOWAIT), i % 64);
		check_eq(ringq_peek(queue, buf, sizeof(buf)), 300 % 64);
		check_eq(ringq_put(queue, NULL, SIZE_MAX, RINGQ_NOWAIT), -EINVAL);
		stat = look(queue);
		check_eq(stat.records_in, 1000);
		check_eq(stat.records_out, 300);
		check_eq(stat.closed, 0);
		check_eq(ringq_close(queue), 0);
		check_eq(look(queue).closed, 1);
		ringq_queue_release(queue);
	}
}

static void *put_one(void *queue)
{
	check_eq(put_number(queue, 1, RINGQ_NOWAIT), 0);
	return NULL;
}

Test(stat, producers_that_follow_each_other_share_a_lane)
{
	ringq_queue *queue = queue_new(&(struct ringq_queue_options){0});

	for (int i = 0; i < 20; i++)
		join_thread(start_thread(put_one, queue));
	check_eq(look(queue).lanes, 1);
	check_eq(look(queue).producers, 0);
	check_eq(look(queue).records_in, 20);
	ringq_queue_release(queue);
}

struct crowd {
	ringq_queue *queue;
	pthread_barrier_t all_put, all_seen;
};

static void *put_and_stay(void *arg)
{
	struct crowd *crowd = arg;

	prctl(PR_SET_NAME, "crowd");
	check_eq(put_number(crowd->queue, 1, RINGQ_NOWAIT), 0);
	pthread_barrier_wait(&crowd->all_put);
	pthread_barrier_wait(&crowd->all_seen);
	return NULL;
}

Test(stat, counts_producers_alive_and_lanes_ever_used)
{
	struct crowd crowd = {.queue = queue_new(&(struct ringq_queue_options){0})};
	pthread_t threads[7];

	for (int round = 0; round < 3; round++) {
		pthread_barrier_init(&crowd.all_put, NULL, COUNT(threads) + 1);
		pthread_barrier_init(&crowd.all_seen, NULL, COUNT(threads) + 1);
		for (size_t i = 0; i < COUNT(threads); i++)
			threads[i] = start_thread(put_and_stay, &crowd);
		pthread_barrier_wait(&crowd.all_put);
		check_eq(look(crowd.queue).producers, COUNT(threads));
		check_eq(look(crowd.queue).lanes, COUNT(threads));
		pthread_barrier_wait(&crowd.all_seen);
		for (size_t i = 0; i < COUNT(threads); i++)
			join_thread(threads[i]);
		check_eq(look(crowd.queue).producers, 0);
		check_eq(look(crowd.queue).lanes, COUNT(threads));
	}
	ringq_queue_release(crowd.queue);
}

struct sleeper {
	ringq_queue *queue;
	atomic_int thread;
};

static void *sleep_in_get(void *arg)
{
	struct sleeper *sleeper = arg;

	sleeper->thread = thread_id();
	check_eq(get_number(sleeper->queue, RINGQ_FOREVER), 5);
	return NULL;
}

static void *sleep_in_put(void *arg)
{
	struct sleeper *sleeper = arg;

	sleeper->thread = thread_id();
	check_eq(put_number(sleeper->queue, 5, RINGQ_FOREVER), 0);
	return NULL;
}

Test(stat, shows_sleepers)
{
	struct sleeper sleeper = {.queue = queue_new(&(struct ringq_queue_options){.max_records = 1})};
	pthread_t thread = start_thread(sleep_in_get, &sleeper);

	wait_set(&sleeper.thread);
	wait_asleep(sleeper.thread);
	check_eq(look(sleeper.queue).consumers_asleep, 1);
	check_eq(put_number(sleeper.queue, 5, RINGQ_NOWAIT), 0);
	join_thread(thread);

	check_eq(put_number(sleeper.queue, 5, RINGQ_NOWAIT), 0);
	sleeper.thread = 0;
	thread = start_thread(sleep_in_put, &sleeper);
	wait_set(&sleeper.thread);
	wait_asleep(sleeper.thread);
	check_eq(look(sleeper.queue).producers_asleep, 1);
	check_eq(get_number(sleeper.queue, RINGQ_NOWAIT), 5);
	join_thread(thread);
	check_eq(get_number(sleeper.queue, RINGQ_NOWAIT), 5);
	ringq_queue_release(sleeper.queue);
}

/* Whether a thread of this process is among the members of a region. */
static const struct ringq_member *find_member(const struct ringq_member *members, ssize_t n, pid_t thread)
{
	for (ssize_t i = 0; i < n; i++)
		if (members[i].process == (uint32_t)getpid() && members[i].thread == (uint32_t)thread)
			return &members[i];
	return NULL;
}

Test(members, lists_this_thread_by_its_name)
{
	struct ringq_member members[8];
	const struct ringq_member *self;
	ringq_queue *queue;
	ssize_t n;

	prctl(PR_SET_NAME, "fifteen letters");
	queue = queue_new(&(struct ringq_queue_options){0});
	check_eq(put_number(queue, 1, RINGQ_NOWAIT), 0);
	n = ringq_region_members(ringq_queue_region(queue), members, COUNT(members));
	check_eq(n, 1);
	self = find_member(members, n, thread_id());
	check(self);
	check_eq(strcmp(self->name, "fifteen letters"), 0);
	ringq_queue_release(queue);
}

Test(members, are_the_threads_alive)
{
	struct crowd crowd = {.queue = queue_new(&(struct ringq_queue_options){0})};
	struct ringq_member members[8], untouched;
	ringq_region *region = ringq_queue_region(crowd.queue);
	pthread_t threads[5];
	ssize_t n, named = 0;

	check_eq(put_number(crowd.queue, 1, RINGQ_NOWAIT), 0);
	pthread_barrier_init(&crowd.all_put, NULL, COUNT(threads) + 1);
	pthread_barrier_init(&crowd.all_seen, NULL, COUNT(threads) + 1);
	for (size_t i = 0; i < COUNT(threads); i++)
		threads[i] = start_thread(put_and_stay, &crowd);
	pthread_barrier_wait(&crowd.all_put);

	n = ringq_region_members(region, members, COUNT(members));
	check_eq(n, COUNT(threads) + 1);
	check(find_member(members, n, thread_id()));
	for (ssize_t i = 0; i < n; i++)
		named += !strcmp(members[i].name, "crowd");
	check_eq(named, COUNT(threads));

	memset(&members, 0xee, sizeof(members));
	memset(&untouched, 0xee, sizeof(untouched));
	check_eq(ringq_region_members(region, members, 2), COUNT(threads) + 1);
	check_eq(members[1].process, getpid());
	check(!memcmp(&members[2], &untouched, sizeof(untouched)));
	check_eq(ringq_region_members(region, NULL, 0), COUNT(threads) + 1);

	pthread_barrier_wait(&crowd.all_seen);
	for (size_t i = 0; i < COUNT(threads); i++)
		join_thread(threads[i]);
	check_eq(ringq_region_members(region, members, COUNT(members)), 1);
	ringq_queue_release(crowd.queue);
}

static void *put_or_be_refused(void *arg)
{
	struct crowd *crowd = arg;
	int rc = put_number(crowd->queue, 1, RINGQ_NOWAIT);

	check(rc == 0 || rc == -EUSERS);
	pthread_barrier_wait(&crowd->all_put);
	pthread_barrier_wait(&crowd->all_seen);
	return (void *)(intptr_t)(rc == 0);
}

/* Starts threads that put and stay. Returns how many could. */
static int put_by_crowd(struct crowd *crowd, size_t count)
{
	pthread_t threads[80];
	int members = 0;

	check(count <= COUNT(threads));
	pthread_barrier_init(&crowd->all_put, NULL, count);
	pthread_barrier_init(&crowd->all_seen, NULL, count);
	for (size_t i = 0; i < count; i++)
		threads[i] = start_thread(put_or_be_refused, crowd);
	for (size_t i = 0; i < count; i++) {
		void *member;

		check_eq(pthread_join(threads[i], &member), 0);
		members += member != NULL;
	}
	return members;
}

Test(members, have_room_for_64_in_a_small_region_and_come_back)
{
	ringq_region *region = region_new(4 << 20);
	struct crowd crowd = {.queue = queue_in(region, &(struct ringq_queue_options){0})};

	check_eq(put_number(crowd.queue, 1, RINGQ_NOWAIT), 0);
	for (int round = 0; round < 3; round++)
		check_eq(put_by_crowd(&crowd, 80), 63);
	ringq_queue_release(crowd.queue);
	ringq_region_detach(region);
}

Test(members, max_producers_of_them_put)
{
	struct crowd crowd = {.queue = queue_new(&(struct ringq_queue_options){.max_producers = 5})};

	for (int round = 0; round < 3; round++) {
		check_eq(put_by_crowd(&crowd, 5), 5);
		check_eq(put_by_crowd(&crowd, 20), 5);
	}
	ringq_queue_release(crowd.queue);
}
