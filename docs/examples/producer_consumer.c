/* SPDX-License-Identifier: MIT */
/*
 * A producer puts 0 to 4 and ends; then a consumer takes what is there until the queue is empty.
 *
 * The counterpart of: Queue(), Process(target=producer), join, Process(target=consumer) with `while not queue.empty()`.
 * What a process has put is in the queue when its put returns: it may end at once, nothing has to be flushed.
 */

#include "example.h"

enum { ITEMS = 5 };

static void producer(ringq_queue *queue)
{
	for (int i = 0; i < ITEMS; i++) {
		printf("Producing: %d\n", i);
		must(ringq_put(queue, &i, sizeof(i), RINGQ_FOREVER), "put");
	}
}

static void consumer(ringq_queue *queue)
{
	int taken = 0;

	while (!ringq_empty(queue)) {
		int item;

		must(ringq_get(queue, &item, sizeof(item), RINGQ_FOREVER), "get");
		printf("Consuming: %d\n", item);
		expect(item == taken++, "items come out in the order that they went in");
	}
	expect(taken == ITEMS, "all items came out");
}

int main(void)
{
	ringq_queue *queue;

	must(ringq_queue_create(&queue, NULL, NULL), "create");

	join(start(producer, queue));
	join(start(consumer, queue));

	ringq_queue_release(queue);
	return EXIT_SUCCESS;
}
