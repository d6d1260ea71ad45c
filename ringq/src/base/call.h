/* SPDX-License-Identifier: MIT */
#ifndef RQ_CALL_H
#define RQ_CALL_H

/*
 * System calls that are cancellation points in libc, and are none here: a thread that is cancelled inside a call of the
 * library would leave the process's lock taken, a descriptor open, a record taken and given to nobody. It ends the call.
 */

#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#define RQ_UNCANCELLED(type, call)                                 \
	int before;                                                \
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);   \
	type r = (call);                                           \
	pthread_setcancelstate(before, &before); /* keeps errno */ \
	return r

static inline int rq_open(const char *path, int flags, mode_t mode)
{
	RQ_UNCANCELLED(int, open(path, flags, mode));
}

static inline int rq_close(int fd)
{
	RQ_UNCANCELLED(int, close(fd));
}

static inline ssize_t rq_read(int fd, void *to, size_t len)
{
	RQ_UNCANCELLED(ssize_t, read(fd, to, len));
}

static inline ssize_t rq_write(int fd, const void *from, size_t len)
{
	RQ_UNCANCELLED(ssize_t, write(fd, from, len));
}

static inline ssize_t rq_pread(int fd, void *to, size_t len, off_t offset)
{
	RQ_UNCANCELLED(ssize_t, pread(fd, to, len, offset));
}

static inline ssize_t rq_pwrite(int fd, const void *from, size_t len, off_t offset)
{
	RQ_UNCANCELLED(ssize_t, pwrite(fd, from, len, offset));
}

static inline int rq_fallocate(int fd, int mode, off_t offset, off_t len)
{
	RQ_UNCANCELLED(int, fallocate(fd, mode, offset, len));
}

static inline ssize_t rq_sendmsg(int socket, const struct msghdr *message, int flags)
{
	RQ_UNCANCELLED(ssize_t, sendmsg(socket, message, flags));
}

static inline ssize_t rq_recv(int socket, void *to, size_t len, int flags)
{
	RQ_UNCANCELLED(ssize_t, recv(socket, to, len, flags));
}

static inline ssize_t rq_recvmsg(int socket, struct msghdr *message, int flags)
{
	RQ_UNCANCELLED(ssize_t, recvmsg(socket, message, flags));
}

#endif
