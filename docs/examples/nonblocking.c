/* SPDX-License-Identifier: MIT */
/*
 * Ten puts and ten gets that never wait: the caller is told that the queue is full, or empty, and does something else.
 *
 * The counterpart of: q.put_nowait(var) and q.get(block=False) in two processes, then three more puts. Where Python
 * raises queue.Full or queue.Empty, RINGQ_NOWAIT gives -EAGAIN. The queue is bounded here, so that full is seen too.
 */

#include <errno.h>

#include "example.h"

enum { ITEMS = 10, ROOM = 3 };

static void something_else(void)
{
	usleep(1000);
}

static void taker(ringq_queue *queue)
{
	printf("I am the process that takes: %d\n", (int)getpid());
	for (int i = 0; i < ITEMS; i++) {
		int item;
		ssize_t len;

		while ((len = ringq_get(queue, &item, sizeof(item), RINGQ_NOWAIT)) == -EAGAIN) {
			printf("empty\n");
			something_else();
		}
		must(len, "get");
		printf("I took: %d\n***************\n", item);
		expect(item == i, "items come out in the order that they went in");
	}
}

static void putter(ringq_queue *queue)
{
	printf("I am the process that puts: %d\n", (int)getpid());
	for (int i = 0; i < ITEMS; i++) {
		int result;

		while ((result = ringq_put(queue, &i, sizeof(i), RINGQ_NOWAIT)) == -EAGAIN) {
			printf("full\n");
			something_else();
		}
		must(result, "put");
		printf("I put: %d\n---------------\n", i);
	}
}

int main(void)
{
	ringq_queue *queue;
	int item = 1;

	must(ringq_queue_create(&queue, NULL, &(struct ringq_queue_options){.max_records = ROOM}), "create");
	expect(ringq_get(queue, &item, sizeof(item), RINGQ_NOWAIT) == -EAGAIN, "a new queue is empty");

	pid_t putting = start(putter, queue);
	pid_t taking = start(taker, queue);
	join(taking);
	join(putting);

	for (int i = 0; i < ROOM; i++)
		must(ringq_put(queue, &item, sizeof(item), RINGQ_NOWAIT), "put");
	expect(ringq_put(queue, &item, sizeof(item), RINGQ_NOWAIT) == -EAGAIN, "a fourth record does not fit");
	printf("full with %d records\n", (int)ringq_size(queue));

	ringq_queue_release(queue);
	return EXIT_SUCCESS;
}
