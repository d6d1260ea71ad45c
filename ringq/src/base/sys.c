/* SPDX-License-Identifier: MIT */
#include "base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/atomic.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

#define BITSET_ANY 0xffffffffu

/* As in the headers of Linux 5.16, which may be younger than those here. */
#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif
#define WAITV_32 2u

struct waitv {
	uint64_t val;
	uint64_t uaddr;
	uint32_t flags;
	uint32_t reserved;
};

static struct timespec spec(int64_t ns)
{
	return (struct timespec){.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
}

static int result(long r)
{
	return r < 0 ? -errno : (int)r;
}

/* ---- sleeping ---- */

static rq_u32 waitv_is_refused, barrier_is_refused; /* by whoever finds out, for good */

/* An answer of a kernel that sleeps. Any other is a refusal: a sandbox may choose its errno. */
static bool is_slept(int r)
{
	return r >= 0 || r == -EAGAIN || r == -ETIMEDOUT || r == -EINTR;
}

#define REFUSED_SLEEP INT64_C(1000000)

/*
 * FUTEX_WAIT_BITSET, because it takes an absolute time: a signal in between then costs no precision. Where it is refused
 * the caller must not come back at once, as it would look again, for ever, on a whole processor.
 */
static int sys_futex_wait(const _Atomic uint32_t *word, uint32_t value, int64_t until)
{
	struct timespec t = spec(until);
	int r = result(syscall(SYS_futex, word, FUTEX_WAIT_BITSET, value, until < 0 ? NULL : &t, NULL, BITSET_ANY));
	if (!is_slept(r))
		rq_sys_sleep(REFUSED_SLEEP);
	return r;
}

static int sys_futex_wake(const _Atomic uint32_t *word, int n)
{
	return result(syscall(SYS_futex, word, FUTEX_WAKE, n));
}

static int sys_futex_waitv(const struct rq_sys_wait *waits, unsigned n, int64_t until)
{
	struct waitv v[RQ_SYS_WAITV_MAX];
	struct timespec t = spec(until);
	if (n > RQ_SYS_WAITV_MAX)
		return -EINVAL;
	if (rq_load(&waitv_is_refused))
		return -ENOSYS;
	for (unsigned i = 0; i < n; i++)
		v[i] = (struct waitv){.val = waits[i].value, .uaddr = (uintptr_t)waits[i].word, .flags = WAITV_32};
	int r = result(syscall(SYS_futex_waitv, v, n, 0, until < 0 ? NULL : &t, CLOCK_MONOTONIC));
	if (is_slept(r))
		return r;
	if (r != -ENOMEM && r != -EFAULT) /* a word may be of a region that was detached just now */
		rq_store(&waitv_is_refused, 1);
	return -ENOSYS;
}

static int sys_barrier(void)
{
	if (rq_load(&barrier_is_refused))
		return -ENOSYS;
	int r = result(syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL_EXPEDITED, 0, 0));
	if (r)
		rq_store(&barrier_is_refused, 1);
	return r;
}

/* ---- the others ---- */

static int64_t sys_now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int64_t sys_tick(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
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
	.tick = sys_tick,
	.yield = sys_yield,
};

/* Not by nanosleep(), where a thread could be cancelled. */
void rq_sys_sleep(int64_t ns)
{
	struct timespec t = spec(ns);
	syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &t, NULL);
}

/* Of libc's own signals, for cancelling, which it does not tell of, there is nothing to know. */
bool rq_sys_restarts(void)
{
	struct sigaction action;
	for (int signal = 1; signal <= SIGRTMAX; signal++) {
		if (sigaction(signal, NULL, &action)) {
			if (errno != EINVAL)
				return true; /* a sandbox's answer: there may be one */
		} else if (action.sa_flags & SA_RESTART && action.sa_handler != SIG_DFL && action.sa_handler != SIG_IGN) {
			return true;
		}
	}
	return false;
}

/* A lock of this call's own, which nobody waits for. */
bool rq_sys_lends(void)
{
	uint32_t word = 0;
	return syscall(SYS_futex, &word, FUTEX_LOCK_PI | FUTEX_PRIVATE_FLAG, 0, NULL) == 0 &&
	       syscall(SYS_futex, &word, FUTEX_UNLOCK_PI | FUTEX_PRIVATE_FLAG) == 0;
}

#define SETTLE INT64_C(2000000)

void rq_sys_settle(void)
{
	int64_t end = rq_sys.now() + SETTLE;
	rq_fence(); /* this side of the barrier that the sleep stands for: S2, H3, Y3 */
	for (int64_t left = SETTLE; left > 0; left = end - rq_sys.now())
		rq_sys_sleep(left);
	rq_fence(); /* as above, S2, H3, Y3: what the caller looks at next is not read before the sleep */
}

bool rq_sys_has_barrier(void)
{
	return !rq_load(&barrier_is_refused);
}

/* ---- what is needed ---- */

static int probe_futex(void)
{
	rq_u32 word = 0;
	return sys_futex_wake(&word, 1) == 0 && sys_futex_wait(&word, 1, 0) == -EAGAIN ? 0 : -ENOSYS;
}

static int probe_waitv(void)
{
	rq_u32 word = 0;
	struct rq_sys_wait wait = {&word, 1};
	return sys_futex_waitv(&wait, 1, 0) == -EAGAIN ? 0 : -ENOSYS;
}

/* Registering is for this process to be interrupted by others' barriers, too. A child of fork inherits it. */
static int probe_barrier(void)
{
	if (syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED, 0, 0))
		rq_store(&barrier_is_refused, 1);
	return sys_barrier();
}

/* Where the futex is beside a list's entry is libc's to choose; leases lie as glibc's choice wants it. */
#define FUTEX_OFFSET (-32)

static int probe_robust_list(void)
{
	struct rq_robust_list *list;
	int r = rq_sys_robust_list(&list);
	return r ? r : list->futex_offset == FUTEX_OFFSET ? 0 : -ENOSYS;
}

static int probe_thread(void)
{
	return (int32_t)rq_sys_thread() > 0 ? 0 : -ENOSYS;
}

/* docs/limits.md says for each what goes without it. */
static const struct need {
	int (*probe)(void);
	bool optional;
} needs[] = {
	{probe_futex, false},       /* sleeping, and being woken */
	{probe_thread, false},      /* gettid: what a lease says */
	{probe_robust_list, false}, /* get_robust_list: proof of life */
	{rq_file_probe, false},     /* memory that is an error when there is none */
	{probe_waitv, true},        /* several words at once */
	{probe_barrier, true},      /* membarrier */
};

int rq_sys_probe(void)
{
	for (size_t i = 0; i < sizeof needs / sizeof *needs; i++) {
		int r = needs[i].probe();
		if (r && !needs[i].optional)
			return r == -ENOMEM ? r : -ENOSYS;
	}
	return 0;
}

int rq_sys_memfd(const char *name)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
	if (fd < 0 && errno == EINVAL) /* kernels before 6.3 do not know MFD_NOEXEC_SEAL */
		fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	return fd < 0 ? rq_file_error(errno) : rq_file_descriptor(fd);
}

int rq_sys_seal(int fd)
{
	return fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) ? rq_file_error(errno) : 0;
}

int rq_sys_lock_byte(int fd, uint64_t byte, bool alone)
{
	struct flock lock = {
		.l_type = alone ? F_WRLCK : F_RDLCK, .l_whence = SEEK_SET, .l_start = (off_t)byte, .l_len = 1};
	if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
		return 0;
	return errno == EAGAIN ? -EAGAIN : rq_file_refused(errno);
}

uint32_t rq_sys_thread(void)
{
	return (uint32_t)syscall(SYS_gettid);
}

uint64_t rq_sys_calendar(void)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

int rq_sys_robust_list(struct rq_robust_list **out)
{
	struct rq_robust_list *head = NULL;
	size_t len = 0;
	if (syscall(SYS_get_robust_list, 0, &head, &len) || !head || len != sizeof *head)
		return -ENOSYS;
	*out = head;
	return 0;
}
