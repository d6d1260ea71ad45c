/* SPDX-License-Identifier: MIT */

/* ringq-bridge-amqp: what is told on the command line. ringq-bridge-amqp(1) is its page. */

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../tool/quantity.h"
#include "check.h"
#include "log.h"
#include "run.h"
#include "secret.h"

static void help(FILE *to)
{
	fprintf(to, "Usage: ringq bridge [run] [OPTION]... FILE\n"
		    "       ringq bridge check [OPTION]... FILE\n"
		    "       ringq bridge status [OPTION]... FILE\n"
		    "       ringq bridge demo\n\n"
		    "Carries records between queues of this machine and RabbitMQ, at least once.\n\n"
		    "  run       the bridges that FILE describes, until a signal ends it\n"
		    "  check     whether they could run: connects, declares nothing, moves nothing\n"
		    "  status    what they have done, as they count it in their regions\n"
		    "  demo      a broker, two regions and a bridge each way, killed on the way, on this machine\n\n"
		    "  -b, --bridge=NAME  only this one of FILE; may be given several times\n"
		    "      --once         end when nothing waits\n"
		    "  -n, --count=N      end after so many records out, or messages in, of each bridge\n"
		    "      --dry-run      as check\n"
		    "  -h, --help         print this\n\n"
		    "ringq-bridge-amqp(1) and (5) tell more.\n");
}

static int usage(const char *what, const char *of)
{
	log_line(LOG_LEVEL_ERROR, NULL, "%s%s; --help tells more", what, of);
	return STATUS_USAGE;
}

/* Keeps only the bridges of these names. 0, or an exit status. */
static int select_bridges(struct config *config, char **names, size_t n)
{
	for (size_t i = 0; n && i < config->bridges; i++)
		config->bridge[i].skip = true;
	for (size_t k = 0; k < n; k++) {
		bool found = false;
		for (size_t i = 0; i < config->bridges; i++) {
			if (strcmp(config->bridge[i].name, names[k]) == 0) {
				config->bridge[i].skip = false;
				found = true;
			}
		}
		if (!found)
			return usage("no such bridge: ", names[k]);
	}
	return STATUS_DONE;
}

static int run_demo(char **argv)
{
	execv(BRIDGE_DEMO, argv);
	log_line(LOG_LEVEL_ERROR, NULL, "%s: %s", BRIDGE_DEMO, strerror(errno));
	return STATUS_NOT_FOUND;
}

int main(int argc, char **argv)
{
	static const struct option names[] = {
		{"bridge", required_argument, NULL, 'b'},
		{"once", no_argument, NULL, 'o'},
		{"count", required_argument, NULL, 'n'},
		{"dry-run", no_argument, NULL, 'd'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	struct run_options options = {.count = UINT64_MAX};
	char *wanted[64];
	size_t wants = 0;
	const char *command = "run";
	bool dry = false;
	int c;
	log_for_journal(getenv("JOURNAL_STREAM") != NULL);
	secret_forbid_cores();
	if (argc > 1 && (strcmp(argv[1], "run") == 0 || strcmp(argv[1], "check") == 0 ||
				strcmp(argv[1], "status") == 0 || strcmp(argv[1], "demo") == 0)) {
		command = argv[1];
		argv++;
		argc--;
	}
	if (strcmp(command, "demo") == 0)
		return run_demo(argv);
	opterr = 0;
	while ((c = getopt_long(argc, argv, "b:n:h", names, NULL)) != -1) {
		switch (c) {
		case 'b':
			if (wants == sizeof wanted / sizeof *wanted)
				return usage("too many of --bridge", "");
			wanted[wants++] = optarg;
			break;
		case 'o':
			options.once = true;
			break;
		case 'n':
			if (!parse_number(optarg, &options.count))
				return usage("--count: not a number: ", optarg);
			break;
		case 'd':
			dry = true;
			break;
		case 'h':
			help(stdout);
			return STATUS_DONE;
		default:
			return usage("not understood: ", argv[optind - 1]);
		}
	}
	if (argc - optind != 1)
		return usage(argc == optind ? "no configuration file is named" : "too many operands", "");
	struct config config;
	int status = config_read(&config, argv[optind]) ? STATUS_USAGE : select_bridges(&config, wanted, wants);
	if (status == 0 && (dry || strcmp(command, "check") == 0))
		status = check_all(&config);
	else if (status == 0)
		status = strcmp(command, "status") == 0 ? status_all(&config) : run_all(&config, &options);
	config_free(&config);
	return status;
}
