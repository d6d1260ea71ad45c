/* SPDX-License-Identifier: MIT */
#include "base/call.h"
#include "base/parcel.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/file.h"

union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(RQ_PARCEL_MOST * sizeof(int))];
};

ssize_t rq_parcel_send(const struct rq_parcel *parcel, int socket)
{
	struct iovec body = {parcel->body, parcel->len};
	union control control = {0};
	size_t bytes = parcel->count * sizeof(int);
	struct msghdr m = {
		.msg_iov = &body, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = CMSG_SPACE(bytes)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(bytes);
	memcpy(CMSG_DATA(c), parcel->fds, bytes);
	ssize_t n;
	do
		n = rq_sendmsg(socket, &m, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

/* Waits for a message, or the end, as the socket does, and leaves it there. */
static int wait_for_message(int socket)
{
	char byte;
	ssize_t n;
	do
		n = rq_recv(socket, &byte, 1, MSG_PEEK);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

/* The descriptors of a message, moved above 2. False if one could not be had, or there are too many. */
static bool collect(struct msghdr *m, struct rq_parcel *parcel, unsigned most)
{
	bool all = true;
	parcel->count = 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < (c->cmsg_len - CMSG_LEN(0)) / sizeof(int); i++) {
			int got;
			memcpy(&got, CMSG_DATA(c) + i * sizeof got, sizeof got);
			got = rq_file_descriptor(got);
			if (got >= 0 && parcel->count < most) {
				parcel->fds[parcel->count++] = got;
				continue;
			}
			all = false;
			if (got >= 0)
				rq_close(got);
		}
	}
	return all;
}

ssize_t rq_parcel_receive(struct rq_parcel *parcel, int socket)
{
	struct iovec body = {parcel->body, parcel->len};
	union control control = {0};
	struct msghdr m = {
		.msg_iov = &body, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
	unsigned most = parcel->count;
	ssize_t n = wait_for_message(socket);
	if (n == 0)
		n = rq_file_reserve(socket, most + parcel->spare);
	if (n)
		return n;
	do
		n = rq_recvmsg(socket, &m, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n ? -errno : -EPIPE;
	bool all = collect(&m, parcel, most);
	if (all && !(m.msg_flags & (MSG_CTRUNC | MSG_TRUNC)))
		return n;
	unsigned came = parcel->count;
	rq_parcel_close(parcel);
	return came < most && !(m.msg_flags & MSG_TRUNC) ? -EMFILE : -EPROTO;
}

void rq_parcel_close(struct rq_parcel *parcel)
{
	for (unsigned i = 0; i < parcel->count; i++)
		if (parcel->fds[i] >= 0)
			rq_close(parcel->fds[i]);
	parcel->count = 0;
}
