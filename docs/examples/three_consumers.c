/* SPDX-License-Identifier: MIT */
/*
 * 150000 records are put before anyone takes one; then three consumers take 50000 each.
 *
 * The counterpart of: range(150000) put by the parent, then p1, p2 and p3 of Process(target=func_get), 50000 gets each.
 * A put waits while max_bytes of its thread's records are waiting: the default of 8 MiB is enough for all of these.
 * Records leave the queue in one order, so each consumer sees numbers that only rise.
 */

#include "example.h"

enum { RECORDS = 150000, CONSUMERS = 3, SHARE = RECORDS / CONSUMERS };

static ringq_queue *sums; /* what the consumers report */

static void consumer(ringq_queue *queue)
{
	int64_t sum = 0;
	int last = -1;

	for (int i = 0; i < SHARE; i++) {
		int number;

		must(ringq_get(queue, &number, sizeof(number), RINGQ_FOREVER), "get");
		expect(number > last, "numbers rise");
		if (i % (SHARE / 5) == 0)
			printf("process %d got: %d\n", (int)getpid(), number);
		last = number;
		sum += number;
	}
	must(ringq_put(sums, &sum, sizeof(sum), RINGQ_FOREVER), "put");
}

int main(void)
{
	ringq_queue *queue;
	pid_t consumers[CONSUMERS];
	int64_t total = 0;

	must(ringq_queue_create(&queue, NULL, NULL), "create");
	must(ringq_queue_create(&sums, NULL, NULL), "create");

	for (int i = 0; i < RECORDS; i++)
		must(ringq_put(queue, &i, sizeof(i), RINGQ_NOWAIT), "put");
	expect(ringq_size(queue) == RECORDS, "all records are waiting");

	for (int i = 0; i < CONSUMERS; i++)
		consumers[i] = start(consumer, queue);
	for (int i = 0; i < CONSUMERS; i++)
		join(consumers[i]);

	for (int i = 0; i < CONSUMERS; i++) {
		int64_t sum;

		must(ringq_get(sums, &sum, sizeof(sum), RINGQ_NOWAIT), "get");
		total += sum;
	}
	printf("sum of all: %lld\n", (long long)total);
	expect(total == (int64_t)RECORDS * (RECORDS - 1) / 2, "each number came out once");
	expect(ringq_empty(queue), "nothing is left");

	ringq_queue_release(sums);
	ringq_queue_release(queue);
	return EXIT_SUCCESS;
}
