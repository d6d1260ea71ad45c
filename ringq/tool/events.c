/* SPDX-License-Identifier: MIT */

/*
 * Follows what happens in a region: it looks again and again, and says what is different, a line for each event. What comes
 * and goes between two looks is not seen.
 */

#include "tool.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int64_t interval = RINGQ_MS(200), patience = RINGQ_FOREVER;

struct queue_view {
	struct ringq_object object;
	bool has_stat, closed, has_records, full;
	uint32_t dead;
};

struct view {
	struct queue_view *queues;
	struct ringq_member *members;
	ssize_t queue_count, member_count;
};

/* ---- saying ---- */

static void say(const struct target *t, const char *event, const char *object, const struct ringq_member *m)
{
	struct timespec now;
	struct json json;
	clock_gettime(CLOCK_REALTIME, &now);
	if (common.json) {
		json_start(&json, stdout);
		json_object(&json, NULL);
		json_number(&json, "version", 1);
		json_number(&json, "time", (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec);
		json_text(&json, "region", t->label);
		json_text(&json, "event", event);
		json_text(&json, "object", object);
		if (m) {
			json_number(&json, "process", m->process);
			json_number(&json, "thread", m->thread);
			json_text(&json, "name", m->name);
		}
		json_close(&json, '}');
		json_line(&json);
		return;
	}
	struct tm local;
	char text[32];
	localtime_r(&now.tv_sec, &local);
	strftime(text, sizeof text, "%H:%M:%S", &local);
	printf("%s.%03ld  ", text, now.tv_nsec / 1000000);
	print_clean(stdout, t->label, strlen(t->label));
	if (object) {
		putchar('/');
		print_clean(stdout, object, strlen(object));
	}
	printf("  %s", event);
	if (m) {
		printf("  %u/%u ", m->process, m->thread);
		print_clean(stdout, m->name, strlen(m->name));
	}
	putchar('\n');
	fflush(stdout);
}

/* ---- looking ---- */

static void look_at_queue(const struct target *t, struct queue_view *q, const struct view *v)
{
	struct ringq_queue_stat stat;
	if (q->object.kind == RINGQ_OBJECT_ARRAY || stat_object(t->region, &q->object, &stat) != 1)
		return;
	q->has_stat = true;
	q->closed = stat.closed;
	q->has_records = stat.records_in != stat.records_out;
	q->dead = stat.dead_producers;
	for (ssize_t i = 0; i < v->member_count; i++)
		q->full |= v->members[i].object == q->object.id && v->members[i].activity == RINGQ_ASLEEP_PUT;
}

static void free_view(struct view *v)
{
	free(v->queues);
	free(v->members);
	*v = (struct view){0};
}

static int look(const struct target *t, struct view *v)
{
	struct ringq_object *objects;
	*v = (struct view){0};
	v->member_count = members_of(t->region, &v->members);
	ssize_t n = v->member_count < 0 ? v->member_count : objects_of(t->region, &objects);
	if (n < 0) {
		v->member_count = 0;
		free_view(v);
		return (int)n;
	}
	v->queues = calloc((size_t)n + 1, sizeof *v->queues);
	for (ssize_t i = 0; v->queues && i < n; i++) {
		v->queues[i].object = objects[i];
		look_at_queue(t, &v->queues[i], v);
	}
	v->queue_count = n;
	free(objects);
	if (v->queues)
		return 0;
	free_view(v);
	return -ENOMEM;
}

/* ---- what is different ---- */

static const struct queue_view *find_queue(const struct view *v, uint64_t id)
{
	for (ssize_t i = 0; i < v->queue_count; i++)
		if (v->queues[i].object.id == id)
			return &v->queues[i];
	return NULL;
}

static bool has_member(const struct view *v, const struct ringq_member *m)
{
	for (ssize_t i = 0; i < v->member_count; i++)
		if (v->members[i].index == m->index && v->members[i].process == m->process &&
			v->members[i].thread == m->thread)
			return true;
	return false;
}

static void tell_queue(const struct target *t, const struct queue_view *was, const struct queue_view *is)
{
	static const struct queue_view none = {.closed = false};
	char label[80];
	const char *name = object_label(&is->object, label);
	if (!was)
		say(t, is->object.kind == RINGQ_OBJECT_ARRAY ? "array-created" : "queue-created", name, NULL);
	was = was ? was : &none;
	if (!is->has_stat)
		return;
	if (!was->has_records && is->has_records)
		say(t, "has-records", name, NULL);
	if (!was->full && is->full)
		say(t, "full", name, NULL);
	if (was->full && !is->full)
		say(t, "has-room", name, NULL);
	if (is->dead > was->dead)
		say(t, "producer-died", name, NULL);
	if (!was->closed && is->closed)
		say(t, "closed", name, NULL);
	if (was->has_records && !is->has_records)
		say(t, "empty", name, NULL);
}

static void tell(const struct target *t, const struct view *was, const struct view *is)
{
	char label[80];
	for (ssize_t i = 0; i < is->member_count; i++)
		if (!has_member(was, &is->members[i]))
			say(t, "joined", NULL, &is->members[i]);
	for (ssize_t i = 0; i < is->queue_count; i++)
		tell_queue(t, find_queue(was, is->queues[i].object.id), &is->queues[i]);
	for (ssize_t i = 0; i < was->member_count; i++)
		if (!has_member(is, &was->members[i]))
			say(t, process_state((pid_t)was->members[i].process) ? "left" : "ended", NULL, &was->members[i]);
	for (ssize_t i = 0; i < was->queue_count; i++)
		if (!find_queue(is, was->queues[i].object.id))
			say(t, "deleted", object_label(&was->queues[i].object, label), NULL);
}

static int follow(const struct target *t)
{
	int64_t until = patience < 0 ? INT64_MAX : now_ns() + patience, left;
	struct view was, is;
	int e = look(t, &was);
	if (e)
		return e;
	say(t, "watched", NULL, NULL);
	while (e == 0 && !tool_stopped && (left = until - now_ns()) > 0) {
		tool_sleep(interval < left ? interval : left);
		e = look(t, &is);
		if (e)
			break;
		tell(t, &was, &is);
		free_view(&was);
		was = is;
	}
	free_view(&was);
	return e;
}

static int run(int argc, char **argv)
{
	struct target target;
	(void)argc;
	if (interval < RINGQ_MS(1))
		return usage("--interval: a millisecond at least");
	int r = target_region(&target, argv[0], LOOK);
	if (r)
		return r;
	tool_catch_signals();
	tool_watch_name(&target);
	int e = follow(&target);
	target_close(&target);
	return e ? fail(e, argv[0]) : STATUS_DONE;
}

static const struct option_spec options[] = {
	{'i', "interval", "TIME", OPTION_TIME, &interval, "between two looks; 200ms"},
	{0, "timeout", "TIME", OPTION_TIME, &patience, "for so long; forever"},
	OPTION_JSON,
	OPTIONS_END,
};

const struct command events_command = {"events", run, "REGION",
	"Follows who comes and goes, and what is made, closed and deleted", options, 1, 1, false};
