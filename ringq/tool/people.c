/* SPDX-License-Identifier: MIT */

/*
 * Members of a region are known by the ids that they saw in their PID namespace. Here another process may have that id, which
 * has nothing to do with the region: its state says nothing, and a signal to it would hit the wrong one. So a member is
 * looked for among those that have the region's file, by the id that /proc says they see of themselves.
 */

#include "people.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* The id by which a process or a thread knows itself, and in how many namespaces, from this one on, it has ids. 0: it has gone. */
static uint32_t own_id(const char *path, unsigned *namespaces)
{
	char line[256];
	uint32_t id = 0;
	*namespaces = 0;
	FILE *file = fopen(path, "re");
	if (!file)
		return 0;
	while (!*namespaces && fgets(line, sizeof line, file)) {
		if (strncmp(line, "NSpid:", 6) != 0)
			continue;
		char *at = line + 6, *end;
		for (unsigned long n = strtoul(at, &end, 10); end != at; n = strtoul(at, &end, 10)) {
			id = (uint32_t)n;
			at = end;
			++*namespaces;
		}
	}
	fclose(file);
	return id;
}

static uint32_t own_process(pid_t here, unsigned *namespaces)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/status", (int)here);
	return own_id(path, namespaces);
}

static bool has_thread(pid_t here, uint32_t thread)
{
	char path[64];
	bool found = false;
	unsigned unused;
	snprintf(path, sizeof path, "/proc/%d/task", (int)here);
	DIR *dir = opendir(path);
	for (struct dirent *d; dir && !found && (d = readdir(dir));) {
		if (!isdigit((unsigned char)*d->d_name))
			continue;
		snprintf(path, sizeof path, "/proc/%d/task/%d/status", (int)here, atoi(d->d_name));
		found = own_id(path, &unused) == thread;
	}
	if (dir)
		closedir(dir);
	return found;
}

/* Whether a process has the file mapped; true also where that may not be known. */
static bool may_map(pid_t here, dev_t device, ino_t inode)
{
	char path[64], line[512];
	bool found = false;
	snprintf(path, sizeof path, "/proc/%d/maps", (int)here);
	FILE *file = fopen(path, "re");
	if (!file)
		return true;
	while (!found && fgets(line, sizeof line, file)) {
		unsigned high, low;
		unsigned long number;
		found = sscanf(line, "%*s %*s %*s %x:%x %lu", &high, &low, &number) == 3 && number == inode &&
		        makedev(high, low) == device;
	}
	found = found || ferror(file);
	fclose(file);
	return found;
}

int people_of(struct people *out, const ringq_region *region, const struct found *found)
{
	struct stat st;
	*out = (struct people){0};
	if (fstat(ringq_region_fd(region), &st))
		return 0;
	out->device = st.st_dev;
	out->inode = st.st_ino;
	out->persons = calloc(found ? found->holder_count + 1 : 1, sizeof *out->persons);
	if (!out->persons)
		return -ENOMEM;
	for (size_t i = 0; found && i < found->holder_count; i++) {
		unsigned namespaces;
		pid_t here = found->holders[i].pid;
		out->persons[out->count++] = (struct person){.here = here, .own = own_process(here, &namespaces)};
	}
	return 0;
}

int people_search(struct people *out, const ringq_region *region)
{
	struct search search;
	int r = search_all(&search);
	if (r)
		return r;
	r = people_of(out, region, search_find(&search, ringq_region_fd(region)));
	search_free(&search);
	return r;
}

/* Among those that have the region. 0: none, or more than one: two containers may have a process 7 each. */
static pid_t find_holder(const struct people *p, uint32_t process, uint32_t thread, bool by_thread, size_t *matches)
{
	pid_t here = 0;
	*matches = 0;
	for (size_t i = 0; i < p->count; i++) {
		const struct person *one = &p->persons[i];
		if (one->own != process || (by_thread && !has_thread(one->here, thread)))
			continue;
		here = one->here;
		++*matches;
	}
	return *matches == 1 ? here : 0;
}

pid_t people_here(const struct people *p, uint32_t process, uint32_t thread)
{
	size_t matches;
	unsigned namespaces;
	pid_t here = find_holder(p, process, thread, false, &matches);
	if (matches > 1)
		here = find_holder(p, process, thread, true, &matches);
	if (matches)
		return here;
	/* One that has closed the descriptor, or whose descriptors may not be seen. */
	if (own_process((pid_t)process, &namespaces) == process && namespaces == 1 &&
		has_thread((pid_t)process, thread) && may_map((pid_t)process, p->device, p->inode))
		return (pid_t)process;
	return 0;
}

void people_free(struct people *p)
{
	free(p->persons);
	*p = (struct people){0};
}
