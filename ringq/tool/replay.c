/* SPDX-License-Identifier: MIT */

/* Puts what was recorded into a queue, at the pace at which it came, at a multiple of that, or as fast as it goes. */

#include "recording.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static double speed = 1;
static bool fast, close_it;
static int64_t patience = RINGQ_FOREVER;
static uint64_t count = UINT64_MAX;

/* The part of a recording that is played: when it began here. */
struct play {
	ringq_queue *queue;
	const char *what;
	int64_t begin;
	uint64_t put, bytes;
};

static void wait_for(const struct play *p, uint64_t time)
{
	double at = (double)time / speed;
	int64_t due = at < 9e18 - (double)p->begin ? p->begin + (int64_t)at : INT64_MAX;
	for (int64_t left; !fast && !tool_stopped && (left = due - now_ns()) > 0;)
		tool_sleep(left);
}

static int put(struct play *p, const struct recorded *r)
{
	int e = ringq_put(p->queue, r->data, r->len, patience);
	while (e == -EAGAIN && patience != RINGQ_NOWAIT && !tool_stopped)
		e = ringq_put(p->queue, r->data, r->len, patience);
	if (e == -EINTR)
		return 0; /* told to stop: the record is not put */
	if (e)
		return fail(e, p->what);
	p->put++;
	p->bytes += r->len;
	return 0;
}

static int play(struct play *p, struct recording_reader *reader)
{
	struct recorded r;
	int got = 0, e = 0;
	while (e == 0 && p->put < count && !tool_stopped && (got = recording_read(reader, &r)) > 0) {
		if (got == RECORDED_HEADING) {
			p->begin = now_ns();
			continue;
		}
		wait_for(p, r.time);
		if (!tool_stopped)
			e = put(p, &r);
	}
	return e ? e : got < 0 ? -got : tool_stopped ? STATUS_NO : STATUS_DONE;
}

static void report(const struct play *p)
{
	struct json json;
	if (!common.json) {
		printf("%s, %s\n", show_number(p->put, "record", "records"), show_number(p->bytes, "byte", "bytes"));
		return;
	}
	json_start(&json, stdout);
	json_object(&json, NULL);
	json_number(&json, "version", 1);
	json_number(&json, "records", p->put);
	json_number(&json, "bytes", p->bytes);
	json_close(&json, '}');
	json_line(&json);
}

static int run(int argc, char **argv)
{
	struct target target;
	struct play p = {.what = argv[1]};
	struct recording_reader reader = {.name = argv[0]};
	(void)argc;
	if (speed <= 0)
		return usage("--speed is above 0; --fast is without any pause");
	bool from_stdin = strcmp(argv[0], "-") == 0;
	reader.from = from_stdin ? stdin : fopen(argv[0], "re");
	if (!reader.from)
		return fail(-errno, argv[0]);
	int r = target_queue(&target, &p.queue, argv[1], USE);
	if (r == 0) {
		tool_waits_on = p.queue;
		tool_catch_signals();
		tool_watch_name(&target);
		r = play(&p, &reader);
		tool_waits_on = NULL;
		int e = r == 0 && close_it ? ringq_close(p.queue) : 0;
		r = e ? fail(e, argv[1]) : r;
		report(&p);
		ringq_queue_release(p.queue);
		target_close(&target);
	}
	free(reader.data);
	if (!from_stdin)
		fclose(reader.from);
	return r;
}

static const struct option_spec options[] = {
	{0, "speed", "X", OPTION_REAL, &speed, "so many times as fast as it was recorded; 1"},
	{0, "fast", NULL, OPTION_FLAG, &fast, "without any pause"},
	{'n', "count", "N", OPTION_NUMBER, &count, "only the first N"},
	{'w', "wait", "TIME", OPTION_TIME, &patience, "wait so long for room for each record; forever"},
	{0, "close", NULL, OPTION_FLAG, &close_it, "close the queue when all is put"},
	OPTION_JSON,
	OPTIONS_END,
};

const struct command replay_command = {"replay", run, "FILE REGION[/QUEUE]",
	"Puts what was recorded into a queue, at the pace at which it came", options, 2, 2, false};
