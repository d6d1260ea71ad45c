/* SPDX-License-Identifier: MIT */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/call.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

#define ABOVE_STANDARD 3
#define RESERVE_MOST 8u

int rq_file_error(int error)
{
	switch (error) {
	case ENOMEM:
	case ENOSPC: /* what tmpfs says where its mount is full */
	case EDQUOT:
		return -ENOMEM;
	case EMFILE:
	case ENFILE:
	case EACCES:
	case EROFS:
	case EEXIST:
	case EFBIG:
	case ENOLCK:
		return -error;
	default:
		return -ENOSYS;
	}
}

int rq_file_refused(int error)
{
	switch (error) {
	case EBADF:
	case EMFILE:
	case ENFILE:
	case ENOMEM:
	case ENOLCK:
		return -error;
	default:
		return -ENOSYS;
	}
}

/* ---- descriptors ---- */

/* EINVAL is the kernel's where no number above the standard ones is allowed. */
int rq_file_copy(int fd)
{
	struct rlimit limit;
	int own = fcntl(fd, F_DUPFD_CLOEXEC, ABOVE_STANDARD), error = errno;
	if (own >= 0)
		return own;
	bool none = error == EINVAL && getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur <= ABOVE_STANDARD;
	return none ? -EMFILE : rq_file_refused(error);
}

int rq_file_descriptor(int fd)
{
	if (fd < 0 || fd >= ABOVE_STANDARD)
		return fd < 0 ? -errno : fd;
	int own = rq_file_copy(fd);
	rq_close(fd);
	return own;
}

int rq_file_reserve(int fd, unsigned n)
{
	int fds[RESERVE_MOST], r = 0;
	unsigned have = 0;
	if (n > RESERVE_MOST)
		return -EMFILE;
	while (have < n && r == 0) {
		fds[have] = rq_file_copy(fd);
		if (fds[have] < 0)
			r = fds[have];
		else
			have++;
	}
	while (have)
		rq_close(fds[--have]);
	return r;
}

int rq_file_check(const struct rq_file *file, int fd)
{
	struct stat st;
	if (fstat(fd, &st))
		return errno == EBADF ? -ESTALE : -ENOSYS;
	return st.st_dev == file->device && st.st_ino == file->inode ? 0 : -ESTALE;
}

bool rq_file_is_behind(const struct rq_file *file, int fd)
{
	return rq_file_check(file, fd) == 0;
}

int rq_file_number(const struct rq_file *file)
{
	int fd = rq_load(&file->fd), r = rq_file_check(file, fd);
	return r ? r : fd;
}

void rq_file_close(const struct rq_file *file, int fd)
{
	if (rq_file_is_behind(file, fd))
		rq_close(fd);
}

/* Asked only where "nobody" would count: an answer about another file is none. */
int rq_file_held(const struct rq_file *file, int fd, uint64_t byte)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = (off_t)byte, .l_len = 1};
	if (fcntl(fd, F_OFD_GETLK, &lock)) /* the lock that would exclude all holders is not taken, only asked for */
		return -errno;
	return lock.l_type != F_UNLCK ? 1 : rq_file_is_behind(file, fd) ? 0 : -ESTALE;
}

/* Of a file that has a name. What can be no region, as it is not even a file, is as a file that is none. */
static int open_error(int error)
{
	switch (error) {
	case ENOENT:
		return -ENOENT;
	case EROFS:
		return -EACCES;
	case EISDIR:
	case ELOOP: /* a symbolic link */
	case ENXIO: /* a socket */
	case ETXTBSY:
		return -EPROTO;
	default:
		return rq_file_error(error);
	}
}

int rq_file_open(const char *path, int flags)
{
	int fd = rq_open(path, O_RDWR | O_CLOEXEC | flags, 0);
	return fd < 0 ? open_error(errno) : rq_file_descriptor(fd);
}

/* Looked at before and after: what open() finds at the number may be a device, or a file of another's. */
int rq_file_reopen(const struct rq_file *file)
{
	char path[64];
	int fd = rq_file_number(file);
	if (fd < 0)
		return fd;
	snprintf(path, sizeof path, RQ_OWN_DESCRIPTORS "/%d", fd);
	int own = rq_file_open(path, 0), r = own < 0 ? own : rq_file_check(file, own);
	if (own >= 0 && r)
		rq_close(own);
	return r ? r : own;
}

int rq_file_resize(int fd, uint64_t size)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < size)
		return -EFBIG;
	return ftruncate(fd, (off_t)size) ? rq_file_error(errno) : 0;
}

/* ---- memory ---- */

static rq_u32 populate_is_refused; /* set once, by whoever finds out */

/*
 * The kernel writes to a page what is there already: an OR of nothing, which goes with a wake-up on another word. It
 * compares with a value that is not there, so that it wakes nobody at the page.
 */
static int touch(char *page)
{
	static uint32_t nobody;
	unsigned op = FUTEX_OP(FUTEX_OP_OR, 0, FUTEX_OP_CMP_EQ, 0x5a5);
	if (syscall(SYS_futex, &nobody, FUTEX_WAKE_OP | FUTEX_PRIVATE_FLAG, 0, NULL, page, op) >= 0)
		return 0;
	return errno == EFAULT || errno == ENOMEM ? -ENOMEM : -ENOSYS;
}

static int touch_all(char *at, uint64_t len)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	int r = 0;
	for (uint64_t i = 0; i < len && r == 0; i += page)
		r = touch(at + i);
	return r;
}

int rq_file_back(const struct rq_file *file, uint64_t offset, uint64_t len)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), end = (offset + len + page - 1) & ~(page - 1);
	char *from = file->base + (offset & ~(page - 1)), *to = file->base + end;
	while (from < to && !rq_load(&populate_is_refused)) {
		if (madvise(from, (size_t)(to - from), MADV_POPULATE_WRITE) == 0)
			return 0;
		/* tmpfs says EFAULT where its mount is full: to the caller it is memory. */
		if (errno == ENOMEM || errno == EFAULT)
			return -ENOMEM;
		if (errno != EINTR && errno != EAGAIN)
			rq_store(&populate_is_refused, 1);
	}
	return touch_all(from, (uint64_t)(to - from));
}

int rq_file_probe(void)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	char *memory = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return errno == ENOMEM || errno == EAGAIN ? -ENOMEM : -ENOSYS;
	struct rq_file file = {.base = memory};
	int r = rq_file_back(&file, 0, page);
	munmap(memory, page);
	return r;
}

int rq_file_give_back(const struct rq_file *file, uint64_t offset, uint64_t len)
{
	if (madvise(file->base + offset, len, MADV_REMOVE) == 0)
		return 0;
	int fd = rq_file_number(file);
	if (fd < 0)
		return -ENOSYS;
	int r;
	do
		r = rq_fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)len);
	while (r < 0 && errno == EINTR);
	return r ? -ENOSYS : 0;
}

int rq_file_map_again(const struct rq_file *file, uint64_t offset, uint64_t len, char *to)
{
	if (mremap(file->base + offset, 0, len, MREMAP_MAYMOVE | MREMAP_FIXED, to) != MAP_FAILED)
		return 0;
	int fd = rq_file_number(file);
	if (fd < 0)
		return fd;
	if (mmap(to, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, (off_t)offset) == MAP_FAILED)
		return -ENOMEM;
	return rq_file_check(file, fd);
}
