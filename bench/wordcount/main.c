/* SPDX-License-Identifier: MIT */
/* wordcount: counts lines, words and bytes as wc does, by five processes, over ringq or over pipes. */
#include "wordcount/ways.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/harness.h"

static const struct way {
	const char *name;
	struct totals (*count)(const struct job *job);
} ways[] = {
	{"ringq", wordcount_ringq},
	{"pipe", wordcount_pipe},
};

static const struct way *find_way(const char *name)
{
	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++)
		if (!strcmp(ways[i].name, name))
			return &ways[i];
	return NULL;
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
	if (argc - optind != 2 || !find_way(argv[optind])) {
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
	struct totals totals = find_way(argv[optind])->count(&job);
	double seconds = (double)(bench_now() - begin) / 1e9;

	printf("%llu %llu %llu\n", (unsigned long long)totals.lines, (unsigned long long)totals.words,
		(unsigned long long)totals.bytes);
	printf("%.3f s, %.0f records/s, %.3f GB/s\n", seconds, (double)records(&job, &totals) / seconds,
		(double)totals.bytes / seconds / 1e9);
	return 0;
}
