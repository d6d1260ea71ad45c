/* SPDX-License-Identifier: MIT */
/*
 * A creator puts data and a sentinel at its end; a consumer doubles what it gets until it has seen the sentinel.
 *
 * The counterpart of: creator(data, q) and my_consumer(q) with data = [5, 10, 13, -1], then q.close(), q.join_thread().
 * close() in Python gives up this process's end of the queue: here that is ringq_queue_release(). ringq_close() ends
 * the queue for everybody, and would make the sentinel needless: see blocking.c.
 */

#include "example.h"

enum { SENTINEL = -1 };

static const int data[] = {5, 10, 13, SENTINEL};
static const size_t data_count = sizeof(data) / sizeof(data[0]);

static void creator(ringq_queue *queue)
{
	printf("Creating data and putting it on the queue\n");
	for (size_t i = 0; i < data_count; i++)
		must(ringq_put(queue, &data[i], sizeof(data[i]), RINGQ_FOREVER), "put");
}

static void consumer(ringq_queue *queue)
{
	size_t taken = 0;
	int item;

	do {
		must(ringq_get(queue, &item, sizeof(item), RINGQ_FOREVER), "get");
		printf("data found to be processed: %d\n", item);
		printf("%d\n", item * 2);
		expect(taken < data_count && item == data[taken++], "data come out as they went in");
	} while (item != SENTINEL);
	expect(taken == data_count, "the sentinel is the last");
}

int main(void)
{
	ringq_queue *queue;

	must(ringq_queue_create(&queue, NULL, NULL), "create");

	pid_t process_one = start(creator, queue);
	pid_t process_two = start(consumer, queue);

	ringq_queue_release(queue); /* this process's end: the other two go on */

	join(process_one);
	join(process_two);
	return EXIT_SUCCESS;
}
