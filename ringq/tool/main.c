/* SPDX-License-Identifier: MIT */

/*
 * The command `ringq`. What follows its name is a subcommand: one of the list below, each in the file of its name, or a
 * program ringq-NAME on the path. To add one: write its file, name it in the list and in meson.build, write its page in
 * docs/man and name that in meson.build there and in the overview, ringq.1.scd; and a test in test/tool.
 */

#include "tool.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define COMMAND(name) extern const struct command name##_command;
#include "commands.h"
#undef COMMAND

static const struct command *const commands[] = {
#define COMMAND(name) &name##_command,
#include "commands.h"
#undef COMMAND
};

#define COMMANDS (sizeof commands / sizeof *commands)

const char *tool_command;
struct common common;
volatile int tool_stopped;

/* ---- messages ---- */

static void complain_of(const char *format, va_list arguments)
{
	fflush(stdout);
	fprintf(stderr, tool_command ? "ringq %s: " : "ringq: ", tool_command);
	char line[1024];
	int n = vsnprintf(line, sizeof line, format, arguments);
	print_clean(stderr, line, n < 0 ? 0 : n < (int)sizeof line ? (size_t)n : sizeof line - 1);
	fputc('\n', stderr);
}

void complain(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	complain_of(format, arguments);
	va_end(arguments);
}

int usage(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	complain_of(format, arguments);
	va_end(arguments);
	if (tool_command)
		fprintf(stderr, "`ringq %s --help` tells more.\n", tool_command);
	return STATUS_USAGE;
}

bool ask(const char *question)
{
	char answer[8];
	print_clean(stderr, question, strlen(question));
	fputs(" [y/N] ", stderr);
	return fgets(answer, sizeof answer, stdin) && (*answer == 'y' || *answer == 'Y');
}

int status_of(int error)
{
	switch (error) {
	case 0:
		return STATUS_DONE;
	case -EAGAIN:
	case -ETIMEDOUT:
	case -EEXIST:
	case -EMSGSIZE:
		return STATUS_NO;
	case -EINVAL:
		return STATUS_USAGE;
	case -ENOENT:
	case -ESRCH:
		return STATUS_NOT_FOUND;
	case -EACCES:
	case -EPERM:
	case -EROFS:
		return STATUS_NOT_PERMITTED;
	case -EPIPE:
		return STATUS_CLOSED;
	case -EPROTO:
	case -EBADMSG:
		return STATUS_DAMAGED;
	default:
		return STATUS_TROUBLE;
	}
}

static const char *explain(int error)
{
	switch (error) {
	case -EPROTO:
		return "not a region, or one of a layout that this library does not know";
	case -EBADMSG:
		return "damaged: it contradicts itself";
	case -EPIPE:
		return "closed";
	case -EUSERS:
		return "no place for another member or producer";
	case -EMSGSIZE:
		return "the record is too large";
	default:
		return strerror(-error);
	}
}

int fail(int error, const char *what)
{
	complain("%s: %s", what, explain(error));
	return status_of(error);
}

/* ---- signals and time ---- */

ringq_queue *volatile tool_waits_on;

static void caught(int signal)
{
	if (tool_stopped) { /* the second one */
		struct sigaction usual = {.sa_handler = SIG_DFL};
		sigaction(signal, &usual, NULL);
		raise(signal);
	}
	tool_stopped = signal;
	if (tool_waits_on)
		ringq_interrupt(tool_waits_on);
}

void tool_catch_signals(void)
{
	struct sigaction act = {.sa_handler = caught};
	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
}

int64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

/* The signals are let in by the sleep alone: one between the look at what it left and the sleep would be slept on. */
bool tool_poll(int fd, int64_t ns)
{
	struct pollfd in = {.fd = fd, .events = POLLIN};
	struct timespec t = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
	sigset_t stops, before;
	sigemptyset(&stops);
	sigaddset(&stops, SIGINT);
	sigaddset(&stops, SIGTERM);
	sigprocmask(SIG_BLOCK, &stops, &before);
	bool there = ns >= 0 && !tool_stopped && ppoll(&in, 1, &t, &before) > 0;
	sigprocmask(SIG_SETMASK, &before, NULL);
	return there;
}

void tool_sleep(int64_t ns)
{
	tool_poll(-1, ns);
}

/* ---- the list ---- */

static void help(FILE *to)
{
	fprintf(to, "Usage: ringq COMMAND [OPTION]... [OPERAND]...\n\n"
		    "Looks at queues in shared memory, and uses them. Commands:\n\n");
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(to, "  %-9s %s\n", commands[i]->name, commands[i]->summary);
	fprintf(to,
		"\nA program ringq-NAME on the path is a command too: `ringq bridge` carries records between\n"
		"machines, by way of RabbitMQ, where it is installed.\n"
		"\nThings are named NAME, NAME/QUEUE, pid:PID, pid:PID/fd:N, ino:N; `ringq list` shows what there is.\n"
		"`ringq COMMAND --help` and ringq-COMMAND(1) tell more.\n");
}

/* For completion and for the tests: all options that a command's parser knows, one a line. */
static int print_options(const struct command *command)
{
	for (const struct option_spec *o = command->options; o->name; o++)
		printf("--%s%s\n", o->name, o->arg ? "=" : "");
	printf("--help\n");
	return STATUS_DONE;
}

static int print_commands(void)
{
	for (size_t i = 0; i < COMMANDS; i++)
		printf("%s\n", commands[i]->name);
	return STATUS_DONE;
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < COMMANDS; i++)
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	return NULL;
}

static int run_other(char **argv)
{
	char name[256];
	snprintf(name, sizeof name, "ringq-%s", argv[1]);
	if (argv[1][0] != '-' && !strchr(argv[1], '/'))
		execvp(name, argv + 1);
	return usage("no such command: %s; `ringq --help` lists them", argv[1]);
}

/* What was printed has been printed, or the exit status says that it has not. A reader that has gone is none of its worries. */
static int finish(int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	if (errno != EPIPE)
		complain("standard output: %s", strerror(errno));
	return status ? status : STATUS_TROUBLE;
}

/* To what runs a monitoring plug-in, 2 would be an alarm. */
static int misused(const struct command *command)
{
	return strcmp(command->name, "check") == 0 ? STATUS_UNKNOWN : STATUS_USAGE;
}

static int run(const struct command *command, int argc, char **argv)
{
	int first;
	tool_command = command->name;
	int r = options_parse(command, argc, argv, &first);
	if (r < 0) {
		options_help(command, stdout);
		return STATUS_DONE;
	}
	if (r)
		return misused(command);
	argc -= first;
	argv += first;
	if (argc < command->least || (command->most >= 0 && argc > command->most)) {
		usage(argc < command->least ? "an operand is missing: %s" : "too many operands: %s",
			argc < command->least ? command->operands : argv[command->most]);
		return misused(command);
	}
	return command->run(argc, argv);
}

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_DFL); /* who reads has enough: a quiet end, as of all filters */
	if (argc < 2) {
		help(stderr);
		return STATUS_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
		if (argc > 2 && find_command(argv[2])) {
			options_help(find_command(argv[2]), stdout);
			return finish(STATUS_DONE);
		}
		help(stdout);
		return finish(STATUS_DONE);
	}
	if (strcmp(argv[1], "--commands") == 0)
		return finish(print_commands());
	const char *name = strcmp(argv[1], "--version") == 0 ? "version"
	                   : strcmp(argv[1], "cat") == 0     ? "get"
	                                                     : argv[1];
	const struct command *command = find_command(name);
	if (!command)
		return run_other(argv);
	if (argc == 3 && strcmp(argv[2], "--options") == 0)
		return finish(print_options(command));
	return finish(run(command, argc - 1, argv + 1));
}
