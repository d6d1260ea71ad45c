/* SPDX-License-Identifier: MIT */
#include "tool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SHOWN_MOST (1 << 20) /* bytes of a record */
#define PAUSE RINGQ_MS(20)

static uint64_t count = 10;
static const char *format_name;
static bool follow;

/* The last records of those that waited when it began. */
struct kept {
	void *data;
	size_t len;
	struct ringq_record_info info;
};

/* Of each lane, the sequence that is expected next: what comes later instead tells how many were missed. */
struct lanes {
	uint64_t *next;
	uint32_t n;
	uint64_t missed;
};

static int note(struct lanes *lanes, const struct ringq_record_info *info)
{
	if (info->lane >= lanes->n) {
		uint64_t *more = realloc(lanes->next, (info->lane + 1) * sizeof *more);
		if (!more)
			return -ENOMEM;
		/* A lane that was not there at first is seen from its first record on. */
		memset(more + lanes->n, 0, (info->lane + 1 - lanes->n) * sizeof *more);
		lanes->next = more;
		lanes->n = info->lane + 1;
	}
	if (info->sequence > lanes->next[info->lane])
		lanes->missed += info->sequence - lanes->next[info->lane];
	lanes->next[info->lane] = info->sequence + 1;
	return 0;
}

static int keep(struct kept *kept, uint64_t seen, const void *data, size_t len, const struct ringq_record_info *info)
{
	struct kept *k = &kept[seen % count];
	void *copy = malloc(len + 1);
	if (!copy)
		return -ENOMEM;
	if (len)
		memcpy(copy, data, len);
	free(k->data);
	*k = (struct kept){copy, len, *info};
	return 0;
}

/* What waits now: the last of it is printed. */
static int show_last(ringq_browser *browser, void *buf, struct lanes *lanes, enum format format, const char *what)
{
	struct kept *kept = calloc(count ? count : 1, sizeof *kept);
	struct ringq_record_info info;
	uint64_t seen = 0;
	int r = kept ? 0 : -ENOMEM;
	while (r == 0 && !tool_stopped) {
		ssize_t n = ringq_browse_next(browser, buf, SHOWN_MOST, &info);
		if (n == -EAGAIN)
			continue;
		if (n < 0) {
			r = n == -ENOENT ? 0 : (int)n;
			break;
		}
		r = note(lanes, &info);
		if (r == 0 && count)
			r = keep(kept, seen, buf, n > SHOWN_MOST ? SHOWN_MOST : (size_t)n, &info);
		seen++;
	}
	r = r ? fail(r, what) : 0;
	for (uint64_t i = seen < count ? 0 : seen - count; r == 0 && i < seen && count; i++) {
		const struct kept *k = &kept[i % count];
		r = record_print(stdout, format, FRAME_LINES, k->data, k->len, &k->info);
	}
	for (uint64_t i = 0; kept && i < count; i++)
		free(kept[i].data);
	free(kept);
	return r;
}

static int show_new(ringq_browser *browser, void *buf, struct lanes *lanes, enum format format, const char *what)
{
	struct ringq_record_info info;
	int r = 0;
	lanes->missed = 0;
	while (r == 0 && !tool_stopped) {
		ssize_t n = ringq_browse_next(browser, buf, SHOWN_MOST, &info);
		if (n == -ENOENT) {
			fflush(stdout);
			tool_sleep(PAUSE);
			continue;
		}
		if (n == -EAGAIN)
			continue;
		if (n < 0)
			return fail((int)n, what);
		r = note(lanes, &info);
		if (r)
			return fail(r, what);
		if (lanes->missed) {
			complain("missed %llu that others took first", (unsigned long long)lanes->missed);
			lanes->missed = 0;
		}
		r = record_print(stdout, format, FRAME_LINES, buf, n > SHOWN_MOST ? SHOWN_MOST : (size_t)n, &info);
	}
	return r;
}

static int show(const ringq_queue *queue, const char *what, enum format format)
{
	struct lanes lanes = {0};
	ringq_browser *browser;
	void *buf = malloc(SHOWN_MOST);
	int e = buf ? ringq_browse(&browser, queue) : -ENOMEM;
	if (e) {
		free(buf);
		return fail(e, what);
	}
	int r = show_last(browser, buf, &lanes, format, what);
	if (r == 0 && follow)
		r = show_new(browser, buf, &lanes, format, what);
	ringq_browse_end(browser);
	free(lanes.next);
	free(buf);
	return r;
}

static int run(int argc, char **argv)
{
	struct target target;
	ringq_queue *queue;
	enum format format;
	(void)argc;
	int r = parse_format(common.json ? "json" : format_name, &format);
	if (r == 0 && count > 1000000)
		r = usage("-n: at most a million");
	if (r == 0)
		r = target_queue(&target, &queue, argv[0], LOOK);
	if (r)
		return r;
	tool_catch_signals();
	tool_watch_name(&target);
	r = show(queue, argv[0], format);
	ringq_queue_release(queue);
	target_close(&target);
	return r;
}

static const struct option_spec options[] = {
	{'n', "count", "N", OPTION_NUMBER, &count, "begin with the last N that wait; 10"},
	{'f', "follow", NULL, OPTION_FLAG, &follow, "go on with what is put from now on, and say what others took first"},
	{0, "format", "FORMAT", OPTION_TEXT, &format_name,
		"raw, text, quoted, hex or json; on a terminal quoted, else raw"},
	OPTION_JSON,
	OPTIONS_END,
};

const struct command tail_command = {"tail", run, "REGION[/QUEUE]",
	"Shows the newest of what waits, and what comes, and takes nothing", options, 1, 1, false};
