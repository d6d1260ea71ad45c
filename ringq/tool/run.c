/* SPDX-License-Identifier: MIT */

/*
 * Runs a command with a region: its descriptor is inherited, by the number in RINGQ_FD, and the name, if it has one, stands in
 * RINGQ_REGION. The command takes this program's place, so that its exit status is the status, and signals are its own.
 */

#include "tool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *name, *queue_name;
static uint64_t size;

static int make(ringq_region **region)
{
	int e = region_make(region, name, size);
	if (e == -EINVAL)
		return usage("%s: a name or a size that no region can have", name ? name : "--size");
	return e ? fail(e, name ? name : "a region") : 0;
}

static int make_queue(ringq_region *region)
{
	ringq_queue *queue;
	int e = ringq_queue_create(&queue, region, &(struct ringq_queue_options){.name = queue_name});
	if (e == 0)
		ringq_queue_release(queue);
	if (e == -EINVAL)
		return usage("%s: a name that no queue can have", queue_name);
	return e && e != -EEXIST ? fail(e, queue_name) : 0;
}

/* The descriptor, for the command. */
static int hand_on(const ringq_region *region)
{
	char number[16];
	int fd = dup(ringq_region_fd(region));
	if (fd < 0)
		return fail(-errno, "a descriptor");
	snprintf(number, sizeof number, "%d", fd);
	if (setenv("RINGQ_FD", number, 1) || (name ? setenv("RINGQ_REGION", name, 1) : unsetenv("RINGQ_REGION")))
		return fail(-errno, "the environment");
	return 0;
}

static int run(int argc, char **argv)
{
	ringq_region *region;
	(void)argc;
	int r = make(&region);
	if (r)
		return r;
	r = queue_name ? make_queue(region) : 0;
	if (r == 0)
		r = hand_on(region);
	ringq_region_detach(region);
	if (r)
		return r;
	execvp(argv[0], argv);
	int e = errno;
	complain("%s: %s", argv[0], strerror(e));
	return e == ENOENT ? NOT_THERE : CANNOT_RUN;
}

static const struct option_spec options[] = {
	{'r', "region", "NAME", OPTION_TEXT, &name, "the named region, made if need be; one without a name"},
	{'q', "queue", "QUEUE", OPTION_TEXT, &queue_name, "make this queue in it, unless it is there"},
	{0, "size", "SIZE", OPTION_SIZE, &size, "address space of a region that is made; 1GiB"},
	OPTIONS_END,
};

const struct command run_command = {"run", run, "COMMAND [ARGUMENT]...",
	"Runs a command with a region, which it has in RINGQ_FD and RINGQ_REGION", options, 1, -1, true};
