/* SPDX-License-Identifier: MIT */
#include "tool.h"

static int run(int argc, char **argv)
{
	struct target target;
	ringq_queue *queue;
	(void)argc;
	int r = target_queue(&target, &queue, argv[0], USE);
	if (r)
		return r;
	int e = ringq_close(queue);
	r = e ? fail(e, argv[0]) : STATUS_DONE;
	ringq_queue_release(queue);
	target_close(&target);
	return r;
}

static const struct option_spec options[] = {OPTIONS_END};

const struct command close_command = {"close", run, "REGION[/QUEUE]",
	"Closes a queue for everybody: gets take what waits, then end", options, 1, 1, false};
