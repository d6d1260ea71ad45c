/* SPDX-License-Identifier: MIT */

/*
 * Writes what passes through a queue to a file, with when and by whom. It browses, and takes nothing, so that it can miss what
 * others take quickly, and says how many; with --take it is a consumer, and misses nothing.
 */

#include "recording.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAUSE_LEAST RINGQ_US(200)
#define PAUSE_MOST RINGQ_MS(20)

static uint64_t count = UINT64_MAX;
static int64_t duration = RINGQ_FOREVER;
static bool take_them, now_only, append;

struct work {
	const char *what;
	ringq_queue *queue;
	FILE *to;
	int64_t begin;
	uint64_t recorded, bytes, missed;
	uint64_t *next; /* of each lane, the sequence that is expected */
	uint32_t lanes;
};

static int cannot_write(void)
{
	complain("the recording: %s", strerror(errno));
	return STATUS_TROUBLE;
}

static bool is_over(const struct work *w)
{
	return tool_stopped || w->recorded >= count || (duration >= 0 && now_ns() - w->begin >= duration);
}

static int write_one(struct work *w, struct recorded *r, const void *data)
{
	r->time = (uint64_t)(now_ns() - w->begin);
	if (!recording_write(w->to, r, data))
		return cannot_write();
	w->recorded++;
	w->bytes += r->len;
	return 0;
}

/* ---- without taking ---- */

/* A lane that was not there at the start is seen from its first record on; those that were, from what waited then. */
static int note_gap(struct work *w, const struct ringq_record_info *info, bool counts)
{
	if (info->lane >= w->lanes) {
		uint64_t *more = realloc(w->next, (info->lane + 1) * sizeof *more);
		if (!more)
			return fail(-ENOMEM, w->what);
		memset(more + w->lanes, 0, (info->lane + 1 - w->lanes) * sizeof *more);
		w->next = more;
		w->lanes = info->lane + 1;
	}
	uint64_t *next = &w->next[info->lane];
	if (counts && info->sequence > *next)
		w->missed += info->sequence - *next;
	*next = info->sequence + 1;
	return 0;
}

/* Lanes that are there at the start: what was taken of them before is not missed. */
static int begin_lanes(struct work *w)
{
	ssize_t n = ringq_queue_lanes(w->queue, NULL, 0);
	struct ringq_lane_stat *lanes = n > 0 ? calloc((size_t)n, sizeof *lanes) : NULL;
	ssize_t got = lanes ? ringq_queue_lanes(w->queue, lanes, (size_t)n) : n;
	int r = n > 0 && !lanes ? -ENOMEM : got < 0 ? (int)got : 0;
	for (ssize_t i = 0; r == 0 && i < (got < n ? got : n); i++) {
		struct ringq_record_info at = {.lane = lanes[i].lane, .sequence = lanes[i].records_out - 1};
		r = lanes[i].records_out ? note_gap(w, &at, false) : 0;
	}
	free(lanes);
	return r < 0 ? fail(r, w->what) : r;
}

static int browse_one(struct work *w, ringq_browser *browser, void *buf, size_t room)
{
	struct ringq_record_info info;
	ssize_t n = ringq_browse_next(browser, buf, room, &info);
	if (n == -ENOENT || n == -EAGAIN)
		return (int)n;
	if (n < 0)
		return fail((int)n, w->what);
	if ((size_t)n > room) {
		complain("%s: a record of %zd bytes is more than there is memory for", w->what, n);
		return STATUS_TROUBLE;
	}
	struct recorded r = {.len = (uint64_t)n,
		.sequence = info.sequence,
		.lane = info.lane,
		.attempt = info.attempt,
		.producer = info.producer};
	int e = note_gap(w, &info, true);
	return e ? e : write_one(w, &r, buf);
}

static bool is_closed(const struct work *w)
{
	struct ringq_queue_stat s;
	return ringq_queue_stat(w->queue, &s) == 0 && s.closed;
}

static int record_by_browsing(struct work *w, size_t room)
{
	ringq_browser *browser;
	int64_t pause = PAUSE_LEAST;
	bool closing = false;
	void *buf = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	int r = buf == MAP_FAILED ? -ENOMEM : ringq_browse(&browser, w->queue);
	if (r) {
		if (buf != MAP_FAILED)
			munmap(buf, room);
		return fail(r, w->what);
	}
	r = begin_lanes(w);
	while (r == 0 && !is_over(w)) {
		r = browse_one(w, browser, buf, room);
		if (r == 0) {
			pause = PAUSE_LEAST;
		} else if (r == -EAGAIN) {
			r = 0;
		} else if (r == -ENOENT) {
			r = fflush(w->to) ? cannot_write() : 0;
			if (now_only || closing)
				break;
			closing = is_closed(w); /* one more look: what was put before the close is there */
			if (!closing)
				tool_sleep(pause);
			pause = 2 * pause < PAUSE_MOST ? 2 * pause : PAUSE_MOST;
		}
	}
	ringq_browse_end(browser);
	munmap(buf, room);
	return r;
}

/* ---- as a consumer ---- */

/* What is taken is in the file before the next is taken; of an acknowledged queue, before it is acknowledged. */
static int keep(struct work *w, const void *data, size_t len, uint32_t attempt)
{
	struct recorded r = {.len = len, .sequence = w->recorded, .attempt = attempt};
	int e = write_one(w, &r, data);
	return e ? e : fflush(w->to) ? cannot_write() : 0;
}

static int take_one(struct work *w, bool acknowledged, int64_t patience)
{
	struct ringq_delivery d;
	void *data;
	if (acknowledged) {
		int e = ringq_take(w->queue, &d, patience);
		if (e)
			return e;
		e = keep(w, d.data, d.len, d.attempt);
		int r = e ? ringq_requeue(w->queue, &d) : ringq_ack(w->queue, &d);
		return e ? e : r;
	}
	ssize_t n = ringq_get_alloc(w->queue, &data, patience);
	if (n < 0)
		return (int)n;
	int e = keep(w, data, (size_t)n, 1);
	free(data);
	return e;
}

static int record_by_taking(struct work *w)
{
	struct ringq_queue_stat stat;
	int r = ringq_queue_stat(w->queue, &stat);
	uint64_t waiting = r ? 0 : ringq_size(w->queue);
	if (now_only && waiting < count)
		count = waiting;
	tool_waits_on = w->queue;
	while (r == 0 && !is_over(w)) {
		int64_t left = duration < 0 ? RINGQ_FOREVER : duration - (now_ns() - w->begin);
		r = take_one(w, stat.flags & RINGQ_ACKNOWLEDGED,
			now_only                    ? RINGQ_NOWAIT
			: left < 0 && duration >= 0 ? 0
						    : left);
		if (r == -EAGAIN && !now_only)
			r = 0;
	}
	tool_waits_on = NULL;
	if (r == -EPIPE || r == -EINTR || r == -ETIMEDOUT || r == -EAGAIN)
		return 0;
	return r < 0 ? fail(r, w->what) : r;
}

/* ---- the command ---- */

static void report(const struct work *w, FILE *to)
{
	struct json json;
	if (!common.json) {
		fprintf(to, "%s, %s", show_number(w->recorded, "record", "records"),
			show_number(w->bytes, "byte", "bytes"));
		if (!take_them)
			fprintf(to, ", %llu missed", (unsigned long long)w->missed);
		fputc('\n', to);
		return;
	}
	json_start(&json, to);
	json_object(&json, NULL);
	json_number(&json, "version", 1);
	json_number(&json, "records", w->recorded);
	json_number(&json, "bytes", w->bytes);
	json_number(&json, "missed", w->missed);
	json_close(&json, '}');
	json_line(&json);
}

/* A file that is there is not written over. 0, or an exit status with the complaint made. */
static int open_file(FILE **to, const char *name)
{
	*to = strcmp(name, "-") == 0 ? stdout : fopen(name, append ? "ae" : "wxe");
	if (*to)
		return 0;
	int e = errno;
	fail(-e, name);
	return e == EEXIST ? STATUS_NO : STATUS_TROUBLE;
}

static int run(int argc, char **argv)
{
	struct target target;
	struct work w = {.what = argv[0], .begin = now_ns()};
	(void)argc;
	int r = target_queue(&target, &w.queue, argv[0], take_them ? USE : LOOK);
	if (r)
		return r;
	bool to_stdout = strcmp(argv[1], "-") == 0;
	r = open_file(&w.to, argv[1]);
	if (r == 0) {
		tool_catch_signals();
		tool_watch_name(&target);
		off_t size = lseek(ringq_region_fd(target.region), 0, SEEK_END);
		r = !recording_begin(w.to) ? cannot_write()
		    : take_them            ? record_by_taking(&w)
		                           : record_by_browsing(&w, size > 0 ? (size_t)size : 1 << 20);
		if ((to_stdout ? fflush(w.to) : fclose(w.to)) && r == 0)
			r = cannot_write();
		report(&w, to_stdout ? stderr : stdout);
	}
	free(w.next);
	ringq_queue_release(w.queue);
	target_close(&target);
	return r;
}

static const struct option_spec options[] = {
	{'n', "count", "N", OPTION_NUMBER, &count, "end after so many records"},
	{0, "for", "TIME", OPTION_TIME, &duration, "end after that time; when the queue is closed"},
	{0, "now", NULL, OPTION_FLAG, &now_only, "only what waits now"},
	{0, "take", NULL, OPTION_FLAG, &take_them, "take what is recorded, and so miss nothing"},
	{0, "append", NULL, OPTION_FLAG, &append, "to a recording that is there"},
	OPTION_JSON,
	OPTIONS_END,
};

const struct command record_command = {"record", run, "REGION[/QUEUE] FILE",
	"Writes what passes through a queue to a file, with its times; takes nothing", options, 2, 2, false};
