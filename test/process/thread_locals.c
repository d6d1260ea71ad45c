/* SPDX-License-Identifier: MIT */
/* The library's threads start in a program whose thread-local variables are larger than their stacks would be without. */
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "../common.h"

static _Thread_local char large[1 << 20];

int main(void)
{
	ringq_queue *queue = queue_new(NULL);
	struct pollfd fd = {.fd = ringq_event_fd(queue), .events = POLLIN};

	memset(large, 1, sizeof(large));
	check_compare(fd.fd, >=, 0);
	check_eq(put_number(queue, 1, RINGQ_NOWAIT), 0);
	check_eq(poll(&fd, 1, 10000), 1);
	check_eq(get_number(queue, RINGQ_NOWAIT), 1);
	close(fd.fd);
	ringq_queue_release(queue);
	return large[sizeof(large) - 1] != 1;
}
