/* SPDX-License-Identifier: MIT */
#include "view.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static double no_value(const struct row *r)
{
	(void)r;
	return 0;
}

static double depth_of(const struct row *r)
{
	return r->queue ? (double)(r->queue->stat.records_in - r->queue->stat.records_out) : 0;
}

static double trend_of(const struct row *r)
{
	return r->trend;
}

static double in_of(const struct row *r)
{
	return r->in;
}

static double out_of(const struct row *r)
{
	return r->out;
}

static double held_of(const struct row *r)
{
	return r->queue ? (double)r->queue->stat.bytes_held : 0;
}

static double asleep_of(const struct row *r)
{
	return r->queue ? (double)(r->queue->asleep.get + r->queue->asleep.put) : 0;
}

const struct sort sorts[SORTS] = {
	{"name", 'n', no_value},
	{"depth", 'd', depth_of},
	{"trend", 't', trend_of},
	{"in", 'i', in_of},
	{"out", 'o', out_of},
	{"held", 'm', held_of},
	{"asleep", 's', asleep_of},
};

struct view_order view_order;

static double value_of(const struct row *r)
{
	return r->queue || r->bridge ? sorts[view_order.sort].value(r) : -1e300;
}

static int by_sort(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	double p = value_of(x), q = value_of(y);
	int r = p < q ? 1 : p > q ? -1 : 0;
	if (r == 0)
		r = strcmp(x->name, y->name);
	return view_order.reverse ? -r : r;
}

static int by_identity(const void *a, const void *b)
{
	const struct survey_queue *x = a, *y = b;
	if (x->device != y->device)
		return x->device < y->device ? -1 : 1;
	if (x->inode != y->inode)
		return x->inode < y->inode ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

/* Counts can be less than before: a producer that dies may take some with it until another has its lane. */
static double rate(uint64_t now, uint64_t before, double seconds)
{
	return now > before ? (double)(now - before) / seconds : 0;
}

/* In: put into a queue here; out: gone from one. */
static void find_bridge_rates(struct row *r, const struct survey *last)
{
	const struct survey_bridge *b = r->bridge, *old = last->bridges, *end = old + last->bridge_count;
	while (old != end && (old->device != b->device || old->inode != b->inode || old->id != b->id))
		old++;
	double seconds = old != end ? (double)(b->at - old->at) / 1e9 : 0;
	if (seconds <= 0)
		return;
	r->has_rates = true;
	r->in = rate(b->meters[METER_PUT], old->meters[METER_PUT], seconds);
	r->out = rate(b->meters[METER_CONFIRMED], old->meters[METER_CONFIRMED], seconds);
}

static void find_rates(struct row *r, const struct survey *last)
{
	const struct survey_queue *q = r->queue;
	const struct survey_queue *old =
		last->queue_count ? bsearch(q, last->queues, last->queue_count, sizeof *q, by_identity) : NULL;
	double seconds = old ? (double)(q->at - old->at) / 1e9 : 0;
	if (seconds <= 0)
		return;
	r->has_rates = true;
	r->in = rate(q->stat.records_in, old->stat.records_in, seconds);
	r->out = rate(q->stat.records_out, old->stat.records_out, seconds);
	double depth = (double)(q->stat.records_in - q->stat.records_out),
	       was = (double)(old->stat.records_in - old->stat.records_out);
	r->trend = (depth - was) / seconds;
}

static bool is_idle(const struct row *r)
{
	if (!r->has_rates || r->in != 0 || r->out != 0)
		return false;
	return r->queue ? r->queue->stat.records_in == r->queue->stat.records_out : r->bridge->meters[METER_WINDOW] == 0;
}

/* The row of thing i of a survey: its queues come first, then its bridges, then its regions. Whether there is one. */
static bool make_row(struct row *r, const struct survey *now, const struct survey *last, size_t i)
{
	*r = (struct row){0};
	if (i < now->queue_count) {
		r->queue = &now->queues[i];
		r->region = &now->regions[r->queue->region];
		snprintf(r->name, sizeof r->name, "%s/%s", r->region->label, r->queue->name);
		find_rates(r, last);
		return true;
	}
	i -= now->queue_count;
	if (i < now->bridge_count) {
		r->bridge = &now->bridges[i];
		r->region = &now->regions[r->bridge->region];
		snprintf(r->name, sizeof r->name, "%s/" METERS_PREFIX "%s", r->region->label, r->bridge->name);
		find_bridge_rates(r, last);
		return true;
	}
	r->region = &now->regions[i - now->bridge_count];
	snprintf(r->name, sizeof r->name, "%s", r->region->label);
	return r->region->error != 0;
}

int make_view(struct view *v, const struct survey *now, const struct survey *last, const char *filter)
{
	*v = (struct view){0};
	size_t things = now->queue_count + now->bridge_count + now->region_count;
	v->rows = calloc(things + 1, sizeof *v->rows);
	if (!v->rows)
		return fail(-ENOMEM, "the list");
	for (size_t i = 0; i < things; i++) {
		struct row *r = &v->rows[v->n];
		if (!make_row(r, now, last, i))
			continue;
		if ((filter && *filter && !strstr(r->name, filter)) || (view_order.busy_only && is_idle(r))) {
			v->hidden++;
			continue;
		}
		if (r->queue) {
			v->records += r->queue->stat.records_in - r->queue->stat.records_out;
			v->held += r->queue->stat.bytes_held;
			v->in += r->in;
			v->out += r->out;
		}
		v->n++;
	}
	if (v->n)
		qsort(v->rows, v->n, sizeof *v->rows, by_sort);
	return 0;
}

void sort_by_identity(struct survey *survey)
{
	if (survey->queue_count)
		qsort(survey->queues, survey->queue_count, sizeof *survey->queues, by_identity);
}
