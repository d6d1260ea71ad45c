/* SPDX-License-Identifier: MIT */

/*
 * Attaching to a region that somebody else made, who may be hostile: every field is read once, before anything is
 * mapped, and checked in the order of the reasons that it gives.
 */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "region/region.h"

/* 0, or why this descriptor cannot be a region at all. */
static int check_file(int fd, struct stat *st)
{
	int flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fstat(fd, st))
		return -errno;
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
#if !defined(__x86_64__)
	if (h->clock == RQ_CLOCK_TSC)
		return -EPROTO;
#endif
	return 0;
}

/* Takes fd over. What was opened by its name may have lost it since. */
static int attach(ringq_region **out, int fd, bool by_name)
{
	struct rq_header h;
	struct rq_geometry at;
	struct stat st;
	/*
	 * Seals before the size: what is sealed now keeps the size that is seen next, while one that is seen before could
	 * be truncated and then sealed. And before all that reads: other file systems than those that seal may answer
	 * never, if their owner likes.
	 */
	int seals = fcntl(fd, F_GET_SEALS);
	int r = seals < 0 && !by_name ? -EPROTO : check_file(fd, &st);
	if (r == 0) {
		ssize_t n = pread(fd, &h, sizeof h, 0);
		r = n < 0 ? (errno == EBADF ? -EACCES : -errno) : check_kind(&h, n);
	}
	if (r == 0 && !by_name)
		r = check_seals(seals, &st);
	if (r == 0)
		r = check_content(&h, &st, &at);
	if (r == 0 && (fcntl(fd, F_GETFL) & O_ACCMODE) != O_RDWR)
		r = -EACCES;
	if (r) {
		close(fd);
		return r;
	}
	return rq_region_map(out, fd, &at, h.clock);
}

int ringq_region_attach(ringq_region **out, int fd)
{
	if (!out)
		return -EINVAL;
	int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	return own < 0 ? -errno : attach(out, own, false);
}

int ringq_region_open(ringq_region **out, const char *name)
{
	char path[256];
	int r = out ? rq_region_path(path, name) : -EINVAL;
	if (r)
		return r;
	int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 ? -errno : attach(out, fd, true);
}

int ringq_region_unlink(const char *name)
{
	char path[256];
	int r = rq_region_path(path, name);
	return r ? r : unlink(path) ? -errno : 0;
}

union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(sizeof(int))];
};

int ringq_region_send(const ringq_region *region, int socket)
{
	char tag = 'R';
	struct iovec byte = {&tag, 1};
	union control control = {0};
	struct msghdr m = {
		.msg_iov = &byte, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	if (!region)
		return -EINVAL;
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &region->fd, sizeof(int));
	ssize_t n;
	do
		n = sendmsg(socket, &m, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

/* The one descriptor of a message, or -EPROTO with every descriptor that came closed. */
static int only_descriptor(struct msghdr *m)
{
	int fd = -EPROTO, count = 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < (c->cmsg_len - CMSG_LEN(0)) / sizeof(int); i++, count++) {
			int got;
			memcpy(&got, CMSG_DATA(c) + i * sizeof got, sizeof got);
			if (count)
				close(got);
			else
				fd = got;
		}
	}
	if (count == 1 && !(m->msg_flags & MSG_CTRUNC))
		return fd;
	if (fd >= 0)
		close(fd);
	return -EPROTO;
}

int ringq_region_receive(ringq_region **out, int socket)
{
	char tag = 0;
	struct iovec byte = {&tag, 1};
	union control control = {0};
	struct msghdr m = {
		.msg_iov = &byte, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
	ssize_t n;
	if (!out)
		return -EINVAL;
	do
		n = recvmsg(socket, &m, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n ? -errno : -EPIPE;
	int fd = only_descriptor(&m);
	return fd < 0 ? fd : attach(out, fd, false);
}
