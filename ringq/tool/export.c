/* SPDX-License-Identifier: MIT */

/*
 * Figures for Prometheus, in its text format: on standard output, or as a file for the textfile collector of a node
 * exporter, which never sees half of one.
 */

#include "survey.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *textfile;

/* A label's value: what is not text is escaped as everywhere, then as this format wants it. */
static void print_label(FILE *to, const char *key, const char *value)
{
	char *clean = NULL;
	size_t len = 0;
	FILE *memory = open_memstream(&clean, &len);
	if (!memory)
		return;
	print_clean(memory, value, strlen(value));
	fclose(memory);
	fprintf(to, "%s=\"", key);
	for (const char *c = clean; c && *c; c++)
		fprintf(to, *c == '\\' || *c == '"' ? "\\%c" : "%c", *c);
	fputc('"', to);
	free(clean);
}

static void begin(FILE *to, const char *name, const char *type, const char *help)
{
	fprintf(to, "# HELP ringq_%s %s\n# TYPE ringq_%s %s\n", name, help, name, type);
}

/* ---- regions ---- */

static void print_regions(FILE *to, const struct survey *s, const char *name, const char *help,
	uint64_t (*value)(const struct survey_region *))
{
	begin(to, name, "gauge", help);
	for (size_t i = 0; i < s->region_count; i++) {
		if (s->regions[i].error && value)
			continue;
		fprintf(to, "ringq_%s{", name);
		print_label(to, "region", s->regions[i].label);
		fprintf(to, "} %" PRIu64 "\n", value ? value(&s->regions[i]) : (uint64_t)(s->regions[i].error == 0));
	}
}

static uint64_t size_of(const struct survey_region *r)
{
	return r->size;
}

static uint64_t memory_of(const struct survey_region *r)
{
	return r->memory > 0 ? (uint64_t)r->memory : 0;
}

static uint64_t members_in(const struct survey_region *r)
{
	return r->members;
}

static uint64_t holders_of(const struct survey_region *r)
{
	return r->holders;
}

/* ---- queues ---- */

enum figure {
	WAITING,
	IN,
	OUT,
	HELD,
	MOST,
	PRODUCERS,
	DEAD,
	ASLEEP,
	LONGEST,
	SLEEPS,
	WAKES,
	CLOSED,
	MAX_RECORDS,
	IN_HAND, /* from here on, of acknowledged queues only */
	RETURNED,
	REDELIVERED,
	DEAD_LETTERED,
	OLDEST,
};

static void print_sample(
	FILE *to, const struct survey *s, const struct survey_queue *q, const char *name, const char *call)
{
	fprintf(to, "ringq_%s{", name);
	print_label(to, "region", s->regions[q->region].label);
	fputc(',', to);
	print_label(to, "queue", q->name);
	fprintf(to, call ? ",call=\"%s\"} " : "} ", call);
}

static void print_figure(FILE *to, const struct survey *s, const struct survey_queue *q, const char *name, enum figure f)
{
	const struct ringq_queue_stat *stat = &q->stat;
	const uint64_t values[] = {
		[WAITING] = stat->records_in - stat->records_out,
		[IN] = stat->records_in,
		[OUT] = stat->records_out,
		[HELD] = stat->bytes_held,
		[MOST] = stat->bytes_most,
		[PRODUCERS] = stat->producers,
		[DEAD] = stat->dead_producers,
		[WAKES] = stat->wakes,
		[CLOSED] = stat->closed,
		[MAX_RECORDS] = stat->max_records,
		[IN_HAND] = stat->in_hand,
		[RETURNED] = stat->returned,
		[REDELIVERED] = stat->redelivered,
		[DEAD_LETTERED] = stat->dead_lettered,
	};
	if (f >= IN_HAND && !(stat->flags & RINGQ_ACKNOWLEDGED))
		return;
	if (f == ASLEEP || f == SLEEPS) {
		print_sample(to, s, q, name, "get");
		fprintf(to, "%" PRIu64 "\n", f == ASLEEP ? q->asleep.get : stat->sleeps_get);
		print_sample(to, s, q, name, "put");
		fprintf(to, "%" PRIu64 "\n", f == ASLEEP ? q->asleep.put : stat->sleeps_put);
		return;
	}
	print_sample(to, s, q, name, NULL);
	if (f == LONGEST)
		fprintf(to, "%.3f\n", q->asleep.longest > 0 ? (double)q->asleep.longest / 1e9 : 0.0);
	else if (f == OLDEST)
		fprintf(to, "%.3f\n", (double)stat->oldest_ns / 1e9);
	else
		fprintf(to, "%" PRIu64 "\n", values[f]);
}

static const struct {
	enum figure figure;
	const char *name, *type, *help;
} figures[] = {
	{WAITING, "queue_waiting_records", "gauge", "Records that wait in the queue."},
	{IN, "queue_put_records_total", "counter", "Records put, since the queue was made."},
	{OUT, "queue_taken_records_total", "counter", "Records taken, since the queue was made."},
	{HELD, "queue_held_bytes", "gauge", "Memory that the queue holds."},
	{MOST, "queue_lane_waiting_max_bytes", "gauge", "The most that has waited from one producer."},
	{MAX_RECORDS, "queue_limit_records", "gauge", "How many records may be in the queue at once; 0: no bound."},
	{PRODUCERS, "queue_producers", "gauge", "Producers that are alive."},
	{DEAD, "queue_dead_producers", "gauge", "Producers that died, and whose lane nobody has taken over."},
	{ASLEEP, "queue_asleep_members", "gauge", "Members that sleep on the queue, in get and the like or in put."},
	{LONGEST, "queue_asleep_longest_seconds", "gauge", "For how long the first of them has slept; 0: nobody does."},
	{SLEEPS, "queue_sleeps_total", "counter", "How often calls have slept."},
	{WAKES, "queue_wakes_total", "counter", "Sleepers that calls of others have woken."},
	{CLOSED, "queue_closed", "gauge", "1 if the queue is closed."},
	{IN_HAND, "queue_in_hand_records", "gauge", "Records taken, and neither acknowledged nor back."},
	{OLDEST, "queue_in_hand_oldest_seconds", "gauge", "For how long the oldest of them has been; 0: there is none."},
	{RETURNED, "queue_returned_records", "gauge", "Records that have come back, and wait again."},
	{REDELIVERED, "queue_redelivered_records_total", "counter", "Deliveries of what had come back."},
	{DEAD_LETTERED, "queue_dead_lettered_records_total", "counter", "Records set aside after too many attempts."},
};

/* ---- bridges ---- */

static const struct {
	const char *name, *kind, *help;
} meters[METERS_END] = {
#define METER(name, ...) {__VA_ARGS__},
	METERS(METER)
#undef METER
};

static void print_bridge_sample(FILE *to, const struct survey *s, const struct survey_bridge *b, const char *name)
{
	fprintf(to, "ringq_%s{", name);
	print_label(to, "region", s->regions[b->region].label);
	fputc(',', to);
	print_label(to, "bridge", b->name);
	fputs("} ", to);
}

/* As this format wants names: seconds, and counters that say so. */
static void print_meter(FILE *to, const struct survey *s, size_t m)
{
	char name[64];
	size_t n = strlen(meters[m].name);
	bool is_time = n > 3 && strcmp(meters[m].name + n - 3, "_ms") == 0,
	     is_count = strcmp(meters[m].kind, "count") == 0;
	snprintf(name, sizeof name, "bridge_%.*s%s%s", (int)(is_time ? n - 3 : n), meters[m].name,
		is_time ? "_seconds" : "", is_count ? "_total" : "");
	begin(to, name, is_count ? "counter" : "gauge", meters[m].help);
	for (size_t i = 0; i < s->bridge_count; i++) {
		uint64_t value = s->bridges[i].meters[m];
		print_bridge_sample(to, s, &s->bridges[i], name);
		if (is_time)
			fprintf(to, "%.3f\n", (double)value / 1e3);
		else
			fprintf(to, "%" PRIu64 "\n", value);
	}
}

static void print_bridges(FILE *to, const struct survey *s)
{
	for (size_t m = 0; m < METERS_END; m++)
		print_meter(to, s, m);
	begin(to, "bridge_killed", "gauge", "1 if the process that ran it has died, and no other has taken over.");
	for (size_t i = 0; i < s->bridge_count; i++) {
		print_bridge_sample(to, s, &s->bridges[i], "bridge_killed");
		fprintf(to, "%d\n", s->bridges[i].killed);
	}
}

static void print_all(FILE *to, const struct survey *s)
{
	unsigned v = ringq_version();
	begin(to, "build_info", "gauge", "The version of the library that looks.");
	fprintf(to, "ringq_build_info{version=\"%u.%u.%u\"} 1\n", v / 1000000, v / 1000 % 1000, v % 1000);
	begin(to, "processes_not_looked_into", "gauge",
		"Processes that may hold regions, and could not be looked into.");
	fprintf(to, "ringq_processes_not_looked_into %zu\n", s->denied);
	print_regions(to, s, "region_readable", "1 if the region can be looked at.", NULL);
	print_regions(to, s, "region_size_bytes", "Address space of the region.", size_of);
	print_regions(to, s, "region_memory_bytes", "Memory behind the region.", memory_of);
	print_regions(to, s, "region_members", "Threads that take part.", members_in);
	print_regions(to, s, "region_holders", "Processes that are seen to hold the region.", holders_of);
	for (size_t f = 0; f < sizeof figures / sizeof *figures; f++) {
		begin(to, figures[f].name, figures[f].type, figures[f].help);
		for (size_t i = 0; i < s->queue_count; i++)
			print_figure(to, s, &s->queues[i], figures[f].name, figures[f].figure);
	}
	if (s->bridge_count)
		print_bridges(to, s);
}

/* ---- the file ---- */

/* Beside the file, so that one rename makes it; a name that no collector takes for one of its own. */
static int write_file(const struct survey *s)
{
	char path[4096];
	mode_t mask = umask(0);
	umask(mask);
	if (snprintf(path, sizeof path, "%s.XXXXXX", textfile) >= (int)sizeof path)
		return usage("the path is too long");
	int fd = mkostemp(path, O_CLOEXEC), error = 0;
	FILE *to = fd < 0 ? NULL : fdopen(fd, "w");
	if (!to) {
		error = errno;
	} else {
		print_all(to, s);
		if (fchmod(fd, 0666 & ~mask) || fflush(to) || fsync(fd))
			error = errno;
		if (fclose(to) && !error)
			error = errno;
		if (!error && rename(path, textfile))
			error = errno;
		if (error)
			unlink(path);
	}
	if (!error)
		return STATUS_DONE;
	complain("%s: %s", textfile, strerror(error));
	return STATUS_TROUBLE;
}

static int run(int argc, char **argv)
{
	struct survey_scope scope;
	struct survey survey;
	int r = survey_scope(&scope, argc, argv);
	if (r == 0)
		r = survey_take(&survey, &scope);
	survey_scope_free(&scope);
	if (r)
		return r;
	tool_catch_signals(); /* what is begun is finished, and leaves nothing beside the file */
	if (textfile)
		r = write_file(&survey);
	else
		print_all(stdout, &survey);
	survey_free(&survey);
	return r;
}

static const struct option_spec options[] = {
	{0, "textfile", "FILE", OPTION_TEXT, &textfile, "write it to a file, which is replaced at once"},
	OPTIONS_END,
};

const struct command export_command = {"export", run, "[REGION[/QUEUE]]...",
	"Prints the figures of all queues and bridges as Prometheus reads them", options, 0, -1, false};
