/* SPDX-License-Identifier: MIT */

/*
 * Attaching to a region that somebody else made, who may be hostile: every field is read once, before anything is
 * mapped, and checked in the order of the reasons that it gives.
 */

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ringq/look.h>
#include <ringq/version.h>

#include "base/call.h"
#include "base/parcel.h"
#include "base/process.h"
#include "base/sys.h"
#include "region/map.h"

/* 0, or why this descriptor cannot be a region at all. */
static int check_file(int fd, struct stat *st)
{
	int flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fstat(fd, st))
		return rq_file_refused(errno);
	if (!S_ISREG(st->st_mode) || (flags & O_PATH))
		return -EPROTO;
	return 0;
}

/*
 * A file without a name whose size can change is nothing that ringq_region_create() makes, and its sender could kill
 * us with it. A named one is a matter of trust, as its documentation says.
 */
static int check_seals(int seals, const struct stat *st)
{
	int want = F_SEAL_SHRINK | F_SEAL_GROW;
	return st->st_nlink == 0 && (seals < 0 || (seals & want) != want) ? -EPROTO : 0;
}

/* 0, or why these bytes are no region that this library knows. */
static int check_kind(const struct rq_header *h, ssize_t n)
{
	if (n < (ssize_t)offsetof(struct rq_header, major) || h->magic != RQ_MAGIC)
		return -EPROTO;
	if (n < (ssize_t)sizeof *h)
		return -EBADMSG;
	if (h->byte_order != RQ_BYTE_ORDER || h->word_size != 8 * sizeof(void *) || h->major != RQ_MAJOR ||
		h->header_size != sizeof *h || h->incompatible)
		return -EPROTO;
	return 0;
}

/* 0, or -EBADMSG for a region whose header contradicts itself or its file. */
static int check_content(const struct rq_header *h, const struct stat *st, struct rq_geometry *at)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	if (h->size < RQ_REGION_MIN || h->size > RQ_REGION_MAX || h->size % page || h->page != page)
		return -EBADMSG;
	if (st->st_size < 0 || (uint64_t)st->st_size != h->size || h->ready != 1)
		return -EBADMSG;
	rq_geometry_of(at, h->size, page);
	if (h->members != at->member_count || rq_load(&h->frontier) > at->unit_count ||
		rq_load(&h->members_backed) > at->member_count)
		return -EBADMSG;
	if (h->clock != RQ_CLOCK_TICKET && h->clock != RQ_CLOCK_TSC)
		return -EBADMSG;
	if (h->barrier != RQ_BARRIER_SYSTEM && h->barrier != RQ_BARRIER_FENCES)
		return -EBADMSG;
#if !defined(__x86_64__)
	if (h->clock == RQ_CLOCK_TSC)
		return -EPROTO;
#endif
	return 0;
}

/* How a descriptor was come by. */
enum origin {
	GIVEN,  /* inherited or received: its giver may be hostile */
	NAMED,  /* opened by its name, which it may have lost since */
	LOOKED, /* for looking only: nothing is mapped, so that nobody can hurt by truncating it */
};

/* Reads the header once, and checks it, and where it lies. */
static int check_region(int fd, enum origin origin, struct rq_geometry *at, struct rq_header *h)
{
	struct stat st;
	/*
	 * Seals before the size: what is sealed now keeps the size that is seen next, while one that is seen before could
	 * be truncated and then sealed. And before all that reads: other file systems than those that seal may answer
	 * never, if their owner likes.
	 */
	int seals = fcntl(fd, F_GET_SEALS);
	int r = seals < 0 && origin != NAMED ? -EPROTO : check_file(fd, &st);
	if (r == 0) {
		ssize_t n = rq_pread(fd, h, sizeof *h, 0);
		r = n < 0 ? (errno == EBADF ? -EACCES : rq_file_refused(errno)) : check_kind(h, n);
	}
	if (r == 0 && origin == GIVEN)
		r = check_seals(seals, &st);
	if (r == 0)
		r = check_content(h, &st, at);
	if (r == 0 && origin != LOOKED && (fcntl(fd, F_GETFL) & O_ACCMODE) != O_RDWR)
		r = -EACCES;
	return r;
}

/* Takes fd over. */
static int attach(ringq_region **out, int fd, enum origin origin)
{
	struct rq_header h;
	struct rq_geometry at;
	int r = check_region(fd, origin, &at, &h);
	if (r == 0)
		r = rq_process_start();
	if (r == 0 && origin != LOOKED && h.barrier == RQ_BARRIER_SYSTEM && !rq_sys_has_barrier())
		r = -ENOSYS;
	if (r == 0)
		return origin == LOOKED ? rq_region_look(out, fd, &at, h.clock) : rq_region_map(out, fd, &at, &h);
	rq_close(fd);
	return r;
}

int ringq_region_attach(ringq_region **out, int fd)
{
	if (!out)
		return -EINVAL;
	int own = rq_file_copy(fd);
	return own < 0 ? own : attach(out, own, GIVEN);
}

int ringq_region_observe(ringq_region **out, int fd)
{
	if (!out)
		return -EINVAL;
	int own = rq_file_copy(fd);
	return own < 0 ? own : attach(out, own, LOOKED);
}

int ringq_region_layout(int fd, unsigned *major, unsigned *minor)
{
	struct rq_header h;
	struct stat st;
	if (!major || !minor)
		return -EINVAL;
	if (fd == -1) {
		*major = RQ_MAJOR;
		*minor = RQ_MINOR;
		return 0;
	}
	int r = fcntl(fd, F_GETFD) < 0       ? rq_file_refused(errno)
	        : fcntl(fd, F_GET_SEALS) < 0 ? -EPROTO
	                                     : check_file(fd, &st);
	if (r)
		return r;
	ssize_t n = rq_pread(fd, &h, offsetof(struct rq_header, word_size), 0);
	if (n < 0)
		return errno == EBADF ? -EACCES : rq_file_refused(errno);
	if (n < (ssize_t)offsetof(struct rq_header, word_size) || h.magic != RQ_MAGIC || h.byte_order != RQ_BYTE_ORDER)
		return -EPROTO;
	*major = h.major;
	*minor = h.minor;
	return 0;
}

int ringq_region_open(ringq_region **out, const char *name)
{
	char path[256];
	int r = out ? rq_region_path(path, name) : -EINVAL;
	if (r)
		return r;
	int fd = rq_file_open(path, O_NOFOLLOW);
	return fd < 0 ? fd : attach(out, fd, NAMED);
}

static int unlink_error(int error)
{
	switch (error) {
	case ENOENT:
	case EACCES:
	case EPERM:
		return -error;
	case EROFS:
		return -EACCES;
	case EISDIR:
		return -EPERM;
	default:
		return -ENOSYS;
	}
}

int ringq_region_unlink(const char *name)
{
	char path[256];
	int r = rq_region_path(path, name);
	return r ? r : unlink(path) ? unlink_error(errno) : 0;
}

int ringq_region_send(const ringq_region *region, int socket)
{
	char tag = 'R';
	struct rq_parcel parcel = {.body = &tag, .len = 1, .count = 1};
	if (!region)
		return -EINVAL;
	parcel.fds[0] = rq_file_number(&region->file);
	if (parcel.fds[0] < 0)
		return parcel.fds[0];
	ssize_t n = rq_parcel_send(&parcel, socket);
	return n < 0 ? (int)n : 0;
}

int ringq_region_receive(ringq_region **out, int socket)
{
	char tag = 0;
	struct rq_parcel parcel = {.body = &tag, .len = 1, .count = 1};
	if (!out)
		return -EINVAL;
	ssize_t n = rq_parcel_receive(&parcel, socket);
	if (n < 0)
		return (int)n;
	if (parcel.count == 1)
		return attach(out, parcel.fds[0], GIVEN);
	rq_parcel_close(&parcel);
	return -EPROTO;
}
