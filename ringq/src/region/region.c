/* SPDX-License-Identifier: MIT */

/*
 * Regions: where things are in one, how one is made, and the one mapping that a process has of each.
 *
 * A region becomes visible to others complete: a memfd is handed over by its creator, a named one is built without a
 * name and then linked to it. So nobody can see, or die leaving, half a region.
 */

#include "region/region.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "region/family.h"
#include "pipe/liveness.h"
#include "lane/lane.h"
#include "region/member.h"
#include "region/objects.h"
#include "base/process.h"
#include "base/sys.h"

#define SHM_DIRECTORY "/dev/shm"

static uint32_t member_count(uint64_t size)
{
	uint64_t n = size >> 16;
	return n < 64 ? 64 : n > 4096 ? 4096 : (uint32_t)n;
}

static uint32_t name_count(uint64_t size)
{
	uint32_t n = 64;
	while (n < 16384 && n < size >> 16)
		n *= 2;
	return n;
}

void rq_geometry_of(struct rq_geometry *at, uint64_t size, uint64_t page)
{
	at->size = size;
	at->page = page;
	at->member_count = member_count(size);
	at->name_count = name_count(size);
	at->names = page;
	at->owners = at->names + rq_round_up(at->name_count * sizeof(rq_u64), page);
	at->members = at->owners + rq_round_up(size / page * sizeof(rq_u64), page);
	at->cells = at->members + (at->member_count + RQ_MEMBERS_A_PAGE - 1) / RQ_MEMBERS_A_PAGE * page;
	at->units = at->cells + rq_round_up(size / RQ_CELL * sizeof(rq_u64), page);
	at->unit_count = (size - at->units) / page;
}

int rq_region_back(struct ringq_region *region, uint64_t offset, uint64_t len)
{
	return rq_sys.back(region->fd, offset, len);
}

int rq_region_path(char path[256], const char *name)
{
	size_t len = name ? strlen(name) : 0;
	if (len == 0 || len > 200 || strchr(name, '/'))
		return -EINVAL;
	snprintf(path, 256, SHM_DIRECTORY "/ringq.%s", name);
	return 0;
}

void rq_region_ref(struct ringq_region *region)
{
	rq_process_lock();
	region->refs++;
	rq_process_unlock();
}

static struct ringq_region *find_mapped(const struct stat *st)
{
	for (struct ringq_region *r = rq_process_regions; r; r = r->next)
		if (r->device == st->st_dev && r->inode == st->st_ino)
			return r;
	return NULL;
}

static int map_new(
	struct ringq_region **out, int fd, const struct stat *st, const struct rq_geometry *at, uint32_t clock)
{
	struct ringq_region *r = calloc(1, sizeof *r);
	if (!r)
		return -ENOMEM;
	void *base = mmap(NULL, at->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (base == MAP_FAILED) {
		int error = -errno;
		free(r);
		return error;
	}
	*r = (struct ringq_region){
		.base = base,
		.header = base,
		.at = *at,
		.fd = fd,
		.clock = clock,
		.device = st->st_dev,
		.inode = st->st_ino,
		.refs = 1,
		.lane_unit_is_garbage = rq_lane_unit_is_garbage,
		.object_is_garbage = rq_object_is_garbage,
		.reap = rq_hold_reap,
		.next = rq_process_regions,
	};
	rq_process_regions = r;
	*out = r;
	return 0;
}

int rq_region_map(struct ringq_region **out, int fd, const struct rq_geometry *at, uint32_t clock)
{
	struct stat st;
	int r = fstat(fd, &st) ? -errno : rq_process_start();
	if (r == 0) {
		rq_process_lock();
		struct ringq_region *mapped = find_mapped(&st);
		if (mapped) {
			mapped->refs++;
			*out = mapped;
		} else {
			r = map_new(out, fd, &st, at, clock);
			if (r == 0)
				fd = -1;
		}
		rq_process_unlock();
	}
	if (fd >= 0)
		close(fd);
	return r;
}

void ringq_region_detach(ringq_region *region)
{
	if (!region)
		return;
	rq_process_lock();
	if (--region->refs) {
		rq_process_unlock();
		return;
	}
	struct ringq_region **link = &rq_process_regions;
	while (*link != region)
		link = &(*link)->next;
	*link = region->next;
	rq_memberships_leave(region);
	rq_memberships_tidy();
	rq_process_unlock();
	rq_family_leave(region);
	munmap(region->base, region->at.size);
	close(region->fd);
	free(region);
}

static int write_header(int fd, const struct rq_geometry *at, uint32_t clock)
{
	struct rq_header h = {
		.magic = RQ_MAGIC,
		.major = RQ_MAJOR,
		.minor = RQ_MINOR,
		.byte_order = RQ_BYTE_ORDER,
		.word_size = 8 * sizeof(void *),
		.header_size = sizeof h,
		.size = at->size,
		.page = (uint32_t)at->page,
		.members = at->member_count,
		.ready = 1,
		.clock = clock,
	};
	int r = rq_sys.back(fd, 0, at->page);
	if (r)
		return r;
	ssize_t n = pwrite(fd, &h, sizeof h, 0);
	return n == (ssize_t)sizeof h ? 0 : n < 0 ? -errno : -EIO;
}

static int new_file(const char *path)
{
	if (!path)
		return rq_sys_memfd("ringq");
	int fd = open(SHM_DIRECTORY, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd >= 0)
		fchmod(fd, 0600); /* whatever the umask took away */
	return fd < 0 ? -errno : fd;
}

static int link_file(int fd, const char *path)
{
	char self[64];
	snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
	return linkat(AT_FDCWD, self, AT_FDCWD, path, AT_SYMLINK_FOLLOW) ? -errno : 0;
}

static int fill_file(int fd, const char *path, const struct rq_geometry *at, uint32_t clock)
{
	if (ftruncate(fd, (off_t)at->size))
		return -errno;
	int r = write_header(fd, at, clock);
	if (r == 0)
		r = path ? link_file(fd, path) : rq_sys_seal(fd);
	return r;
}

int ringq_region_create(ringq_region **out, const struct ringq_region_options *options)
{
	struct ringq_region_options o = options ? *options : (struct ringq_region_options){0};
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t size = rq_round_up(o.size ? o.size : RQ_REGION_SIZE, page);
	char buffer[256], *path = NULL;

	if (!out || o.flags || (o.size && o.size < RQ_REGION_MIN) || o.size > RQ_REGION_MAX)
		return -EINVAL;
	if (o.name) {
		int r = rq_region_path(path = buffer, o.name);
		if (r)
			return r;
	}
	struct rq_geometry at;
	rq_geometry_of(&at, size, page);
	uint32_t clock = rq_clock_choose();
	int fd = new_file(path);
	if (fd < 0)
		return fd;
	int r = fill_file(fd, path, &at, clock);
	if (r) {
		close(fd);
		return r;
	}
	r = rq_region_map(out, fd, &at, clock);
	if (r && path)
		unlink(path);
	return r;
}

int ringq_region_fd(const ringq_region *region)
{
	return region ? region->fd : -EINVAL;
}

int64_t ringq_region_memory(const ringq_region *region)
{
	struct stat st;
	if (!region)
		return -EINVAL;
	return fstat(region->fd, &st) ? -errno : (int64_t)st.st_blocks * 512;
}
