/* SPDX-License-Identifier: MIT */
/*
 * Attacks that were thought of, one for each way in which a word of the region could lead a call out of it or keep a call
 * from its end. Each runs in a process of its own, which must end well and in time.
 *
 *   attacks          all of them
 *   attacks NAME     one
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "calls.h"
#include "base/sys.h"
#include "base/event.h"

enum { PATIENCE_SECONDS = 120 };
enum { TOTAL = 0, TOTAL_BOUNDED = 1, PRODUCER = 4, ACKNOWLEDGED = 8 }; /* kinds of stage.c */

static struct scribble_log *the_log;
static atomic_int *words_move; /* shared: set by who moves words, when he is at it */
static const char payload[5000];

static uint64_t in_queue(const struct stage *s, size_t member)
{
	return s->shared + member;
}

#define QUEUE(s, member) in_queue(s, offsetof(struct rq_queue_shared, member))
#define LANE(s, lane, member) (lane_offset(s, lane) + offsetof(struct rq_lane, member))

static void *put_some(void *queue)
{
	for (int i = 0; i < 10; i++)
		ringq_put(queue, payload, 50 << i % 7, RINGQ_NOWAIT);
	return NULL;
}

static void put_by_others(struct stage *s)
{
	for (int i = 0; i < 3; i++)
		join_thread(start_thread(put_some, s->queue));
}

static ssize_t get_one(struct stage *s, int64_t timeout)
{
	static char record[5000];

	return ringq_get(s->queue, record, sizeof(record), timeout);
}

/* ---- words that lead out of the region ---- */

/* Every entry of every table names memory that is not there; as a chunk before, at or behind the lane's. */
static void entries_lead_out(struct stage *s)
{
	static const unsigned codes[] = {1, 9, 17, 25, 33, 41, 200, 255};

	for (uint32_t round = 0; round < 3 * COUNT(codes); round++) {
		scribble_back(s);
		for (uint32_t lane = 0; lane < s->set.max; lane++) {
			uint32_t now = rq_head_chunk(word_at(s, LANE(s, lane, head)));

			for (uint32_t i = 1; i < s->set.table; i++)
				scribble_word(s, "lane.table", entry_offset(s, lane, now + i), 8,
					rq_entry(now + i + (round % 3 - 1) * s->set.table, RQ_UNITS_MAX - 1,
						codes[round / 3]));
		}
		put_some(s->queue);
		put_by_others(s);
		while (get_one(s, RINGQ_NOWAIT) >= 0)
			continue;
		put_some(s->queue);
	}
}

/* A queue whose lanes are as far apart as they may be, so that one more would lie behind the region. */
static void roster_has_lanes_that_are_none(struct stage *s)
{
	uint64_t units = s->at.unit_count - s->set.first, owner = s->at.owners + 8 * s->set.first;
	uint64_t stride = (s->at.size - s->set.lanes) / 2 / RQ_FALSE_SHARING * RQ_FALSE_SHARING;
	ringq_queue *queue;
	char record[16];

	for (uint32_t i = 0; i < 2; i++)
		scribble_word(s, "roster", QUEUE(s, roster) + 8 * i, 8, 0xffffffff);
	scribble_word(s, "owner", owner, 8, (word_at(s, owner) & ~(UINT64_C(0xffffff) << 3)) | units << 3);
	scribble_word(s, "queue.lanes_max", QUEUE(s, lanes_max), 4, 2);
	scribble_word(s, "queue.lanes_backed", QUEUE(s, lanes_backed), 4, 2);
	scribble_word(s, "queue.lanes_used", QUEUE(s, lanes_used), 4, 2);
	scribble_word(s, "queue.stride", QUEUE(s, stride), 4, stride);
	check_eq(ringq_queue_open(&queue, s->region, "q"), 0);
	for (int i = 0; i < 5000; i++) {
		ringq_put(queue, record, sizeof(record), RINGQ_NOWAIT);
		ringq_get(queue, record, sizeof(record), RINGQ_NOWAIT);
	}
	ringq_queue_release(queue);
}

/* A record of a length that is not there, of each kind, at the head of every lane. */
static void lengths_lead_out(struct stage *s)
{
	static const uint64_t lens[] = {4096, 1 << 20, RQ_RECORD_MAX, (UINT64_C(1) << 33) - 1, (UINT64_C(1) << 33) - 16};

	for (unsigned kind = 0; kind < 8 * COUNT(lens); kind++) {
		scribble_back(s);
		for (uint32_t lane = 0; lane < 2; lane++) {
			uint64_t head = word_at(s, LANE(s, lane, head));
			uint64_t entry = word_at(s, entry_offset(s, lane, rq_head_chunk(head)));
			uint64_t at = s->at.units + rq_entry_unit(entry) * s->at.page + rq_head_bytes(head) % s->at.page;

			scribble_word(s, "record.header", at, 8,
				rq_record_header(0, lens[kind / 8], (enum rq_record_kind)(kind % 8)));
		}
		for (size_t i = 0; i < calls_count; i++) {
			struct chooser chooser = {.rng = {i}};

			calls[i].run(s, &chooser);
		}
		put_by_others(s);
	}
}

static void constants_lead_out(struct stage *s)
{
	static const uint64_t values[] = {
		0, 1, 127, 4096, 65536, 1 << 20, UINT32_MAX, INT64_MAX, UINT64_MAX - 127, UINT64_MAX};
	static const size_t words[] = {offsetof(struct rq_queue_shared, lanes_max),
		offsetof(struct rq_queue_shared, max_records), offsetof(struct rq_queue_shared, table),
		offsetof(struct rq_queue_shared, stride), offsetof(struct rq_queue_shared, lanes),
		offsetof(struct rq_queue_shared, permits)};
	ringq_queue *queue;

	for (size_t i = 0; i < COUNT(words) * COUNT(values) * 2; i++) {
		size_t word = words[i / 2 / COUNT(values)];

		scribble_back(s);
		scribble_word(
			s, "a constant", in_queue(s, word), word % 8 || i % 2 ? 4 : 8, values[i / 2 % COUNT(values)]);
		if (ringq_queue_open(&queue, s->region, "q"))
			continue;
		put_some(queue);
		ringq_full(queue);
		for (int k = 0; k < 30; k++)
			get_one(s, RINGQ_NOWAIT);
		ringq_queue_release(queue);
	}
}

/* Names of objects that are none, and an object that claims all that there is. */
static void names_lead_out(struct stage *s)
{
	ringq_queue *queue;
	uint64_t units[] = {RQ_UNITS_MAX - 1, s->at.unit_count, s->at.unit_count - 1, s->frontier, 0};

	for (size_t i = 0; i < COUNT(units); i++) {
		scribble_back(s);
		for (uint64_t k = 0; k < s->at.name_count; k++) {
			uint64_t at = s->at.names + 8 * k;

			scribble_word(s, "name", at, 8, word_at(s, at) >> 24 << 24 | units[i]);
		}
		for (uint64_t u = 0; u < s->frontier; u++)
			scribble_word(s, "owner", s->at.owners + 8 * u, 8, rq_owner_object(u % 3, 0xffffff, u % 2));
		for (int k = 0; k < 3; k++) {
			int r = ringq_queue_open(&queue, s->region, k ? "q" : NULL);

			if (r == 0)
				ringq_queue_release(queue);
			r = ringq_queue_create(&queue, s->region, &(struct ringq_queue_options){.name = "r"});
			if (r == 0)
				ringq_queue_release(queue);
		}
	}
}

/* ---- words that lead round and round ---- */

/* In a region of some size: a name table without an empty place, and a named object in every unit. */
static void names_to_be_looked_for(struct stage *small)
{
	ringq_region *region = region_new((size_t)256 << 20);
	ringq_queue *queue = queue_in(region, NULL), *another;
	uint64_t n = region->at.unit_count;
	struct stage s = {.region = region, .base = region->base, .at = region->at, .log = small->log};

	check_eq(rq_region_back(region, s.at.names, s.at.members - s.at.names), 0);
	scribble_word(&s, "header.frontier", offsetof(struct rq_header, frontier), 8, n);
	for (uint64_t i = 0; i < s.at.name_count; i++)
		scribble_word(&s, "name", s.at.names + 8 * i, 8, UINT64_C(1) << 63);
	for (uint64_t u = 0; u < n; u++)
		scribble_word(&s, "owner", s.at.owners + 8 * u, 8, rq_owner_object(n - u, 1, true));
	check_compare(ringq_queue_open(&another, region, NULL), <, 0);
	ringq_put(queue, payload, 100, RINGQ_NOWAIT); /* looks for units that belong to nobody */
	ringq_queue_release(queue);
	ringq_region_detach(region);
}

static void empty_with_a_corrupt_lane(struct stage *s)
{
	uint64_t head = word_at(s, LANE(s, 1, head)), at = entry_offset(s, 1, rq_head_chunk(head));

	ssize_t r;

	scribble_word(s, "lane.table", at, 8, word_at(s, at) | 0xff);
	ringq_empty(s->queue);
	do
		r = get_one(s, RINGQ_MS(20)); /* the other lane's records may come before the corrupt lane is looked at */
	while (r >= 0);
	check_eq(r, -EBADMSG);
}

static void adopting_a_head_between_places(struct stage *s)
{
	for (uint64_t bits = 1; bits < 4; bits++) {
		scribble_back(s);
		scribble_word(s, "lane.head", LANE(s, 1, head), 8, word_at(s, LANE(s, 1, head)) | bits);
		put_by_others(s);
	}
}

/* The last record leads behind the last position that a chunk has. */
static void adopting_a_record_at_the_end_of_positions(struct stage *s)
{
	uint64_t unit = s->frontier - 1, at = s->at.units + unit * s->at.page;

	for (uint32_t chunk = 1; chunk < 3; chunk++) {
		scribble_word(s, "lane.table", entry_offset(s, 1, chunk), 8, rq_entry(chunk, unit, 1));
		scribble_word(s, "lane.head", LANE(s, 1, head), 8, rq_head(chunk, RQ_CHUNK_BYTES - RQ_GRANULE));
		for (uint64_t i = 0; i < s->at.page; i += RQ_GRANULE)
			scribble_word(s, "record.header", at + i, 8, rq_record_header(i, 100, RQ_RECORD_DATA));
		put_by_others(s);
		get_one(s, RINGQ_NOWAIT);
	}
}

/* Chunks that all lie in the same memory and lead on to each other. */
static void links_without_end(struct stage *s)
{
	uint64_t unit = s->frontier - 1, at = s->at.units + unit * s->at.page;

	for (uint32_t lane = 0; lane < s->set.max; lane++) {
		for (uint32_t i = 0; i < s->set.table; i++)
			scribble_word(s, "lane.table", entry_offset(s, lane, i), 8, rq_entry(i, unit, 1));
		scribble_word(s, "lane.head", LANE(s, lane, head), 8, rq_head(0, 0));
	}
	scribble_word(s, "record.header", at, 8, rq_record_header(0, 0, RQ_RECORD_LINK));
	for (int i = 0; i < 3; i++) {
		get_one(s, RINGQ_NOWAIT);
		ringq_size(s->queue);
		put_by_others(s);
	}
}

/* ---- words that never stand still ---- */

struct motion {
	struct stage *s;
	uint64_t at[8]; /* offsets */
	unsigned count;
	unsigned bytes;
	uint64_t step;      /* added each time; or, if 0, */
	uint64_t values[2]; /* these in turn */
};

static void move(void *arg)
{
	struct motion *m = arg;
	char *base = (char *)(uintptr_t)m->s->base;
	uint64_t from[COUNT(m->at)];

	for (unsigned k = 0; k < m->count; k++)
		from[k] = word_at(m->s, m->at[k] & ~UINT64_C(7)) >> 8 * (m->at[k] & 4);
	for (uint64_t i = 1;; i++) {
		if (i == 1000)
			*words_move = 1;
		for (unsigned k = 0; k < m->count; k++) {
			uint64_t value = m->step ? from[k] + i * m->step : m->values[i & 1];

			if (m->bytes == 8)
				rq_store((rq_u64 *)(base + m->at[k]), value);
			else
				rq_store((rq_u32 *)(base + m->at[k]), (uint32_t)value);
		}
	}
}

/* Every call, again and again, while the words move. */
static void call_beside(struct motion *m)
{
	struct chooser chooser = {.rng = {1}};
	pid_t mover;

	*words_move = 0;
	mover = fork_child(move, m);
	wait_set(words_move);
	for (int64_t end = now_ns() + RINGQ_MS(200); now_ns() < end;) {
		char record[100], *out;
		struct iovec records[2] = {{record, 50}, {record + 50, 50}};

		get_one(m->s, RINGQ_MS(2));
		ringq_peek(m->s->queue, record, sizeof(record));
		ringq_get_many(m->s->queue, records, 2, RINGQ_MS(2));
		if (ringq_get_alloc(m->s->queue, (void **)&out, RINGQ_MS(2)) >= 0)
			free(out);
		ringq_put(m->s->queue, payload, 100, RINGQ_MS(2));
		ringq_put(m->s->queue, payload, 100, RINGQ_NOWAIT);
		for (size_t k = 0; k < calls_count; k++)
			if (strcmp(calls[k].name, "get often") && strcmp(calls[k].name, "close"))
				calls[k].run(m->s, &chooser);
	}
	kill_child(mover);
}

static void events_never_stand_still(struct stage *s)
{
	call_beside(&(struct motion){s, {QUEUE(s, not_empty)}, 1, 4, RQ_EVENT_SEQUENCE, {0}});
	call_beside(&(struct motion){s, {QUEUE(s, not_empty), QUEUE(s, not_full)}, 2, 4, 0, {0, 1}});
	call_beside(&(struct motion){s, {LANE(s, 0, not_full)}, 1, 4, RQ_EVENT_SEQUENCE, {0}});
}

static struct stage *barrier_stage;
static int (*true_barrier)(void);

static int barrier_moves_events(void)
{
	struct rq_queue_shared *shared = barrier_stage->queue->shared;

	rq_add(&shared->not_empty, RQ_EVENT_SEQUENCE);
	rq_add(&shared->not_full, RQ_EVENT_SEQUENCE);
	return true_barrier();
}

/* As if somebody were always fast enough: whoever announces a sleep finds that the word has changed. */
static void events_change_at_each_barrier(struct stage *s)
{
	ssize_t r;

	barrier_stage = s;
	true_barrier = rq_sys.barrier;
	rq_sys.barrier = barrier_moves_events;
	while (ringq_put(s->queue, payload, 10, RINGQ_NOWAIT) == 0)
		continue;
	check_eq(ringq_put(s->queue, payload, 10, RINGQ_MS(20)), -ETIMEDOUT);
	while ((r = get_one(s, RINGQ_NOWAIT)) >= 0)
		continue;
	check_eq(r, -EAGAIN);
	check_eq(get_one(s, RINGQ_MS(20)), -ETIMEDOUT);
	check_compare(ringq_wait_any(&s->queue, 1, RINGQ_MS(20)), <, 0);
	rq_sys.barrier = true_barrier;
}

static void roster_never_stands_still(struct stage *s)
{
	call_beside(&(struct motion){s, {QUEUE(s, roster)}, 1, 8, UINT64_C(1) << 32, {0}});
	call_beside(&(struct motion){s, {QUEUE(s, roster)}, 1, 8, 0, {0, 0xffffffff}});
}

static void places_never_stand_still(struct stage *s)
{
	uint64_t taken =
		UINT64_C(1) << 51 | ((word_at(s, LANE(s, 0, head)) + (UINT64_C(1) << 50)) >> 2 & 0x7ffffffffffff);
	struct motion m = {s, {0}, (unsigned)s->permits_count, 8, 1, {0}};

	check_eq(s->permits_count, 7);
	for (unsigned i = 0; i < m.count; i++)
		scribble_word(s, "place", m.at[i] = s->permits + 8 * i, 8, taken);
	call_beside(&m);
}

static void heads_never_stand_still(struct stage *s)
{
	for (uint32_t lane = 0; lane < 2; lane++) {
		uint64_t head = word_at(s, LANE(s, lane, head));

		call_beside(&(struct motion){s, {LANE(s, lane, head)}, 1, 8, 0, {head, head + 8}});
		call_beside(&(struct motion){s, {LANE(s, lane, head)}, 1, 8, 4, {0}});
		scribble_back(s);
		call_beside(&(struct motion){s, {LANE(s, lane, head)}, 1, 8, UINT64_C(1) << 32, {0}});
		scribble_back(s);
	}
}

static void marks_never_stand_still(struct stage *s)
{
	uint64_t header = 0;

	call_beside(&(struct motion){s, {QUEUE(s, lanes_used)}, 1, 4, 0, {0, UINT32_MAX}});
	call_beside(&(struct motion){s, {QUEUE(s, lanes_backed)}, 1, 4, 1, {0}});
	call_beside(&(struct motion){s, {header + offsetof(struct rq_header, frontier)}, 1, 8, 1, {0}});
	call_beside(&(struct motion){s, {header + offsetof(struct rq_header, frontier)}, 1, 8, 0, {0, UINT64_MAX}});
	call_beside(
		&(struct motion){s, {header + offsetof(struct rq_header, members_backed)}, 1, 4, 0, {0, UINT32_MAX}});
	call_beside(&(struct motion){s, {LANE(s, 0, owner), LANE(s, 1, owner)}, 2, 8, 0, {0, UINT64_MAX}});
}

/* ---- a file that is truncated just when its seals are looked at, and then sealed ---- */

static int truncate_at_seals = -1;

int __real_fcntl64(int fd, int command, ...);
int __wrap_fcntl64(int fd, int command, ...);

int __wrap_fcntl64(int fd, int command, ...)
{
	va_list list;
	long argument;

	va_start(list, command);
	argument = va_arg(list, long);
	va_end(list);
	if (command == F_GET_SEALS && truncate_at_seals >= 0) {
		check_eq(ftruncate(truncate_at_seals, 4096), 0);
		check_eq(__real_fcntl64(truncate_at_seals, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), 0);
		truncate_at_seals = -1;
	}
	return __real_fcntl64(fd, command, argument);
}

static void truncated_before_it_is_sealed(struct stage *s)
{
	int fd = memfd_create("copy", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	ringq_region *region;

	check_eq(pwrite(fd, s->base, 4096, 0), 4096);
	check_eq(ftruncate(fd, (off_t)s->at.size), 0);
	truncate_at_seals = fd;
	check_eq(ringq_region_attach(&region, fd), -EBADMSG);
	check_eq(truncate_at_seals, -1);
}

/* ---- */

static const struct attack {
	const char *name;
	size_t kind;
	void (*run)(struct stage *stage);
} attacks[] = {
	{"entries_lead_out", TOTAL, entries_lead_out},
	{"entries_lead_out_of_a_producers_queue", PRODUCER, entries_lead_out},
	{"entries_lead_out_of_an_acknowledged_queue", ACKNOWLEDGED, entries_lead_out},
	{"roster_has_lanes_that_are_none", TOTAL, roster_has_lanes_that_are_none},
	{"lengths_lead_out", TOTAL, lengths_lead_out},
	{"lengths_lead_out_of_a_producers_queue", PRODUCER, lengths_lead_out},
	{"lengths_lead_out_of_an_acknowledged_queue", ACKNOWLEDGED, lengths_lead_out},
	{"constants_lead_out", TOTAL, constants_lead_out},
	{"constants_lead_out_of_a_bounded_queue", TOTAL_BOUNDED, constants_lead_out},
	{"names_lead_out", TOTAL, names_lead_out},
	{"names_to_be_looked_for", TOTAL, names_to_be_looked_for},
	{"empty_with_a_corrupt_lane", TOTAL, empty_with_a_corrupt_lane},
	{"adopting_a_head_between_places", TOTAL, adopting_a_head_between_places},
	{"adopting_a_record_at_the_end_of_positions", TOTAL, adopting_a_record_at_the_end_of_positions},
	{"links_without_end", TOTAL, links_without_end},
	{"events_never_stand_still", TOTAL_BOUNDED, events_never_stand_still},
	{"events_change_at_each_barrier", TOTAL_BOUNDED, events_change_at_each_barrier},
	{"roster_never_stands_still", TOTAL, roster_never_stands_still},
	{"places_never_stand_still", TOTAL_BOUNDED, places_never_stand_still},
	{"heads_never_stand_still", TOTAL, heads_never_stand_still},
	{"heads_of_a_producers_queue_never_stand_still", PRODUCER, heads_never_stand_still},
	{"heads_of_an_acknowledged_queue_never_stand_still", ACKNOWLEDGED, heads_never_stand_still},
	{"marks_never_stand_still", TOTAL, marks_never_stand_still},
	{"truncated_before_it_is_sealed", TOTAL, truncated_before_it_is_sealed},
};

static void run_attack(void *arg)
{
	const struct attack *attack = arg;
	struct stage stage;

	alarm(PATIENCE_SECONDS);
	the_log->count = 0;
	stage_make(&stage, attack->kind, the_log);
	attack->run(&stage);
	stage_end(&stage);
}

int main(int argc, char **argv)
{
	int failed = 0, status;

	the_log = share_memory(sizeof(*the_log));
	words_move = share_memory(sizeof(*words_move));
	for (size_t i = 0; i < COUNT(attacks); i++) {
		int64_t start = now_ns();

		if (argc > 1 && strcmp(argv[1], attacks[i].name))
			continue;
		pid_t victim = fork_child(run_attack, (void *)(uintptr_t)&attacks[i]);

		check_eq(waitpid(victim, &status, 0), victim);
		printf("%-50s %6lld ms\n", attacks[i].name, (long long)((now_ns() - start) / RINGQ_MS(1)));
		fflush(stdout);
		if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
			continue;
		failed++;
		fprintf(stderr, "%s: %s\n", attacks[i].name,
			!WIFSIGNALED(status)          ? "failed"
			: WTERMSIG(status) == SIGALRM ? "no end"
						      : strsignal(WTERMSIG(status)));
		scribble_print(the_log, "the attack");
	}
	return failed != 0;
}
