/* SPDX-License-Identifier: MIT */
/* Looking at who takes part: the holder of an array's lock, the lanes of a queue, and the members of a region. */
#include "../common.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static void put_some(void *arg)
{
	ringq_queue *queue = arg;
	prctl(PR_SET_NAME, "producer");
	for (int i = 0; i < 10; i++)
		check_eq(put_number(queue, i, RINGQ_NOWAIT), 0);
}

static void put_some_and_die(void *arg)
{
	put_some(arg);
	raise(SIGKILL);
}

static void lock_and_die(void *array)
{
	check_eq(ringq_lock(array, RINGQ_NOWAIT), 0);
}

Test(look, tells_who_holds_the_lock_of_an_array)
{
	ringq_region *region = region_new(0), *seen;
	ringq_array *array;
	struct ringq_producer holder;

	check_eq(ringq_array_create(&array, region, "a", RINGQ_INT64, 2), 0);
	check_eq(ringq_region_observe(&seen, ringq_region_fd(region)), 0);
	uint64_t id = ringq_array_id(array);
	check_eq(ringq_region_lock_holder(seen, id, &holder), 0);
	check_eq(ringq_lock(array, RINGQ_NOWAIT), 0);
	check_eq(ringq_region_lock_holder(seen, id, &holder), 1);
	check_eq(holder.state, RINGQ_ALIVE);
	check_eq(holder.process, getpid());
	check_eq(ringq_unlock(array), 0);
	check_eq(ringq_region_lock_holder(seen, id, &holder), 0);
	reap_child(fork_child(lock_and_die, array));
	check_eq(ringq_region_lock_holder(seen, id, &holder), 1);
	check_eq(holder.state, RINGQ_DEAD);
	check_eq(ringq_region_lock_holder(seen, id + 1, &holder), -ENOENT);
	check_eq(ringq_region_lock_holder(NULL, id, &holder), -EINVAL);
	ringq_array_release(array);
	ringq_region_detach(seen);
	ringq_region_detach(region);
}

/* From one on, up to what there is; of each type; and nothing of an array that is another's. */
Test(look, tells_the_elements_of_an_array)
{
	ringq_region *region = region_new(0), *seen;
	ringq_array *one, *many;
	uint16_t word = 7, words[5] = {0};

	check_eq(ringq_array_create(&one, region, "one", RINGQ_UINT16, 1), 0);
	check_eq(ringq_array_create(&many, region, "many", RINGQ_UINT16, 300), 0);
	check_eq(ringq_region_observe(&seen, ringq_region_fd(region)), 0);
	uint64_t id = ringq_array_id(many);
	check_eq(ringq_store(one, 0, &word), 0);
	for (uint16_t i = 0; i < 300; i++)
		check_eq(ringq_store(many, i, &(uint16_t){i + 1000}), 0);
	check_eq(ringq_region_elements(seen, ringq_array_id(one), RINGQ_UINT16, 0, words, 5), 1);
	check(words[0] == 7 && words[1] == 0);
	check_eq(ringq_region_elements(seen, id, RINGQ_UINT16, 100, words, 4), 300);
	check(words[0] == 1100 && words[3] == 1103 && words[4] == 0);
	check_eq(ringq_region_elements(region, id, RINGQ_UINT16, 298, words, 5), 300);
	check(words[0] == 1298 && words[1] == 1299 && words[2] == 1102);
	check_eq(ringq_region_elements(seen, id, RINGQ_UINT16, 300, words, 5), 300);
	check_eq(ringq_region_elements(seen, id, RINGQ_UINT16, SIZE_MAX, words, 5), 300);
	check_eq(words[0], 1298);
	check_eq(ringq_region_elements(seen, id, RINGQ_UINT16, 0, NULL, 0), 300);
	check_eq(ringq_region_elements(seen, id, RINGQ_UINT16, 0, NULL, 1), -EINVAL);
	check_eq(ringq_region_elements(seen, id, RINGQ_UINT64, 0, words, 1), -EINVAL);
	check_eq(ringq_region_elements(seen, id, (enum ringq_type)99, 0, words, 1), -EINVAL);
	check_eq(ringq_region_elements(NULL, id, RINGQ_UINT16, 0, words, 1), -EINVAL);
	check_eq(ringq_region_elements(seen, id + 1, RINGQ_UINT16, 0, words, 1), -ENOENT);
	ringq_array_release(one);
	ringq_array_release(many);
	ringq_region_detach(seen);
	ringq_region_detach(region);
}

Test(lanes, tell_who_put_and_whether_it_lives)
{
	for (int dies = 0; dies < 2; dies++) {
		ringq_queue *queue = queue_new(&(struct ringq_queue_options){0}), *looked = observe_queue(queue);
		struct ringq_lane_stat lanes[4];
		struct ringq_queue_stat stat;
		pid_t child;

		check_eq(put_number(queue, 1, RINGQ_NOWAIT), 0);
		child = fork_child(dies ? put_some_and_die : put_some, queue);
		if (dies)
			await_death(child);
		else
			reap_child(child);
		check_eq(ringq_queue_lanes(looked, lanes, 4), 2);
		check_eq(lanes[0].producer.process, getpid());
		check_eq(lanes[0].producer.state, RINGQ_ALIVE);
		check_eq(lanes[0].records_in, 1);
		check_eq(lanes[1].lane, 1);
		check_eq(lanes[1].producer.process, child);
		check_eq(lanes[1].producer.state, RINGQ_DEAD);
		check_eq(strcmp(lanes[1].producer.name, "producer"), 0);
		check_eq(lanes[1].records_in, 10);
		check_eq(lanes[1].records_out, 0);
		check_compare(lanes[1].bytes_held, >, 0);
		check_eq(ringq_queue_stat(looked, &stat), 0);
		check_eq(stat.producers, 1);
		check_eq(stat.dead_producers, 1);
		check_eq(stat.records_in, 11);
		ringq_queue_release(looked);
		ringq_queue_release(queue);
	}
}

static void *put_and_end(void *arg)
{
	check_eq(put_number(arg, 2, RINGQ_NOWAIT), 0);
	return NULL;
}

Test(lanes, a_thread_that_has_ended_has_left)
{
	ringq_queue *queue = queue_new(&(struct ringq_queue_options){0});
	struct ringq_lane_stat lane;

	check_eq(ringq_queue_lanes(queue, &lane, 1), 0);
	join_thread(start_thread(put_and_end, queue));
	check_eq(ringq_queue_lanes(queue, &lane, 1), 1);
	check_eq(lane.producer.state, RINGQ_LEFT);
	check_eq(lane.producer.process, getpid());
	check_eq(put_number(queue, 3, RINGQ_NOWAIT), 0); /* takes the lane over */
	check_eq(ringq_queue_lanes(queue, &lane, 1), 1);
	check_eq(lane.producer.state, RINGQ_ALIVE);
	check_eq(lane.producer.thread, thread_id());
	check_eq(lane.records_in, 2);
	ringq_queue_release(queue);
}

Test(lanes, the_high_water_mark_is_seen_where_a_producer_looks_for_room)
{
	ringq_queue *queue = queue_new(&(struct ringq_queue_options){.max_bytes = 64 << 10});
	struct ringq_queue_stat stat;
	char buf[1000] = {0};

	while (ringq_put(queue, buf, sizeof(buf), RINGQ_NOWAIT) == 0)
		;
	while (ringq_get(queue, buf, sizeof(buf), RINGQ_NOWAIT) >= 0)
		;
	check_eq(ringq_queue_stat(queue, &stat), 0);
	check_eq(stat.records_in, stat.records_out);
	check_compare(stat.bytes_most, >=, 60 << 10);
	check_compare(stat.bytes_most, <=, 64 << 10);
	ringq_queue_release(queue);
}

struct sleeper {
	ringq_queue *queue;
	ringq_array *array;
	atomic_int thread;
};

static void *sleep_in_get(void *arg)
{
	struct sleeper *s = arg;
	atomic_store(&s->thread, (int)thread_id());
	check_eq(get_number(s->queue, RINGQ_FOREVER), 5);
	return NULL;
}

static void *sleep_in_put(void *arg)
{
	struct sleeper *s = arg;
	atomic_store(&s->thread, (int)thread_id());
	check_eq(put_number(s->queue, 5, RINGQ_FOREVER), 0);
	return NULL;
}

static void *sleep_in_lock(void *arg)
{
	struct sleeper *s = arg;
	atomic_store(&s->thread, (int)thread_id());
	check_eq(ringq_lock(s->array, RINGQ_FOREVER), 0);
	check_eq(ringq_unlock(s->array), 0);
	return NULL;
}

static struct ringq_member member_of(const ringq_region *region, int thread)
{
	struct ringq_member members[16];
	ssize_t n = ringq_region_members(region, members, 16);
	for (ssize_t i = 0; i < n; i++)
		if (members[i].thread == (uint32_t)thread)
			return members[i];
	return (struct ringq_member){.activity = UINT32_MAX};
}

/* Waits until a thread is shown in an activity. */
static struct ringq_member wait_activity(const ringq_region *region, struct sleeper *s, uint32_t activity)
{
	struct ringq_member member;
	int64_t start = now_ns();

	wait_set(&s->thread);
	while ((member = member_of(region, s->thread)).activity != activity) {
		check_compare(now_ns() - start, <, TEST_SOON);
		pause_ns(RINGQ_MS(1));
	}
	return member;
}

Test(members, tell_in_what_they_sleep_and_since_when)
{
	ringq_region *region = region_new((size_t)16 << 20), *observed = observe_region(region);
	struct sleeper s = {.queue = queue_in(region, &(struct ringq_queue_options){.max_records = 1})};
	int64_t start = now_ns();
	struct ringq_member member;
	struct ringq_queue_stat stat;
	pthread_t thread;

	check_eq(ringq_array_create(&s.array, region, "a", RINGQ_INT32, 1), 0);
	thread = start_thread(sleep_in_get, &s);
	member = wait_activity(observed, &s, RINGQ_ASLEEP_GET);
	check_eq(member.object, ringq_queue_id(s.queue));
	check_compare(member.since, >=, (uint64_t)start);
	check_compare(member.since, <=, (uint64_t)now_ns());
	check_eq(member.process, getpid());
	/* It looks again every now and then, but that is the same wait. */
	pause_ns(RINGQ_MS(150));
	check_eq(wait_activity(observed, &s, RINGQ_ASLEEP_GET).since, member.since);
	check_eq(put_number(s.queue, 5, RINGQ_NOWAIT), 0);
	join_thread(thread);
	check_eq(ringq_queue_stat(s.queue, &stat), 0);
	check_compare(stat.sleeps_get, >=, 1);
	check_eq(stat.sleeps_put, 0);

	check_eq(put_number(s.queue, 4, RINGQ_NOWAIT), 0);
	s.thread = 0;
	thread = start_thread(sleep_in_put, &s);
	check_eq(wait_activity(observed, &s, RINGQ_ASLEEP_PUT).object, ringq_queue_id(s.queue));
	check_eq(get_number(s.queue, RINGQ_NOWAIT), 4);
	join_thread(thread);
	check_eq(ringq_queue_stat(s.queue, &stat), 0);
	check_compare(stat.sleeps_put, >=, 1);

	check_eq(ringq_lock(s.array, RINGQ_NOWAIT), 0);
	s.thread = 0;
	thread = start_thread(sleep_in_lock, &s);
	check_eq(wait_activity(observed, &s, RINGQ_ASLEEP_LOCK).object, ringq_array_id(s.array));
	check_eq(ringq_unlock(s.array), 0);
	join_thread(thread);
	/* This thread has never slept, and took its last record from that queue. */
	member = member_of(observed, (int)thread_id());
	check_eq(member.activity, RINGQ_AWAKE);
	check_eq(member.object, 0);
	check_eq(member.took, ringq_queue_id(s.queue));
	ringq_array_release(s.array);
	ringq_queue_release(s.queue);
	ringq_region_detach(observed);
	ringq_region_detach(region);
}
