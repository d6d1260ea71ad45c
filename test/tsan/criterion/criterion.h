/* SPDX-License-Identifier: MIT */
#ifndef TSAN_CRITERION_H
#define TSAN_CRITERION_H

/*
 * Stands in for Criterion under the thread sanitizer, which leaves no room in the address space for the memory that
 * Criterion shares with its test processes. It has what the unit tests use: Test(), a process for each, and
 * cr_skip_test().
 */

#include <stdio.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

struct tsan_test {
	const char *name;
	void (*run)(void);
	double timeout; /* not kept: the test runner's own timeout is enough */
	struct tsan_test *next;
};

enum { TSAN_PASSED = 0, TSAN_FAILED = 1, TSAN_SKIPPED = 77 };

/* Ends the test; a skipped one counts as neither passed nor failed. */
#define cr_skip_test(...)                                                                                              \
	do {                                                                                                           \
		fprintf(stderr, "[SKIP] " __VA_ARGS__);                                                                \
		fputc('\n', stderr);                                                                                   \
		_exit(TSAN_SKIPPED);                                                                                   \
	} while (0)

static struct tsan_test *tsan_first, **tsan_end = &tsan_first;

#define Test(suite, test, ...)                                                                                         \
	static void suite##_##test(void);                                                                              \
	__attribute__((constructor)) static void suite##_##test##_add(void)                                            \
	{                                                                                                              \
		static struct tsan_test self = {.name = #suite "::" #test, .run = suite##_##test, __VA_ARGS__};        \
		*tsan_end = &self;                                                                                     \
		tsan_end = &self.next;                                                                                 \
	}                                                                                                              \
	static void suite##_##test(void)

static int tsan_outcome(const struct tsan_test *test)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		test->run();
		_exit(TSAN_PASSED);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return TSAN_FAILED;
	return WEXITSTATUS(status);
}

int main(void)
{
	unsigned passing = 0, failing = 0;

	for (const struct tsan_test *test = tsan_first; test; test = test->next) {
		int outcome = tsan_outcome(test);

		if (outcome == TSAN_PASSED) {
			passing++;
		} else if (outcome != TSAN_SKIPPED) {
			failing++;
			fprintf(stderr, "[FAIL] %s\n", test->name);
		}
	}
	fprintf(stderr, "[====] Synthesis: Tested: %u | Passing: %u | Failing: %u | Crashing: 0\n", passing + failing,
		passing, failing);
	return failing > 0;
}

#endif
