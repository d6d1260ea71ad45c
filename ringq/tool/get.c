/* SPDX-License-Identifier: MIT */
#include "tool.h"

#include <errno.h>
#include <stdlib.h>

static uint64_t count = UINT64_MAX;
static int64_t patience = RINGQ_FOREVER;
static const char *format_name, *frame_name;
static bool nul;

static int take(ringq_queue *queue, const char *what, enum format format, enum frame frame)
{
	int r = STATUS_DONE;
	for (uint64_t taken = 0; r == STATUS_DONE && taken < count && !tool_stopped; taken++) {
		void *record;
		ssize_t n;
		do
			n = ringq_get_alloc(queue, &record, patience);
		while (n == -EAGAIN && patience != RINGQ_NOWAIT && !tool_stopped); /* lost to others all the time */
		if (n == -EPIPE)
			return count == UINT64_MAX ? STATUS_DONE : STATUS_CLOSED;
		if (n == -EINTR)
			return STATUS_DONE;
		if (n == -ETIMEDOUT || n == -EAGAIN)
			return STATUS_NO;
		if (n < 0)
			return fail((int)n, what);
		r = record_print(stdout, format, frame, record, (size_t)n, NULL);
		free(record);
		if (r == STATUS_DONE && fflush(stdout)) /* what is taken must be out before the next is */
			r = STATUS_TROUBLE;
	}
	return r;
}

static int run(int argc, char **argv)
{
	struct target target;
	ringq_queue *queue;
	enum format format;
	enum frame frame;
	(void)argc;
	int r = parse_format(format_name, &format);
	if (r == 0)
		r = parse_frame(nul ? "nul" : frame_name, &frame);
	if (r == 0)
		r = target_queue(&target, &queue, argv[0], USE);
	if (r)
		return r;
	tool_waits_on = queue; /* in one sleep, which others see for what it is: how long */
	tool_catch_signals();
	tool_watch_name(&target);
	r = take(queue, argv[0], format, frame);
	tool_waits_on = NULL;
	ringq_queue_release(queue);
	target_close(&target);
	return r;
}

static const struct option_spec options[] = {
	{'n', "count", "N", OPTION_NUMBER, &count, "take so many records; all until the queue is closed"},
	{'w', "wait", "TIME", OPTION_TIME, &patience, "wait so long for each record; forever"},
	{0, "format", "FORMAT", OPTION_TEXT, &format_name,
		"raw, text, quoted, hex or json; on a terminal quoted, else raw"},
	{0, "frame", "FRAME", OPTION_TEXT, &frame_name, "raw: what ends a record, lines, nul, len or file"},
	{'0', "nul", NULL, OPTION_FLAG, &nul, "the same as --frame=nul"},
	OPTIONS_END,
};

const struct command get_command = {
	"get", run, "REGION[/QUEUE]", "Takes records from a queue, and prints them", options, 1, 1, false};
