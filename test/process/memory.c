/* SPDX-License-Identifier: MIT */
/* Memory: little for an idle queue, given back after a backlog, and an error, not a signal, where there is no more. */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "common.h"
#include "base/sys.h"

#define KIB 1024
#define MIB (1024 * KIB)

static char buffer[64 * KIB];

static int64_t memory_of(const ringq_queue *queue)
{
	int64_t memory = ringq_region_memory(ringq_queue_region(queue));

	check_compare(memory, >=, 0);
	return memory;
}

static void put_and_get(ringq_queue *queue, int64_t count)
{
	for (int64_t i = 0; i < count; i++) {
		check_eq(put_number(queue, i, RINGQ_NOWAIT), 0);
		check_eq(get_number(queue, RINGQ_NOWAIT), i);
	}
}

static void idle_is_small(void)
{
	for (size_t i = 0; i < kinds_count; i++) {
		ringq_queue *queue = queue_new(&kinds[i].options);

		test_context = kinds[i].name;
		/* What 2^20 places need is theirs. */
		if (!kinds[i].options.max_records) {
			check_compare(memory_of(queue), <, 256 * KIB);
			put_and_get(queue, 100000);
			check_compare(memory_of(queue), <, 256 * KIB);
		}
		ringq_queue_release(queue);
	}
}

static void pile_up(ringq_queue *queue, size_t len, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		record_fill(buffer, len, (struct record_id){.number = i});
		check_eq(ringq_put(queue, buffer, len, RINGQ_NOWAIT), 0);
	}
}

static void clear_away(ringq_queue *queue, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		ssize_t len = ringq_get(queue, buffer, sizeof(buffer), RINGQ_NOWAIT);

		check_eq(record_check(buffer, len).number, i);
	}
	check(ringq_empty(queue));
}

static void *pile_up_200_mib(void *queue)
{
	pile_up(queue, 2000, 100 * KIB);
	return NULL;
}

static void backlog_goes(unsigned order, bool producer_ends)
{
	ringq_queue *queue = queue_new(&(struct ringq_queue_options){.order = order, .max_bytes = RINGQ_UNBOUNDED});

	for (int round = 0; round < 2; round++) {
		if (producer_ends)
			join_thread(start_thread(pile_up_200_mib, queue));
		else
			pile_up_200_mib(queue);
		check_compare(memory_of(queue), >=, 2000 * 100 * KIB);
		check_compare(memory_of(queue), <, 260 * MIB);
		clear_away(queue, 100 * KIB);
		/* A lane's memory is its producer's to give back, when it next puts, or that of who takes the lane over. */
		put_and_get(queue, 1);
		check_compare(memory_of(queue), <, 4 * MIB);
	}
	ringq_queue_release(queue);
}

static void large_record_goes(void)
{
	size_t len = 100 * MIB;
	char *record = calloc(1, len);
	ringq_queue *queue = queue_new(&(struct ringq_queue_options){0});
	void *got;

	check(record);
	check_eq(ringq_put(queue, record, len, RINGQ_NOWAIT), 0);
	check_eq(ringq_get_alloc(queue, &got, RINGQ_NOWAIT), len);
	check(!memcmp(got, record, len));
	put_and_get(queue, 1);
	check_compare(memory_of(queue), <, 4 * MIB);
	free(got);
	free(record);
	ringq_queue_release(queue);
}

static int (*real_back)(const struct rq_file *file, uint64_t offset, uint64_t len);
static unsigned backs;

static int count_and_back(const struct rq_file *file, uint64_t offset, uint64_t len)
{
	backs++;
	return real_back(file, offset, len);
}

/* At most `waiting` at once. How often memory was taken for so many rounds. */
static unsigned backs_of_rounds(ringq_queue *queue, char *record, size_t len, unsigned waiting, unsigned rounds)
{
	uint32_t put = 0, got = 0;

	backs = 0;
	for (unsigned i = 0; i < rounds; i++) {
		do {
			record_fill(record, len, (struct record_id){.number = put});
			if (put - got == waiting || ringq_put(queue, record, len, RINGQ_NOWAIT) < 0)
				break;
		} while (++put);
		memset(record, 0, 16);
		check_eq(ringq_get(queue, record, len, RINGQ_NOWAIT), len);
		check_eq(record_check(record, len).number, got++);
	}
	for (; got < put; got++)
		check_eq(ringq_get(queue, record, len, RINGQ_NOWAIT), len);
	return backs;
}

/* Rings are for several records, however large: memory that is taken and given back each time takes longer than a copy. */
static void large_records_go_round(void)
{
	static const struct {
		size_t len;
		uint64_t max_bytes;
		unsigned waiting;
	} cases[] = {
		{40001, 0, 1000},
		{250000, 0, 1000},
		{262144, 0, 1000},
		{300000, 0, 1000},
		{700000, 0, 1000},
		{MIB, 0, 1000},
		{3 * MIB, 0, 1000},
		{6 * MIB, 0, 1000},
		{MIB, MIB, 1000},
		{MIB, 3 * MIB, 1000},
		{300000, 16 * MIB, 1000},
		{300000, RINGQ_UNBOUNDED, 30},
		{6 * MIB, 100 * MIB, 3},
		{20 * MIB, 100 * MIB, 2},
	};

	real_back = rq_sys.back;
	rq_sys.back = count_and_back;
	for (size_t i = 0; i < COUNT(cases); i++) {
		ringq_queue *queue = queue_new(&(struct ringq_queue_options){.max_bytes = cases[i].max_bytes});
		unsigned rounds = cases[i].len > MIB ? 8 : 32;
		char name[64], *record = malloc(cases[i].len);

		check(record);
		snprintf(name, sizeof(name), "%zu bytes, max_bytes %#llx", cases[i].len,
			(unsigned long long)cases[i].max_bytes);
		test_context = name;
		check_compare(backs_of_rounds(queue, record, cases[i].len, cases[i].waiting, rounds), >, 0);
		check_compare(backs_of_rounds(queue, record, cases[i].len, cases[i].waiting, rounds), <, 4);
		check_compare(memory_of(queue), <, 140 * MIB);
		free(record);
		ringq_queue_release(queue);
	}
	rq_sys.back = real_back;
	test_context = NULL;
}

/* Puts until there is no memory. Returns how many went in. */
static uint32_t put_until_out_of_memory(ringq_queue *queue)
{
	uint32_t count = 0;
	int rc;

	for (;;) {
		record_fill(buffer, 1000, (struct record_id){.number = count});
		rc = ringq_put(queue, buffer, 1000, RINGQ_NOWAIT);
		if (rc < 0)
			break;
		count++;
	}
	check(rc == -ENOMEM || rc == -EAGAIN);
	return count;
}

/* In a mount namespace of its own, where /dev/shm has this size. False if that may not be. */
static bool shrink_shm(const char *size)
{
	if (unshare(CLONE_NEWNS) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		return false;
	return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 && mount("shm", "/dev/shm", "tmpfs", 0, size) == 0;
}

static void fill_tmpfs(void *unused)
{
	ringq_region *region;
	ringq_queue *queue;

	(void)unused;
	if (!shrink_shm("size=4m"))
		_exit(TEST_SKIPPED);
	check_eq(ringq_region_create(&region, &(struct ringq_region_options){.size = 64 * MIB, .name = "full"}), 0);
	queue = queue_in(region, &(struct ringq_queue_options){.max_bytes = RINGQ_UNBOUNDED});
	for (int round = 0; round < 3; round++) {
		uint32_t count = put_until_out_of_memory(queue);

		check_compare(count, >, 2000);
		check_compare(count, <, 4200);
		check_eq(ringq_size(queue), count);
		clear_away(queue, count);
		put_and_get(queue, 10);
	}
	ringq_queue_release(queue);
	ringq_region_detach(region);
}

/* Room for so much that a region can be made, if at all, but nothing in it. */
static void find_next_to_no_room(void *unused)
{
	ringq_region *region;
	ringq_queue *queue;
	FILE *file;

	(void)unused;
	if (!shrink_shm("size=4k"))
		_exit(TEST_SKIPPED);
	if (ringq_region_create(&region, &(struct ringq_region_options){.name = "little"}) == 0) {
		check_eq(ringq_queue_create(&queue, region, &(struct ringq_queue_options){0}), -ENOMEM);
		ringq_region_detach(region);
		check_eq(ringq_region_unlink("little"), 0);
	}
	file = fopen("/dev/shm/filler", "w");
	check(file && fwrite(buffer, 1, 4096, file) == 4096 && fclose(file) == 0);
	check_compare(ringq_region_create(&region, &(struct ringq_region_options){.name = "none"}), <, 0);
	check_eq(ringq_region_open(&region, "none"), -ENOENT);
}

int main(void)
{
	int status;

	idle_is_small();
	large_record_goes();
	large_records_go_round();
	for (unsigned order = RINGQ_ORDER_TOTAL; order <= RINGQ_ORDER_PRODUCER; order++) {
		backlog_goes(order, false);
		backlog_goes(order, true);
	}
	status = wait_status(fork_child(fill_tmpfs, NULL));
	if (status == 0)
		status = wait_status(fork_child(find_next_to_no_room, NULL));
	if (status == TEST_SKIPPED)
		puts("left out: a tmpfs of limited size, which takes a mount namespace");
	return status == TEST_SKIPPED ? 0 : status;
}
