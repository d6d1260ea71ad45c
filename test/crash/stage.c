/* SPDX-License-Identifier: MIT */
#include "stage.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/sys.h"
#include "peers.h"

#define REGION (32u << 20)
#define ROUND_SECONDS 30 /* a round that takes longer hangs: SIGALRM ends the driver */
#define PILE 12u
/* Rings grow with the backlog, which depends on who is how fast. */
#define MEMORY_MARGIN(burst) ((burst)*INT64_C(2048))

/* ---- records and books ---- */

void stage_see(struct stage *s, const void *record, size_t len, uint32_t next[PARTIES])
{
	stage_enter(s, record_check(record, len), next);
}

void stage_enter(struct stage *s, struct record_id id, uint32_t next[PARTIES])
{
	check_compare(id.producer, <, PARTIES);
	check_compare(id.number, <, STAGE_RECORDS);
	check_compare(id.number, >=, next[id.producer]);
	next[id.producer] = id.number + 1;
	if (atomic_fetch_add(&s->book->seen[id.producer][id.number], 1) == 0)
		return;
	/* Once more, if who was at work on it did not come to say that it was done. */
	check_eq(atomic_exchange(&s->book->at_work[id.producer][id.number], 0), 1);
	s->book->seen[id.producer][id.number]--;
}

void stage_write(struct stage *s, size_t at, size_t len)
{
	record_fill(s->buffer + at, len, (struct record_id){CHILD, s->book->begun[CHILD]++});
}

void stage_put(struct stage *s, enum party party, size_t len)
{
	static char record[STAGE_BUFFER];

	record_fill(record, len, (struct record_id){party, s->book->begun[party]++});
	check_eq(ringq_put(s->queue, record, len, RINGQ_NOWAIT), 0);
	s->book->done[party]++;
}

void stage_get(struct stage *s)
{
	uint32_t next[PARTIES] = {0};
	ssize_t len = ringq_get(s->queue, s->buffer, STAGE_BUFFER, RINGQ_NOWAIT);

	check_compare(len, >=, 0);
	stage_see(s, s->buffer, len, next);
}

/* What was put has come out, once; what was being put, once or never; what the child was taking may be gone with it. */
static void check_books(const struct stage *s)
{
	const struct book *book = s->book;
	uint32_t missing = 0;

	for (size_t party = 0; party < PARTIES; party++) {
		uint32_t done = book->done[party], begun = book->begun[party], i = 0;

		for (; i < done; i++)
			missing += !book->seen[party][i];
		while (i < begun && book->seen[party][i])
			i++;
		for (; i < STAGE_RECORDS; i++)
			check_eq(book->seen[party][i], 0);
	}
	check_compare(missing, <=, s->none_missing ? 0 : book->gets_begun - book->gets_done);
	if (s->dead && s->none_missing) /* nor did it come out in any other way */
		check_compare(book->set_aside[book->poison.producer][book->poison.number], >=, 1);
}

/* ---- what must be true after a round ---- */

static uint32_t puts_in_flight(const struct stage *s)
{
	return s->book->begun[CHILD] - s->book->done[CHILD];
}

/* Places that a stopped child may hold: one of what it puts, and those of what it may have in hand. */
static uint64_t places_held(const struct stage *s)
{
	uint32_t in_hand = s->call->acknowledges ? s->book->gets_begun - s->book->gets_done : 0;

	return in_hand + (puts_in_flight(s) != 0);
}

/* All of max_records is to be had, but for the places that a stopped put has taken. */
static void check_capacity(struct stage *s, uint64_t held)
{
	uint64_t most = s->call->queue.max_records, n = 0;
	int rc = 0;

	if (most == 0) {
		check_eq(put_number(s->queue, 0, RINGQ_NOWAIT), 0);
		check_eq(get_number(s->queue, RINGQ_NOWAIT), 0);
		return;
	}
	while (n <= most && (rc = put_number(s->queue, (int64_t)n, RINGQ_NOWAIT)) == 0)
		n++;
	check_eq(rc, -EAGAIN);
	check_compare(n, <=, most);
	check_compare(n, >=, most - held);
	check_eq(ringq_size(s->queue), n);
	for (uint64_t i = 0; i < n; i++)
		check_eq(get_number(s->queue, RINGQ_NOWAIT), i);
}

/* A thread of its own, so that its lane is free for others afterwards. */
static void *fill(void *stage)
{
	struct stage *s = stage;
	uint64_t waiting = ringq_size(s->queue), most = s->call->queue.max_records;
	char record[RECORD_MIN];

	for (; waiting < most; waiting++) {
		record_fill(record, sizeof(record), (struct record_id){ANOTHER, s->book->begun[ANOTHER]++});
		check_eq(ringq_put(s->queue, record, sizeof(record), RINGQ_NOWAIT), 0);
		s->book->done[ANOTHER]++;
	}
	check_eq(ringq_put(s->queue, NULL, 0, RINGQ_NOWAIT), -EAGAIN);
	return NULL;
}

/* Right after a death, all of max_records is to be had: what the others do later could make up for what it took. */
static void check_capacity_now(struct stage *s)
{
	if (s->call->queue.max_records && !s->producer_began && !s->consumer_began)
		join_thread(start_thread(fill, s));
}

static void check_attach(const struct stage *s)
{
	ringq_region *region;
	ringq_queue *queue;

	check_eq(ringq_region_attach(&region, ringq_region_fd(s->region)), 0);
	check_eq(ringq_queue_open(&queue, region, NULL), 0);
	ringq_queue_release(queue);
	ringq_region_detach(region);
}

static bool is_closed(const struct stage *s)
{
	struct ringq_queue_stat stat;

	check_eq(ringq_queue_stat(s->queue, &stat), 0);
	return stat.closed;
}

/* What is true whenever nobody moves. held: places that the child may hold; members: those that may be there. */
static void check_rest(struct stage *s, uint64_t held, ssize_t members)
{
	check_books(s);
	check_eq(ringq_size(s->queue), 0);
	check(ringq_empty(s->queue));
	if (is_closed(s)) {
		check(s->call->closes);
		check_eq(put_number(s->queue, 0, RINGQ_NOWAIT), -EPIPE);
		check_eq(get_number(s->queue, RINGQ_FOREVER), -EPIPE);
	} else {
		check_capacity(s, held);
	}
	check_compare(ringq_region_members(s->region, NULL, 0), <=, members);
	check_attach(s);
}

/* ---- the child ---- */

static int64_t setup_ended;

static int64_t no_time_goes_by(void)
{
	return setup_ended;
}

/* A call takes some microseconds; step by step it takes so long that what it does now and then would be done all the time. */
static void child_setup(void *stage)
{
	struct stage *s = stage;

	if (s->call->setup)
		s->call->setup(s);
	setup_ended = rq_sys.tick();
	rq_sys.tick = no_time_goes_by;
}

static void child_call(void *stage)
{
	struct stage *s = stage;

	s->call->act->call(s);
}

static void child_finish(void *stage)
{
	struct stage *s = stage;

	if (s->call->act->finish)
		s->call->act->finish(s);
	if (s->undisturbed)
		check_eq(s->result, s->call->expect);
}

/* ---- who takes no part ---- */

static uint64_t mix(uint64_t digest, uint64_t word)
{
	digest = (digest ^ word) * UINT64_C(0x9e3779b97f4a7c15);
	return digest ^ digest >> 32;
}

/* Of all that has memory in the region's file, where it lies, and how much it is. */
static uint64_t digest_of(const struct stage *s)
{
	int fd = ringq_region_fd(s->region);
	off_t at = 0, end;
	uint64_t digest = 0, words[512];
	struct stat st;

	check_eq(fstat(fd, &st), 0);
	digest = mix(digest, (uint64_t)st.st_blocks);
	for (; (at = lseek(fd, at, SEEK_DATA)) >= 0; at = end) {
		end = lseek(fd, at, SEEK_HOLE);
		check_compare(end, >, at);
		digest = mix(digest, (uint64_t)at);
		while (at < end) {
			check_eq(pread(fd, words, sizeof(words), at), sizeof(words));
			for (size_t i = 0; i < COUNT(words); i++)
				digest = mix(digest, words[i]);
			at += (off_t)sizeof(words);
		}
	}
	return digest;
}

/* Takes the child to its instruction. The others stand still meanwhile. */
static void step_to(struct stage *s, struct traced *child, uint64_t instruction)
{
	uint64_t before = s->call->looks ? digest_of(s) : 0;

	if (s->undisturbed)
		trace_record(child, &s->book->path);
	else
		trace_to(child, &s->book->path, instruction);
	s->book->pc = child->pc;
	if (child->gone) /* it has returned from its call, in its way */
		s->book->done[CHILD] = s->book->begun[CHILD];
	if (s->call->looks)
		check_eq(digest_of(s), before);
	if (s->call->held)
		s->call->held(s);
}

/* ---- rounds ---- */

static void clear_book(struct book *book)
{
	memset(book->begun, 0, sizeof(book->begun));
	memset(book->done, 0, sizeof(book->done));
	memset(book->seen, 0, sizeof(book->seen));
	book->gets_begun = book->gets_done = 0;
	memset(book->at_work, 0, sizeof(book->at_work));
	memset(book->set_aside, 0, sizeof(book->set_aside));
}

static void begin(struct stage *s, bool child_dies)
{
	static char buffer[STAGE_BUFFER];
	struct ringq_queue_options options = s->call->queue;

	clear_book(s->book);
	s->buffer = buffer;
	options.order = s->order;
	/* Whoever dies must make way for the two producers; whoever is stopped keeps its lane. */
	options.max_producers = child_dies ? 2 : 3;
	s->region = region_new(s->call->region ? s->call->region : REGION);
	if (options.dead_letters)
		s->dead = queue_in(
			s->region, &(struct ringq_queue_options){.name = options.dead_letters, .max_records = 2});
	s->queue = queue_in(s->region, &options);
	if (s->call->prepare)
		s->call->prepare(s);
}

static void end(struct stage *s)
{
	if (s->call->after)
		s->call->after(s);
	ringq_queue_release(s->queue);
	ringq_queue_release(s->dead);
	ringq_region_detach(s->region);
}

static void kill_there(struct stage *s, struct traced *child)
{
	trace_kill(child);
	if (s->call->killed)
		s->call->killed(s);
}

/* How many were left. */
static uint32_t settle(struct stage *s)
{
	if (s->call->settle)
		s->call->settle(s);
	return peers_drain(s);
}

static void others_go_on(struct stage *s, uint64_t held, ssize_t members)
{
	uint32_t left;

	peers_run(s);
	left = settle(s);
	/* First in, first out: what is put last comes out last, but for a put that is not over even then. */
	if (s->order == RINGQ_ORDER_TOTAL && !s->call->closes)
		check_compare(left, <=, puts_in_flight(s));
	check_rest(s, held, members);
}

static void check_memory(const struct stage *s)
{
	int64_t memory = ringq_region_memory(s->region);

	if (s->undisturbed)
		s->book->memory = (uint64_t)memory;
	else
		check_compare(memory, <=, s->book->memory + s->call->memory + MEMORY_MARGIN(s->burst));
}

/* Of a pile, each must find the queue open and the books to itself. */
bool stage_allows(const struct call *call, enum fate fate)
{
	bool sleepers =
		call->ready || call->prepare == stage_sleeping_consumer || call->prepare == stage_sleeping_producer;

	if (call->turn && (fate == STOPPED || fate == RESUMED))
		return false;
	return fate != PILED || (!call->closes && !sleepers);
}

/* Children that die one after the other, in different places, and leave what they leave to the next. */
static void pile(struct stage *s, uint64_t instruction)
{
	const struct trace_choice *choice = &s->book->path.states;
	uint64_t n = choice->corners;

	for (unsigned i = 0; i < PILE; i++) {
		struct traced child = trace_fork(child_setup, child_call, child_finish, s);

		step_to(s, &child, choice->order[(instruction + i * n / PILE) % n]);
		kill_there(s, &child);
		settle(s);
		check_books(s);
		clear_book(s->book);
		if (s->call->prepare)
			s->call->prepare(s);
	}
}

void stage_round(struct book *book, const struct call *call, unsigned order, uint64_t instruction, enum fate fate)
{
	struct stage s = {
		.call = call,
		.book = book,
		.burst = fate == RESUMED ? STAGE_HELD : STAGE_BURST,
		.order = order,
		.undisturbed = instruction == UINT64_MAX,
	};
	bool dies = fate == KILLED || fate == PILED || s.undisturbed;
	s.none_missing = dies && call->acknowledges;
	s.dies = fate != RESUMED && !s.undisturbed;
	struct traced child;

	alarm(ROUND_SECONDS);
	begin(&s, dies);
	if (fate == PILED)
		pile(&s, instruction);
	child = trace_fork(child_setup, child_call, child_finish, &s);
	if (call->ready)
		call->ready(&s);
	step_to(&s, &child, instruction);
	if (s.undisturbed) {
		trace_finish(&child);
	} else if (dies) {
		kill_there(&s, &child);
		check_capacity_now(&s);
	}
	others_go_on(&s, dies ? 0 : places_held(&s), dies ? 1 : 2);
	if (!dies && call->during)
		call->during(&s);
	if (fate == RESUMED)
		trace_finish(&child);
	else
		trace_kill(&child);
	if (!dies) {
		s.none_missing = call->acknowledges;
		peers_drain(&s);
		check_rest(&s, 0, 1);
	}
	check_memory(&s);
	end(&s);
	book->rounds++;
	alarm(0);
}
