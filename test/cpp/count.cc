/* SPDX-License-Identifier: MIT */
/*
 * The C++ header costs next to nothing: instructions of calls by it, beside those of the same calls in C whose results are
 * looked at, each counted by stepping through a child. Compiled with optimization, as nobody measures without.
 */
#include <ringq/ringq.hpp>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include <sched.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

/* Time stands still: a take looks about now and then, which comes into each round of some that are stepped through. */
extern "C" int clock_gettime(clockid_t, timespec *time) noexcept
{
	*time = {1, 0};
	return 0;
}

static constexpr int SKIPPED = 77;
static constexpr long ROUNDS = 4; /* each is like the others */
/*
 * What a round may take more: nothing, but an optional's flag and a span's two words; who has a delivery, and that it is his
 * no more; that an error is told apart in a lock guard.
 */
static constexpr long OF_CALLS = 3, OF_DELIVERY = 20, OF_GUARD = 8;

static void must(bool good)
{
	if (!good)
		std::abort();
}

/* How many instructions a child takes for all rounds, the second time; some more stand for its stops. */
template <class F> static long instructions(F rounds)
{
	long n = 0;
	int status;
	pid_t child = fork();
	if (child == 0) {
		if (ptrace(PTRACE_TRACEME, 0, nullptr, nullptr))
			_exit(SKIPPED);
		rounds();
		raise(SIGSTOP);
		rounds();
		raise(SIGSTOP);
		_exit(0);
	}
	must(waitpid(child, &status, 0) == child);
	if (WIFEXITED(status) && WEXITSTATUS(status) == SKIPPED)
		std::exit(SKIPPED);
	must(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
	do {
		must(ptrace(PTRACE_SINGLESTEP, child, nullptr, nullptr) == 0 && waitpid(child, &status, 0) == child);
		must(WIFSTOPPED(status));
		n++;
	} while (WSTOPSIG(status) == SIGTRAP);
	must(WSTOPSIG(status) == SIGSTOP && ptrace(PTRACE_CONT, child, nullptr, nullptr) == 0);
	must(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
	return n;
}

static bool good = true;

template <class C, class Cpp> static void compare(const char *what, long slack, C c, Cpp cpp)
{
	auto times = [](auto call) {
		return [call]() mutable {
			for (long i = 0; i < ROUNDS; i++)
				call();
		};
	};
	long in_c = instructions(times(c)), in_cpp = instructions(times(cpp));
	std::printf("%-24s %5ld in C, %5ld in C++\n", what, in_c / ROUNDS, in_cpp / ROUNDS);
	must(in_c > 50 * ROUNDS); /* of which most are the library's */
	good = good && in_cpp <= in_c + slack * ROUNDS;
}

/* Who steps and who is stepped through take turns: on one processor, that is quick. */
static void stay_on_one_processor()
{
	cpu_set_t one;
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	sched_setaffinity(0, sizeof(one), &one);
}

int main()
{
	stay_on_one_processor();
	auto numbers = ringq::typed_queue<int64_t>::create();
	auto &queue = numbers.records();
	auto jobs = ringq::queue::create({.flags = RINGQ_ACKNOWLEDGED});
	auto array = ringq::array<int64_t>::create(1);
	ringq_queue *c = queue.get(), *c_jobs = jobs.get();
	ringq_array *c_array = array.get();
	int64_t value = 1;
	std::byte buffer[64] = {};
	ringq_delivery delivery;
	ringq::delivery taken;

	compare(
		"put and get, a value", OF_CALLS,
		[&] {
			must(ringq_put(c, &value, sizeof(value), RINGQ_FOREVER) == 0);
			must(ringq_get(c, &value, sizeof(value), RINGQ_FOREVER) == sizeof(value));
		},
		[&] {
			numbers.put(value);
			must(numbers.get(value));
		});
	compare(
		"put and get, bytes", OF_CALLS,
		[&] {
			must(ringq_put(c, buffer, sizeof(buffer), RINGQ_FOREVER) == 0);
			must(ringq_get(c, buffer, sizeof(buffer), RINGQ_FOREVER) == sizeof(buffer));
		},
		[&] {
			queue.put(buffer);
			must(queue.get(buffer)->size() == sizeof(buffer));
		});
	compare(
		"try_put and try_get", OF_CALLS,
		[&] {
			must(ringq_put(c, buffer, sizeof(buffer), RINGQ_NOWAIT) == 0);
			must(ringq_get(c, buffer, sizeof(buffer), RINGQ_NOWAIT) == sizeof(buffer));
		},
		[&] {
			must(queue.try_put(buffer) == std::errc{});
			must(queue.try_get(buffer).size == sizeof(buffer));
		});
	compare(
		"put, take and ack", OF_DELIVERY,
		[&] {
			must(ringq_put(c_jobs, buffer, sizeof(buffer), RINGQ_FOREVER) == 0);
			must(ringq_take(c_jobs, &delivery, RINGQ_FOREVER) == 0);
			must(delivery.len == sizeof(buffer));
			must(ringq_ack(c_jobs, &delivery) == 0);
		},
		[&] {
			jobs.put(buffer);
			must(jobs.try_take(taken, ringq::forever) == std::errc{});
			must(taken.bytes().size() == sizeof(buffer));
			taken.ack();
		});
	compare(
		"add and lock", OF_GUARD,
		[&] {
			must(ringq_add(c_array, 0, 1, &value) == 0);
			must(ringq_lock(c_array, RINGQ_FOREVER) == 0);
			must(ringq_unlock(c_array) == 0);
		},
		[&] {
			value = array.add(0, 1);
			ringq::lock_guard guard(array);
		});
	if (!good) {
		std::puts("C++ takes too many more");
		return 1;
	}
	return 0;
}
