/* SPDX-License-Identifier: MIT */
/*
 * A consumer that waits for its producer: ten puts, ten gets. Then three more puts, a look at the queue, and its end.
 *
 * The counterpart of: func_get started before func_put, ten blocking calls each, then q.put(1) three times, print(q)
 * and q.close(). print(q) shows an address there; here ringq_queue_stat() tells what is inside. ringq_close() ends the
 * queue for everybody: nothing more goes in, what is there still comes out, and then a get tells that none will come.
 */

#include <errno.h>

#include "example.h"

enum { ITEMS = 10, MORE = 3 };

static void taker(ringq_queue *queue)
{
	printf("I am the process that takes: %d\n", (int)getpid());
	for (int i = 0; i < ITEMS; i++) {
		int item;

		must(ringq_get(queue, &item, sizeof(item), RINGQ_FOREVER), "get");
		printf("I took: %d\n***************\n", item);
		expect(item == i, "items come out in the order that they went in");
	}
}

static void putter(ringq_queue *queue)
{
	printf("I am the process that puts: %d\n", (int)getpid());
	for (int i = 0; i < ITEMS; i++) {
		must(ringq_put(queue, &i, sizeof(i), RINGQ_FOREVER), "put");
		printf("I put: %d\n---------------\n", i);
	}
}

static void look(const ringq_queue *queue)
{
	struct ringq_queue_stat stat;

	must(ringq_queue_stat(queue, &stat), "stat");
	printf("queue: %llu put, %llu taken\n", (unsigned long long)stat.records_in,
		(unsigned long long)stat.records_out);
	expect(stat.records_in == ITEMS + MORE && stat.records_out == ITEMS, "the counts are right");
}

static void end(ringq_queue *queue)
{
	int item = 1;

	must(ringq_close(queue), "close");
	expect(ringq_put(queue, &item, sizeof(item), RINGQ_FOREVER) == -EPIPE, "nothing more goes in");
	for (int i = 0; i < MORE; i++)
		must(ringq_get(queue, &item, sizeof(item), RINGQ_FOREVER), "get");
	expect(ringq_get(queue, &item, sizeof(item), RINGQ_FOREVER) == -EPIPE, "no more will come");
	printf("closed and drained\n");
}

int main(void)
{
	ringq_queue *queue;
	int one = 1;

	must(ringq_queue_create(&queue, NULL, NULL), "create");

	pid_t taking = start(taker, queue);
	pid_t putting = start(putter, queue);
	join(taking);
	join(putting);

	for (int i = 0; i < MORE; i++)
		must(ringq_put(queue, &one, sizeof(one), RINGQ_FOREVER), "put");
	look(queue);
	end(queue);

	ringq_queue_release(queue);
	return EXIT_SUCCESS;
}
