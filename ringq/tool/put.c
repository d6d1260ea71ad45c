/* SPDX-License-Identifier: MIT */
#include "tool.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int64_t patience = RINGQ_FOREVER;
static const char *frame_name;
static bool nul, close_it;

static int put(ringq_queue *queue, const struct record_reader *r)
{
	int e;
	do
		e = ringq_put(queue, r->data ? r->data : "", r->len, patience);
	while (e == -EAGAIN && patience && !tool_stopped); /* lost to others all the time */
	return e;
}

static int put_all(ringq_queue *queue, const char *what, FILE *from, const char *name, enum frame frame)
{
	struct record_reader reader = {.from = from, .name = name, .frame = frame};
	int r = STATUS_DONE, found = 0;
	while (r == STATUS_DONE && !tool_stopped && (found = record_read(&reader)) == 1) {
		int e = put(queue, &reader);
		if (e == -EINTR)
			break;
		if (e)
			r = fail(e, what);
	}
	record_reader_free(&reader);
	return r ? r : found > 1 ? found : tool_stopped ? STATUS_NO : STATUS_DONE;
}

static int put_file(ringq_queue *queue, const char *what, const char *name, enum frame frame)
{
	if (strcmp(name, "-") == 0)
		return put_all(queue, what, stdin, "standard input", frame);
	FILE *from = fopen(name, "r");
	if (!from)
		return fail(-errno, name);
	int r = put_all(queue, what, from, name, frame);
	fclose(from);
	return r;
}

static int run(int argc, char **argv)
{
	struct target target;
	ringq_queue *queue;
	enum frame frame;
	int r = parse_frame(nul ? "nul" : frame_name, &frame);
	if (r == 0)
		r = target_queue(&target, &queue, argv[0], USE);
	if (r)
		return r;
	tool_waits_on = queue; /* all the time: a signal between two puts is for the next */
	tool_catch_signals();
	tool_watch_name(&target);
	if (argc == 1)
		r = put_file(queue, argv[0], "-", frame);
	for (int i = 1; r == STATUS_DONE && i < argc; i++)
		r = put_file(queue, argv[0], argv[i], frame);
	tool_waits_on = NULL;
	if (r == STATUS_DONE && close_it) {
		int e = ringq_close(queue);
		r = e ? fail(e, argv[0]) : STATUS_DONE;
	}
	ringq_queue_release(queue);
	target_close(&target);
	return r;
}

static const struct option_spec options[] = {
	{'w', "wait", "TIME", OPTION_TIME, &patience, "wait so long for room for each record; forever"},
	{0, "frame", "FRAME", OPTION_TEXT, &frame_name, "what ends a record: lines, nul, len or file; lines"},
	{'0', "nul", NULL, OPTION_FLAG, &nul, "the same as --frame=nul"},
	{0, "close", NULL, OPTION_FLAG, &close_it, "close the queue when all is put"},
	OPTIONS_END,
};

const struct command put_command = {"put", run, "REGION[/QUEUE] [FILE]...",
	"Puts records into a queue, from files or standard input", options, 1, -1, false};
