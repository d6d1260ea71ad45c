/* SPDX-License-Identifier: MIT */

/* Looks until a queue is as a script wants it: it takes no part, so nobody is delayed or woken by it. */

#include "tool.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_PAUSE RINGQ_MS(1)
#define LAST_PAUSE RINGQ_MS(50)

static uint64_t records;
static bool empty, closed;
static const char *member;
static int64_t patience = RINGQ_FOREVER;

static bool is_so(const struct ringq_queue_stat *stat)
{
	uint64_t waiting = stat->records_in - stat->records_out;
	return (!empty || !waiting) && (!closed || stat->closed) && waiting >= records;
}

/* Whether one who calls itself so takes part. 1, 0, or an error. */
static int has_member(const ringq_region *region)
{
	struct ringq_member *members;
	ssize_t n = member ? members_of(region, &members) : 0;
	int found = !member;
	if (n < 0)
		return (int)n;
	for (ssize_t i = 0; i < n && !found; i++)
		found = strcmp(members[i].name, member) == 0;
	if (member)
		free(members);
	return found;
}

/* Whether it is so, or cannot come to be any more. */
static int look(const ringq_queue *queue, const char *what)
{
	int64_t until = patience < 0 ? INT64_MAX : now_ns() + patience, pause = FIRST_PAUSE;
	for (;;) {
		struct ringq_queue_stat stat;
		int e = ringq_queue_stat(queue, &stat);
		int there = e ? e : has_member(ringq_queue_region(queue));
		if (there < 0)
			return fail(there, what);
		if (there && is_so(&stat))
			return STATUS_DONE;
		if (records && stat.closed) {
			complain("%s: closed, with less records than were asked for", what);
			return STATUS_CLOSED;
		}
		int64_t left = until - now_ns();
		if (left <= 0 || tool_stopped)
			return STATUS_NO;
		tool_sleep(pause < left ? pause : left);
		pause = 2 * pause < LAST_PAUSE ? 2 * pause : LAST_PAUSE;
	}
}

static int run(int argc, char **argv)
{
	struct target target;
	ringq_queue *queue;
	(void)argc;
	if (empty && records)
		return usage("--empty and --records exclude each other");
	if (!empty && !closed && !records && !member)
		records = 1;
	int r = target_queue(&target, &queue, argv[0], LOOK);
	if (r)
		return r;
	tool_catch_signals();
	tool_watch_name(&target);
	r = look(queue, argv[0]);
	ringq_queue_release(queue);
	target_close(&target);
	return r;
}

static const struct option_spec options[] = {
	{0, "records", "N", OPTION_NUMBER, &records, "until so many are there, or more; 1"},
	{0, "empty", NULL, OPTION_FLAG, &empty, "until there is none"},
	{0, "closed", NULL, OPTION_FLAG, &closed, "until it is closed"},
	{0, "member", "NAME", OPTION_TEXT, &member, "until a thread of that name takes part in the region"},
	{0, "timeout", "TIME", OPTION_TIME, &patience, "end with 1 then; forever"},
	OPTIONS_END,
};

const struct command wait_command = {"wait", run, "REGION[/QUEUE]",
	"Waits until a queue has records, is empty, is closed, or somebody takes part; takes nothing", options, 1, 1,
	false};
