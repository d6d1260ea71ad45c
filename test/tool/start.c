/* SPDX-License-Identifier: MIT */
/*
 * The command starts in less than 5 ms: what it does before it has printed is a bounded number of system calls, nearly all the
 * loader's, none of which waits for anything, and takes little more processor time than /bin/true. Scripts call it in loops.
 *
 * usage: start RINGQ
 */
#include "../common.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CALLS_MOST = 120, RUNS = 20 };

static const char *program;
static char *const jobs[][4] = {{"ringq", "version", NULL}, {"ringq", "version", "-J", NULL}, {"ringq", "--help", NULL},
	{"ringq", "stat", "--help", NULL}};

/* Threads, what the library asks of the kernel for a process that takes part, looks around, and sleeps. */
static const uint64_t needless[] = {SYS_clone,
#ifdef SYS_clone3
	SYS_clone3,
#endif
	SYS_membarrier, SYS_memfd_create, SYS_getdents64, SYS_nanosleep, SYS_clock_nanosleep, SYS_socket};

static void run_job(void *job)
{
	int null = open("/dev/null", O_WRONLY);

	check_compare(dup2(null, STDOUT_FILENO), >=, 0);
	execv(program, *(char *const(*)[4])job);
	_exit(127);
}

static void run_traced(void *job)
{
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL))
		_exit(TEST_SKIPPED);
	raise(SIGSTOP);
	run_job(job);
}

static bool is_needless(uint64_t nr)
{
	for (size_t i = 0; i < COUNT(needless); i++)
		if (needless[i] == nr)
			return true;
	return false;
}

/* How many system calls there are from exec on; 0: none can be counted here. */
static unsigned count_calls(char *const job[4])
{
	pid_t child = fork_child(run_traced, (void *)job);
	struct __ptrace_syscall_info info;
	bool executed = false;
	unsigned count = 0;
	int status;

	check_eq(waitpid(child, &status, 0), child);
	if (WIFEXITED(status))
		return 0;
	check_eq(ptrace(PTRACE_SETOPTIONS, child, NULL, PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL),
		0);
	for (;;) {
		check_eq(ptrace(PTRACE_SYSCALL, child, NULL, NULL), 0);
		check_eq(waitpid(child, &status, 0), child);
		if (WIFEXITED(status))
			break;
		check(WIFSTOPPED(status));
		executed |= status >> 8 == (SIGTRAP | PTRACE_EVENT_EXEC << 8);
		if (!executed || WSTOPSIG(status) != (SIGTRAP | 0x80))
			continue;
		if (ptrace(PTRACE_GET_SYSCALL_INFO, child, sizeof(info), &info) <= 0) {
			kill_child(child);
			return 0;
		}
		if (info.op != PTRACE_SYSCALL_INFO_ENTRY)
			continue;
		if (is_needless(info.entry.nr))
			fprintf(stderr, "%s %s makes system call %llu\n", job[0], job[1],
				(unsigned long long)info.entry.nr);
		check(!is_needless(info.entry.nr));
		count++;
	}
	check_eq(WEXITSTATUS(status), 0);
	return count;
}

static int64_t processor_time(void)
{
	struct rusage usage;

	check_eq(getrusage(RUSAGE_CHILDREN, &usage), 0);
	return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * RINGQ_SEC(1) +
	       (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * RINGQ_US(1);
}

/* The quickest of some runs: what else the machine does makes the others slower. */
static int64_t quickest(char *const job[4])
{
	int64_t least = RINGQ_SEC(60);

	for (int i = 0; i < RUNS; i++) {
		int64_t before = processor_time();

		reap_child(fork_child(run_job, (void *)job));
		int64_t took = processor_time() - before;
		least = took < least ? took : least;
	}
	return least;
}

int main(int argc, char **argv)
{
	check_eq(argc, 2);
	if (TEST_UNDER_ASAN || TEST_UNDER_TSAN)
		return TEST_SKIPPED;
	program = "/bin/true";
	int64_t least = quickest(jobs[0]);
	program = argv[1];
	for (size_t i = 0; i < COUNT(jobs); i++) {
		unsigned calls = count_calls(jobs[i]);
		int64_t took = quickest(jobs[i]);

		printf("%s %s: %u system calls, %lld us, of which any program takes %lld\n", jobs[i][0], jobs[i][1],
			calls, (long long)took / 1000, (long long)least / 1000);
		check_compare(calls, <=, CALLS_MOST);
		check_compare(took, <, least + RINGQ_MS(5));
	}
	return 0;
}
