/* SPDX-License-Identifier: MIT */
/*
 * Many processes take memory of one region and give it back, all at once: no record is harmed by another's memory, and
 * at the end all memory is there again.
 */
#include "../common.h"

#include <errno.h>
#include <stdlib.h>

enum { MOST_PROCESSES = 64, THREADS = 2, MAX_LEN = 300000, BACKLOG = 1 << 20 };
#define IDLE_QUEUE ((size_t)208 << 10) /* the address space that one takes */
#define REGION_SIZE ((size_t)64 << 20)
#define TABLES (REGION_SIZE / 8) /* of the region: names, members, owner words of units and cells */

static ringq_queue *queues[MOST_PROCESSES * THREADS];

/* Puts random records until enough are there or memory ends. Returns how many went in. */
static uint32_t pile_up(ringq_queue *queue, struct rng *rng, char *buffer, uint32_t name)
{
	size_t bytes = 0;
	uint32_t count = 0;

	while (bytes < BACKLOG) {
		size_t len = record_random_len(rng, rng_below(rng, 4) ? MAX_LEN : MAX_LEN / 50);
		int rc;

		record_fill(buffer, len, (struct record_id){name, count});
		rc = ringq_put(queue, buffer, len, RINGQ_NOWAIT);
		check(rc == 0 || rc == -EAGAIN || rc == -ENOMEM);
		if (rc < 0)
			break;
		bytes += len;
		count++;
	}
	return count;
}

static void clear_away(ringq_queue *queue, char *buffer, uint32_t name, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		ssize_t len = ringq_get(queue, buffer, MAX_LEN, RINGQ_NOWAIT);
		struct record_id id = record_check(buffer, len);

		check_eq(id.producer, name);
		check_eq(id.number, i);
	}
	check_eq(ringq_get(queue, buffer, MAX_LEN, RINGQ_NOWAIT), -EAGAIN);
}

static void *work(void *arg)
{
	uint32_t name = (uintptr_t)arg;
	char *buffer = malloc(MAX_LEN);
	struct rng rng = {name};

	check(buffer);
	for (uint64_t round = 0; round < brief_or_long(8, 500); round++)
		clear_away(queues[name], buffer, name, pile_up(queues[name], &rng, buffer, name));
	free(buffer);
	return NULL;
}

static void work_in_threads(void *arg)
{
	pthread_t threads[THREADS];
	uintptr_t first = (uintptr_t)arg * THREADS;

	for (size_t i = 0; i < THREADS; i++)
		threads[i] = start_thread(work, (void *)(first + i));
	for (size_t i = 0; i < THREADS; i++)
		join_thread(threads[i]);
}

/* A lane's memory is its producer's to give back, when it next puts, or that of who takes the lane over. */
static void wake_lanes(uint64_t count)
{
	for (uint64_t i = 0; i < count; i++) {
		check_eq(put_number(queues[i], i, RINGQ_NOWAIT), 0);
		check_eq(get_number(queues[i], RINGQ_NOWAIT), i);
	}
}

static void check_memory_is_there(ringq_region *region, size_t most)
{
	ringq_queue *queue = queue_in(region, &(struct ringq_queue_options){.max_bytes = RINGQ_UNBOUNDED});
	static char record[50000];
	size_t bytes = 0;
	int rc;

	while ((rc = ringq_put(queue, record, sizeof(record), RINGQ_NOWAIT)) == 0)
		bytes += sizeof(record);
	check(rc == -EAGAIN || rc == -ENOMEM);
	check_compare(bytes, >, most / 8 * 7);
	ringq_queue_release(queue);
}

int main(void)
{
	uint64_t processes = MOST_PROCESSES, count = processes * THREADS;
	ringq_region *region = region_new(REGION_SIZE);
	pid_t children[MOST_PROCESSES];
	int64_t before;

	for (uint64_t i = 0; i < count; i++)
		queues[i] = queue_in(region, &(struct ringq_queue_options){.order = i % 2, .max_bytes = 4 * BACKLOG});
	wake_lanes(count);
	before = ringq_region_memory(region);
	for (uint64_t i = 0; i < processes; i++)
		children[i] = fork_child(work_in_threads, (void *)(uintptr_t)i);
	for (uint64_t i = 0; i < processes; i++)
		reap_child(children[i]);
	wake_lanes(count);
	wake_lanes(count);
	/* Nearly all: some may stand behind free units until they are taken again. */
	check_compare(ringq_region_memory(region), <, before + (int64_t)REGION_SIZE / 3);
	check_memory_is_there(region, REGION_SIZE - TABLES - count * IDLE_QUEUE);
	for (uint64_t i = 0; i < count; i++)
		ringq_queue_release(queues[i]);
	ringq_region_detach(region);
	return 0;
}
