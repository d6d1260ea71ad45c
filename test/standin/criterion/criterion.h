/* SPDX-License-Identifier: MIT */
#ifndef STANDIN_CRITERION_H
#define STANDIN_CRITERION_H

/*
 * Stands in for Criterion under sanitizers and with link-time optimization. The thread sanitizer leaves no room in the address
 * space for the memory that Criterion shares with its test processes; and a program that Criterion starts for each test takes
 * several times as long to start as a fork of one that is there. It has what the unit tests use: Test() with init and fini, a
 * process for each, and cr_skip_test().
 */

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct standin_test {
	const char *file, *suite, *name;
	void (*run)(void), (*init)(void), (*fini)(void);
	double timeout; /* not kept: the test runner's own timeout is enough */
	struct standin_test *next;
};

void standin_add(struct standin_test *test);

#define STANDIN_SKIPPED 77

/* Ends the test; a skipped one counts as neither passed nor failed. */
#define cr_skip_test(...)                               \
	do {                                            \
		fprintf(stderr, "[SKIP] " __VA_ARGS__); \
		fputc('\n', stderr);                    \
		_exit(STANDIN_SKIPPED);                 \
	} while (0)

#define Test(suite_, test_, ...)                                       \
	static void suite_##_##test_(void);                            \
	__attribute__((constructor)) static void suite_##_##test_##_add(void) \
	{                                                              \
		static struct standin_test self = {                    \
			.file = __FILE__,                              \
			.suite = #suite_,                              \
			.name = #test_,                                \
			.run = suite_##_##test_,                       \
			__VA_ARGS__};                                  \
		standin_add(&self);                                    \
	}                                                              \
	static void suite_##_##test_(void)

#endif
