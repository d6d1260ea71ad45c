/* SPDX-License-Identifier: MIT */

/*
 * Removes the names of regions that nobody uses. That nobody does is what the kernel says: a lease on a file is given only to
 * who is alone with it, whether others have it by a descriptor or by a mapping, and whoever opens the file meanwhile waits
 * until the name is gone. So no region goes that a process has which could not be looked into.
 */

#include "tool.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool yes, dry_run, with_records;

static const struct column columns[] = {
	{"region", "REGION", false, false},
	{"memory", "MEMORY", true, false},
	{"records", "RECORDS", true, false},
	{"action", "ACTION", false, false},
};

/* What is known of a region that seems to have no users. */
struct leftover {
	int error; /* of a look at it */
	uint64_t records;
	int64_t memory;
};

static struct leftover look(int fd)
{
	struct leftover l = {.memory = 0};
	struct ringq_object *objects = NULL;
	ringq_region *region;
	l.error = ringq_region_observe(&region, fd);
	if (l.error)
		return l;
	ssize_t n = objects_of(region, &objects);
	l.error = n < 0 ? (int)n : 0;
	for (ssize_t i = 0; i < n; i++) {
		struct ringq_queue_stat stat;
		int r = objects[i].kind == RINGQ_OBJECT_ARRAY ? 0 : stat_object(region, &objects[i], &stat);
		l.records += r == 1 ? stat.records_in - stat.records_out : 0;
		l.error = r < 0 ? r : l.error;
	}
	l.memory = ringq_region_memory(region);
	free(objects);
	ringq_region_detach(region);
	return l;
}

/* Whether the caller is alone with the file: 1, 0, or an error. The lease ends with the descriptor. */
static int take_lease(int fd)
{
	if (fcntl(fd, F_SETLEASE, F_WRLCK) == 0)
		return 1;
	return errno == EAGAIN || errno == EBUSY ? 0 : -errno;
}

/* What was done, or would be, in words. *status: an exit status, if something went wrong. */
static const char *clean(const struct found *f, int alone, const struct leftover *l, int *status)
{
	if (l->error && !with_records)
		return "kept: what is in it cannot be told";
	if (l->records && !with_records)
		return "kept: it has records";
	if (alone == 0)
		return "kept: a process has it that cannot be seen";
	if (alone < 0) {
		*status = fail(alone, f->name);
		return "kept: not permitted";
	}
	if (!yes)
		return "would be removed";
	int e = ringq_region_unlink(f->name);
	if (e) {
		*status = fail(e, f->name);
		return "kept: not permitted";
	}
	return "removed";
}

/* A file of that name which never was a region is somebody else's. */
static bool is_region(int fd)
{
	unsigned major, minor;
	return ringq_region_layout(fd, &major, &minor) == 0;
}

static int clean_one(struct table *t, const struct found *f)
{
	int status = STATUS_DONE, fd = found_open(f, O_RDWR);
	if (fd < 0)
		return fd == -ENOENT ? STATUS_DONE : fail(fd, f->name);
	if (is_region(fd)) {
		int alone = take_lease(fd); /* before the look: what it sees is then all that there will be */
		struct leftover l = look(fd);
		const char *action = clean(f, alone, &l, &status);
		table_text(t, f->name);
		if (l.error) {
			table_text(t, NULL);
			table_text(t, NULL);
		} else {
			table_size(t, l.memory < 0 ? 0 : (uint64_t)l.memory);
			table_number(t, l.records);
		}
		table_text(t, action);
		table_row(t);
	}
	close(fd);
	return status;
}

static bool is_named(const char *name, int argc, char **argv)
{
	for (int i = 0; i < argc; i++)
		if (strcmp(argv[i], name) == 0)
			return true;
	return argc == 0;
}

static int run(int argc, char **argv)
{
	struct search search;
	yes &= !dry_run;
	int r = search_all(&search), status = STATUS_DONE;
	if (r)
		return fail(r, "/proc");
	signal(SIGIO, SIG_IGN); /* somebody opens what is leased */
	struct table *t = table_new("regions", columns, sizeof columns / sizeof *columns);
	for (size_t i = 0; i < search.count; i++) {
		const struct found *f = &search.found[i];
		if (!*f->name || f->unlinked || f->holder_count || !is_named(f->name, argc, argv))
			continue;
		int s = clean_one(t, f);
		status = status ? status : s;
	}
	r = table_print(t);
	search_free(&search);
	return r ? r : status;
}

static const struct option_spec options[] = {
	{'y', "yes", NULL, OPTION_FLAG, &yes, "do it; else it is only said what would be done"},
	{0, "dry-run", NULL, OPTION_FLAG, &dry_run, "only say what would be done, as without --yes"},
	{0, "with-records", NULL, OPTION_FLAG, &with_records, "also regions with records, or that cannot be read"},
	OPTIONS_TABLE,
	OPTIONS_END,
};

const struct command clean_command = {"clean", run, "[NAME]...",
	"Removes the names of regions that nobody uses; says which unless --yes", options, 0, -1, false};
