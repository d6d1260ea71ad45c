/* SPDX-License-Identifier: MIT */
/*
 * A flow that is watched: beside it runs `ringq top`, which looks at all queues of the machine twenty times as often as it
 * does unless told. A look takes no part, so what it costs is the processor that it needs, and the lines that it reads.
 */
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/harness.h"
#include "scenarios/scenarios.h"

#ifdef BENCH_COMMAND

static void become_top(int output)
{
	pid_t self = getpid();

	dup2(output, STDOUT_FILENO);
	if (write(output, &self, sizeof(self)) == sizeof(self))
		execl(BENCH_COMMAND, "ringq", "top", "--batch", "-i", "50ms", NULL);
	_exit(127);
}

/* Not a child: the flow waits for all of its own. It ends by itself when nobody reads what it prints. */
static pid_t start_top(int *output)
{
	int ends[2], status;
	pid_t top, starter = pipe(ends) ? -1 : fork();

	if (starter < 0)
		bench_die(errno, "cannot start ringq top");
	if (starter == 0) {
		if (fork() == 0)
			become_top(ends[1]);
		_exit(0);
	}
	waitpid(starter, &status, 0);
	close(ends[1]);
	if (read(ends[0], &top, sizeof(top)) != sizeof(top))
		bench_die(0, "cannot start ringq top");
	*output = ends[0];
	return top;
}

/* It is at work once it has printed the head of its first table: there may be no queue yet. */
static void await_top(int output)
{
	char bytes[4096];

	if (read(output, bytes, sizeof(bytes)) <= 0)
		bench_die(0, "ringq top has ended: " BENCH_COMMAND);
}

void scenario_watched(const struct scenario *s, uint64_t n, struct sample *out)
{
	int output;
	pid_t top = start_top(&output);

	await_top(output);
	scenario_flow(s, n, out);
	if (kill(top, SIGTERM))
		bench_die(errno, "ringq top has ended before the flow");
	close(output);
}

#else

void scenario_watched(const struct scenario *s, uint64_t n, struct sample *out)
{
	(void)s, (void)n, (void)out;
	bench_die(0, "the command ringq is not built");
}

#endif
