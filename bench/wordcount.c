/* SPDX-License-Identifier: MIT */
/* wordcount: counts lines, words and bytes as wc does, by five processes, over ringq or over pipes. */
#include "wordcount.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness.h"

static struct iovec next_line(struct cursor *c)
{
	const char *line = c->job->text + c->at, *newline = memchr(line, '\n', c->job->size - c->at);
	/* The text may end without a newline. */
	size_t len = newline ? (size_t)(newline - line) + 1 : c->job->size - c->at;

	c->at += len;
	if (c->at == c->job->size) {
		c->at = 0;
		c->pass++;
	}
	return (struct iovec){(char *)line, len};
}

unsigned cursor_next(struct cursor *cursor, struct iovec *lines)
{
	unsigned n = 0;

	while (n < cursor->job->batch && cursor->pass < cursor->job->repeat)
		lines[n++] = next_line(cursor);
	return n;
}

/* isspace() of the C locale. */
static bool is_space(unsigned char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

bool report_count(struct report *report, const char *line, size_t len)
{
	bool between = true;

	for (size_t i = 0; i < len; i++) {
		bool space = is_space((unsigned char)line[i]);

		report->counted.words += between && !space;
		between = space;
	}
	report->counted.lines += len > 0 && line[len - 1] == '\n';
	report->counted.bytes += len;
	return report->counted.lines >= REPORT_LINES;
}

void totals_add(struct totals *sum, const struct totals *more)
{
	sum->lines += more->lines;
	sum->words += more->words;
	sum->bytes += more->bytes;
}

static void map_text(struct job *job, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat status;

	if (fd < 0 || fstat(fd, &status))
		bench_die(errno, "cannot read %s", path);
	job->size = (size_t)status.st_size;
	if (!S_ISREG(status.st_mode))
		bench_die(0, "%s is not a regular file", path);
	if (job->size > 0) {
		job->text = mmap(NULL, job->size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
		if (job->text == MAP_FAILED)
			bench_die(errno, "cannot map %s", path);
	} else {
		job->repeat = 0;
	}
	close(fd);
}

static void usage(FILE *f)
{
	fprintf(f,
		"usage: wordcount ringq|pipe FILE [--repeat N] [--batch N]\n"
		"Counts lines, words and bytes of FILE as wc does: a process sends each line to four that count.\n"
		"  --repeat N  reads FILE N times over\n"
		"  --batch N   hands over N lines by one call, 1 to %d; 1 if not given\n",
		BATCH_MAX);
}

static uint64_t number(const char *text, uint64_t max)
{
	char *end;
	unsigned long long n = strtoull(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || n < 1 || n > max) {
		usage(stderr);
		exit(2);
	}
	return n;
}

static struct job parse(int argc, char **argv)
{
	static const struct option options[] = {
		{"repeat", required_argument, NULL, 'r'},
		{"batch", required_argument, NULL, 'b'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	struct job job = {.repeat = 1, .batch = 1};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'r':
			job.repeat = number(optarg, UINT32_MAX);
			break;
		case 'b':
			job.batch = (unsigned)number(optarg, BATCH_MAX);
			break;
		case 'h':
			usage(stdout);
			exit(0);
		default:
			usage(stderr);
			exit(2);
		}
	}
	if (argc - optind != 2 || (strcmp(argv[optind], "ringq") && strcmp(argv[optind], "pipe"))) {
		usage(stderr);
		exit(2);
	}
	map_text(&job, argv[optind + 1]);
	return job;
}

/* Records are lines, and one more for each pass that ends without a newline. */
static uint64_t records(const struct job *job, const struct totals *totals)
{
	return totals->lines + (job->size > 0 && job->text[job->size - 1] != '\n' ? job->repeat : 0);
}

int main(int argc, char **argv)
{
	struct job job = parse(argc, argv);
	uint64_t begin = bench_now();
	struct totals totals = *argv[optind] == 'r' ? wordcount_ringq(&job) : wordcount_pipe(&job);
	double seconds = (double)(bench_now() - begin) / 1e9;

	printf("%llu %llu %llu\n", (unsigned long long)totals.lines, (unsigned long long)totals.words,
		(unsigned long long)totals.bytes);
	printf("%.3f s, %.0f records/s, %.3f GB/s\n", seconds, (double)records(&job, &totals) / seconds,
		(double)totals.bytes / seconds / 1e9);
	return 0;
}
