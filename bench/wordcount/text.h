/* SPDX-License-Identifier: MIT */
#ifndef BENCH_WORDCOUNT_TEXT_H
#define BENCH_WORDCOUNT_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/*
 * One producer process hands the lines of a text to four worker processes, which count what is in them and report to
 * the parent. ways.h has the ways to carry lines and reports; what is here is the same for all.
 */
enum {
	WORKERS = 4,
	BATCH_MAX = 512,     /* lines handed over by one call: writev() takes two iovecs for each, 1024 at most */
	REPORT_LINES = 1024, /* after which a worker reports */
};

struct job {
	const char *text;
	size_t size;
	uint64_t repeat; /* how often the text is read */
	unsigned batch;
};

struct totals {
	uint64_t lines; /* newlines, as wc counts them */
	uint64_t words;
	uint64_t bytes;
};

/* What a worker sends: all that it has counted since the report before. */
struct report {
	struct totals counted;
	uint64_t last; /* 1: this worker sends no more */
};

/* Where the producer is. */
struct cursor {
	const struct job *job;
	size_t at;
	uint64_t pass;
};

/** Gives the next lines, at most a batch, each with its newline. Returns how many; 0 = the job is done. */
unsigned cursor_next(struct cursor *cursor, struct iovec *lines);

/** Counts a line. Returns whether the report is due. */
bool report_count(struct report *report, const char *line, size_t len);

void totals_add(struct totals *sum, const struct totals *more);

#endif
