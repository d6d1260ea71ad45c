/* SPDX-License-Identifier: MIT */
#include "age.h"

#include <errno.h>
#include <stdlib.h>

/* Of what has come back, in the order in which it is taken: others behind it wait as long. */
#define RETURNED_MOST 1024u

struct returned {
	uint64_t sequence;
	uint32_t lane, attempt;
};

struct waiting {
	const ringq_queue *queue;
	struct ringq_lane_stat *lanes; /* as of the note; a lane of which nothing is left has none put */
	size_t n;
	struct returned *returned;
	size_t returned_count;
};

static int read_lanes(const ringq_queue *queue, struct ringq_lane_stat **out, size_t *n)
{
	ssize_t there = ringq_queue_lanes(queue, NULL, 0);
	*n = 0;
	if (there < 0)
		return (int)there;
	*out = calloc((size_t)there + 1, sizeof **out);
	if (!*out)
		return -ENOMEM;
	ssize_t got = ringq_queue_lanes(queue, *out, (size_t)there);
	*n = got < 0 ? 0 : (size_t)(got < there ? got : there);
	return got < 0 ? (int)got : 0;
}

/* What has come back is browsed first, and is known by its attempt. */
static int read_returned(const ringq_queue *queue, struct returned **out, size_t *n)
{
	struct ringq_record_info info;
	ringq_browser *browser;
	ssize_t r = ringq_browse(&browser, queue);
	*n = 0;
	if (r)
		return (int)r;
	*out = calloc(RETURNED_MOST, sizeof **out);
	r = *out ? 0 : -ENOMEM;
	while (r >= 0 && *n < RETURNED_MOST && (r = ringq_browse_next(browser, NULL, 0, &info)) >= 0 && info.attempt > 1)
		(*out)[(*n)++] = (struct returned){info.sequence, info.lane, info.attempt};
	ringq_browse_end(browser);
	return r == -ENOENT || r == -EAGAIN || r >= 0 ? 0 : (int)r;
}

int age_note(struct waiting **out, const ringq_queue *queue)
{
	struct waiting *w = calloc(1, sizeof *w);
	int r = w ? 0 : -ENOMEM;
	if (r == 0) {
		w->queue = queue;
		r = read_lanes(queue, &w->lanes, &w->n);
	}
	if (r == 0)
		r = read_returned(queue, &w->returned, &w->returned_count);
	*out = w;
	if (r)
		age_free(w);
	return r;
}

static int look_at_lanes(struct waiting *w)
{
	struct ringq_lane_stat *now = NULL;
	size_t n;
	int r = read_lanes(w->queue, &now, &n), left = 0;
	for (size_t i = 0; r == 0 && i < w->n; i++) {
		if (i >= n || now[i].records_out >= w->lanes[i].records_in)
			w->lanes[i].records_in = 0;
		left |= w->lanes[i].records_in != 0;
	}
	free(now);
	return r ? r : left;
}

static bool has(const struct returned *list, size_t n, const struct returned *one)
{
	for (size_t i = 0; i < n; i++)
		if (list[i].lane == one->lane && list[i].sequence == one->sequence && list[i].attempt == one->attempt)
			return true;
	return false;
}

static int look_at_returned(struct waiting *w)
{
	struct returned *now = NULL;
	size_t n, left = 0;
	if (!w->returned_count)
		return 0;
	int r = read_returned(w->queue, &now, &n);
	for (size_t i = 0; r == 0 && i < w->returned_count; i++)
		if (has(now, n, &w->returned[i]))
			w->returned[left++] = w->returned[i];
	free(now);
	w->returned_count = r ? w->returned_count : left;
	return r ? r : left != 0;
}

int age_look(struct waiting *w)
{
	int lanes = look_at_lanes(w), returned = lanes < 0 ? 0 : look_at_returned(w);
	return lanes < 0 ? lanes : returned < 0 ? returned : lanes || returned;
}

void age_free(struct waiting *w)
{
	if (!w)
		return;
	free(w->lanes);
	free(w->returned);
	free(w);
}
