/* SPDX-License-Identifier: MIT */
/*
 * wordcount over pipes: one pipe of lines to each worker, filled in turn, and one pipe of reports from all. A line goes
 * behind four bytes that tell its length, both by one writev(); workers read as much at once as there is.
 */
#include "wordcount/ways.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/harness.h"

struct pipes {
	const struct job *job;
	int lines[WORKERS][2];
	int reports[2];
};

/* What an unprivileged process may have: the pipe's best, as its default of 64 KiB would make it switch often. */
enum { PIPE_SIZE = 1 << 20 };

static void pipes_create(struct pipes *p)
{
	int failed = pipe2(p->reports, O_CLOEXEC);

	for (unsigned i = 0; i < WORKERS && !failed; i++) {
		failed = pipe2(p->lines[i], O_CLOEXEC);
		if (!failed)
			fcntl(p->lines[i][1], F_SETPIPE_SZ, PIPE_SIZE);
	}
	if (failed)
		bench_die(errno, "pipe");
}

/* Closes all ends but one reading end, so that who reads sees the end, and who writes to nobody is killed. */
static void keep_one(const struct pipes *p, int keep)
{
	for (unsigned i = 0; i < WORKERS; i++) {
		close(p->lines[i][1]);
		if (p->lines[i][0] != keep)
			close(p->lines[i][0]);
	}
	if (p->reports[0] != keep)
		close(p->reports[0]);
}

static void write_all(int fd, struct iovec *iov, size_t n)
{
	while (n > 0) {
		ssize_t r = writev(fd, iov, (int)n);

		if (r < 0)
			bench_die(errno, "cannot write lines");
		for (; n > 0 && (size_t)r >= iov->iov_len; iov++, n--)
			r -= (ssize_t)iov->iov_len;
		if (n > 0) {
			iov->iov_base = (char *)iov->iov_base + r;
			iov->iov_len -= (size_t)r;
		}
	}
}

static void produce(void *arg)
{
	const struct pipes *p = arg;
	struct cursor cursor = {.job = p->job};
	struct iovec lines[BATCH_MAX], framed[2 * BATCH_MAX];
	uint32_t lengths[BATCH_MAX];
	unsigned n;

	close(p->reports[0]);
	close(p->reports[1]);
	for (unsigned i = 0; i < WORKERS; i++)
		close(p->lines[i][0]);
	for (unsigned to = 0; (n = cursor_next(&cursor, lines)) > 0; to = (to + 1) % WORKERS) {
		for (unsigned i = 0; i < n; i++) {
			if (lines[i].iov_len > UINT32_MAX)
				bench_die(0, "a line of over 4 GiB");
			lengths[i] = (uint32_t)lines[i].iov_len;
			framed[2 * i] = (struct iovec){&lengths[i], sizeof(lengths[i])};
			framed[2 * i + 1] = lines[i];
		}
		write_all(p->lines[to][1], framed, 2 * (size_t)n);
	}
}

/* Reads ahead. What lies between begin and end has been read and not been taken. */
struct reader {
	int fd;
	char *buffer;
	size_t size, begin, end;
};

static void reader_make_room(struct reader *r, size_t len)
{
	memmove(r->buffer, r->buffer + r->begin, r->end - r->begin);
	r->end -= r->begin;
	r->begin = 0;
	if (len <= r->size)
		return;
	r->size = len;
	r->buffer = realloc(r->buffer, r->size);
	if (!r->buffer)
		bench_die(0, "out of memory");
}

/* Takes the next len bytes; NULL at the end of the pipe. They stay where they are until the next call. */
static const char *reader_take(struct reader *r, size_t len)
{
	if (r->size - r->begin < len)
		reader_make_room(r, len);
	while (r->end - r->begin < len) {
		ssize_t got = read(r->fd, r->buffer + r->end, r->size - r->end);

		if (got < 0)
			bench_die(errno, "cannot read lines");
		if (got == 0 && r->end == r->begin)
			return NULL;
		if (got == 0)
			bench_die(0, "the pipe ends inside a line");
		r->end += (size_t)got;
	}
	r->begin += len;
	return r->buffer + r->begin - len;
}

/* One write of at most PIPE_BUF bytes: no other worker's comes between. */
static void send_report(const struct pipes *p, struct report *report)
{
	if (write(p->reports[1], report, sizeof(*report)) != sizeof(*report))
		bench_die(errno, "cannot report");
	*report = (struct report){0};
}

struct worker {
	const struct pipes *pipes;
	int fd;
};

static void work(void *arg)
{
	const struct worker *w = arg;
	struct reader reader = {.fd = w->fd, .size = 1 << 16};
	struct report report = {0};
	const char *bytes;
	uint32_t len;

	reader.buffer = malloc(reader.size);
	if (!reader.buffer)
		bench_die(0, "out of memory");
	keep_one(w->pipes, w->fd);
	while ((bytes = reader_take(&reader, sizeof(len)))) {
		memcpy(&len, bytes, sizeof(len));
		bytes = reader_take(&reader, len);
		if (!bytes)
			bench_die(0, "the pipe ends before a line");
		if (report_count(&report, bytes, len))
			send_report(w->pipes, &report);
	}
	report.last = 1;
	send_report(w->pipes, &report);
}

static struct totals collect(int fd)
{
	struct totals sum = {0};
	struct report report;
	ssize_t r;

	while ((r = read(fd, &report, sizeof(report))) == sizeof(report))
		totals_add(&sum, &report.counted);
	if (r)
		bench_die(r < 0 ? errno : 0, "cannot read a report");
	return sum;
}

struct totals wordcount_pipe(const struct job *job)
{
	struct pipes p = {.job = job};
	struct totals sum;

	pipes_create(&p);
	for (unsigned i = 0; i < WORKERS; i++)
		bench_fork(work, &(struct worker){&p, p.lines[i][0]});
	bench_fork(produce, &p);
	keep_one(&p, p.reports[0]);
	close(p.reports[1]);
	sum = collect(p.reports[0]);
	if (!bench_join())
		bench_die(0, "a process failed");
	return sum;
}
