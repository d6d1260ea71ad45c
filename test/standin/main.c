/* SPDX-License-Identifier: MIT */

/*
 *     unit_all [NAME [SUITE/TEST]]
 *
 * Runs all tests, those of the file of that name, without its suffix, or one of them: each in a process of its own.
 */
#include <criterion/criterion.h>

#include <stdbool.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>

#include "../common.h"

static struct standin_test *first, **end = &first;

void standin_add(struct standin_test *test)
{
	*end = test;
	end = &test->next;
}

static bool is_of(const struct standin_test *test, const char *file)
{
	const char *slash = strrchr(test->file, '/'), *base = slash ? slash + 1 : test->file;
	size_t len = strlen(file);

	return !strncmp(base, file, len) && !strcmp(base + len, ".c");
}

static bool is_called(const struct standin_test *test, const char *name)
{
	size_t len = strlen(test->suite);

	return !strncmp(name, test->suite, len) && name[len] == '/' && !strcmp(name + len + 1, test->name);
}

/* Whether it did not fail; *skipped: nor pass. */
static bool passes(const struct standin_test *test, bool *skipped)
{
	int status = -1;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		if (test->init)
			test->init();
		test->run();
		if (test->fini)
			test->fini();
		if (TEST_UNDER_TSAN)
			_exit(0); /* threads that are still there are no leak */
		exit(0);          /* which looks for leaks */
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		status = -1;
	*skipped = WIFEXITED(status) && WEXITSTATUS(status) == STANDIN_SKIPPED;
	if (status == 0 || *skipped)
		return true;
	fprintf(stderr, "[FAIL] %s/%s: %s %d\n", test->suite, test->name, WIFSIGNALED(status) ? "signal" : "status",
		WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	return false;
}

int main(int argc, char **argv)
{
	unsigned found = 0, tested = 0, failing = 0;

	for (const struct standin_test *test = first; test; test = test->next) {
		bool skipped;

		if ((argc > 1 && !is_of(test, argv[1])) || (argc > 2 && !is_called(test, argv[2])))
			continue;
		found++;
		failing += !passes(test, &skipped);
		tested += !skipped;
	}
	fprintf(stderr, "[====] Synthesis: Tested: %u | Passing: %u | Failing: %u | Crashing: 0\n", tested,
		tested - failing, failing);
	return failing > 0 || found == 0;
}
