/* SPDX-License-Identifier: MIT */

/*
 * A region that another release has written is read, all of it, or refused with -EPROTO and left as it was; never misread.
 * Of each release there is a dump of what it left in a region of this program's making: regions/VERSION.txt.
 *
 *   regions FILE...          checks
 *   regions --write VERSION  makes the dump of this version, for who makes a release
 *
 * A dump that fails although its layout has this library's major number says that an older library would misread what this
 * one writes: RQ_MAJOR has to be raised, or, before the release is out, its dump made anew.
 */

#include "../common.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SIZE = 1 << 20, WORDS = SIZE / 8, A_LINE = 4, LONG = 5000, IN_TURN = 10 };

/* ---- what is in it: once to write, once to read ---- */

#define FEW .max_producers = 4 /* the region is small */
static const struct ringq_queue_options total = {.name = "total", FEW, .max_records = 100};
static const struct ringq_queue_options by_producer = {.name = "by producer", FEW, .order = RINGQ_ORDER_PRODUCER};
static const struct ringq_queue_options single = {
	.name = "single", FEW, .flags = RINGQ_SINGLE_PRODUCER | RINGQ_SINGLE_CONSUMER};
static const struct ringq_queue_options closed = {.name = "closed", FEW};
static const struct ringq_queue_options letters = {.name = "letters", FEW};
static const struct ringq_queue_options jobs = {
	.name = "jobs", FEW, .flags = RINGQ_ACKNOWLEDGED, .max_attempts = 2, .dead_letters = "letters"};
static const struct ringq_queue_options *const queues[] = {&total, &by_producer, &single, &closed, &letters, &jobs};
static const int64_t values[] = {1, -2, INT64_MAX, 4};

static ringq_region *region;

static ringq_queue *open_queue(const struct ringq_queue_options *options)
{
	ringq_queue *queue;
	check_eq(ringq_queue_open(&queue, region, options->name), 0);
	return queue;
}

static void *put_in_turn(void *arg)
{
	ringq_queue *queue = arg;
	for (int i = 1; i < IN_TURN; i += 2)
		check_eq(put_number(queue, i, RINGQ_NOWAIT), 0);
	return NULL;
}

/* Two lanes: the even numbers, then the odd ones. */
static void fill_lanes(const struct ringq_queue_options *options)
{
	ringq_queue *queue = queue_in(region, options);
	for (int i = 0; i < IN_TURN; i += 2)
		check_eq(put_number(queue, i, RINGQ_NOWAIT), 0);
	join_thread(start_thread(put_in_turn, queue));
	ringq_queue_release(queue);
}

/* Takes two jobs, and ends. */
static void *take_two(void *arg)
{
	take_number(arg, 0, 1);
	take_number(arg, 1, 1);
	return NULL;
}

static void fill_jobs(void)
{
	ringq_queue *queue = queue_in(region, &jobs);
	struct ringq_delivery job;
	put_numbers(queue, 0, 4);
	join_thread(start_thread(take_two, queue));
	job = take_number(queue, 0, 2); /* and once more would be too often: it becomes a letter */
	check_eq(ringq_requeue(queue, &job), 0);
	job = take_number(queue, 1, 2);
	check_eq(ringq_ack(queue, &job), 0);
	job = take_number(queue, 2, 1);
	check_eq(ringq_requeue(queue, &job), 0);
	ringq_queue_release(queue);
}

static void fill(void)
{
	char record[LONG];
	ringq_array *array;
	fill_lanes(&total);
	fill_lanes(&by_producer);
	ringq_queue *queue = queue_in(region, &single);
	for (uint32_t i = 0; i < 3; i++) {
		record_fill(record, LONG, (struct record_id){7, i});
		check_eq(ringq_put(queue, record, i == 2 ? RECORD_MIN : LONG, RINGQ_NOWAIT), 0);
		if (i == 0)
			check_eq(ringq_get(queue, record, LONG, RINGQ_NOWAIT), LONG);
	}
	ringq_queue_release(queue);
	queue = queue_in(region, &closed);
	put_numbers(queue, 0, 1);
	check_eq(ringq_close(queue), 0);
	ringq_queue_release(queue);
	ringq_queue_release(queue_in(region, &letters));
	fill_jobs();
	check_eq(ringq_array_create(&array, region, "values", RINGQ_INT64, COUNT(values)), 0);
	check_eq(ringq_array_write(array, values, sizeof(values)), 0);
	ringq_array_release(array);
}

/* What looks say, of the order in which a browse shows it, too. */
static void look(void)
{
	struct ringq_object objects[16];
	int64_t number;
	check_eq(ringq_region_objects(region, objects, COUNT(objects)), COUNT(queues) + 1);
	for (size_t i = 0; i < COUNT(queues); i++) {
		ringq_queue *queue = open_queue(queues[i]);
		struct ringq_queue_stat stat = stat_of(queue);
		check(strcmp(stat.name, queues[i]->name) == 0);
		check_eq(stat.order, queues[i]->order);
		check_eq(stat.flags, queues[i]->flags);
		check_eq(stat.max_records, queues[i]->max_records);
		check_eq(stat.closed, queues[i] == &closed);
		check_eq(stat.max_attempts, queues[i]->max_attempts);
		check_eq(stat.producers, 0);
		check_eq(stat.in_hand, 0);
		ringq_queue_release(queue);
	}
	ringq_queue *queue = open_queue(&total);
	ringq_browser *browser;
	check_eq(ringq_browse(&browser, queue), 0);
	for (int i = 0; i < IN_TURN; i++) {
		check_eq(ringq_browse_next(browser, &number, sizeof(number), NULL), sizeof(number));
		check_eq(number, i < IN_TURN / 2 ? 2 * i : 2 * i + 1 - IN_TURN);
	}
	check_eq(ringq_browse_next(browser, &number, sizeof(number), NULL), -ENOENT);
	ringq_browse_end(browser);
	ringq_queue_release(queue);
}

static void drain_lanes(const struct ringq_queue_options *options)
{
	ringq_queue *queue = open_queue(options);
	int next[2] = {0, 1};
	for (int i = 0; i < IN_TURN; i++) {
		int64_t number = get_number(queue, RINGQ_NOWAIT);
		check(options->order == RINGQ_ORDER_PRODUCER || (number & 1) == (i >= IN_TURN / 2));
		check_eq(number, next[number & 1]);
		next[number & 1] += 2;
	}
	check_eq(get_number(queue, RINGQ_NOWAIT), -EAGAIN);
	ringq_queue_release(queue);
}

static void drain_jobs(void)
{
	struct {
		struct ringq_dead_letter head;
		int64_t number;
	} letter;
	ringq_queue *queue = open_queue(&jobs);
	struct ringq_delivery two = take_number(queue, 2, 2), three = take_number(queue, 3, 1);
	check_eq(ringq_join(queue, RINGQ_NOWAIT), -EAGAIN);
	check_eq(ringq_ack(queue, &two), 0);
	check_eq(ringq_ack(queue, &three), 0);
	check_eq(ringq_join(queue, RINGQ_NOWAIT), 0);
	check_eq(stat_of(queue).dead_lettered, 1);
	ringq_queue_release(queue);
	queue = open_queue(&letters);
	check_eq(ringq_get(queue, &letter, sizeof(letter), RINGQ_NOWAIT), sizeof(letter));
	check_eq(letter.head.size, sizeof(letter.head));
	check_eq(letter.head.attempts, 2);
	check_eq(letter.number, 0);
	check_eq(get_number(queue, RINGQ_NOWAIT), -EAGAIN);
	ringq_queue_release(queue);
}

static void drain(void)
{
	char record[LONG];
	int64_t found[COUNT(values)];
	ringq_array *array;
	drain_lanes(&total);
	drain_lanes(&by_producer);
	ringq_queue *queue = open_queue(&single);
	for (uint32_t i = 1; i < 3; i++) {
		check_eq(ringq_get(queue, record, LONG, RINGQ_NOWAIT), i == 2 ? RECORD_MIN : LONG);
		struct record_id id = record_check(record, i == 2 ? RECORD_MIN : LONG);
		check_eq(id.producer, 7);
		check_eq(id.number, i);
	}
	check_eq(get_number(queue, RINGQ_NOWAIT), -EAGAIN);
	put_numbers(queue, 5, 6); /* and it goes on */
	check_eq(get_number(queue, RINGQ_NOWAIT), 5);
	ringq_queue_release(queue);
	queue = open_queue(&closed);
	check_eq(get_number(queue, RINGQ_NOWAIT), 0);
	check_eq(get_number(queue, RINGQ_NOWAIT), -EPIPE);
	ringq_queue_release(queue);
	drain_jobs();
	check_eq(ringq_array_open(&array, region, "values"), 0);
	check_eq(ringq_array_type(array), RINGQ_INT64);
	check_eq(ringq_array_count(array), COUNT(values));
	check_eq(ringq_array_read(array, found, sizeof(found)), 0);
	check(memcmp(found, values, sizeof(values)) == 0);
	check_eq(ringq_lock(array, RINGQ_NOWAIT), 0);
	check_eq(ringq_unlock(array), 0);
	ringq_array_release(array);
}

/* ---- dumps: the words that are not zero ---- */

static void run_writer(void *arg)
{
	struct ringq_region_options options = {.size = SIZE, .name = arg};
	check_eq(ringq_region_create(&region, &options), 0);
	fill();
	ringq_region_detach(region);
}

/* The writer's process has ended by then: what is dumped is nobody's. */
static void write_dump(const char *version)
{
	static uint64_t words[WORDS];
	char name[32], path[64];
	unsigned major, minor;
	snprintf(name, sizeof(name), "dump-%d", getpid());
	snprintf(path, sizeof(path), "/dev/shm/ringq.%s", name);
	reap_child(fork_child(run_writer, name));
	int fd = open(path, O_RDWR | O_CLOEXEC);
	check_eq(unlink(path), 0);
	check_eq(read(fd, words, SIZE), SIZE);
	check_eq(ringq_region_layout(fd, &major, &minor), 0);
	printf("# %s: MIT\n# What version %s left in a region, by test/package/regions.c: the words that are not "
	       "zero.\n",
		"SPDX-License-" /* not this file's */ "Identifier", version);
	printf("layout %u %u\n", major, minor);
	for (size_t i = 0; i < WORDS; i += A_LINE) {
		const uint64_t *w = &words[i];
		if (w[0] | w[1] | w[2] | w[3])
			printf("%05zx %" PRIx64 " %" PRIx64 " %" PRIx64 " %" PRIx64 "\n", 8 * i, w[0], w[1], w[2], w[3]);
	}
}

static void read_dump(const char *path, uint64_t *words, unsigned *major, unsigned *minor)
{
	char line[256];
	FILE *file = fopen(path, "r");
	check(file);
	*major = 0;
	while (fgets(line, sizeof(line), file)) {
		uint64_t w[A_LINE];
		size_t at;
		if (line[0] == '#' || sscanf(line, "layout %u %u", major, minor) == 2)
			continue;
		check_eq(sscanf(line, "%zx %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64, &at, &w[0], &w[1], &w[2],
				 &w[3]),
			5);
		check(at % sizeof(w) == 0 && at < SIZE);
		memcpy(&words[at / 8], w, sizeof(w));
	}
	fclose(file);
	check(*major > 0 && words[0]);
}

static int memfd_of(const uint64_t *words)
{
	int fd = memfd_create("dump", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	check_eq(write(fd, words, SIZE), SIZE);
	check_eq(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), 0);
	return fd;
}

static void check_unchanged(int fd, const uint64_t *words)
{
	static uint64_t now[WORDS];
	check_eq(pread(fd, now, SIZE, 0), SIZE);
	check(memcmp(now, words, SIZE) == 0);
}

static bool judge(const char *path)
{
	uint64_t *words = share_memory(SIZE);
	unsigned major, minor, own_major, own_minor, found_major, found_minor;
	read_dump(path, words, &major, &minor);
	int fd = memfd_of(words);
	check_eq(ringq_region_layout(-1, &own_major, &own_minor), 0);
	check_eq(ringq_region_layout(fd, &found_major, &found_minor), 0);
	check_eq(found_major, major);
	check_eq(found_minor, minor);
	bool known = major == own_major;
	check_eq(ringq_region_observe(&region, fd), known ? 0 : -EPROTO);
	if (known) {
		look();
		ringq_region_detach(region);
	}
	check_unchanged(fd, words);
	check_eq(ringq_region_attach(&region, fd), known ? 0 : -EPROTO);
	if (known) {
		look();
		drain();
		ringq_region_detach(region);
	} else {
		check_unchanged(fd, words);
	}
	close(fd);
	printf("%s: layout %u.%u, %s\n", path, major, minor, known ? "read" : "refused");
	return known;
}

int main(int argc, char **argv)
{
	int known = 0;
	/* Its stamps mean the same on every machine; what reads them asks the region. */
	setenv("RINGQ_CLOCK", "ticket", 1);
	if (argc == 3 && strcmp(argv[1], "--write") == 0) {
		write_dump(argv[2]);
		return 0;
	}
	check_compare(argc, >, 1);
	for (int i = 1; i < argc; i++) {
		test_context = argv[i];
		known += judge(argv[i]);
	}
	check_compare(known, <, argc - 1); /* some are of another layout */
	return 0;
}
