/* SPDX-License-Identifier: MIT */
#include "tool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static uint64_t count = 10, from;
static const char *format_name, *frame_name;
static bool in_hand;

/* Who has a record in hand stands before it, for people; JSON has it anyway, and raw is nothing but the record. */
static void print_holder(enum format format, const struct ringq_record_info *info)
{
	if (format == FORMAT_RAW || format == FORMAT_JSON)
		return;
	printf("%u/%u ", info->holder.process, info->holder.thread);
	print_clean(stdout, info->holder.name, strlen(info->holder.name));
	printf(" for %s, delivery %u: ", show_span((int64_t)info->held_ms * 1000000), info->attempt);
}

static int show(const ringq_queue *queue, const char *what, enum format format, enum frame frame)
{
	size_t room = 1 << 20;
	char *buf = malloc(room);
	struct ringq_record_info info;
	ringq_browser *browser;
	uint64_t shown = 0, seen = 0;
	int r = !buf ? -ENOMEM : in_hand ? ringq_browse_in_hand(&browser, queue) : ringq_browse(&browser, queue);
	if (r) {
		free(buf);
		return fail(r, what);
	}
	while (r == 0 && shown < count && !tool_stopped) {
		ssize_t n = ringq_browse_next(browser, buf, room, &info);
		if (n == -EAGAIN)
			continue;
		if (n == -ENOENT)
			break;
		if (n < 0) {
			r = fail((int)n, what);
			break;
		}
		if (seen++ < from)
			continue;
		if ((size_t)n > room) {
			complain("%s: a record of %zd bytes is shown to %zu", what, n, room);
			n = (ssize_t)room;
		}
		if (in_hand)
			print_holder(format, &info);
		r = record_print(stdout, format, frame, buf, (size_t)n, &info);
		shown++;
	}
	ringq_browse_end(browser);
	free(buf);
	return r ? r : shown ? STATUS_DONE : STATUS_NO;
}

/* Why there is nothing in hand, where there never can be. */
static void explain_none(const ringq_queue *queue, const char *what)
{
	struct ringq_queue_stat stat;
	if (ringq_queue_stat(queue, &stat) == 0 && !(stat.flags & RINGQ_ACKNOWLEDGED))
		complain("%s: does not acknowledge, so that nothing is in hand", what);
}

static int run(int argc, char **argv)
{
	struct target target;
	ringq_queue *queue;
	enum format format;
	enum frame frame;
	(void)argc;
	int r = parse_format(common.json ? "json" : in_hand && !format_name ? "quoted" : format_name, &format);
	if (r == 0)
		r = parse_frame(frame_name, &frame);
	if (r == 0)
		r = target_queue(&target, &queue, argv[0], LOOK);
	if (r)
		return r;
	tool_catch_signals();
	r = show(queue, argv[0], format, frame);
	if (in_hand && r == STATUS_NO)
		explain_none(queue, argv[0]);
	ringq_queue_release(queue);
	target_close(&target);
	return r;
}

static const struct option_spec options[] = {
	{'n', "count", "N", OPTION_NUMBER, &count, "show so many records; 10"},
	{0, "from", "K", OPTION_NUMBER, &from, "leave the first K out"},
	{0, "in-hand", NULL, OPTION_FLAG, &in_hand, "what is in hand, of an acknowledged queue, and with whom"},
	{0, "format", "FORMAT", OPTION_TEXT, &format_name,
		"raw, text, quoted, hex or json; on a terminal, or in hand, quoted, else raw"},
	{0, "frame", "FRAME", OPTION_TEXT, &frame_name, "raw: what ends a record, lines, nul, len or file"},
	OPTION_JSON,
	OPTIONS_END,
};

const struct command peek_command = {"peek", run, "REGION[/QUEUE]",
	"Shows what waits in a queue, or is in hand, the oldest first, and takes nothing", options, 1, 1, false};
