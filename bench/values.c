/* SPDX-License-Identifier: MIT */
/*
 * values [MILLISECONDS]: what calls on Values and Arrays cost, each beside a yardstick in the same process, taken in
 * turns: nanoseconds a call, the median of the turns, with the least and the most.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include <ringq/ringq.h>

enum { TURNS = 9, BATCH = 256, HELD = 4096, LARGE = 4096 };

static ringq_region *region;
static ringq_array *value, *large, *held[HELD];
static void *blocks[HELD];
static pthread_mutex_t *mutex;
static _Atomic int64_t word;
static char from[LARGE], to[LARGE];
static unsigned random_state = 1;

static void must(int result, const char *call)
{
	if (result < 0) {
		fprintf(stderr, "%s: %s\n", call, strerror(-result));
		exit(1);
	}
}

static unsigned next_random(void)
{
	return random_state = random_state * 1664525 + 1013904223;
}

static void allocate_value(void)
{
	ringq_array *array;

	must(ringq_array_create(&array, region, NULL, RINGQ_INT64, 1), "create");
	ringq_array_release(array);
}

static void allocate_malloc(void)
{
	void *volatile block = malloc(64);

	free(block);
}

/* One of many is replaced, a random one. */
static void replace_value(void)
{
	unsigned i = next_random() >> 8 & (HELD - 1);

	ringq_array_release(held[i]);
	must(ringq_array_create(&held[i], region, NULL, RINGQ_INT64, 1), "create");
}

static void replace_malloc(void)
{
	unsigned i = next_random() >> 8 & (HELD - 1);

	free(blocks[i]);
	blocks[i] = malloc(64);
}

static void lock_value(void)
{
	must(ringq_lock(value, RINGQ_FOREVER), "lock");
	must(ringq_unlock(value), "unlock");
}

static void lock_mutex(void)
{
	pthread_mutex_lock(mutex);
	pthread_mutex_unlock(mutex);
}

static void add_value(void)
{
	must(ringq_add(value, 0, 1, NULL), "add");
}

static void add_atomic(void)
{
	atomic_fetch_add_explicit(&word, 1, memory_order_acq_rel);
}

static void read_array(void)
{
	must(ringq_array_read(large, to, LARGE), "read");
}

static void write_array(void)
{
	must(ringq_array_write(large, from, LARGE), "write");
}

static void copy_memory(void)
{
	memcpy(to, from, LARGE);
	atomic_signal_fence(memory_order_seq_cst);
}

static const struct row {
	const char *name, *yardstick;
	void (*run)(void);
	void (*beside)(void);
} rows[] = {
	{"create and release a Value", "malloc and free 64 bytes", allocate_value, allocate_malloc},
	{"replace a random one of 4096 Values", "the same with malloc", replace_value, replace_malloc},
	{"lock and unlock", "robust, shared, recursive pthread mutex", lock_value, lock_mutex},
	{"add", "atomic_fetch_add", add_value, add_atomic},
	{"read 4 KiB", "memcpy", read_array, copy_memory},
	{"write 4 KiB", "memcpy", write_array, copy_memory},
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static double cost(void (*run)(void), double turn)
{
	double start = now(), end;
	long calls = 0;

	do {
		for (int i = 0; i < BATCH; i++)
			run();
		calls += BATCH;
		end = now();
	} while (end - start < turn);
	return (end - start) / (double)calls;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void measure(const struct row *row, double turn)
{
	double ours[TURNS], theirs[TURNS];

	for (int i = 0; i < TURNS; i++) {
		ours[i] = cost(row->run, turn);
		theirs[i] = cost(row->beside, turn);
	}
	qsort(ours, TURNS, sizeof(*ours), compare);
	qsort(theirs, TURNS, sizeof(*theirs), compare);
	printf("%-36s %8.1f ns (%.1f to %.1f)   %s: %.1f ns (%.1f to %.1f)\n", row->name, ours[TURNS / 2], ours[0],
		ours[TURNS - 1], row->yardstick, theirs[TURNS / 2], theirs[0], theirs[TURNS - 1]);
}

static void prepare(void)
{
	pthread_mutexattr_t attributes;

	must(ringq_region_create(&region, NULL), "region");
	must(ringq_array_create(&value, region, NULL, RINGQ_INT64, 1), "create");
	must(ringq_array_create(&large, region, NULL, RINGQ_BYTES, LARGE), "create");
	for (int i = 0; i < HELD; i++) {
		must(ringq_array_create(&held[i], region, NULL, RINGQ_INT64, 1), "create");
		blocks[i] = malloc(64);
	}
	mutex = mmap(NULL, sizeof(*mutex), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (mutex == MAP_FAILED)
		exit(1);
	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
	pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(mutex, &attributes);
}

int main(int argc, char **argv)
{
	double turn = (argc > 1 ? atof(argv[1]) : 50) * 1e6;

	prepare();
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		measure(&rows[i], turn);
	return 0;
}
