/* SPDX-License-Identifier: MIT */
/* A region made by root, and used when that has given its rights up: what works on, and what is -EACCES. */
#include "../common.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { NOBODY = 65534, ANOTHER = 65533 };

static void become(unsigned id)
{
	check_eq(setgroups(0, NULL), 0);
	check_eq(setgid(id), 0);
	check_eq(setuid(id), 0);
}

static void *puts_first(void *arg)
{
	check_eq(put_number(arg, 2, RINGQ_NOWAIT), 0);
	return NULL;
}

static int sockets[2];

struct ends {
	ringq_pipe *here, *there;
};

static void another_takes_an_end(void *arg)
{
	struct ends *inherited = arg;
	ringq_pipe *end;
	char c;

	become(ANOTHER);
	ringq_pipe_close(inherited->here);
	ringq_pipe_close(inherited->there);
	check_eq(ringq_pipe_take(&end, sockets[1]), 0);
	check_eq(ringq_send(end, "x", 1, RINGQ_NOWAIT), 0);
	check_eq(ringq_receive(end, &c, 1, TEST_SOON), 1);
	ringq_pipe_close(end);
}

static void goes_on(void *name)
{
	static char block[4 << 20];
	int refused = name ? -EACCES : 0;
	ringq_region *region;
	ringq_queue *queue, *later;
	struct ends ends;
	ringq_pipe *a, *b;
	ringq_array *array;
	pid_t other;
	char c;

	check_eq(ringq_region_create(&region, &(struct ringq_region_options){.name = name}), 0);
	queue = queue_in(region, NULL);
	check_eq(ringq_pipe_create(&ends.here, &ends.there, region, 0), 0);
	check_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
	other = fork_child(another_takes_an_end, &ends);
	become(NOBODY);
	check_eq(put_number(queue, 1, RINGQ_NOWAIT), 0);
	check_eq(get_number(queue, RINGQ_NOWAIT), 1);
	join_thread(start_thread(puts_first, queue));
	check_eq(get_number(queue, RINGQ_NOWAIT), 2);
	check_eq(ringq_put(queue, block, sizeof(block), RINGQ_NOWAIT), 0);
	later = queue_in(region, &(struct ringq_queue_options){.name = "later"});
	check_eq(ringq_array_create(&array, region, "named", RINGQ_INT32, 10), 0);
	check_eq(ringq_array_create(&array, region, NULL, RINGQ_INT32, 1), refused);
	check_eq(ringq_pipe_create(&a, &b, region, 0), refused);
	check_eq(ringq_pipe_give(ends.there, sockets[0]), 0);
	check_eq(ringq_receive(ends.here, &c, 1, TEST_SOON), 1);
	check_eq(ringq_send(ends.here, "y", 1, RINGQ_NOWAIT), 0);
	ringq_queue_release(later);
	ringq_pipe_close(ends.here);
	ringq_pipe_close(ends.there);
	reap_child(other);
}

int main(void)
{
	const char *name = unique_name();

	if (getuid() != 0)
		return TEST_SKIPPED;
	reap_child(fork_child(goes_on, NULL));
	reap_child(fork_child(goes_on, (void *)(uintptr_t)name));
	check_eq(ringq_region_unlink(name), 0);
	return 0;
}
