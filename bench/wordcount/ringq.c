/* SPDX-License-Identifier: MIT */
/* wordcount over ringq: one queue of lines that all workers take from, one queue of reports. */
#include "wordcount/ways.h"

#include <errno.h>
#include <stdlib.h>

#include <ringq/ringq.h>

#include "harness/harness.h"

struct queues {
	const struct job *job;
	ringq_queue *lines;
	ringq_queue *reports;
};

/* A region that has room for two lines as long as the whole text; it is address space, not memory. */
static struct queues queues_create(const struct job *job)
{
	struct ringq_region_options size = {.size = ((size_t)1 << 30) + 2 * job->size};
	struct ringq_queue_options lines = {.order = RINGQ_ORDER_PRODUCER, .flags = RINGQ_SINGLE_PRODUCER};
	struct ringq_queue_options reports = {.order = RINGQ_ORDER_PRODUCER, .flags = RINGQ_SINGLE_CONSUMER};
	struct queues q = {job, NULL, NULL};
	ringq_region *region;
	int r = ringq_region_create(&region, &size);

	if (!r)
		r = ringq_queue_create(&q.lines, region, &lines);
	if (!r)
		r = ringq_queue_create(&q.reports, region, &reports);
	if (r)
		bench_die(r, "cannot make the queues");
	ringq_region_detach(region); /* the queues hold it */
	return q;
}

static void put_lines(ringq_queue *queue, const struct iovec *lines, size_t n)
{
	ssize_t r;

	if (n == 1) {
		r = ringq_put(queue, lines->iov_base, lines->iov_len, RINGQ_FOREVER);
		if (r)
			bench_die((int)r, "cannot put a line");
		return;
	}
	for (size_t done = 0; done < n; done += (size_t)r) {
		r = ringq_put_many(queue, lines + done, n - done, RINGQ_FOREVER);
		if (r < 0)
			bench_die((int)r, "cannot put lines");
	}
}

static void produce(void *arg)
{
	const struct queues *q = arg;
	struct cursor cursor = {.job = q->job};
	struct iovec lines[BATCH_MAX];
	unsigned n;

	while ((n = cursor_next(&cursor, lines)) > 0)
		put_lines(q->lines, lines, n);
	ringq_close(q->lines);
}

struct worker {
	const struct queues *queues;
	struct report report;
	struct iovec lines[BATCH_MAX];
};

/*
 * Bytes of a buffer for a line; longer ones are taken by ringq_get_alloc(). Not a power of two, as the fronts of a
 * batch's buffers would then fall into few sets of the cache.
 */
enum { BUFFER = 1024 + 64 };

static void send_report(struct worker *w)
{
	int r = ringq_put(w->queues->reports, &w->report, sizeof(w->report), RINGQ_FOREVER);

	if (r)
		bench_die(r, "cannot report");
	w->report = (struct report){0};
}

static void count_line(struct worker *w, const char *line, size_t len)
{
	if (report_count(&w->report, line, len))
		send_report(w);
}

/* Takes one batch. Returns how many lines, or a negative error. */
static ssize_t get_lines(struct worker *w)
{
	ringq_queue *queue = w->queues->lines;
	unsigned batch = w->queues->job->batch;
	ssize_t r;

	w->lines[0].iov_len = BUFFER;
	if (batch == 1) {
		r = ringq_get(queue, w->lines[0].iov_base, BUFFER, RINGQ_FOREVER);
		if (r < 0)
			return r;
		w->lines[0].iov_len = (size_t)r;
		return 1;
	}
	for (unsigned i = 1; i < batch; i++)
		w->lines[i].iov_len = BUFFER;
	return ringq_get_many(queue, w->lines, batch, RINGQ_FOREVER);
}

/* Takes a line that may be of any length. Another worker may have taken the long one by now. */
static ssize_t count_long(struct worker *w)
{
	void *line;
	ssize_t r = ringq_get_alloc(w->queues->lines, &line, RINGQ_FOREVER);

	if (r < 0)
		return r;
	count_line(w, line, (size_t)r);
	free(line);
	return 1;
}

static ssize_t count_some(struct worker *w)
{
	ssize_t n = get_lines(w);

	if (n == -EMSGSIZE)
		return count_long(w);
	for (ssize_t i = 0; i < n; i++)
		count_line(w, w->lines[i].iov_base, w->lines[i].iov_len);
	return n;
}

static void work(void *arg)
{
	struct worker w = {.queues = arg};
	unsigned batch = w.queues->job->batch;
	char *buffers = malloc((size_t)batch * BUFFER);
	ssize_t r;

	if (!buffers)
		bench_die(0, "out of memory");
	for (unsigned i = 0; i < batch; i++)
		w.lines[i].iov_base = buffers + (size_t)i * BUFFER;
	do
		r = count_some(&w);
	while (r > 0);
	if (r != -EPIPE)
		bench_die((int)r, "cannot get a line");
	w.report.last = 1;
	send_report(&w);
}

/* Adds up reports until all workers have sent their last. They report so often that a long silence means a fault. */
static struct totals collect(ringq_queue *reports)
{
	struct totals sum = {0};
	struct report report;

	for (unsigned working = WORKERS; working > 0; working -= (unsigned)report.last) {
		ssize_t r = ringq_get(reports, &report, sizeof(report), RINGQ_SEC(30));

		if (r != sizeof(report))
			bench_die(r < 0 ? (int)r : 0, "cannot get a report");
		totals_add(&sum, &report.counted);
	}
	ringq_close(reports);
	if (ringq_get(reports, &report, sizeof(report), RINGQ_FOREVER) != -EPIPE)
		bench_die(0, "a report came after the last");
	return sum;
}

struct totals wordcount_ringq(const struct job *job)
{
	struct queues q = queues_create(job);
	struct totals sum;

	for (unsigned i = 0; i < WORKERS; i++)
		bench_fork(work, &q);
	bench_fork(produce, &q);
	sum = collect(q.reports);
	if (!bench_join())
		bench_die(0, "a process failed");
	ringq_queue_release(q.lines);
	ringq_queue_release(q.reports);
	return sum;
}
