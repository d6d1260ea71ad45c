/* SPDX-License-Identifier: MIT */
#include "trace.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__x86_64__)

/* Copies of at least this many bytes are one step: what they write is not published, or is not shared. */
#define LARGE_COPY 2048
#define BREAKPOINT 0xccu

extern const char trace_end[];
static void *(*volatile copy_function)(void *, const void *, size_t) = memcpy;

/* Not inlined: the label can be there but once. */
__attribute__((noinline, noclone)) static void run_traced(void (*run)(void *), void *arg)
{
	__asm__ volatile("int3" ::: "memory");
	run(arg);
	__asm__ volatile(".globl trace_end\ntrace_end:\n\tnop" ::: "memory");
}

/* Puts this thread and another on one processor: going back and forth between them is then several times as fast. */
static void share_processor(pid_t other)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(sched_getcpu(), &set);
	sched_setaffinity(0, sizeof(set), &set);
	sched_setaffinity(other, sizeof(set), &set);
}

struct trace_start {
	void (*prepare)(void *);
	void (*run)(void *);
	void (*finish)(void *);
	void *arg;
};

static void be_traced(void *arg)
{
	const struct trace_start *start = arg;

	check_eq(ptrace(PTRACE_TRACEME, 0, NULL, NULL), 0);
	//share_processor(getppid());
	start->prepare(start->arg);
	run_traced(start->run, start->arg);
	start->finish(start->arg);
}

/* Waits for the next stop, which must be a trap: no signal of another kind belongs into a call. */
static void wait_trap(struct traced *t)
{
	int status;

	check_eq(waitpid(t->pid, &status, 0), t->pid);
	if (WIFEXITED(status)) {
		check_eq(WEXITSTATUS(status), 0);
		t->ended = t->gone = true;
		return;
	}
	check(WIFSTOPPED(status));
	check_eq(WSTOPSIG(status), SIGTRAP);
	t->pc = (uint64_t)ptrace(PTRACE_PEEKUSER, t->pid, offsetof(struct user_regs_struct, rip), NULL);
	t->ended = t->pc == (uintptr_t)trace_end;
}

struct traced trace_fork(void (*prepare)(void *), void (*run)(void *), void (*finish)(void *), void *arg)
{
	struct trace_start start = {prepare, run, finish, arg};
	struct traced t = {.pid = fork_child(be_traced, &start)};

	wait_trap(&t);
	check(!t.gone);
	check_eq(ptrace(PTRACE_SETOPTIONS, t.pid, NULL, PTRACE_O_EXITKILL), 0);
	return t;
}

static bool before_large_copy(const struct traced *t)
{
	return t->pc == (uintptr_t)copy_function &&
	       ptrace(PTRACE_PEEKUSER, t->pid, offsetof(struct user_regs_struct, rdx), NULL) >= LARGE_COPY;
}

/* Runs to where the function that has just been entered returns to. */
static void step_out(struct traced *t)
{
	struct user_regs_struct regs;
	long caller, code;

	check_eq(ptrace(PTRACE_GETREGS, t->pid, NULL, &regs), 0);
	caller = ptrace(PTRACE_PEEKDATA, t->pid, (void *)regs.rsp, NULL);
	code = ptrace(PTRACE_PEEKTEXT, t->pid, (void *)caller, NULL);
	check_eq(ptrace(PTRACE_POKETEXT, t->pid, (void *)caller, (void *)((code & ~0xffL) | BREAKPOINT)), 0);
	check_eq(ptrace(PTRACE_CONT, t->pid, NULL, NULL), 0);
	wait_trap(t);
	check_eq(t->pc, caller + 1);
	check_eq(ptrace(PTRACE_POKETEXT, t->pid, (void *)caller, (void *)code), 0);
	check_eq(ptrace(PTRACE_POKEUSER, t->pid, (void *)offsetof(struct user_regs_struct, rip), (void *)caller), 0);
	t->pc = (uint64_t)caller;
}

void trace_step(struct traced *t)
{
	t->steps++;
	if (before_large_copy(t)) {
		step_out(t);
		return;
	}
	check_eq(ptrace(PTRACE_SINGLESTEP, t->pid, NULL, NULL), 0);
	wait_trap(t);
}

void trace_kill(struct traced *t)
{
	if (!t->gone)
		kill_child(t->pid);
	t->gone = true;
}

void trace_finish(struct traced *t)
{
	if (t->gone)
		return;
	check_eq(ptrace(PTRACE_DETACH, t->pid, NULL, NULL), 0);
	reap_child(t->pid);
	t->gone = true;
}

static void nothing(void *arg)
{
	(void)arg;
}

static void try_trace(void *arg)
{
	(void)arg;
	_exit(ptrace(PTRACE_TRACEME, 0, NULL, NULL) ? TEST_SKIPPED : 0);
}

bool trace_permitted(void)
{
	struct traced t;

	if (wait_status(fork_child(try_trace, NULL)) == TEST_SKIPPED)
		return false;
	t = trace_fork(nothing, nothing, nothing, NULL);
	trace_step(&t);
	trace_kill(&t);
	return true;
}

#else

/* A step could end between a load-linked and its store-conditional, which then never succeeds. */
bool trace_permitted(void)
{
	return false;
}

struct traced trace_fork(void (*prepare)(void *), void (*run)(void *), void (*finish)(void *), void *arg)
{
	(void)prepare, (void)run, (void)finish, (void)arg;
	test_fail(__FILE__, __LINE__, "not on this machine");
}

void trace_step(struct traced *traced)
{
	(void)traced;
}

void trace_kill(struct traced *traced)
{
	(void)traced;
}

void trace_finish(struct traced *traced)
{
	(void)traced;
}

#endif
