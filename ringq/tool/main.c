/* SPDX-License-Identifier: MIT */

/*
 * The command `ringq`. What follows its name is a subcommand: one of the list below, each in the file of its name, or a
 * program ringq-NAME on the path. To add one: write its file, name it in commands.h, in LAYERS and in meson.build, write its
 * page in docs/man and name that in meson.build there and in the overview, ringq.1.scd; and a test in test/tool.
 */

#include "tool.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
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
