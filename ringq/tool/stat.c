/* SPDX-License-Identifier: MIT */
#include "tool.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char *const states[] = {"nobody", "alive", "left", "dead"};

static const struct column lane_columns[] = {
	{"lane", "LANE", true, false},
	{"process", "PID", true, false},
	{"thread", "TID", true, false},
	{"name", "PRODUCER", false, false},
	{"state", "STATE", false, false},
	{"records", "RECORDS", true, false},
	{"in", "IN", true, false},
	{"out", "OUT", true, true},
	{"held", "HELD", true, false},
	{"most", "MOST", true, false},
	{"asleep", "ASLEEP", false, false},
};

static struct table *lanes_table(const struct ringq_lane_stat *lanes, size_t n)
{
	struct table *t = table_new("lanes", lane_columns, sizeof lane_columns / sizeof *lane_columns);
	for (size_t i = 0; i < n; i++) {
		table_number(t, lanes[i].lane);
		table_number(t, lanes[i].producer.process);
		table_number(t, lanes[i].producer.thread);
		table_text(t, lanes[i].producer.name);
		table_text(t, states[lanes[i].producer.state & 3]);
		table_number(t, lanes[i].records_in - lanes[i].records_out);
		table_number(t, lanes[i].records_in);
		table_number(t, lanes[i].records_out);
		table_size(t, lanes[i].bytes_held);
		table_size(t, lanes[i].bytes_most);
		table_bool(t, lanes[i].asleep);
	}
	return t;
}

/* What is in hand; of a queue that is not acknowledged all of it is 0. */
static void json_hands(struct json *json, const struct ringq_queue_stat *s)
{
	json_bool(json, "acknowledged", s->flags & RINGQ_ACKNOWLEDGED);
	json_number(json, "in_hand", s->in_hand);
	json_number_if(json, "oldest_in_hand", s->in_hand, s->oldest_ns);
	json_number(json, "oldest_process", s->oldest_process);
	json_number(json, "oldest_thread", s->oldest_thread);
	json_number(json, "returned", s->returned);
	json_number(json, "redelivered", s->redelivered);
	json_number(json, "dead_lettered", s->dead_lettered);
	json_number(json, "max_attempts", s->max_attempts);
	json_text(json, "dead_letters", *s->dead_letters ? s->dead_letters : NULL);
}

static void print_json(const struct target *t, uint64_t id, const struct ringq_queue_stat *s, const struct asleep *w)
{
	struct json json;
	json_start(&json, stdout);
	json_object(&json, NULL);
	json_number(&json, "version", 1);
	json_text(&json, "region", t->label);
	json_text(&json, "queue", t->object);
	json_number(&json, "id", id);
	json_number(&json, "records", s->records_in - s->records_out);
	json_number(&json, "records_in", s->records_in);
	json_number(&json, "records_out", s->records_out);
	json_number(&json, "bytes_held", s->bytes_held);
	json_number(&json, "bytes_most", s->bytes_most);
	json_number(&json, "max_records", s->max_records);
	json_number_if(&json, "max_bytes", s->max_bytes != RINGQ_UNBOUNDED, s->max_bytes);
	json_number(&json, "max_producers", s->max_producers);
	json_text(&json, "order", s->order == RINGQ_ORDER_TOTAL ? "total" : "producer");
	json_bool(&json, "single_producer", s->flags & RINGQ_SINGLE_PRODUCER);
	json_bool(&json, "single_consumer", s->flags & RINGQ_SINGLE_CONSUMER);
	json_number(&json, "lanes", s->lanes);
	json_number(&json, "producers", s->producers);
	json_number(&json, "dead_producers", s->dead_producers);
	json_bool(&json, "closed", s->closed);
	json_number(&json, "asleep_get", w->get);
	json_number(&json, "asleep_put", w->put);
	json_number(&json, "sleeps_get", s->sleeps_get);
	json_number(&json, "sleeps_put", s->sleeps_put);
	json_number(&json, "wakes", s->wakes);
	json_number_if(&json, "longest", w->longest >= 0, (uint64_t)w->longest);
	json_number(&json, "created", s->created);
	json_hands(&json, s);
	json_close(&json, '}');
	json_line(&json);
}

static void print_hands(const struct ringq_queue_stat *s)
{
	printf("in hand        %" PRIu64, s->in_hand);
	if (s->in_hand)
		printf(", the oldest for %s by process %u", show_span((int64_t)s->oldest_ns), s->oldest_process);
	if (s->returned)
		printf("; %" PRIu64 " back and waiting", s->returned);
	printf("; %" PRIu64 " redelivered, %" PRIu64 " set aside; ", s->redelivered, s->dead_lettered);
	if (!s->max_attempts) {
		puts("any number of attempts");
		return;
	}
	printf("%s, then ", show_number(s->max_attempts, "attempt", "attempts"));
	if (*s->dead_letters) {
		printf("to ");
		print_clean(stdout, s->dead_letters, strlen(s->dead_letters));
		putchar('\n');
	} else {
		puts("dropped");
	}
}

static void print_text(const struct target *t, uint64_t id, const struct ringq_queue_stat *s, const struct asleep *w)
{
	printf("queue          ");
	print_clean(stdout, t->label, strlen(t->label));
	putchar('/');
	print_clean(stdout, t->object, strlen(t->object));
	printf(" (id:%" PRIu64 ")%s\n", id, s->closed ? ", closed" : "");
	printf("order          %s%s%s\n", s->order == RINGQ_ORDER_TOTAL ? "total" : "producer",
		s->flags & RINGQ_SINGLE_PRODUCER ? ", single producer" : "",
		s->flags & RINGQ_SINGLE_CONSUMER ? ", single consumer" : "");
	printf("records        %" PRIu64 " waiting, %" PRIu64 " put, %" PRIu64 " taken\n",
		s->records_in - s->records_out, s->records_in, s->records_out);
	if (s->flags & RINGQ_ACKNOWLEDGED)
		print_hands(s);
	printf("bounds         ");
	if (s->max_records)
		printf("%s, ", show_number(s->max_records, "record", "records"));
	printf("%s waiting from each producer, %s\n", show_size(s->max_bytes),
		show_number(s->max_producers, "producer", "producers"));
	printf("memory         %s held", show_size(s->bytes_held));
	if (s->bytes_most) /* 0: no producer has ever looked for room */
		printf("; when a producer looked for room, at most %s waited", show_size(s->bytes_most));
	putchar('\n');
	printf("producers      %u alive, %u dead\n", s->producers, s->dead_producers);
	printf("asleep         %" PRIu64 " in get, %" PRIu64 " in put", w->get, w->put);
	if (w->longest >= 0)
		printf(", the longest for %s", show_span(w->longest));
	printf("\nsleeps         %" PRIu64 " of gets, %" PRIu64 " of puts; %" PRIu64 " woken\n", s->sleeps_get,
		s->sleeps_put, s->wakes);
}

static bool lanes_only;

static int show(const struct target *t, const ringq_queue *queue)
{
	struct ringq_queue_stat stat;
	int r = ringq_queue_stat(queue, &stat);
	ssize_t n = r ? r : ringq_queue_lanes(queue, NULL, 0);
	struct ringq_lane_stat *lanes = n > 0 ? calloc((size_t)n, sizeof *lanes) : NULL;
	ssize_t got = lanes ? ringq_queue_lanes(queue, lanes, (size_t)n) : n;
	if (got < 0) {
		free(lanes);
		return fail((int)got, t->label);
	}
	n = got < n ? got : n;
	struct ringq_member *members;
	ssize_t m = members_of(t->region, &members);
	struct asleep w = who_sleeps(members, m, ringq_queue_id(queue), now_ns());
	free(members);
	if (!lanes_only && common.json)
		print_json(t, ringq_queue_id(queue), &stat, &w);
	else if (!lanes_only)
		print_text(t, ringq_queue_id(queue), &stat, &w);
	r = STATUS_DONE;
	if (lanes_only || (!common.json && n > 0)) {
		if (!lanes_only)
			putchar('\n');
		r = table_print(lanes_table(lanes, n < 0 ? 0 : (size_t)n));
	}
	free(lanes);
	return r;
}

static int run(int argc, char **argv)
{
	struct target target;
	ringq_queue *queue;
	(void)argc;
	int r = target_queue(&target, &queue, argv[0], LOOK);
	if (r)
		return r;
	r = show(&target, queue);
	ringq_queue_release(queue);
	target_close(&target);
	return r;
}

static const struct option_spec options[] = {
	{'l', "lanes", NULL, OPTION_FLAG, &lanes_only, "only the table of lanes, and who puts there"},
	OPTIONS_TABLE,
	OPTIONS_END,
};

const struct command stat_command = {"stat", run, "REGION[/QUEUE]",
	"Shows a queue in figures: what waits, who puts, who sleeps, and each lane", options, 1, 1, false};
