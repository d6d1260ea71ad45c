/* SPDX-License-Identifier: MIT */
#include "tool.h"

#include <inttypes.h>
#include <unistd.h>

static bool yes;

static int delete_it(const struct target *target, ringq_queue *queue)
{
	struct ringq_queue_stat stat;
	int e = ringq_queue_stat(queue, &stat);
	if (e == 0 && !yes && isatty(STDIN_FILENO)) {
		char question[700];
		snprintf(question, sizeof question, "Delete queue %s/%s, with %s?", target->label, target->object,
			show_number(stat.records_in - stat.records_out, "record", "records"));
		if (!ask(question))
			return STATUS_NO;
	}
	e = e ? e : ringq_queue_delete(queue);
	return e ? fail(e, target->object) : STATUS_DONE;
}

static int run(int argc, char **argv)
{
	struct target target;
	ringq_queue *queue;
	(void)argc;
	int r = target_queue(&target, &queue, argv[0], USE);
	if (r)
		return r;
	r = delete_it(&target, queue);
	ringq_queue_release(queue);
	target_close(&target);
	return r;
}

static const struct option_spec options[] = {
	{'y', "yes", NULL, OPTION_FLAG, &yes, "do not ask, which it does on a terminal"},
	OPTIONS_END,
};

const struct command delete_command = {"delete", run, "REGION[/QUEUE]",
	"Deletes a queue and what waits in it; whoever still has it is told", options, 1, 1, false};
