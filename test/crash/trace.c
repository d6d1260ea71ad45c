/* SPDX-License-Identifier: MIT */
#include "trace.h"

#include <errno.h>
#include <malloc.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__x86_64__)

#include "access.h"

/* Copies of at least this many bytes are one step: what they write is not published, or is not shared. */
#define LARGE_COPY 2048
#define BREAKPOINT 0xccu

extern const char trace_end[];
static void *(*volatile copy_function)(void *, const void *, size_t) = memcpy;

/* Not inlined: the label can be there but once. */
__attribute__((noinline)) static void run_traced(void (*run)(void *), void *arg)
{
	__asm__ volatile("int3" ::: "memory");
	run(arg);
	__asm__ volatile(".globl trace_end\ntrace_end:\n\tnop" ::: "memory");
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

	/* Else malloc() may write to all it gives, and free() to all it takes (MALLOC_PERTURB_): a step for each byte. */
	mallopt(M_PERTURB, 0);
	check_eq(ptrace(PTRACE_TRACEME, 0, NULL, NULL), 0);
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

/* Runs on to an address. False, with nothing done, if no breakpoint can be set there. */
static bool run_to(struct traced *t, uint64_t address)
{
	long code = ptrace(PTRACE_PEEKTEXT, t->pid, (void *)address, NULL);

	if (ptrace(PTRACE_POKETEXT, t->pid, (void *)address, (void *)((code & ~0xffL) | BREAKPOINT)))
		return false;
	check_eq(ptrace(PTRACE_CONT, t->pid, NULL, NULL), 0);
	wait_trap(t);
	if (t->gone)
		return true;
	check_eq(t->pc, address + 1);
	check_eq(ptrace(PTRACE_POKETEXT, t->pid, (void *)address, (void *)code), 0);
	check_eq(ptrace(PTRACE_POKEUSER, t->pid, (void *)offsetof(struct user_regs_struct, rip), (void *)address), 0);
	t->pc = address;
	return true;
}

/* Runs to where the function that has just been entered returns to. */
static void step_out(struct traced *t)
{
	struct user_regs_struct regs;

	check_eq(ptrace(PTRACE_GETREGS, t->pid, NULL, &regs), 0);
	check(run_to(t, (uint64_t)ptrace(PTRACE_PEEKDATA, t->pid, (void *)regs.rsp, NULL)));
}

/* One instruction, or one system call. */
static void trace_step(struct traced *t)
{
	t->steps++;
	if (before_large_copy(t)) {
		step_out(t);
		return;
	}
	check_eq(ptrace(PTRACE_SINGLESTEP, t->pid, NULL, NULL), 0);
	wait_trap(t);
}

/*
 * A step is two changes of context. On one CPU they cost a tenth of what they cost on two, one of which sleeps each time.
 */
struct cpus {
	cpu_set_t before;
	bool changed;
};

static void set_cpus(const struct traced *t, const cpu_set_t *cpus)
{
	check_eq(sched_setaffinity(t->pid, sizeof(*cpus), cpus), 0);
	check_eq(sched_setaffinity(0, sizeof(*cpus), cpus), 0);
}

static struct cpus share_cpu(const struct traced *t)
{
	struct cpus cpus = {0};
	cpu_set_t one;
	int cpu = sched_getcpu();

	if (cpu < 0 || sched_getaffinity(0, sizeof(cpus.before), &cpus.before))
		return cpus;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	set_cpus(t, &one);
	cpus.changed = true;
	return cpus;
}

static void unshare_cpu(const struct traced *t, const struct cpus *cpus)
{
	if (cpus->changed && !t->gone)
		set_cpus(t, &cpus->before);
	else if (cpus->changed)
		check_eq(sched_setaffinity(0, sizeof(cpus->before), &cpus->before), 0);
}

struct address {
	uint64_t pc;
	uint32_t passes, last;
};

static struct address known[4 * TRACE_MOST];

static struct address *find_address(uint64_t pc)
{
	uint64_t at = pc * UINT64_C(0x9e3779b97f4a7c15) % COUNT(known);

	while (known[at].pc && known[at].pc != pc)
		at = (at + 1) % COUNT(known);
	known[at].pc = pc;
	return &known[at];
}

/* What recording notes of each instruction, beside the path. */
static struct {
	uint32_t pass; /* of its address */
	bool state, access;
} notes[TRACE_MOST];

static bool is_corner(const struct trace_path *path, uint32_t i)
{
	return notes[i].pass <= 1 || find_address(path->pcs[i])->last == i;
}

static void choose(const struct trace_path *path, struct trace_choice *choice, bool (*chosen)(uint32_t))
{
	uint32_t n = 0;

	for (int corners = 1; corners >= 0; corners--) {
		for (uint32_t i = 0; i < path->count; i++)
			if (chosen(i) && is_corner(path, i) == corners)
				choice->order[n++] = i;
		if (corners)
			choice->corners = n;
	}
	choice->count = n;
}

static bool is_state(uint32_t i)
{
	return notes[i].state;
}

static bool is_access(uint32_t i)
{
	return notes[i].access;
}

static unsigned next_access(const struct traced *t)
{
	struct user_regs_struct regs;

	if (before_large_copy(t))
		return ACCESS_READS | ACCESS_CHANGES;
	check_eq(ptrace(PTRACE_GETREGS, t->pid, NULL, &regs), 0);
	return access_next(t->pid, &regs);
}

void trace_record(struct traced *t, struct trace_path *path)
{
	uint32_t n = 0, mark = 0, different = 0;
	struct cpus cpus = share_cpu(t);
	bool changed = true;

	memset(known, 0, sizeof(known));
	access_begin(t->pid);
	for (; !t->ended && n < TRACE_MOST; n++) {
		struct address *address = find_address(t->pc);
		unsigned access = next_access(t);

		if (!address->passes) {
			mark = n;
			different++;
		}
		path->pcs[n] = t->pc;
		path->marks[n] = mark;
		notes[n].pass = address->passes++;
		notes[n].state = changed;
		notes[n].access = access;
		address->last = n;
		trace_step(t);
		changed = !t->gone && ((access & ACCESS_CHANGES) | access_list_changed(t->pid));
	}
	check(t->ended);
	unshare_cpu(t, &cpus);
	path->count = n;
	path->different = different;
	choose(path, &path->states, is_state);
	choose(path, &path->accesses, is_access);
}

void trace_to(struct traced *t, const struct trace_path *path, uint64_t steps)
{
	uint32_t mark = path->count == 0 ? 0 : path->marks[steps < path->count ? steps : path->count - 1];
	struct cpus cpus = share_cpu(t);

	if (mark && run_to(t, path->pcs[mark]))
		t->steps = mark;
	while (!t->ended && t->steps < steps)
		trace_step(t);
	unshare_cpu(t, &cpus);
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

void trace_record(struct traced *traced, struct trace_path *path)
{
	(void)traced, (void)path;
}

void trace_to(struct traced *traced, const struct trace_path *path, uint64_t steps)
{
	(void)traced, (void)path, (void)steps;
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
