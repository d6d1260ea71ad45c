/* SPDX-License-Identifier: MIT */

/*
 * Finding regions: named ones by their files, and those that somebody holds, named or not, by the descriptors of all
 * processes. One that both show is one: what counts is device and inode.
 */

#include "find.h"

#include "figures.h"
#include "message.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIRECTORY "/dev/shm"
#define PREFIX "ringq."
#define MEMFD "/memfd:ringq (deleted)"
#define DELETED " (deleted)"

static bool is_file(const struct found *f, const struct stat *st)
{
	return f->inode == st->st_ino && f->device == st->st_dev;
}

static struct found *by_file(const struct search *s, const struct stat *st)
{
	for (size_t i = s->count; i-- > 0;)
		if (is_file(&s->found[i], st))
			return &s->found[i];
	return NULL;
}

const struct found *search_find(const struct search *s, int fd)
{
	struct stat st;
	return fstat(fd, &st) == 0 ? by_file(s, &st) : NULL;
}

static struct found *entry(struct search *s, const struct stat *st)
{
	struct found *f = by_file(s, st);
	if (f)
		return f;
	if (s->count % 64 == 0) {
		struct found *more = realloc(s->found, (s->count + 64) * sizeof *more);
		if (!more)
			return NULL;
		s->found = more;
	}
	f = &s->found[s->count++];
	*f = (struct found){.device = st->st_dev, .inode = st->st_ino, .size = (uint64_t)st->st_size};
	return f;
}

static int add_holder(struct found *f, pid_t pid, const char *name, int fd)
{
	/* A process may have several descriptors of it: pipes do. The lowest is the region's own. */
	struct holder *last = f->holder_count ? &f->holders[f->holder_count - 1] : NULL;
	if (last && last->pid == pid) {
		last->fd = fd < last->fd ? fd : last->fd;
		return 0;
	}
	struct holder *more = realloc(f->holders, (f->holder_count + 1) * sizeof *more);
	if (!more)
		return -ENOMEM;
	f->holders = more;
	more += f->holder_count++;
	*more = (struct holder){.pid = pid, .fd = fd};
	snprintf(more->name, sizeof more->name, "%s", name);
	return 0;
}

/* Whether what a descriptor links to is a region's file; *name: of a named one. */
static bool is_region_link(const char *link, char name[256], bool *unlinked)
{
	static const char start[] = DIRECTORY "/" PREFIX;
	*name = 0;
	*unlinked = false;
	if (strcmp(link, MEMFD) == 0)
		return true;
	if (strncmp(link, start, sizeof start - 1) != 0)
		return false;
	size_t len = strnlen(link + sizeof start - 1, 255);
	memcpy(name, link + sizeof start - 1, len);
	name[len] = 0;
	size_t tail = sizeof DELETED - 1;
	if (len > tail && strcmp(name + len - tail, DELETED) == 0) {
		name[len - tail] = 0;
		*unlinked = true;
	}
	return true;
}

/*
 * Whether it is what the maker of a named region has: a file of which the kernel says what it was called when it was opened,
 * which is nothing, as it got its name once it was whole.
 */
static bool is_makers_link(const char *link)
{
	static const char start[] = DIRECTORY "/#";
	size_t len = strlen(link), tail = sizeof DELETED - 1;
	return strncmp(link, start, sizeof start - 1) == 0 && len > tail && strcmp(link + len - tail, DELETED) == 0;
}

static bool is_region(int fds, const char *fd)
{
	ringq_region *region;
	int file = openat(fds, fd, O_RDONLY | O_CLOEXEC), e = file < 0 ? -errno : ringq_region_observe(&region, file);
	if (e == 0)
		ringq_region_detach(region);
	if (file >= 0)
		close(file);
	return e == 0 || e == -EPROTO;
}

static void process_name(int proc, char name[16])
{
	int fd = openat(proc, "comm", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, name, 15);
	if (fd >= 0)
		close(fd);
	name[n < 0 ? 0 : n] = 0;
	name[strcspn(name, "\n")] = 0;
}

static int see_descriptor(struct search *s, int fds, int proc, pid_t pid, const char *fd)
{
	char link[512], name[256], comm[16];
	struct stat st;
	bool unlinked;
	ssize_t n = readlinkat(fds, fd, link, sizeof link - 1);
	if (n < 0)
		return 0;
	link[n] = 0;
	bool made = is_makers_link(link);
	if ((!is_region_link(link, name, &unlinked) && !made) || fstatat(fds, fd, &st, 0) || !S_ISREG(st.st_mode))
		return 0;
	if (made && !by_file(s, &st) && !is_region(fds, fd))
		return 0;
	struct found *f = entry(s, &st);
	if (!f)
		return -ENOMEM;
	if (*name && !*f->name) {
		snprintf(f->name, sizeof f->name, "%s", name);
		f->unlinked = unlinked;
	}
	process_name(proc, comm);
	return add_holder(f, pid, comm, atoi(fd));
}

static int see_process(struct search *s, int proc, pid_t pid)
{
	int fds = openat(proc, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fds < 0 ? NULL : fdopendir(fds);
	if (!dir) {
		int error = errno;
		if (fds >= 0)
			close(fds);
		s->denied += error == EACCES || error == EPERM;
		return error == ENOMEM || error == EMFILE || error == ENFILE ? -error : 0; /* else it has ended */
	}
	int r = 0;
	for (struct dirent *d; r == 0 && (d = readdir(dir));)
		if (isdigit((unsigned char)*d->d_name))
			r = see_descriptor(s, fds, proc, pid, d->d_name);
	closedir(dir);
	return r;
}

int search_process(struct search *out, pid_t pid)
{
	char path[32];
	*out = (struct search){0};
	snprintf(path, sizeof path, "/proc/%d", (int)pid);
	int proc = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (proc < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	int r = see_process(out, proc, pid);
	close(proc);
	return r;
}

static int see_processes(struct search *s)
{
	DIR *dir = opendir("/proc");
	if (!dir)
		return -errno;
	int r = 0;
	for (struct dirent *d; r == 0 && (d = readdir(dir));) {
		if (!isdigit((unsigned char)*d->d_name))
			continue;
		int proc = openat(dirfd(dir), d->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (proc < 0)
			continue;
		r = see_process(s, proc, atoi(d->d_name));
		close(proc);
	}
	closedir(dir);
	return r;
}

/* Nobody there is no error: a machine may have no such directory. */
static int see_names(struct search *s)
{
	DIR *dir = opendir(DIRECTORY);
	if (!dir)
		return 0;
	int r = 0;
	for (struct dirent *d; r == 0 && (d = readdir(dir));) {
		struct stat st;
		if (strncmp(d->d_name, PREFIX, sizeof PREFIX - 1) != 0 ||
			fstatat(dirfd(dir), d->d_name, &st, AT_SYMLINK_NOFOLLOW) || !S_ISREG(st.st_mode))
			continue;
		struct found *f = entry(s, &st);
		if (!f) {
			r = -ENOMEM;
			continue;
		}
		snprintf(f->name, sizeof f->name, "%s", d->d_name + sizeof PREFIX - 1);
		f->listed = true;
	}
	closedir(dir);
	return r;
}

static int by_name(const void *a, const void *b)
{
	const struct found *x = a, *y = b;
	if (!*x->name != !*y->name)
		return !*x->name - !*y->name;
	int r = strcmp(x->name, y->name);
	pid_t p = x->holder_count ? x->holders->pid : 0, q = y->holder_count ? y->holders->pid : 0;
	return r ? r : p != q ? (p > q) - (p < q) : (x->inode > y->inode) - (x->inode < y->inode);
}

/* Of those with one name, which are side by side, one is this mount namespace's. */
static void tell_apart(struct search *s)
{
	for (size_t i = 0, end; i < s->count; i = end) {
		bool listed = false;
		for (end = i; end < s->count && strcmp(s->found[end].name, s->found[i].name) == 0; end++)
			listed |= s->found[end].listed;
		for (size_t k = i; listed && k < end; k++)
			s->found[k].elsewhere = !s->found[k].listed && !s->found[k].unlinked;
	}
}

int search_all(struct search *out)
{
	*out = (struct search){0};
	int r = see_names(out);
	if (r == 0)
		r = see_processes(out);
	if (r) {
		search_free(out);
		return r;
	}
	if (out->count)
		qsort(out->found, out->count, sizeof *out->found, by_name);
	tell_apart(out);
	return 0;
}

void search_free(struct search *s)
{
	for (size_t i = 0; i < s->count; i++)
		free(s->found[i].holders);
	free(s->found);
	*s = (struct search){0};
}

/* The file may be another's by now: then it is not what was found. */
static int same_file(int fd, const struct found *f)
{
	struct stat st;
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) == 0 && is_file(f, &st))
		return fd;
	close(fd);
	return -ENOENT;
}

int found_open(const struct found *f, int flags)
{
	char path[512];
	int r = -ENOENT;
	if (*f->name && !f->unlinked && !f->elsewhere) {
		snprintf(path, sizeof path, DIRECTORY "/" PREFIX "%s", f->name);
		r = same_file(open(path, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK), f);
	}
	for (size_t i = 0; r < 0 && i < f->holder_count; i++) {
		snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)f->holders[i].pid, f->holders[i].fd);
		int fd = same_file(open(path, flags | O_CLOEXEC | O_NONBLOCK), f);
		r = fd >= 0 || r == -ENOENT ? fd : r;
	}
	return r;
}

int found_observe(const struct found *f, ringq_region **region)
{
	int fd = found_open(f, O_RDONLY), e = fd < 0 ? fd : ringq_region_observe(region, fd);
	if (fd >= 0)
		close(fd);
	return e;
}

const char *found_state(const struct found *f, int error)
{
	switch (status_of(error)) {
	case STATUS_DONE:
		return f->unlinked ? "unlinked" : f->holder_count ? "held" : "unheld";
	case STATUS_NOT_PERMITTED:
		return "not permitted";
	case STATUS_DAMAGED:
		return error == -EPROTO ? "unknown layout" : "damaged";
	default:
		return "gone";
	}
}

const char *found_label(const struct found *f, char label[300])
{
	if (*f->name && !f->unlinked && !f->elsewhere)
		snprintf(label, 300, "%s", f->name);
	else if (f->holder_count)
		snprintf(label, 300, "pid:%d/fd:%d", (int)f->holders->pid, f->holders->fd);
	else
		snprintf(label, 300, "ino:%llu", (unsigned long long)f->inode);
	return label;
}

void warn_denied(size_t denied)
{
	if (denied)
		complain("%s could not be looked into (run as root to see all)",
			show_number(denied, "process", "processes"));
}

char process_state(pid_t pid)
{
	char path[32], text[512];
	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
	if (fd >= 0)
		close(fd);
	if (n <= 0)
		return 0;
	text[n] = 0;
	char *after = strrchr(text, ')'); /* its name may have anything in it */
	return after && after[1] == ' ' ? after[2] : 0;
}
