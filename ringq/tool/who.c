/* SPDX-License-Identifier: MIT */
#include "tool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct column columns[] = {
	{"process", "PID", true, false},
	{"here", "HERE", true, true},
	{"thread", "TID", true, false},
	{"name", "NAME", false, false},
	{"state", "STATE", false, false},
	{"for", "FOR", true, false},
	{"object", "ON", false, false},
	{"took", "TOOK FROM", false, false},
	{"puts", "PUTS TO", false, false},
	{"hand", "IN HAND", true, true},
};

enum { HERE = 1, HAND = 9, COLUMNS = sizeof columns / sizeof *columns };

static const char *const activities[] = {
	"awake", "asleep in put", "asleep in get", "asleep in take", "asleep in lock", "asleep in join"};

/* What an object of the region is called, by its id. */
static const char *name_of(const struct ringq_object *objects, ssize_t n, uint64_t id, char label[80])
{
	for (ssize_t i = 0; id && i < n; i++)
		if (objects[i].id == id)
			return object_label(&objects[i], label);
	return NULL;
}

/* The queues that a thread is a producer of, or, with a dead one, was: added to text. */
struct lanes {
	const struct ringq_object *object;
	struct ringq_lane_stat *lanes;
	ssize_t n;
	struct ringq_producer *holders; /* of what is in hand, one a record */
	size_t held;
};

static void find_holders(struct lanes *out, const ringq_queue *queue)
{
	struct ringq_record_info info;
	ringq_browser *browser;
	size_t room = 0;
	ssize_t r = 0;
	if (ringq_browse_in_hand(&browser, queue))
		return;
	while ((r = ringq_browse_next(browser, NULL, 0, &info)) >= 0) {
		if (out->held == room) {
			struct ringq_producer *more = realloc(out->holders, (room = 2 * room + 16) * sizeof *more);
			if (!more)
				break;
			out->holders = more;
		}
		out->holders[out->held++] = info.holder;
	}
	ringq_browse_end(browser);
}

static struct lanes lanes_of(ringq_region *region, const struct ringq_object *object)
{
	struct lanes out = {.object = object};
	ringq_queue *queue;
	if (object->kind == RINGQ_OBJECT_ARRAY || ringq_queue_open_id(&queue, region, object->id))
		return out;
	ssize_t n = ringq_queue_lanes(queue, NULL, 0);
	out.lanes = n > 0 ? calloc((size_t)n, sizeof *out.lanes) : NULL;
	ssize_t got = out.lanes ? ringq_queue_lanes(queue, out.lanes, (size_t)n) : 0;
	out.n = got < n ? got : n;
	find_holders(&out, queue);
	ringq_queue_release(queue);
	return out;
}

static void puts_to(const struct lanes *all, ssize_t n, const struct ringq_member *m, char *text, size_t size)
{
	char label[80];
	*text = 0;
	for (ssize_t i = 0; i < n; i++) {
		for (ssize_t k = 0; k < all[i].n; k++) {
			const struct ringq_producer *p = &all[i].lanes[k].producer;
			size_t len = strlen(text);
			if (p->state == RINGQ_ALIVE && p->process == m->process && p->thread == m->thread)
				snprintf(text + len, size - len, "%s%s", len ? "," : "",
					object_label(all[i].object, label));
		}
	}
}

static uint64_t has_in_hand(const struct lanes *all, ssize_t n, const struct ringq_member *m)
{
	uint64_t records = 0;
	for (ssize_t i = 0; i < n; i++)
		for (size_t k = 0; k < all[i].held; k++)
			records += all[i].holders[k].process == m->process && all[i].holders[k].thread == m->thread;
	return records;
}

static void add_here(struct table *t, pid_t here)
{
	if (here)
		table_number(t, (uint64_t)here);
	else
		table_text(t, NULL);
}

static void add_member(struct table *t, const struct ringq_object *objects, ssize_t n, const struct lanes *lanes,
	const struct ringq_member *m, pid_t here)
{
	char label[80], text[200];
	char process = here ? process_state(here) : 0;
	table_number(t, m->process);
	add_here(t, here);
	table_number(t, m->thread);
	table_text(t, m->name);
	table_text(t, process == 'T' || process == 't' ? "stopped" : activities[m->activity <= 5 ? m->activity : 0]);
	table_span(t, m->activity ? now_ns() - (int64_t)m->since : -1);
	table_text(t, name_of(objects, n, m->object, label));
	table_text(t, name_of(objects, n, m->took, label));
	puts_to(lanes, n, m, text, sizeof text);
	table_text(t, *text ? text : NULL);
	table_number(t, has_in_hand(lanes, n, m));
}

/* Of the members, where they are in this namespace; 0: they cannot be told. How many of them are not what they call themselves. */
static size_t find_members(
	ringq_region *region, const struct ringq_member *members, ssize_t n, pid_t *here, size_t *hidden)
{
	struct people people;
	size_t others = 0;
	int r = people_search(&people, region);
	for (ssize_t i = 0; i < n; i++) {
		here[i] = r ? 0 : people_here(&people, members[i].process, members[i].thread);
		*hidden += !here[i];
		others += here[i] != (pid_t)members[i].process;
	}
	if (r == 0)
		people_free(&people);
	return others;
}

/* Producers that have died, and whose lanes nobody has taken over: they are no members any more. */
static void add_dead(struct table *t, const struct lanes *lanes)
{
	char label[80];
	for (ssize_t k = 0; k < lanes->n; k++) {
		const struct ringq_producer *p = &lanes->lanes[k].producer;
		if (p->state != RINGQ_DEAD)
			continue;
		table_number(t, p->process);
		add_here(t, 0);
		table_number(t, p->thread);
		table_text(t, p->name);
		table_text(t, "dead");
		table_span(t, -1);
		table_text(t, NULL);
		table_text(t, NULL);
		table_text(t, object_label(lanes->object, label));
		table_number(t, 0);
	}
}

static int show(const struct target *target)
{
	struct ringq_object *objects;
	struct ringq_member *members;
	ssize_t n = objects_of(target->region, &objects);
	if (n < 0)
		return fail((int)n, target->label);
	ssize_t m = members_of(target->region, &members);
	struct lanes *lanes = calloc((size_t)n + 1, sizeof *lanes);
	pid_t *here = calloc(m > 0 ? (size_t)m : 1, sizeof *here);
	int r = m < 0 ? fail((int)m, target->label) : lanes && here ? 0 : fail(-ENOMEM, target->label);
	if (r == 0) {
		static struct column shown[COLUMNS];
		size_t hidden = 0;
		memcpy(shown, columns, sizeof shown);
		shown[HERE].hidden = find_members(target->region, members, m, here, &hidden) == 0;
		for (ssize_t i = 0; i < n; i++) {
			lanes[i] = lanes_of(target->region, &objects[i]);
			shown[HAND].hidden = shown[HAND].hidden && !lanes[i].held;
		}
		struct table *t = table_new("members", shown, COLUMNS);
		for (ssize_t i = 0; i < m; i++)
			add_member(t, objects, n, lanes, &members[i], here[i]);
		for (ssize_t i = 0; i < n; i++)
			add_dead(t, &lanes[i]);
		r = table_print(t);
		if (hidden)
			complain("%s cannot be found from here (another PID namespace, or another user's): "
				 "whether stopped cannot be told",
				show_number(hidden, "member", "members"));
	}
	for (ssize_t i = 0; lanes && i < n; i++) {
		free(lanes[i].lanes);
		free(lanes[i].holders);
	}
	free(lanes);
	free(here);
	free(members);
	free(objects);
	return r;
}

static int run(int argc, char **argv)
{
	struct target target;
	(void)argc;
	int r = target_region(&target, argv[0], LOOK);
	if (r)
		return r;
	r = show(&target);
	target_close(&target);
	return r;
}

static const struct option_spec options[] = {OPTIONS_TABLE, OPTIONS_END};

const struct command who_command = {"who", run, "REGION",
	"Shows who takes part in a region: who sleeps, in what and since when, who is stopped, who died", options, 1, 1,
	false};
