/* SPDX-License-Identifier: MIT */
#ifndef EXAMPLE_H
#define EXAMPLE_H

/* What the examples share: processes to talk to, and a way to give up. All calls of ringq are in the examples. */

#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ringq/ringq.h>

/* Ends this process if a call of ringq failed; gives its result otherwise. */
static inline ssize_t must(ssize_t result, const char *call)
{
	if (result < 0) {
		fprintf(stderr, "%s: %s\n", call, strerror((int)-result));
		exit(EXIT_FAILURE);
	}
	return result;
}

/* Ends this process unless what the example shows came out as it should. */
static inline void expect(bool truth, const char *what)
{
	if (!truth) {
		fprintf(stderr, "not so: %s\n", what);
		exit(EXIT_FAILURE);
	}
}

/* Runs a function in a process of its own. */
static inline pid_t start(void (*run)(ringq_queue *queue), ringq_queue *queue)
{
	fflush(stdout); /* or the child would print it again */

	pid_t pid = fork();
	expect(pid >= 0, "fork works");
	if (pid == 0) {
		run(queue);
		exit(EXIT_SUCCESS);
	}
	return pid;
}

/* Starts this program anew. The process shares no memory with this one: its arguments say where to find the queue. */
static inline pid_t spawn(char *role, char *where)
{
	char *argv[] = {"worker", role, where, NULL};
	extern char **environ;
	pid_t pid;

	fflush(stdout);
	expect(posix_spawn(&pid, "/proc/self/exe", NULL, NULL, argv, environ) == 0, "a process can be started");
	return pid;
}

/* Waits until a process has ended, and well. */
static inline void join(pid_t pid)
{
	int status;

	expect(waitpid(pid, &status, 0) == pid, "the process can be waited for");
	expect(status == 0, "the process ended well");
}

#endif
