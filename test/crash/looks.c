/* SPDX-License-Identifier: MIT */
/*
 * Looks at a region from outside, by an observer with a descriptor that may only read. What others can notice of one is
 * its system calls: it is killed, stopped or held at each of them, and the region stays as it was, byte by byte (stage.c).
 */
#include "looks.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "arrays.h"

enum { MEMBERS = 16, OBJECTS = 4, MEMBERS_MOST = 80 };

/* The child's. */
static struct {
	ringq_region *region;
	ringq_queue *queue; /* the one that is to be deleted, if there is one */
	uint64_t array;
	struct ringq_object objects[OBJECTS];
	struct ringq_member members[MEMBERS];
	struct ringq_queue_stat stat;
	struct ringq_lane_stat lanes[PARTIES];
	struct ringq_producer holder;
	int64_t elements[4];
	struct ringq_record_info infos[STAGE_MANY];
	size_t lens[STAGE_MANY];
	uint32_t count;
} look;

void looks_setup_descriptor(struct stage *s)
{
	s->fd = open_read_only(s->region);
}

void looks_setup(struct stage *s)
{
	ringq_queue *queue = s->doomed ? s->doomed : s->queue;

	looks_setup_descriptor(s);
	check_eq(ringq_region_observe(&look.region, s->fd), 0);
	check_eq(ringq_queue_open_id(&look.queue, look.region, ringq_queue_id(queue)), 0);
	if (s->array)
		look.array = ringq_array_id(s->array);
}

/* ---- attaching ---- */

static void observe(struct stage *s)
{
	s->result = ringq_region_observe(&look.region, s->fd);
	if (s->result == 0)
		s->result = ringq_queue_open(&look.queue, look.region, NULL);
	if (s->result)
		return;
	ringq_queue_release(look.queue);
	ringq_region_detach(look.region);
}

static void finish_observe(struct stage *s)
{
	check_eq(s->result, 0);
}

const struct act act_observe = {observe, finish_observe};

/* ---- lists and figures ---- */

static void list_objects(struct stage *s)
{
	s->result = ringq_region_objects(look.region, look.objects, OBJECTS);
}

static void finish_objects(struct stage *s)
{
	check_eq(s->result, 1);
	check_eq(look.objects[0].kind, RINGQ_OBJECT_QUEUE);
	check_eq(look.objects[0].id, ringq_queue_id(s->queue));
}

const struct act act_look_objects = {list_objects, finish_objects};

static void list_members(struct stage *s)
{
	s->result = ringq_region_members(look.region, look.members, MEMBERS);
}

/* Of those who came while it was held, none or some. It is no member itself. */
static void finish_members(struct stage *s)
{
	check_compare(s->result, >=, 0);
	for (long i = 0; i < s->result && i < MEMBERS; i++) {
		check_compare(look.members[i].process, >, 0);
		check(look.members[i].process != (uint32_t)getpid());
	}
}

const struct act act_look_members = {list_members, finish_members};

static void look_at_stat(struct stage *s)
{
	s->result = ringq_queue_stat(look.queue, &look.stat);
	if (s->result == 0)
		s->result = ringq_queue_lanes(look.queue, look.lanes, PARTIES);
}

static void finish_stat(struct stage *s)
{
	check_compare(s->result, >=, 0);
	check_compare(s->result, <=, 3);
	check_compare(look.stat.records_in, >=, look.stat.records_out);
	s->result = (long)(look.stat.records_in - look.stat.records_out);
	check_compare(s->result, <=, PARTIES * STAGE_RECORDS);
}

const struct act act_look_stat = {look_at_stat, finish_stat};

/* ---- the holder of a lock ---- */

void looks_prepare_locked(struct stage *s)
{
	if (s->array)
		return;
	arrays_prepare_named(s);
	check_eq(ringq_lock(s->array, RINGQ_NOWAIT), 0);
}

void looks_after_locked(struct stage *s)
{
	check_eq(ringq_unlock(s->array), 0);
	ringq_array_release(s->array);
}

static void find_holder(struct stage *s)
{
	s->result = ringq_region_lock_holder(look.region, look.array, &look.holder);
}

static void finish_holder(struct stage *s)
{
	check_eq(s->result, 1);
	check_eq(look.holder.state, RINGQ_ALIVE);
	check_eq(look.holder.process, getppid());
}

const struct act act_look_holder = {find_holder, finish_holder};

static void read_elements(struct stage *s)
{
	s->result = ringq_region_elements(look.region, look.array, RINGQ_INT64, 0, look.elements, COUNT(look.elements));
}

static void finish_elements(struct stage *s)
{
	check_eq(s->result, ARRAYS_CONTENT);
	for (size_t i = 0; i < COUNT(look.elements); i++)
		check_eq(look.elements[i], ARRAYS_BEFORE);
}

const struct act act_look_elements = {read_elements, finish_elements};

/* ---- browsing ---- */

/* What it shows is checked later: that takes many instructions. */
static void browse_by(struct stage *s, int (*begin)(ringq_browser **out, const ringq_queue *queue))
{
	ringq_browser *browser;
	uint32_t n = 0;

	s->result = begin(&browser, look.queue);
	if (s->result)
		return;
	for (; n < STAGE_MANY; n++) {
		s->result = ringq_browse_next(browser, s->buffer + n * STAGE_SLOT, STAGE_SLOT, &look.infos[n]);
		if (s->result < 0)
			break;
		look.lens[n] = (size_t)s->result;
	}
	look.count = n;
	ringq_browse_end(browser);
}

static void browse(struct stage *s)
{
	browse_by(s, ringq_browse);
}

static void browse_in_hand(struct stage *s)
{
	browse_by(s, ringq_browse_in_hand);
}

/* Each was put, and is shown once, behind those of its lane that were put before. */
static void finish_browse(struct stage *s)
{
	struct record_id ids[STAGE_MANY];

	if (look.count < STAGE_MANY)
		check_eq(s->result, -ENOENT);
	for (uint32_t i = 0; i < look.count; i++) {
		check_compare(look.lens[i], <=, STAGE_SLOT);
		ids[i] = record_check(s->buffer + i * STAGE_SLOT, look.lens[i]);
		check_compare(ids[i].producer, <, PARTIES);
		check_compare(ids[i].number, <, s->book->begun[ids[i].producer]);
		check(look.infos[i].producer.state != RINGQ_NOBODY);
		for (uint32_t k = 0; k < i; k++)
			check(ids[k].producer != ids[i].producer || ids[k].number < ids[i].number);
	}
	s->result = look.count;
}

const struct act act_browse = {browse, finish_browse};

/* Those who take meanwhile may have something in hand, too; whoever it is lives. */
static void finish_in_hand(struct stage *s)
{
	check_eq(s->result, -ENOENT);
	for (uint32_t i = 0; i < look.count; i++) {
		check_compare(look.lens[i], <=, STAGE_SLOT);
		struct record_id id = record_check(s->buffer + i * STAGE_SLOT, look.lens[i]);
		check_compare(id.producer, <, PARTIES);
		check_compare(id.number, <, s->book->begun[id.producer]);
		check_eq(look.infos[i].in_hand, 1);
		check_eq(look.infos[i].holder.state, RINGQ_ALIVE);
	}
	s->result = look.count;
}

const struct act act_browse_in_hand = {browse_in_hand, finish_in_hand};

/* ---- of a queue that is deleted meanwhile ---- */

/* Nobody keeps its memory for an observer that does not move, and what is made there next is another's. */
void looks_during_doomed(struct stage *s)
{
	int64_t before = ringq_region_memory(s->region);

	check_eq(ringq_queue_delete(s->doomed), 0);
	ringq_queue_release(s->doomed);
	check_compare(ringq_region_memory(s->region), <, before);
	s->doomed = queue_in(s->region, &(struct ringq_queue_options){.max_producers = 8});
	for (int i = 0; i < STAGE_MANY; i++)
		check_eq(put_number(s->doomed, LOOKS_OTHER, RINGQ_NOWAIT), 0);
}

static void finish_browse_doomed(struct stage *s)
{
	check_compare(look.count, <, STAGE_MANY);
	check_eq(s->result, -ENOENT);
	for (uint32_t i = 0; i < look.count; i++) {
		int64_t number;

		check_eq(look.lens[i], sizeof(number));
		memcpy(&number, s->buffer + i * STAGE_SLOT, sizeof(number));
		check_eq(number, LOOKS_DOOMED);
	}
	s->result = look.count;
}

const struct act act_browse_doomed = {browse, finish_browse_doomed};

/* ---- asking by a handle without being a member ---- */

static struct {
	pthread_t threads[MEMBERS_MOST];
	unsigned count;
	_Atomic long joined; /* what the last one got; 0: nothing yet */
	atomic_int go;
} members;

static void *be_a_member(void *stage)
{
	struct stage *s = stage;
	char buffer[RECORD_MIN];

	members.joined = ringq_peek(s->queue, buffer, sizeof(buffer));
	while (!members.go)
		pause_ns(RINGQ_US(200));
	return NULL;
}

/* With threads that do nothing, until there is no entry for one more. */
void looks_fill_members(struct stage *s)
{
	members.go = 0;
	for (members.count = 0, members.joined = 0; members.joined != -EUSERS; members.count++) {
		check_compare(members.count, <, MEMBERS_MOST);
		members.joined = 0;
		members.threads[members.count] = start_thread(be_a_member, s);
		while (!members.joined)
			pause_ns(RINGQ_US(20));
	}
}

void looks_let_members_go(struct stage *s)
{
	(void)s;
	members.go = 1;
	while (members.count)
		join_thread(members.threads[--members.count]);
}

static void ask_size(struct stage *s)
{
	s->result = (long)ringq_size(s->doomed);
}

/* Of the queue that it has a handle of, or nothing if that was deleted meanwhile. */
static void finish_size(struct stage *s)
{
	check(s->result == 3 || s->result == 0);
}

const struct act act_size_outside = {ask_size, finish_size};
