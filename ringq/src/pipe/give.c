/* SPDX-License-Identifier: MIT */

/*
 * Giving an end of a pipe to another process, over a socket.
 *
 * The message has the region's descriptor, and for each side of the end the descriptor that holds it: on its way the
 * socket holds. What the message says of them is not believed: the taker has each descriptor hold what it is said to
 * hold, which changes nothing if it does, and only then looks whether the object there is one of a pipe.
 */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pipe/liveness.h"
#include "pipe/pipe.h"

#define GIFT_MAGIC UINT64_C(0x5249504544474951)
#define FDS_MOST 3

/* first is UINT64_MAX where the end has no such side: [0] to read, [1] to write. */
struct gift {
	uint64_t magic;
	uint64_t first[2];
	uint64_t owner[2];
};

union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(FDS_MOST * sizeof(int))];
};

static ssize_t send_fds(int socket, const struct gift *gift, const int *fds, size_t n)
{
	struct iovec body = {(void *)(uintptr_t)gift, sizeof *gift};
	union control control = {0};
	struct msghdr m = {.msg_iov = &body,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = CMSG_SPACE(n * sizeof(int))};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(n * sizeof(int));
	memcpy(CMSG_DATA(c), fds, n * sizeof(int));
	ssize_t r;
	do
		r = sendmsg(socket, &m, MSG_NOSIGNAL);
	while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : r;
}

int ringq_pipe_give(const ringq_pipe *end, int socket)
{
	if (!end)
		return -EINVAL;
	struct gift gift = {.magic = GIFT_MAGIC, .first = {UINT64_MAX, UINT64_MAX}};
	const struct ringq_queue *queues[2] = {end->in, end->out};
	int fds[FDS_MOST] = {ringq_pipe_region(end)->fd};
	size_t n = 1;
	for (int i = 0; i < 2; i++) {
		const struct ringq_queue *q = queues[i];
		if (!q)
			continue;
		gift.first[i] = q->set.first;
		gift.owner[i] = rq_load(rq_owner_at(q->region, q->set.first));
		fds[n++] = q->hold;
	}
	ssize_t r = send_fds(socket, &gift, fds, n);
	return r < 0 ? (int)r : r == (ssize_t)sizeof gift ? 0 : -EMSGSIZE;
}

/* ---- taking ---- */

/* The descriptors of a message, up to FDS_MOST; any more of them are closed. How many came. */
static size_t descriptors(struct msghdr *m, int fds[FDS_MOST])
{
	size_t n = 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < (c->cmsg_len - CMSG_LEN(0)) / sizeof(int); i++, n++) {
			int got;
			memcpy(&got, CMSG_DATA(c) + i * sizeof got, sizeof got);
			if (n < FDS_MOST)
				fds[n] = got;
			else
				close(got);
		}
	}
	return n;
}

static int receive_fds(int socket, struct gift *gift, int fds[FDS_MOST])
{
	struct iovec body = {gift, sizeof *gift};
	union control control = {0};
	struct msghdr m = {
		.msg_iov = &body, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
	ssize_t r;
	do
		r = recvmsg(socket, &m, MSG_CMSG_CLOEXEC);
	while (r < 0 && errno == EINTR);
	if (r <= 0)
		return r ? -errno : -EPIPE;
	size_t n = descriptors(&m, fds), want = 1;
	bool whole = r == (ssize_t)sizeof *gift && gift->magic == GIFT_MAGIC;
	for (int i = 0; i < 2 && whole; i++)
		want += gift->first[i] != UINT64_MAX;
	return whole && want > 1 && n == want && !(m.msg_flags & (MSG_CTRUNC | MSG_TRUNC)) ? 0 : -EPROTO;
}

/* Has the descriptor, if it is one of the region's file, hold its side of a pipe's queue. 0 or -EBADMSG. */
static int check_side(const struct ringq_region *region, uint64_t owner, int side, struct rq_pipe_side *s)
{
	struct stat st;
	if (fstat(s->hold, &st) || st.st_dev != region->device || st.st_ino != region->inode ||
		(fcntl(s->hold, F_GETFL) & (O_ACCMODE | O_PATH)) != O_RDWR || s->first >= rq_units_frontier(region) ||
		rq_hold_keep(region, s->hold, s->first, side ? RQ_SIDE_WRITER : RQ_SIDE_READER))
		return -EBADMSG;
	uint64_t word = rq_load_acquire(rq_owner_at(region, s->first));
	s->units = rq_owner_object_units(word);
	return word == owner && rq_owner_kind(word) == RQ_OWNER_PIPE ? 0 : -EBADMSG;
}

static int open_gift(ringq_pipe **out, const struct gift *gift, int fds[FDS_MOST])
{
	struct ringq_region *region;
	struct rq_pipe_side sides[2] = {{.hold = -1}, {.hold = -1}};
	int r = ringq_region_attach(&region, fds[0]);
	if (r)
		return r;
	int *next = fds + 1;
	for (int i = 0; i < 2 && r == 0; i++) {
		if (gift->first[i] == UINT64_MAX)
			continue;
		sides[i] = (struct rq_pipe_side){.first = gift->first[i], .hold = *next};
		*next++ = -1;
		r = check_side(region, gift->owner[i], i, &sides[i]);
	}
	if (r == 0)
		r = rq_pipe_open(out, region, sides);
	for (int i = 0; i < 2; i++)
		if (sides[i].hold >= 0)
			close(sides[i].hold);
	ringq_region_detach(region);
	return r;
}

int ringq_pipe_take(ringq_pipe **out, int socket)
{
	struct gift gift;
	int fds[FDS_MOST] = {-1, -1, -1};
	if (!out)
		return -EINVAL;
	int r = receive_fds(socket, &gift, fds);
	if (r == 0)
		r = open_gift(out, &gift, fds);
	for (int i = 0; i < FDS_MOST; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	return r;
}
