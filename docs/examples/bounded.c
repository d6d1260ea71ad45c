/* SPDX-License-Identifier: MIT */
/*
 * A queue of at most three messages: empty, full, size, and what a put does when there is no room.
 *
 * The counterpart of: q = Queue(3) with q.empty(), q.full(), q.qsize() and q.get() in one process.
 */

#include <errno.h>

#include "example.h"

static void put(ringq_queue *queue, const char *message)
{
	must(ringq_put(queue, message, strlen(message), RINGQ_FOREVER), "put");
}

static void get(ringq_queue *queue, const char *expected)
{
	char message[32];
	ssize_t len = must(ringq_get(queue, message, sizeof(message), RINGQ_FOREVER), "get");

	printf("get: %.*s\n", (int)len, message);
	expect((size_t)len == strlen(expected) && memcmp(message, expected, (size_t)len) == 0, "it is the oldest");
}

static void show(ringq_queue *queue, uint64_t size)
{
	printf("size: %d, empty: %d, full: %d\n", (int)ringq_size(queue), ringq_empty(queue), ringq_full(queue));
	expect(ringq_size(queue) == size, "size counts the messages");
	expect(ringq_empty(queue) == (size == 0), "empty at none");
	expect(ringq_full(queue) == (size == 3), "full at three");
}

int main(void)
{
	ringq_queue *queue;

	must(ringq_queue_create(&queue, NULL, &(struct ringq_queue_options){.max_records = 3}), "create");
	show(queue, 0);

	put(queue, "message 1");
	put(queue, "message 2");
	show(queue, 2);

	put(queue, "message 3");
	show(queue, 3);
	expect(ringq_put(queue, "more", 4, RINGQ_NOWAIT) == -EAGAIN, "without waiting: full");
	expect(ringq_put(queue, "more", 4, RINGQ_MS(10)) == -ETIMEDOUT, "waiting a while: still full");

	get(queue, "message 1");
	show(queue, 2);

	ringq_queue_release(queue);
	return EXIT_SUCCESS;
}
