/* SPDX-License-Identifier: MIT */

/*
 * All queues, live: a survey each interval, and the difference to the one before. On a terminal a picture that keys change,
 * else, or in a batch, a table each time. It only observes: whoever is watched cannot tell.
 */

#include "live.h"
#include "rows.h"
#include "terminal.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SHORTEST RINGQ_MS(50)

static int64_t interval = RINGQ_SEC(1);
static uint64_t count = UINT64_MAX;
static const char *sort_name = "in", *filter_option;
static bool once, batch;

/* ---- for people ---- */

static void print_table(const struct survey *s, const struct view *v)
{
	int width = longest_name(v, 300);
	if (!common.no_header) {
		print_summary(stdout, s, v);
		putchar('\n');
		print_titles(stdout, width);
		putchar('\n');
	}
	for (size_t i = 0; i < v->n; i++) {
		print_row(stdout, &v->rows[i], width);
		putchar('\n');
	}
	if (!common.no_header && !once)
		putchar('\n');
	fflush(stdout);
}

/* ---- for programs ---- */

static void json_rate(struct json *json, const char *key, const struct row *r, double value)
{
	if (r->has_rates)
		json_real(json, key, value);
	else
		json_null(json, key);
}

static void json_bridges(struct json *json, const struct view *v)
{
	static const char *const names[METERS_END] = {
#define METER(name, text, ...) text,
		METERS(METER)
#undef METER
	};
	json_array(json, "bridges");
	for (size_t i = 0; i < v->n; i++) {
		const struct row *r = &v->rows[i];
		if (!r->bridge)
			continue;
		json_object(json, NULL);
		json_text(json, "region", r->region->label);
		json_text(json, "bridge", r->bridge->name);
		json_number(json, "inode", r->bridge->inode);
		json_number(json, "id", r->bridge->id);
		json_bool(json, "killed", r->bridge->killed);
		json_rate(json, "in_per_second", r, r->in);
		json_rate(json, "out_per_second", r, r->out);
		json_object(json, "meters");
		for (size_t m = 0; m < METERS_END; m++)
			json_number(json, names[m], r->bridge->meters[m]);
		json_close(json, '}');
		json_close(json, '}');
	}
	json_close(json, ']');
}

static void print_json(const struct survey *s, const struct view *v)
{
	struct json json;
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	json_start(&json, stdout);
	json_object(&json, NULL);
	json_number(&json, "version", 1);
	json_number(&json, "time_ns", (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec);
	json_number(&json, "regions", s->region_count);
	json_number(&json, "not_looked_into", s->denied);
	json_array(&json, "queues");
	for (size_t i = 0; i < v->n; i++) {
		const struct row *r = &v->rows[i];
		if (!r->queue)
			continue;
		json_object(&json, NULL);
		json_text(&json, "region", r->region->label);
		json_text(&json, "queue", r->queue->name);
		json_number(&json, "inode", r->queue->inode);
		json_number(&json, "id", r->queue->id);
		json_number(&json, "records", r->queue->stat.records_in - r->queue->stat.records_out);
		json_number(&json, "records_in", r->queue->stat.records_in);
		json_number(&json, "records_out", r->queue->stat.records_out);
		json_rate(&json, "in_per_second", r, r->in);
		json_rate(&json, "out_per_second", r, r->out);
		json_rate(&json, "trend_per_second", r, r->trend);
		json_number(&json, "in_hand", r->queue->stat.in_hand);
		json_number_if(&json, "oldest_in_hand", r->queue->stat.in_hand, r->queue->stat.oldest_ns);
		json_number(&json, "redelivered", r->queue->stat.redelivered);
		json_number(&json, "dead_lettered", r->queue->stat.dead_lettered);
		json_number(&json, "held", r->queue->stat.bytes_held);
		json_number(&json, "producers", r->queue->stat.producers);
		json_number(&json, "dead_producers", r->queue->stat.dead_producers);
		json_number(&json, "asleep_get", r->queue->asleep.get);
		json_number(&json, "asleep_put", r->queue->asleep.put);
		json_bool(&json, "closed", r->queue->stat.closed);
		json_close(&json, '}');
	}
	json_close(&json, ']');
	json_bridges(&json, v);
	json_close(&json, '}');
	json_line(&json);
}

/* ---- a table each time ---- */

static int run_batch(struct survey_scope *scope)
{
	struct survey now, last;
	struct view v;
	int r = survey_take(&last, scope);
	if (r)
		return r;
	tool_catch_signals();
	for (uint64_t i = 0; r == 0 && i < count; i++) {
		sort_by_identity(&last);
		tool_sleep(interval);
		if (tool_stopped)
			break;
		r = survey_take(&now, scope);
		if (r)
			break;
		r = make_view(&v, &now, &last, filter_option);
		if (r == 0 && common.json)
			print_json(&now, &v);
		else if (r == 0)
			print_table(&now, &v);
		free(v.rows);
		survey_free(&last);
		last = now;
		r = r == 0 && ferror(stdout) ? STATUS_TROUBLE : r;
	}
	warn_denied(last.denied);
	survey_free(&last);
	return r;
}

static int run(int argc, char **argv)
{
	struct survey_scope scope;
	unsigned *sort = &view_order.sort;
	while (*sort < SORTS && strcmp(sorts[*sort].name, sort_name) != 0)
		++*sort;
	if (*sort == SORTS)
		return usage("--sort is name, depth, trend, in, out, held or asleep, not %s", sort_name);
	if (interval < SHORTEST)
		return usage("--interval is 50ms or more");
	if (once)
		count = 1;
	int r = survey_scope(&scope, argc, argv);
	if (r == 0)
		r = batch || once || common.json || !terminal_there() ? run_batch(&scope)
		                                                      : run_live(&scope, interval, count, filter_option);
	survey_scope_free(&scope);
	return r;
}

static const struct option_spec options[] = {
	{'i', "interval", "TIME", OPTION_TIME, &interval, "from look to look; 1"},
	{'n', "count", "N", OPTION_NUMBER, &count, "so many looks; until it is told to stop"},
	{0, "once", NULL, OPTION_FLAG, &once, "one table, of one interval"},
	{0, "batch", NULL, OPTION_FLAG, &batch, "a table for each look; the same where output is no terminal"},
	{'s', "sort", "COLUMN", OPTION_TEXT, &sort_name, "name, depth, trend, in, out, held or asleep; in"},
	{'r', "reverse", NULL, OPTION_FLAG, &view_order.reverse, "the other way round"},
	{'f', "filter", "TEXT", OPTION_TEXT, &filter_option, "only what has this in its name"},
	{'z', "busy", NULL, OPTION_FLAG, &view_order.busy_only, "only what is not idle and empty"},
	OPTION_JSON,
	{'H', "no-header", NULL, OPTION_FLAG, &common.no_header, "no lines above a table"},
	{'b', "bytes", NULL, OPTION_FLAG, &common.bytes, "sizes in bytes, not rounded"},
	OPTIONS_END,
};

const struct command top_command = {"top", run, "[REGION[/QUEUE]]...",
	"Shows all queues and bridges live: what comes in and goes out, what waits, who sleeps", options, 0, -1, false};
