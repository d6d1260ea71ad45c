/* SPDX-License-Identifier: MIT */
#include "sandbox.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common.h"

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define RETURN(what) BPF_STMT(BPF_RET | BPF_K, (what))
#define ERROR(error) (SECCOMP_RET_ERRNO | ((unsigned)(error)&SECCOMP_RET_DATA))

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif
#define ADVICE_POPULATE_WRITE 23u
#define MEMFD_NOEXEC_SEAL 8u

static int enter(struct sock_filter *code, size_t n, int all_threads)
{
	struct sock_fprog program = {(unsigned short)n, code};
	unsigned flags = all_threads ? SECCOMP_FILTER_FLAG_TSYNC : 0;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -1;
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program) ? -1 : 0;
}

int sandbox_works(void)
{
	pid_t child = fork();
	int status = 1;

	if (child == 0) {
		struct sock_filter code[] = {RETURN(SECCOMP_RET_ALLOW)};

		_exit(enter(code, COUNT(code), 0) != 0);
	}
	check(child > 0 && waitpid(child, &status, 0) == child);
	return status == 0;
}

void sandbox_refuse(long call, int error, int all_threads)
{
	struct sock_filter code[] = {
		LOAD(nr),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)call, 0, 1),
		RETURN(ERROR(error)),
		RETURN(SECCOMP_RET_ALLOW),
	};

	check_eq(enter(code, COUNT(code), all_threads), 0);
}

static void refuse_argument(long call, unsigned arg, unsigned how, unsigned value, int error)
{
	struct sock_filter code[] = {
		LOAD(nr),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)call, 0, 3),
		LOAD(args[arg]),
		BPF_JUMP(BPF_JMP | how | BPF_K, value, 0, 1),
		RETURN(ERROR(error)),
		RETURN(SECCOMP_RET_ALLOW),
	};

	check_eq(enter(code, COUNT(code), 0), 0);
}

void sandbox_refuse_value(long call, unsigned arg, unsigned value, int error)
{
	refuse_argument(call, arg, BPF_JEQ, value, error);
}

void sandbox_refuse_bits(long call, unsigned arg, unsigned bits, int error)
{
	refuse_argument(call, arg, BPF_JSET, bits, error);
}

void sandbox_allow_only(const long *calls, size_t n, int error)
{
	struct sock_filter *code = calloc(2 * n + 2, sizeof(*code));
	size_t at = 0;

	check(code);
	code[at++] = (struct sock_filter)LOAD(nr);
	for (size_t i = 0; i < n; i++) {
		code[at++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)calls[i], 0, 1);
		code[at++] = (struct sock_filter)RETURN(SECCOMP_RET_ALLOW);
	}
	code[at++] = (struct sock_filter)RETURN(error ? ERROR(error) : SECCOMP_RET_KILL_PROCESS);
	check_eq(enter(code, at, 0), 0);
	free(code);
}

void sandbox_play_linux_4_18(void)
{
	sandbox_refuse(SYS_futex_waitv, ENOSYS, 0);
	sandbox_refuse_value(SYS_madvise, 2, ADVICE_POPULATE_WRITE, EINVAL);
	sandbox_refuse_bits(SYS_memfd_create, 1, MEMFD_NOEXEC_SEAL, EINVAL);
#ifdef SYS_close_range
	sandbox_refuse(SYS_close_range, ENOSYS, 0);
#endif
}

/* ---- the page's lists ---- */

/* Names that the page may use, and their numbers here; -1: this architecture has no such call. */
static const struct {
	const char *name;
	long number;
} known[] = {
#define CALL(name)                \
	{                         \
#name, SYS_##name \
	}
	CALL(brk),
	CALL(clock_gettime),
	CALL(clock_nanosleep),
	CALL(clone),
	CALL(clone3),
	CALL(close),
	CALL(dup3),
	CALL(eventfd2),
	CALL(exit),
	CALL(exit_group),
	CALL(fchmod),
	CALL(fcntl),
	CALL(fstat),
	CALL(ftruncate),
	CALL(futex),
	CALL(futex_waitv),
	CALL(get_robust_list),
	CALL(getpid),
	CALL(gettid),
	CALL(linkat),
	CALL(madvise),
	CALL(membarrier),
	CALL(memfd_create),
	CALL(mmap),
	CALL(mprotect),
	CALL(mremap),
	CALL(munlock),
	CALL(munmap),
	CALL(newfstatat),
	CALL(openat),
	CALL(prctl),
#ifdef SYS_poll
	CALL(poll),
#else
	{"poll", -1},
#endif
	CALL(ppoll),
	CALL(pread64),
	CALL(prlimit64),
	CALL(pwrite64),
	CALL(read),
	CALL(recvfrom),
	CALL(recvmsg),
	CALL(rseq),
	CALL(rt_sigprocmask),
	CALL(rt_sigaction),
	CALL(rt_sigreturn),
	CALL(sched_yield),
	CALL(sendmsg),
	CALL(set_robust_list),
	CALL(write),
#ifdef SYS_unlink
	CALL(unlink),
#else
	{"unlink", -1},
#endif
	CALL(unlinkat),
};

static long number_of(const char *name)
{
	for (size_t i = 0; i < COUNT(known); i++)
		if (!strcmp(known[i].name, name))
			return known[i].number;
	test_context = name;
	test_fail(__FILE__, __LINE__, "the page names a system call that this test does not know");
}

const char *sandbox_name(long call)
{
	for (size_t i = 0; i < COUNT(known); i++)
		if (known[i].number == call)
			return known[i].name;
	return "?";
}

void sandbox_read_calls(const char *path, const char *which, struct sandbox_calls *list)
{
	char line[256], fence[64];
	FILE *page = fopen(path, "r");
	bool inside = false;
	size_t before = list->n;

	check(page);
	snprintf(fence, sizeof(fence), "```syscalls %s\n", which);
	while (fgets(line, sizeof(line), page)) {
		if (!strncmp(line, "```", 3)) {
			inside = !inside && !strcmp(line, fence);
			continue;
		}
		for (char *word = inside ? strtok(line, " \n") : NULL; word; word = strtok(NULL, " \n")) {
			long number = number_of(word);

			check_compare(list->n, <, SANDBOX_CALLS_MOST);
			if (number >= 0)
				list->calls[list->n++] = number;
		}
	}
	fclose(page);
	check_compare(list->n, >, before);
}
