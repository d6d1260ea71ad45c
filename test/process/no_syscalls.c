/* SPDX-License-Identifier: MIT */
/* While nobody sleeps, put, get and what is done to arrays make no system call: the kernel is told to end whoever makes one. */
#include "../common.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { WARM_UP = 20000, PAIRS = 100000, ROUND_TRIPS = 2000 };

static void tell_and_exit(int signal, siginfo_t *info, void *context)
{
	char text[] = "system call 000 was made\n";

	(void)signal;
	(void)context;
	for (int i = 14, nr = info->si_syscall; i > 11; i--, nr /= 10)
		text[i] = '0' + nr % 10;
	(void)!write(2, text, sizeof(text) - 1);
	_exit(1);
}

/* exit() and _exit() have more to do under a sanitizer. */
static void end(int status)
{
	syscall(SYS_exit_group, status);
}

/*
 * From here on this process may write and exit, nothing else but what a sanitizer does by itself. False if the kernel lacks
 * such filters.
 */
static bool forbid_system_calls(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_exit_group, 3, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_write, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, TEST_UNDER_ASAN ? __NR_mmap : __NR_write, 1, 0), /* its stacks */
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {COUNT(filter), filter};
	struct sigaction action = {.sa_sigaction = tell_and_exit, .sa_flags = SA_SIGINFO};

	check_eq(sigaction(SIGSYS, &action, NULL), 0);
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static void put_and_get(ringq_queue *queue, int rounds)
{
	static char buf[4][300];
	struct iovec iov[4];
	void *reserved;

	for (int i = 0; i < rounds; i++) {
		size_t len = i % sizeof(buf[0]);
		int64_t timeout = i % 2 ? RINGQ_NOWAIT : RINGQ_FOREVER;

		check_eq(ringq_put(queue, buf, len, timeout), 0);
		check_eq(ringq_get(queue, buf, sizeof(buf), timeout), len);
		check_eq(ringq_get(queue, buf, sizeof(buf), RINGQ_NOWAIT), -EAGAIN);

		for (size_t k = 0; k < COUNT(iov); k++)
			iov[k] = (struct iovec){buf[k], len};
		check_eq(ringq_put_many(queue, iov, COUNT(iov), timeout), COUNT(iov));
		check_eq(ringq_size(queue), COUNT(iov));
		check_eq(ringq_peek(queue, buf, sizeof(buf)), len);
		check_eq(ringq_get_many(queue, iov, COUNT(iov), timeout), COUNT(iov));

		check_eq(ringq_reserve(queue, &reserved, len, timeout), 0);
		check_eq(ringq_commit(queue, reserved, len), 0);
		check(!ringq_full(queue) && !ringq_empty(queue));
		check_eq(ringq_get(queue, buf, sizeof(buf), timeout), len);
	}
}

static void one_process(void *queue)
{
	put_and_get(queue, WARM_UP);
	if (!forbid_system_calls())
		end(TEST_SKIPPED);
	put_and_get(queue, PAIRS);
	end(0);
}

struct table {
	ringq_queue *asks, *gets_answer, *gets_question, *answers;
	atomic_int ready;
};

static int64_t spin_get(ringq_queue *queue)
{
	int64_t number;

	while ((number = get_number(queue, RINGQ_NOWAIT)) == -EAGAIN)
		continue;
	return number;
}

static void answer(ringq_queue *from, ringq_queue *to, int rounds)
{
	for (int i = 0; i < rounds; i++)
		check_eq(put_number(to, spin_get(from), RINGQ_FOREVER), 0);
}

static void ask(ringq_queue *to, ringq_queue *from, int rounds)
{
	for (int i = 0; i < rounds; i++) {
		check_eq(put_number(to, i, RINGQ_FOREVER), 0);
		check_eq(spin_get(from), i);
	}
}

static void asking_process(void *arg)
{
	struct table *table = arg;

	ask(table->asks, table->gets_answer, ROUND_TRIPS);
	check(forbid_system_calls());
	atomic_fetch_add(&table->ready, 1);
	while (table->ready < 2)
		continue;
	ask(table->asks, table->gets_answer, ROUND_TRIPS);
	end(0);
}

static void answering_process(void *arg)
{
	struct table *table = arg;

	answer(table->gets_question, table->answers, ROUND_TRIPS);
	check(forbid_system_calls());
	atomic_fetch_add(&table->ready, 1);
	while (table->ready < 2)
		continue;
	answer(table->gets_question, table->answers, ROUND_TRIPS);
	end(0);
}

static void two_processes(struct table *table)
{
	pid_t one = fork_child(asking_process, table), two = fork_child(answering_process, table);

	reap_child(one);
	reap_child(two);
}

static void by_queues(const struct ringq_queue_options *options)
{
	struct table *table = share_memory(sizeof(*table));

	table->asks = table->gets_question = queue_new(options);
	table->answers = table->gets_answer = queue_new(options);
	two_processes(table);
	ringq_queue_release(table->asks);
	ringq_queue_release(table->answers);
}

static void by_a_pipe(unsigned flags)
{
	struct table *table = share_memory(sizeof(*table));
	ringq_pipe *a, *b;

	check_eq(ringq_pipe_create(&a, &b, NULL, flags), 0);
	table->asks = ringq_pipe_output(a);
	table->gets_answer = ringq_pipe_input(a);
	table->answers = ringq_pipe_output(b);
	table->gets_question = ringq_pipe_input(b);
	two_processes(table);
	ringq_pipe_close(a);
	ringq_pipe_close(b);
}

static void use_arrays(ringq_array *array, int rounds)
{
	int64_t content[10] = {0}, number;
	ringq_array *other;

	for (int i = 0; i < rounds; i++) {
		check_eq(ringq_lock(array, i % 2 ? RINGQ_NOWAIT : RINGQ_FOREVER), 0);
		check_eq(ringq_lock(array, RINGQ_FOREVER), 0);
		check_eq(ringq_array_write(array, content, sizeof(content)), 0);
		check_eq(ringq_unlock(array), 0);
		check_eq(ringq_unlock(array), 0);
		check_eq(ringq_add(array, 3, 1, &number), 0);
		check_eq(ringq_array_read(array, content, sizeof(content)), 0);
		check_eq(ringq_array_create(&other, ringq_array_region(array), NULL, RINGQ_INT64, 1), 0);
		ringq_array_release(other);
	}
}

static void one_process_with_arrays(void *array)
{
	use_arrays(array, WARM_UP);
	if (!forbid_system_calls())
		end(TEST_SKIPPED);
	use_arrays(array, WARM_UP);
	end(0);
}

static void probe(void *unused)
{
	(void)unused;
	end(forbid_system_calls() ? 0 : TEST_SKIPPED);
}

int main(void)
{
	pid_t prober = fork_child(probe, NULL);

	if (wait_status(prober) == TEST_SKIPPED) {
		puts("skipped: the kernel has no seccomp filters");
		return TEST_SKIPPED;
	}
	ringq_array *array;

	check_eq(ringq_array_create(&array, NULL, NULL, RINGQ_INT64, 10), 0);
	reap_child(fork_child(one_process_with_arrays, array));
	ringq_array_release(array);
	for (size_t i = 0; i < kinds_count; i++) {
		ringq_queue *queue = queue_new(&kinds[i].options);

		test_context = kinds[i].name;
		reap_child(fork_child(one_process, queue));
		ringq_queue_release(queue);
		by_queues(&kinds[i].options);
	}
	test_context = "(pipe)";
	by_a_pipe(0);
	by_a_pipe(RINGQ_SINGLE_PRODUCER | RINGQ_SINGLE_CONSUMER);
	return 0;
}
