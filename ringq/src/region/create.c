/* SPDX-License-Identifier: MIT */

/*
 * Making a region.
 *
 * It becomes visible to others complete: a memfd is handed over by its creator, a named one is built without a name, mapped
 * by its creator, and then linked to its name, which is the last that can fail. So nobody can see, or die leaving, half a
 * region, nor one that its creator could not use.
 *
 * A file without a name gets one by linkat(): by its descriptor where the kernel lets this process do so, else by /proc.
 * Where neither is to be had, or no file without a name, it is built under a hidden name, linked, and the hidden name is
 * removed: only a death in between leaves that behind.
 */

#include "region/create.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/call.h"
#include "base/clock.h"
#include "base/process.h"
#include "base/sys.h"
#include "region/map.h"

static struct rq_header header_of(const struct rq_geometry *at, bool fences)
{
	return (struct rq_header){
		.magic = RQ_MAGIC,
		.major = RQ_MAJOR,
		.minor = RQ_MINOR,
		.byte_order = RQ_BYTE_ORDER,
		.word_size = 8 * sizeof(void *),
		.header_size = sizeof(struct rq_header),
		.size = at->size,
		.page = (uint32_t)at->page,
		.members = at->member_count,
		.ready = 1,
		.clock = rq_clock_choose(),
		.barrier = fences ? RQ_BARRIER_FENCES : RQ_BARRIER_SYSTEM,
	};
}

static int fill(int fd, const struct rq_header *header)
{
	int r = rq_file_resize(fd, header->size);
	if (r)
		return r;
	ssize_t n = rq_pwrite(fd, header, sizeof *header, 0);
	return n == (ssize_t)sizeof *header ? 0 : n >= 0 ? -EIO : rq_file_error(errno);
}

/* ---- anonymous ---- */

static int new_anonymous(const struct rq_header *header)
{
	int fd = rq_sys_memfd("ringq");
	if (fd < 0)
		return fd;
	int r = fill(fd, header);
	if (r == 0)
		r = rq_sys_seal(fd);
	if (r == 0)
		return fd;
	rq_close(fd);
	return r;
}

/* ---- named ---- */

/* Gives a file its name. 0, or why not; -ENOTSUP: by other means perhaps. */
static int link_file(int fd, const char *path)
{
	char self[64];
	if (linkat(fd, "", AT_FDCWD, path, AT_EMPTY_PATH) == 0)
		return 0;
	snprintf(self, sizeof self, RQ_OWN_DESCRIPTORS "/%d", fd);
	if (errno != EEXIST && linkat(AT_FDCWD, self, AT_FDCWD, path, AT_SYMLINK_FOLLOW) == 0)
		return 0;
	int r = rq_file_error(errno);
	return r == -EEXIST || r == -ENOMEM ? r : -ENOTSUP;
}

/* Whatever the umask took away: without it, not even this user's other processes could open the region. */
static int set_mode(int fd)
{
	return fchmod(fd, 0600) ? rq_file_refused(errno) : 0;
}

/* Maps what is filled, which takes the descriptor. It is not in the name's place yet. */
static int fill_and_map(struct ringq_region **out, int fd, const struct rq_geometry *at, const struct rq_header *header)
{
	int r = set_mode(fd);
	if (r == 0)
		r = fill(fd, header);
	if (r == 0)
		return rq_region_map(out, fd, at, header);
	rq_close(fd);
	return r;
}

/* Whatever its creator could not give its name is nobody else's. */
static int named_or_gone(struct ringq_region **out, struct ringq_region *region, int r)
{
	if (r == 0)
		*out = region;
	else
		ringq_region_detach(region);
	return r;
}

static int create_nameless(
	struct ringq_region **out, const char *path, const struct rq_geometry *at, const struct rq_header *header)
{
	struct ringq_region *region;
	int fd = rq_file_descriptor(rq_open(RQ_SHM_DIRECTORY, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
	if (fd < 0)
		return fd == -EMFILE || fd == -ENFILE || fd == -ENOMEM ? fd : -ENOTSUP;
	int r = fill_and_map(&region, fd, at, header);
	return r ? r : named_or_gone(out, region, link_file(ringq_region_fd(region), path));
}

#define HIDDEN_TRIES 16

static int open_hidden(char hidden[64])
{
	int fd = -EEXIST;
	for (int i = 0; i < HIDDEN_TRIES && fd == -EEXIST; i++) {
		snprintf(hidden, 64, RQ_SHM_DIRECTORY "/.ringq.%d.%llx", (int)getpid(),
			(unsigned long long)rq_sys.now());
		fd = rq_file_descriptor(rq_open(hidden, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0600));
	}
	return fd < 0 ? rq_file_error(-fd) : fd; /* -ENOSYS, too, where there is no directory for shared memory */
}

static int create_hidden(
	struct ringq_region **out, const char *path, const struct rq_geometry *at, const struct rq_header *header)
{
	char hidden[64];
	struct ringq_region *region;
	int fd = open_hidden(hidden);
	if (fd < 0)
		return fd;
	int r = fill_and_map(&region, fd, at, header);
	if (r == 0)
		r = named_or_gone(out, region, link(hidden, path) ? rq_file_error(errno) : 0);
	unlink(hidden);
	return r;
}

static int create_named(
	struct ringq_region **out, const char *path, const struct rq_geometry *at, const struct rq_header *header)
{
	int r = create_nameless(out, path, at, header);
	return r == -ENOTSUP ? create_hidden(out, path, at, header) : r;
}

/* RINGQ_BARRIER=fences makes new regions be of fences: for tests. */
static bool wants_fences(void)
{
	const char *wish = secure_getenv("RINGQ_BARRIER");
	return wish && strcmp(wish, "fences") == 0;
}

int ringq_region_create(ringq_region **out, const struct ringq_region_options *options)
{
	struct ringq_region_options o = options ? *options : (struct ringq_region_options){0};
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t size = rq_round_up(o.size ? o.size : RQ_REGION_SIZE, page);
	char buffer[256], *path = NULL;

	if (!out || o.flags & ~(unsigned)RINGQ_FENCES || (o.size && o.size < RQ_REGION_MIN) || o.size > RQ_REGION_MAX)
		return -EINVAL;
	if (o.name) {
		int r = rq_region_path(path = buffer, o.name);
		if (r)
			return r;
	}
	int r = rq_process_start();
	if (r)
		return r;
	struct rq_geometry at;
	rq_geometry_of(&at, size, page);
	struct rq_header header = header_of(&at, o.flags & RINGQ_FENCES || !rq_sys_has_barrier() || wants_fences());
	if (path)
		return create_named(out, path, &at, &header);
	int fd = new_anonymous(&header);
	return fd < 0 ? fd : rq_region_map(out, fd, &at, &header);
}

int rq_region_or_own(struct ringq_region **region)
{
	if (!*region)
		return ringq_region_create(region, NULL);
	rq_region_ref(*region);
	return 0;
}
