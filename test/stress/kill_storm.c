/* SPDX-License-Identifier: MIT */
/*
 * The kill storm: 16 producers and 16 consumers, processes on two CPUs, and a killer that ends some of them every few
 * milliseconds, wherever they are, and starts others in their places. Every record is accounted for, memory does not grow,
 * and there are no more lanes than producers that lived at once, but for a few.
 *
 *     kill_storm ORDER MAX_RECORDS PLACE
 *
 * ORDER is total or producer, PLACE is memfd or named. RINGQ_TEST_SECONDS says how long, RINGQ_TEST_SEED repeats a
 * run's choices of whom to kill.
 *
 * A storm has phases. At the end of each the producers end, the consumers must drain the queue, and the books are
 * settled; then all begin again, in the same region.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "books.h"
#include "region/units.h"
#include "sweep.h"

enum {
	PRODUCERS = 16,
	CONSUMERS = 16,
	MEMBERS = PRODUCERS + CONSUMERS,
	KILLED_MOST = 4, /* at a time */
	CPUS = 2,
	PUT_MANY = 8,
	/*
	 * A producer that looks for a lane while another dies may not see the lane that this leaves, and take a new one.
	 * It takes a death just then for each lane, so there are few.
	 */
	LANES_MOST = PRODUCERS + 16,
};

#define PHASE RINGQ_MS(2500)
#define REGION ((size_t)256 << 20)
#define MAX_BYTES (256 << 10)
#define PAUSE_MOST RINGQ_MS(6)
/*
 * How much memory a phase leaves depends on which lanes had a backlog: rings of 4 KiB to 512 KiB stay, of each producer one.
 * A page left behind at each death would come to more than this in half a storm of 15 s.
 */
#define GROWTH_MOST ((int64_t)PRODUCERS * (512 << 10))

/* Shared by all processes of a storm; what is not atomic is the killer's. */
struct storm {
	struct ringq_queue_options options;
	ringq_region *region;
	ringq_queue *queue;
	const char *name; /* of the region, or NULL */
	atomic_int over;  /* for producers */
	struct books *books;
	struct hand hands[CONSUMERS];
	struct rng rng;
	pid_t producers[PRODUCERS], consumers[CONSUMERS];
	uint64_t kills;
	uint32_t lanes;
	int64_t memory_early, memory_late; /* the most at the end of a phase, in each half of the storm */
};

/* What a process of the storm is told when it is forked. */
struct party {
	struct storm *storm;
	uint32_t life; /* a producer's */
	struct hand *hand;
	ringq_queue *queue;
};

/* ---- those who are killed ---- */

/* Drops what the fork brought, and comes in again as a stranger does: by the name, or by a descriptor. */
static void come_as_a_stranger(struct party *p)
{
	struct storm *s = p->storm;
	int fd = dup(ringq_region_fd(s->region));
	ringq_region *region;

	ringq_queue_release(s->queue);
	ringq_region_detach(s->region);
	if (s->name)
		check_eq(ringq_region_open(&region, s->name), 0);
	else
		check_eq(ringq_region_attach(&region, fd), 0);
	check_eq(close(fd), 0);
	check_eq(ringq_queue_open(&p->queue, region, "storm"), 0);
}

static void come_in(struct party *p, struct rng *rng)
{
	p->queue = p->storm->queue;
	if (p->storm->name || rng_below(rng, 4) == 0)
		come_as_a_stranger(p);
}

/* Small ones, some of a page, some that need a larger ring, a few that are longer than any ring they could go round in. */
static size_t storm_len(struct rng *rng)
{
	uint64_t kind = rng_below(rng, 400);

	if (kind == 0)
		return LARGEST - rng_below(rng, 1000);
	if (kind < 6)
		return 20000 + rng_below(rng, 50000);
	if (kind < 30)
		return 4096 - 20 + rng_below(rng, 40);
	return RECORD_MIN + rng_below(rng, 150);
}

/* Puts some records, from number on, in one of the three ways. Returns how many. */
static uint32_t put_some(struct party *p, struct rng *rng, uint32_t number)
{
	static char buffer[PUT_MANY][LARGEST];
	struct life *life = books_life(p->storm->books, p->life);
	uint32_t way = rng_below(rng, 8), n = way == 0 ? PUT_MANY : 1;
	struct iovec records[PUT_MANY];
	void *reserved;

	if (n > LIFE_RECORDS - number)
		n = LIFE_RECORDS - number;
	for (uint32_t i = 0; i < n; i++) {
		records[i] = (struct iovec){buffer[i], storm_len(rng)};
		record_fill(buffer[i], records[i].iov_len, (struct record_id){p->life, number + i});
	}
	life->begun = number + n;
	if (way == 0) {
		check_eq(ringq_put_many(p->queue, records, n, RINGQ_FOREVER), n);
	} else if (way < 3) {
		check_eq(ringq_reserve(p->queue, &reserved, records[0].iov_len, RINGQ_FOREVER), 0);
		memcpy(reserved, buffer[0], records[0].iov_len);
		check_eq(ringq_commit(p->queue, reserved, records[0].iov_len), 0);
	} else {
		check_eq(ringq_put(p->queue, buffer[0], records[0].iov_len, RINGQ_FOREVER), 0);
	}
	life->done = number + n;
	return n;
}

static void produce(void *arg)
{
	struct party *p = arg;
	struct rng rng = {p->life};

	come_in(p, &rng);
	for (uint32_t number = 0; number < LIFE_RECORDS && !p->storm->over;)
		number += put_some(p, &rng, number);
}

/* Next: what this consumer may see next of each life. A life's records come in its order to each consumer. */
static void see(struct party *p, uint32_t *next, const void *record, size_t len)
{
	struct books *books = p->storm->books;
	struct record_id id = record_check(record, len);

	books_see(books, id);
	check_compare(id.number, >=, next[id.producer - books->first]);
	next[id.producer - books->first] = id.number + 1;
}

static ssize_t get_some(struct party *p, struct rng *rng, struct iovec *records)
{
	int64_t timeout = rng_below(rng, 8) ? RINGQ_FOREVER : RINGQ_MS(rng_below(rng, 3));
	ssize_t n = 1;

	for (size_t i = 0; i < FINGERS; i++)
		records[i] = (struct iovec){p->hand->fingers[i], LARGEST};
	if (rng_below(rng, 4) == 0) {
		n = ringq_get_many(p->queue, records, FINGERS, timeout);
	} else {
		ssize_t len = ringq_get(p->queue, records[0].iov_base, LARGEST, timeout);

		records[0].iov_len = len;
		n = len < 0 ? len : 1;
	}
	check(n > 0 || (timeout >= 0 && (n == -EAGAIN || n == -ETIMEDOUT)));
	return n;
}

static void consume(void *arg)
{
	static uint32_t next[LIVES];
	struct party *p = arg;
	struct rng rng = {getpid()};

	come_in(p, &rng);
	for (;;) {
		struct iovec records[FINGERS];
		ssize_t n;

		hand_open(p->hand);
		n = get_some(p, &rng, records);
		for (ssize_t i = 0; i < n; i++)
			see(p, next, records[i].iov_base, records[i].iov_len);
		hand_close(p->hand);
	}
}

/* ---- the killer ---- */

static void start_producer(struct storm *s, size_t i)
{
	struct party party = {s, .life = s->books->first + s->books->used++};

	s->producers[i] = fork_child(produce, &party);
}

static void start_consumer(struct storm *s, size_t i)
{
	struct party party = {s, .hand = &s->hands[i]};

	s->hands[i].begun = s->hands[i].done = 0;
	s->consumers[i] = fork_child(consume, &party);
}

static void end_consumer(struct storm *s, size_t i)
{
	kill_child(s->consumers[i]);
	books_excuse(s->books, &s->hands[i]);
}

static pid_t pid_of(const struct storm *s, size_t member)
{
	return member < PRODUCERS ? s->producers[member] : s->consumers[member - PRODUCERS];
}

/* Nobody else is started before the victim is gone: so many live at once, and not more. */
static void replace(struct storm *s, size_t victim)
{
	if (victim < PRODUCERS) {
		kill_child(s->producers[victim]);
		start_producer(s, victim);
	} else {
		end_consumer(s, victim - PRODUCERS);
		start_consumer(s, victim - PRODUCERS);
	}
	s->kills++;
}

/* Where that is permitted: a victim comes to die only when it gets a CPU, which the others want too. */
static void hurry(pid_t pid)
{
	setpriority(PRIO_PROCESS, pid, -15);
}

static void kill_some(struct storm *s)
{
	size_t first = rng_below(&s->rng, MEMBERS), n = 1 + rng_below(&s->rng, KILLED_MOST);

	for (size_t i = 0; i < n; i++) {
		check_eq(kill(pid_of(s, (first + i * 7) % MEMBERS), SIGKILL), 0);
		hurry(pid_of(s, (first + i * 7) % MEMBERS));
	}
	for (size_t i = 0; i < n; i++)
		replace(s, (first + i * 7) % MEMBERS);
}

/* ---- the end of a phase ---- */

/* Who waits for room gets it, as the consumers live. */
static void end_producers(struct storm *s)
{
	int64_t deadline = now_ns() + 3 * TEST_SOON;

	s->over = 1;
	for (size_t i = 0; i < PRODUCERS; i++) {
		siginfo_t ended = {0};

		while (waitid(P_PID, s->producers[i], &ended, WEXITED | WNOHANG | WNOWAIT) == 0 && ended.si_pid == 0) {
			check_compare(now_ns(), <, deadline);
			pause_ns(RINGQ_US(200));
		}
		reap_child(s->producers[i]);
	}
	s->over = 0;
}

/* Nobody sleeps on while something is there. */
static void await_empty(struct storm *s)
{
	int64_t deadline = now_ns() + TEST_SOON;

	while (ringq_size(s->queue)) {
		check_compare(now_ns(), <, deadline);
		pause_ns(RINGQ_US(200));
	}
	pause_ns(RINGQ_MS(5)); /* for them to enter what they took last */
}

/* All places can be had again, one after the other. */
static void fill_all_places(void *arg)
{
	struct storm *s = arg;

	check_eq(get_number(s->queue, RINGQ_NOWAIT), -EAGAIN);
	for (uint64_t i = 0; i < s->options.max_records; i++)
		check_eq(put_number(s->queue, i, RINGQ_NOWAIT), 0);
	if (s->options.max_records)
		check_eq(put_number(s->queue, 0, RINGQ_NOWAIT), -EAGAIN);
	for (uint64_t i = 0; i < s->options.max_records; i++)
		check_eq(get_number(s->queue, RINGQ_NOWAIT), i);
	check(ringq_empty(s->queue));
}

static int64_t backed_bytes(const struct storm *s)
{
	struct stat st;

	check_eq(fstat(ringq_region_fd(s->region), &st), 0);
	return (int64_t)st.st_blocks * 512;
}

static void look_at_queue(struct storm *s, bool late)
{
	int64_t memory = backed_bytes(s), *most = late ? &s->memory_late : &s->memory_early;
	struct ringq_queue_stat stat;

	check_eq(ringq_queue_stat(s->queue, &stat), 0);
	check_eq(stat.producers, 0);
	check_compare(stat.lanes, <=, LANES_MOST);
	s->lanes = stat.lanes;
	if (memory > *most)
		*most = memory;
	/* All that the dead had in their hands has come back; the last who joined has seen to it. */
	check_eq(rq_sweep(s->region), 0);
}

static void run_phase(struct storm *s, int64_t until, bool late)
{
	books_begin(s->books);
	for (size_t i = 0; i < PRODUCERS; i++)
		start_producer(s, i);
	for (size_t i = 0; i < CONSUMERS; i++)
		start_consumer(s, i);
	while (now_ns() < until && s->books->used + KILLED_MOST <= LIVES) {
		pause_ns(rng_below(&s->rng, PAUSE_MOST));
		kill_some(s);
	}
	end_producers(s);
	await_empty(s);
	for (size_t i = 0; i < CONSUMERS; i++)
		end_consumer(s, i);
	reap_child(fork_child(fill_all_places, s));
	books_settle(s->books);
	look_at_queue(s, late);
}

static void report(const struct storm *s)
{
	const struct sums *sums = &s->books->sums;

	printf("%llu kills of %u producers and %u consumers, %llu records; %llu gone with consumers; in flight at a "
	       "producer's death %llu in, %llu not; %u lanes; %lld KiB early, %lld KiB late\n",
		(unsigned long long)s->kills, PRODUCERS, CONSUMERS, (unsigned long long)sums->put,
		(unsigned long long)sums->lost_with_consumers, (unsigned long long)sums->in_flight_came,
		(unsigned long long)sums->in_flight_gone, s->lanes, (long long)s->memory_early >> 10,
		(long long)s->memory_late >> 10);
}

static void make_queue(struct storm *s)
{
	struct ringq_region_options options = {.size = REGION, .name = s->name};

	s->options.name = "storm";
	s->options.max_bytes = MAX_BYTES;
	s->options.max_producers = 64;
	check_eq(ringq_region_create(&s->region, &options), 0);
	s->queue = queue_in(s->region, &s->options);
}

static void stay_on_few_cpus(void)
{
	cpu_set_t may, few;
	int n = 0;

	check_eq(sched_getaffinity(0, sizeof(may), &may), 0);
	CPU_ZERO(&few);
	for (int cpu = 0; cpu < CPU_SETSIZE && n < CPUS; cpu++)
		if (CPU_ISSET(cpu, &may)) {
			CPU_SET(cpu, &few);
			n++;
		}
	check_eq(sched_setaffinity(0, sizeof(few), &few), 0);
}

static int64_t storm_time(void)
{
	const char *seconds = getenv("RINGQ_TEST_SECONDS");

	if (seconds)
		return RINGQ_SEC(strtoull(seconds, NULL, 0));
	return (int64_t)brief_or_long(RINGQ_SEC(15), RINGQ_SEC(900));
}

int main(int argc, char **argv)
{
	struct storm *s = share_memory(sizeof(*s));
	const char *seed = getenv("RINGQ_TEST_SEED");
	int64_t begun = now_ns(), time = storm_time();

	if (argc != 4) {
		fprintf(stderr, "usage: kill_storm total|producer MAX_RECORDS memfd|named\n");
		return 2;
	}
	s->options.order = strcmp(argv[1], "total") ? RINGQ_ORDER_PRODUCER : RINGQ_ORDER_TOTAL;
	s->options.max_records = strtoull(argv[2], NULL, 0);
	s->name = strcmp(argv[3], "named") ? NULL : unique_name();
	s->rng.state = seed ? strtoull(seed, NULL, 0) : (uint64_t)begun;
	printf("RINGQ_TEST_SEED=%llu\n", (unsigned long long)s->rng.state);
	fflush(stdout);
	s->books = share_memory(sizeof(*s->books));
	stay_on_few_cpus();
	make_queue(s);
	/* In halves, so that there are two at least: what memory they come to is compared. */
	while (now_ns() < begun + time) {
		bool late = now_ns() > begun + time / 2;
		int64_t until = now_ns() + (time / 2 < PHASE ? time / 2 : PHASE);

		run_phase(s, until, late);
	}
	check_compare(s->memory_late, <=, s->memory_early + GROWTH_MOST);
	report(s);
	if (s->name)
		check_eq(ringq_region_unlink(s->name), 0);
	ringq_queue_release(s->queue);
	ringq_region_detach(s->region);
	return 0;
}
