/* SPDX-License-Identifier: MIT */
#include "region/map.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/call.h"
#include "base/process.h"
#include "base/sys.h"
#include "region/family.h"
#include "region/membership.h"

int rq_region_path(char path[256], const char *name)
{
	size_t len = name ? strlen(name) : 0;
	if (len == 0 || len > 200 || strchr(name, '/'))
		return -EINVAL;
	snprintf(path, 256, RQ_SHM_DIRECTORY "/ringq.%s", name);
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
		if (r->file.device == st->st_dev && r->file.inode == st->st_ino)
			return r;
	return NULL;
}

/*
 * Maps all of the file. Its pages come as they are used: in a process that locks all memory of its future, too, as what
 * cannot be read is not filled, and is unlocked before it can be. No core dump has it: to dump it would be to fill it.
 */
static int map_file(char **out, int fd, uint64_t size)
{
	char *base = mmap(NULL, size, PROT_NONE, MAP_SHARED, fd, 0);
	if (base == MAP_FAILED)
		return errno == EAGAIN ? -EAGAIN : errno == ENOMEM ? -ENOMEM : -ENOSYS;
	munlock(base, size);
	if (mprotect(base, size, PROT_READ | PROT_WRITE)) {
		int r = errno == ENOMEM ? -ENOMEM : -ENOSYS;
		munmap(base, size);
		return r;
	}
	madvise(base, size, MADV_DONTDUMP);
	*out = base;
	return 0;
}

static int map_new(struct ringq_region **out, int fd, const struct stat *st, const struct rq_geometry *at,
	const struct rq_header *header)
{
	struct ringq_region *r = calloc(1, sizeof *r);
	if (!r)
		return -ENOMEM;
	char *base;
	int mapped = map_file(&base, fd, at->size);
	if (mapped) {
		free(r);
		return mapped;
	}
	*r = (struct ringq_region){
		.base = base,
		.header = (struct rq_header *)base,
		.at = *at,
		.file = {.base = base, .fd = fd, .device = st->st_dev, .inode = st->st_ino},
		.clock = {.kind = header->clock, .ticket = &((struct rq_header *)base)->ticket},
		.fences = header->barrier == RQ_BARRIER_FENCES,
		.refs = 1,
		.next = rq_process_regions,
	};
	rq_process_regions = r;
	*out = r;
	return 0;
}

/* Who attaches again after a daemonizer has closed the region's descriptor gives it one. True: it has kept fd. */
static bool mend_number(struct ringq_region *region, int fd)
{
	int number = rq_file_number(&region->file);
	if (number >= 0 && number != fd) /* fd itself may have been given the number that was closed */
		return false;
	rq_store(&region->file.fd, fd);
	return true;
}

int rq_region_map(struct ringq_region **out, int fd, const struct rq_geometry *at, const struct rq_header *header)
{
	struct stat st;
	int r = fstat(fd, &st) ? rq_file_refused(errno) : rq_process_start();
	if (r == 0) {
		rq_process_lock();
		struct ringq_region *mapped = find_mapped(&st);
		if (mapped) {
			mapped->refs++;
			*out = mapped;
			if (mend_number(mapped, fd))
				fd = -1;
		} else {
			r = map_new(out, fd, &st, at, header);
			if (r == 0)
				fd = -1;
		}
		rq_process_unlock();
	}
	if (fd >= 0)
		rq_close(fd);
	return r;
}

int rq_region_look(struct ringq_region **out, int fd, const struct rq_geometry *at, uint32_t clock)
{
	struct stat st;
	int e = fstat(fd, &st) ? rq_file_refused(errno) : 0;
	struct ringq_region *r = e ? NULL : calloc(1, sizeof *r);
	if (!r) {
		rq_close(fd);
		return e ? e : -ENOMEM;
	}
	*r = (struct ringq_region){
		.at = *at,
		.file = {.fd = fd, .device = st.st_dev, .inode = st.st_ino},
		.clock = {.kind = clock},
		.refs = 1,
	};
	*out = r;
	return 0;
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
	if (rq_region_is_observed(region)) {
		rq_process_unlock();
		rq_file_close(&region->file, rq_load(&region->file.fd));
		free(region);
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
	rq_file_close(&region->file, rq_load(&region->file.fd));
	free(region);
}

int ringq_region_fd(const ringq_region *region)
{
	return region ? rq_file_number(&region->file) : -EINVAL;
}

int ringq_region_is_linked(const ringq_region *region)
{
	struct stat st;
	if (!region)
		return -EINVAL;
	int fd = rq_file_number(&region->file);
	return fd < 0 ? fd : fstat(fd, &st) ? rq_file_refused(errno) : st.st_nlink > 0;
}

int64_t ringq_region_memory(const ringq_region *region)
{
	struct stat st;
	if (!region)
		return -EINVAL;
	int fd = rq_file_number(&region->file);
	return fd < 0 ? fd : fstat(fd, &st) ? rq_file_refused(errno) : (int64_t)st.st_blocks * 512;
}
