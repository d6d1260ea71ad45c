/* SPDX-License-Identifier: MIT */
#include "base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

#define BITSET_ANY 0xffffffffu

static struct timespec spec(int64_t ns)
{
	return (struct timespec){.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
}

static int result(long r)
{
	return r < 0 ? -errno : (int)r;
}

/* FUTEX_WAIT_BITSET, because it takes an absolute time: a signal in between then costs no precision. */
static int sys_futex_wait(const _Atomic uint32_t *word, uint32_t value, int64_t until)
{
	struct timespec t = spec(until);
	return result(syscall(SYS_futex, word, FUTEX_WAIT_BITSET, value, until < 0 ? NULL : &t, NULL, BITSET_ANY));
}

static int sys_futex_wake(const _Atomic uint32_t *word, int n)
{
	return result(syscall(SYS_futex, word, FUTEX_WAKE, n));
}

static int sys_futex_waitv(const struct rq_sys_wait *waits, unsigned n, int64_t until)
{
	struct futex_waitv v[RQ_SYS_WAITV_MAX];
	struct timespec t = spec(until);
	if (n > RQ_SYS_WAITV_MAX)
		return -EINVAL;
	for (unsigned i = 0; i < n; i++)
		v[i] = (struct futex_waitv){.val = waits[i].value, .uaddr = (uintptr_t)waits[i].word, .flags = FUTEX_32};
	return result(syscall(SYS_futex_waitv, v, n, 0, until < 0 ? NULL : &t, CLOCK_MONOTONIC));
}

static int sys_barrier(void)
{
	return result(syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL_EXPEDITED, 0, 0));
}

static int64_t sys_now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void sys_yield(void)
{
	sched_yield();
}

struct rq_sys rq_sys = {
	.futex_wait = sys_futex_wait,
	.futex_waitv = sys_futex_waitv,
	.futex_wake = sys_futex_wake,
	.barrier = sys_barrier,
	.back = rq_file_back,
	.give_back = rq_file_give_back,
	.held = rq_file_held,
	.now = sys_now,
	.yield = sys_yield,
};

/* Not by nanosleep(), where a thread could be cancelled. */
void rq_sys_sleep(int64_t ns)
{
	struct timespec t = spec(ns);
	syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &t, NULL);
}

int rq_sys_register_barrier(void)
{
	return syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED, 0, 0) ? -ENOSYS : 0;
}

int rq_sys_memfd(const char *name)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
	if (fd < 0 && errno == EINVAL) /* kernels before 6.3 do not know MFD_NOEXEC_SEAL */
		fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	/* What a sandbox says in its place, whatever that is, means the same to the caller. */
	if (fd < 0 && errno != EMFILE && errno != ENFILE && errno != ENOMEM)
		return -ENOSYS;
	return rq_file_descriptor(fd);
}

int rq_sys_seal(int fd)
{
	return fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) ? -errno : 0;
}

int rq_sys_lock_byte(int fd, uint64_t byte, bool alone)
{
	struct flock lock = {
		.l_type = alone ? F_WRLCK : F_RDLCK, .l_whence = SEEK_SET, .l_start = (off_t)byte, .l_len = 1};
	if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
		return 0;
	return errno == EACCES ? -EAGAIN : -errno;
}

uint32_t rq_sys_thread(void)
{
	return (uint32_t)syscall(SYS_gettid);
}

int rq_sys_robust_list(struct rq_robust_list **out)
{
	struct rq_robust_list *head = NULL;
	size_t len = 0;
	if (syscall(SYS_get_robust_list, 0, &head, &len) || !head || len != sizeof *head)
		return -ENOTSUP;
	*out = head;
	return 0;
}
