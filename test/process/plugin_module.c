/* SPDX-License-Identifier: MIT */
/* A plugin that has ringq inside, from the static library. */
#include <errno.h>

#include <ringq/ringq.h>

__attribute__((visibility("default"))) int plugin_use(int with_descriptor);

int plugin_use(int with_descriptor)
{
	ringq_queue *queue;
	char c;
	int r = ringq_queue_create(&queue, NULL, NULL);

	if (r)
		return r;
	if (with_descriptor)
		r = ringq_event_fd(queue);
	if (r >= 0)
		r = ringq_put(queue, "x", 1, RINGQ_NOWAIT);
	if (r == 0)
		r = ringq_get(queue, &c, 1, RINGQ_NOWAIT) == 1 ? 0 : -EIO;
	ringq_queue_release(queue);
	return r;
}
