/* SPDX-License-Identifier: MIT */
/* Limits of resources: each is an error of a call, none a signal or an abort(), and none fills a region. */
#include "../common.h"

#include <errno.h>
#include <limits.h>
#include <glob.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MIB ((size_t)1 << 20)

/* No more than may be. */
static void limit(int which, rlim_t to)
{
	struct rlimit now;

	check_eq(getrlimit(which, &now), 0);
	now.rlim_cur = now.rlim_max < to ? now.rlim_max : to;
	check_eq(setrlimit(which, &now), 0);
}

/* ---- file size ---- */

static void a_region_above_the_limit_of_file_size_is_an_error(void *arg)
{
	const char *name = unique_name();
	ringq_queue *inherited = queue_new(&(struct ringq_queue_options){.max_bytes = RINGQ_UNBOUNDED}), *queue;
	ringq_region *region;
	ringq_pipe *a, *b;
	ringq_array *array;
	static char block[1 << 20];

	(void)arg;
	limit(RLIMIT_FSIZE, 64 * MIB);
	check_eq(ringq_region_create(&region, NULL), -EFBIG);
	check_eq(ringq_region_create(&region, &(struct ringq_region_options){.name = name}), -EFBIG);
	check_eq(ringq_region_unlink(name), -ENOENT);
	check_eq(ringq_queue_create(&queue, NULL, NULL), -EFBIG);
	check_eq(ringq_pipe_create(&a, &b, NULL, 0), -EFBIG);
	check_eq(ringq_array_create(&array, NULL, NULL, RINGQ_INT32, 4), -EFBIG);
	region = region_new(64 * MIB);
	queue = queue_in(region, &(struct ringq_queue_options){.max_bytes = RINGQ_UNBOUNDED});
	for (int i = 0; i < 8; i++)
		check_eq(ringq_put(queue, block, sizeof(block), RINGQ_NOWAIT), 0);
	for (int i = 0; i < 100; i++) /* above the limit, but there already */
		check_eq(ringq_put(inherited, block, sizeof(block), RINGQ_NOWAIT), 0);
	limit(RLIMIT_FSIZE, 0);
	check_eq(ringq_put(queue, block, sizeof(block), RINGQ_NOWAIT), 0);
	check_eq(ringq_region_create(&region, &(struct ringq_region_options){.size = MIB}), -EFBIG);
}

/* ---- core dumps ---- */

static void crashes(void *arg)
{
	limit(RLIMIT_CORE, RLIM_INFINITY);
	check_eq(put_number(arg, 1, RINGQ_NOWAIT), 0);
	abort();
}

/* Into a folder of its own: where cores are files at all. */
static void a_crash_does_not_fill_the_region(void *arg)
{
	char folder[] = "/tmp/ringq-test-XXXXXX";
	ringq_queue *queue = queue_new(NULL);
	int64_t before;
	pid_t child;
	int status;
	glob_t cores;

	(void)arg;
	check(mkdtemp(folder));
	check_eq(chdir(folder), 0);
	check_eq(put_number(queue, 0, RINGQ_NOWAIT), 0);
	before = ringq_region_memory(ringq_queue_region(queue));
	child = fork();
	check_compare(child, >=, 0);
	if (child == 0)
		crashes(queue);
	check_eq(waitpid(child, &status, 0), child);
	check(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	check_compare(ringq_region_memory(ringq_queue_region(queue)), <=, before + 256 * 1024);
	check_eq(get_number(queue, RINGQ_NOWAIT), 0);
	check_eq(get_number(queue, TEST_SOON), 1);
	if (glob("core*", 0, NULL, &cores) == 0)
		for (size_t i = 0; i < cores.gl_pathc; i++) {
			struct stat st;

			check_eq(stat(cores.gl_pathv[i], &st), 0);
			check_compare(st.st_size, <, (off_t)(512 * MIB)); /* of a region of 1 GiB */
			check_eq(unlink(cores.gl_pathv[i]), 0);
		}
	globfree(&cores);
	check_eq(chdir("/"), 0);
	check_eq(rmdir(folder), 0);
	ringq_queue_release(queue);
}

/* What decides whether gcore and the like read it, whatever the core pattern. */
static void the_mapping_is_in_no_dump(void *arg)
{
	ringq_region *region = region_new(0);
	FILE *maps = fopen("/proc/self/smaps", "r");
	char line[512];
	bool inside = false;
	int seen = 0;

	(void)arg;
	check(maps);
	while (fgets(line, sizeof(line), maps)) {
		if (strstr(line, "memfd:ringq"))
			inside = true;
		if (inside && !strncmp(line, "VmFlags:", 8)) {
			check(strstr(line, " dd"));
			seen++;
			inside = false;
		}
	}
	fclose(maps);
	check_compare(seen, >, 0);
	ringq_region_detach(region);
}

/* ---- locked memory ---- */

static void a_process_that_locks_its_memory_does_not_fill_regions(void *arg)
{
	ringq_queue *queue;
	static char block[64 << 10];
	struct ringq_queue_options unbounded = {.max_bytes = RINGQ_UNBOUNDED};

	(void)arg;
	if (TEST_UNDER_ASAN || mlockall(MCL_CURRENT | MCL_FUTURE))
		return; /* not allowed here; and that sanitizer's does nothing */
	if (ringq_queue_create(&queue, NULL, &unbounded) == -EAGAIN)
		return; /* above the limit, which is an error */
	check_compare(ringq_region_memory(ringq_queue_region(queue)), <, MIB);
	for (int i = 0; i < 500; i++)
		check_eq(ringq_put(queue, block, sizeof(block), RINGQ_NOWAIT), 0);
	for (int i = 0; i < 500; i++)
		check_eq(ringq_get(queue, block, sizeof(block), RINGQ_NOWAIT), (ssize_t)sizeof(block));
	check_eq(ringq_get(queue, block, sizeof(block), RINGQ_MS(250)), -ETIMEDOUT);
	check_compare(ringq_region_memory(ringq_queue_region(queue)), <, 4 * MIB);
	ringq_queue_release(queue);
}

/* What was mapped before is locked and filled; what is given back still goes, and nothing fails. */
static void a_region_that_is_locked_still_works(void *arg)
{
	ringq_region *region = region_new(8 * MIB);
	ringq_queue *queue = queue_in(region, &(struct ringq_queue_options){.max_bytes = RINGQ_UNBOUNDED});
	static char block[1 << 19];

	(void)arg;
	if (TEST_UNDER_ASAN || mlockall(MCL_CURRENT))
		return;
	check_compare(ringq_region_memory(region), >=, 8 * MIB);
	for (int round = 0; round < 4; round++) {
		for (int i = 0; i < 8; i++)
			check_eq(ringq_put(queue, block, sizeof(block), RINGQ_NOWAIT), 0);
		for (int i = 0; i < 8; i++)
			check_eq(ringq_get(queue, block, sizeof(block), RINGQ_NOWAIT), (ssize_t)sizeof(block));
		check_eq(ringq_get(queue, block, sizeof(block), RINGQ_MS(130)), -ETIMEDOUT);
	}
	ringq_queue_release(queue);
	ringq_region_detach(region);
}

static void a_region_above_the_limit_of_locked_memory_is_an_error(void *arg)
{
	ringq_region *region;

	(void)arg;
	limit(RLIMIT_MEMLOCK, 4 * MIB);
	if (setuid(65534) || mlockall(MCL_FUTURE))
		return;
	check_eq(ringq_region_create(&region, NULL), -EAGAIN);
	check_eq(ringq_region_create(&region, &(struct ringq_region_options){.size = MIB}), 0);
}

/* ---- address space and mappings ---- */

static void no_room_for_a_region_is_an_error(void *arg)
{
	ringq_region *region;
	ringq_queue *queue;

	(void)arg;
	if (TEST_UNDER_ASAN || TEST_UNDER_TSAN)
		return; /* which take terabytes */
	limit(RLIMIT_AS, 512 * MIB);
	check_eq(ringq_region_create(&region, NULL), -ENOMEM);
	check_eq(ringq_queue_create(&queue, NULL, NULL), -ENOMEM);
	region = region_new(16 * MIB);
	queue = queue_in(region, NULL);
	check_eq(put_number(queue, 1, RINGQ_NOWAIT), 0);
}

/* Pages that no two neighbours of can be one mapping. False: the limit is too far away. */
static bool use_up_mappings(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), n = 70000;
	char *all = mmap(NULL, n * page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (all == MAP_FAILED)
		return false;
	for (size_t i = 0; i < n; i += 2)
		if (mprotect(all + i * page, page, PROT_NONE))
			return errno == ENOMEM;
	return false;
}

static void *puts_first(void *arg)
{
	int r = put_number(arg, 1, RINGQ_NOWAIT);

	check(r == 0 || r == -ENOMEM);
	return NULL;
}

static void no_more_mappings_is_an_error(void *arg)
{
	ringq_queue *queue = queue_new(NULL);
	pthread_attr_t attributes;
	static char stack[1 << 18] __attribute__((aligned(4096)));

	(void)arg;
	if (TEST_UNDER_ASAN || TEST_UNDER_TSAN || !use_up_mappings())
		return;
	check_eq(pthread_attr_init(&attributes), 0);
	check_eq(pthread_attr_setstack(&attributes, stack, sizeof(stack)), 0);
	for (int i = 0; i < 12; i++) {
		pthread_t thread;

		if (pthread_create(&thread, &attributes, puts_first, queue))
			continue;
		check_eq(pthread_join(thread, NULL), 0);
	}
	check_eq(put_number(queue, 2, RINGQ_NOWAIT), 0); /* a member from before */
}

/* ---- thread keys ---- */

static void no_thread_key_is_an_error(void *arg)
{
	pthread_key_t keys[PTHREAD_KEYS_MAX];
	ringq_region *region = NULL;
	ringq_queue *queue = NULL;
	size_t n = 0;

	(void)arg;
	while (n < COUNT(keys) && pthread_key_create(&keys[n], NULL) == 0)
		n++;
	check_compare(n, >, 0);
	for (int i = 0; i < 2; i++) {
		check_eq(ringq_region_create(&region, &(struct ringq_region_options){.size = MIB}), -EAGAIN);
		check_eq(ringq_queue_create(&queue, NULL, NULL), -EAGAIN);
	}
	check(!region && !queue);
	check_eq(pthread_key_delete(keys[0]), 0);
	check_eq(ringq_region_create(&region, &(struct ringq_region_options){.size = MIB}), 0);
	ringq_region_detach(region);
}

int main(void)
{
	static void (*const tests[])(void *) = {
		a_region_above_the_limit_of_file_size_is_an_error,
		a_crash_does_not_fill_the_region,
		the_mapping_is_in_no_dump,
		a_process_that_locks_its_memory_does_not_fill_regions,
		a_region_that_is_locked_still_works,
		a_region_above_the_limit_of_locked_memory_is_an_error,
		no_room_for_a_region_is_an_error,
		no_more_mappings_is_an_error,
		no_thread_key_is_an_error,
	};

	for (size_t i = 0; i < COUNT(tests); i++) {
		test_row(i);
		reap_child(fork_child(tests[i], NULL));
	}
	return 0;
}
