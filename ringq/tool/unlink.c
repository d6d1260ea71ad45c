/* SPDX-License-Identifier: MIT */
#include "tool.h"

#include <string.h>
#include <unistd.h>

static bool yes;

static bool may_unlink(const char *name)
{
	char question[300];
	snprintf(question, sizeof question, "Remove the name of region %.200s? Who holds it keeps it.", name);
	return yes || !isatty(STDIN_FILENO) || ask(question);
}

static int run(int argc, char **argv)
{
	int r = STATUS_DONE;
	for (int i = 0; i < argc && r == STATUS_DONE; i++) {
		if (!may_unlink(argv[i]))
			return STATUS_NO;
		int e = ringq_region_unlink(argv[i]);
		r = e ? fail(e, argv[i]) : STATUS_DONE;
	}
	return r;
}

static const struct option_spec options[] = {
	{'y', "yes", NULL, OPTION_FLAG, &yes, "do not ask, which it does on a terminal"},
	OPTIONS_END,
};

const struct command unlink_command = {
	"unlink", run, "NAME...", "Removes names of regions; who holds one keeps it", options, 1, -1, false};
