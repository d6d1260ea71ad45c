/* SPDX-License-Identifier: MIT */

/*
 * A monitoring plug-in: one line that says whether a region holds together, with exit statuses as such plug-ins have. All that
 * can be read of it is read: objects, members, each lane's figures, and each record that waits, which validates what they
 * say of each other. Whether something waits for too long is watched: age.h.
 */

#include "age.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define LOOKS_APART RINGQ_MS(100)

enum verdict { OK, WARNING, CRITICAL, UNKNOWN };

static const char *const verdicts[] = {"OK", "WARNING", "CRITICAL", "UNKNOWN"};

static uint64_t warn_depth = UINT64_MAX, max_depth = UINT64_MAX, min_producers, min_consumers;
static int64_t max_age = RINGQ_FOREVER;
static bool no_records;

/* A queue of which something waits, and must not for long. */
struct watched {
	ringq_queue *queue;
	struct waiting *waiting;
	char label[80];
	struct watched *next;
};

struct result {
	enum verdict verdict;
	char why[400];
	uint64_t queues, records, bytes, producers, consumers, dead, in_hand, oldest;
	struct watched *watched;
};

static void find(struct result *r, enum verdict verdict, const char *what, const char *why)
{
	if (verdict <= r->verdict)
		return;
	r->verdict = verdict;
	snprintf(r->why, sizeof r->why, "%.200s: %.180s", what, why);
}

/* Reads all that waits. What others take meanwhile is no trouble. */
static int read_records(const ringq_queue *queue, uint64_t most)
{
	ringq_browser *browser;
	int e = ringq_browse(&browser, queue);
	if (e)
		return e;
	char byte;
	ssize_t n = 0;
	for (uint64_t i = 0; i < most && (n >= 0 || n == -EAGAIN); i++)
		n = ringq_browse_next(browser, &byte, 1, NULL);
	ringq_browse_end(browser);
	return n == -ENOENT || n == -EAGAIN || n >= 0 ? 0 : (int)n;
}

static uint64_t count_consumers(const struct ringq_member *members, ssize_t n, uint64_t id)
{
	uint64_t consumers = 0;
	for (ssize_t i = 0; i < n; i++)
		consumers += members[i].took == id ||
		             (members[i].object == id && (members[i].activity == RINGQ_ASLEEP_GET ||
								 members[i].activity == RINGQ_ASLEEP_TAKE));
	return consumers;
}

static int check_queue(
	struct result *r, const char *what, const ringq_queue *queue, const struct ringq_member *members, ssize_t n)
{
	struct ringq_queue_stat stat;
	int e = ringq_queue_stat(queue, &stat);
	ssize_t lanes = e ? e : ringq_queue_lanes(queue, NULL, 0);
	if (e || lanes < 0)
		return e ? e : (int)lanes;
	uint64_t depth = stat.records_in - stat.records_out,
		 consumers = count_consumers(members, n, ringq_queue_id(queue));
	if (depth > stat.records_in || stat.lanes > stat.max_producers)
		find(r, CRITICAL, what, "its counts contradict each other");
	if (depth > max_depth || depth > warn_depth)
		find(r, depth > max_depth ? CRITICAL : WARNING, what, "too many records wait");
	if (max_age >= 0 && stat.in_hand && stat.oldest_ns > (uint64_t)max_age)
		find(r, CRITICAL, what, "a record is in hand for too long");
	if (stat.producers < min_producers)
		find(r, CRITICAL, what, "too few producers");
	if (consumers < min_consumers)
		find(r, CRITICAL, what, "too few consumers");
	r->queues++;
	r->records += depth;
	r->bytes += stat.bytes_held;
	r->producers += stat.producers;
	r->dead += stat.dead_producers;
	r->consumers += consumers;
	r->in_hand += stat.in_hand;
	r->oldest = stat.in_hand && stat.oldest_ns > r->oldest ? stat.oldest_ns : r->oldest;
	return no_records ? 0 : read_records(queue, depth + 1000);
}

/* ---- what waits for too long ---- */

/* 0: the handle is the list's, if something waits; or an error. */
static int watch(struct result *r, const char *what, ringq_queue **queue)
{
	struct waiting *waiting;
	int e = age_note(&waiting, *queue), there = e ? e : age_look(waiting);
	struct watched *w = there == 1 ? calloc(1, sizeof *w) : NULL;
	if (w) {
		*w = (struct watched){.queue = *queue, .waiting = waiting, .next = r->watched};
		snprintf(w->label, sizeof w->label, "%s", what);
		r->watched = w;
		*queue = NULL;
		return 0;
	}
	if (!e)
		age_free(waiting);
	return there == 1 ? -ENOMEM : there;
}

static void drop(struct watched **at)
{
	struct watched *w = *at;
	*at = w->next;
	age_free(w->waiting);
	ringq_queue_release(w->queue);
	free(w);
}

/* Until nothing is left of what waited at first, or it has waited for too long. What was deleted meanwhile waits no more. */
static int watch_on(struct result *r)
{
	int64_t until = now_ns() + max_age;
	int64_t pause = max_age / 10 < LOOKS_APART ? max_age / 10 : LOOKS_APART;
	while (r->watched && r->verdict < CRITICAL && !tool_stopped) {
		int64_t left = until - now_ns();
		tool_sleep(left < pause ? left : pause);
		for (struct watched **at = &r->watched; *at;) {
			int e = age_look((*at)->waiting);
			if (e < 0 && e != -EPIPE)
				return e;
			if (e == 1)
				at = &(*at)->next;
			else
				drop(at);
		}
		if (left <= 0 && r->watched)
			find(r, CRITICAL, r->watched->label, "a record waits for too long");
	}
	return r->watched && r->verdict < CRITICAL ? -EINTR : 0;
}

static int check_objects(struct result *r, const struct target *t, const struct ringq_object *objects, ssize_t n)
{
	struct ringq_member *members;
	ssize_t m = members_of(t->region, &members);
	int e = m < 0 ? (int)m : 0;
	char label[80];
	bool found = !*t->object;
	for (ssize_t i = 0; i < n && (e == 0 || e == -EPIPE || e == -ENOENT); i++) {
		ringq_queue *queue;
		if (objects[i].kind == RINGQ_OBJECT_ARRAY || (*t->object && !object_is(&objects[i], t->object)))
			continue;
		found = true;
		object_label(&objects[i], label);
		e = ringq_queue_open_id(&queue, t->region, objects[i].id);
		if (e)
			continue;
		e = check_queue(r, label, queue, members, m);
		if (e == 0 && max_age >= 0)
			e = watch(r, label, &queue);
		ringq_queue_release(queue);
	}
	free(members);
	e = e == -EPIPE || e == -ENOENT ? 0 : e; /* deleted meanwhile */
	if (e == 0)
		e = watch_on(r);
	while (r->watched)
		drop(&r->watched);
	if (e == 0 && !found)
		find(r, UNKNOWN, t->object, "no such queue");
	return e;
}

static void print(const struct target *t, const struct result *r)
{
	struct json json;
	if (!common.json) {
		printf("RINGQ %s - ", verdicts[r->verdict]);
		if (*r->why)
			print_clean(stdout, r->why, strlen(r->why));
		else
			printf("%s, %s, %s, %s", show_number(r->queues, "queue", "queues"),
				show_number(r->records, "record", "records"),
				show_number(r->producers, "producer", "producers"),
				show_number(r->consumers, "consumer", "consumers"));
		printf(" | records=%" PRIu64 " bytes=%" PRIu64 "B producers=%" PRIu64 " consumers=%" PRIu64
		       " dead=%" PRIu64 " in_hand=%" PRIu64 " oldest_in_hand=%.3fs\n",
			r->records, r->bytes, r->producers, r->consumers, r->dead, r->in_hand, (double)r->oldest / 1e9);
		return;
	}
	json_start(&json, stdout);
	json_object(&json, NULL);
	json_number(&json, "version", 1);
	json_text(&json, "region", t->label);
	json_text(&json, "verdict", verdicts[r->verdict]);
	json_text(&json, "text", r->why);
	json_number(&json, "queues", r->queues);
	json_number(&json, "records", r->records);
	json_number(&json, "bytes_held", r->bytes);
	json_number(&json, "producers", r->producers);
	json_number(&json, "dead_producers", r->dead);
	json_number(&json, "consumers", r->consumers);
	json_number(&json, "in_hand", r->in_hand);
	json_number_if(&json, "oldest_in_hand", r->in_hand, r->oldest);
	json_close(&json, '}');
	json_line(&json);
}

static int run(int argc, char **argv)
{
	struct result result = {.verdict = OK};
	struct ringq_object *objects = NULL;
	struct target target;
	(void)argc;
	tool_catch_signals();
	int r = target_region(&target, argv[0], LOOK);
	if (r)
		find(&result, r == STATUS_DAMAGED ? CRITICAL : UNKNOWN, argv[0],
			r == STATUS_DAMAGED ? "no region of this layout, or damaged" : "it cannot be looked at");
	ssize_t n = r ? 0 : objects_of(target.region, &objects);
	int e = r ? 0 : n < 0 ? (int)n : check_objects(&result, &target, objects, n);
	if (e)
		find(&result, e == -EBADMSG || e == -EPROTO ? CRITICAL : UNKNOWN, target.label,
			e == -EBADMSG ? "damaged: it contradicts itself" : strerror(-e));
	print(&target, &result);
	free(objects);
	target_close(&target);
	return (int)result.verdict;
}

static const struct option_spec options[] = {
	{'w', "warn-depth", "N", OPTION_NUMBER, &warn_depth, "a warning if more records wait in a queue"},
	{'c', "max-depth", "N", OPTION_NUMBER, &max_depth, "critical if more records wait in a queue"},
	{0, "max-age", "TIME", OPTION_TIME, &max_age,
		"critical if a record is in hand, or waits, for longer: it is watched for so long"},
	{0, "min-producers", "N", OPTION_NUMBER, &min_producers, "critical if a queue has fewer"},
	{0, "min-consumers", "N", OPTION_NUMBER, &min_consumers, "critical if a queue has fewer"},
	{0, "no-records", NULL, OPTION_FLAG, &no_records, "do not read what waits"},
	OPTION_JSON,
	OPTIONS_END,
};

const struct command check_command = {"check", run, "REGION[/QUEUE]",
	"Checks that a region holds together, as a monitoring plug-in", options, 1, 1, false};
