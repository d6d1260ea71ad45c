/* SPDX-License-Identifier: MIT */
/*
 * A worker waits for a greeting that its parent puts when it is running.
 *
 * The counterpart of: worker(q) with `data = q.get()`, and q.put("Hello, worker!") after p.start().
 * The worker need not know how long the record is: ringq_get_alloc() gives memory of the right size.
 */

#include "example.h"

static const char greeting[] = "Hello, worker!";

static void worker(ringq_queue *queue)
{
	void *data;
	ssize_t len = must(ringq_get_alloc(queue, &data, RINGQ_FOREVER), "get");

	printf("Received data: %.*s\n", (int)len, (const char *)data);
	expect((size_t)len == strlen(greeting) && memcmp(data, greeting, (size_t)len) == 0, "it is the greeting");
	free(data);
}

int main(void)
{
	ringq_queue *queue;

	must(ringq_queue_create(&queue, NULL, NULL), "create");

	pid_t process = start(worker, queue);
	must(ringq_put(queue, greeting, strlen(greeting), RINGQ_FOREVER), "put");
	join(process);

	ringq_queue_release(queue);
	return EXIT_SUCCESS;
}
