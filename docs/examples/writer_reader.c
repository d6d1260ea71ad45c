/* SPDX-License-Identifier: MIT */
/*
 * A writer puts A, B and C, pausing at random; when it has ended, a reader takes them until the queue is empty.
 *
 * The counterpart of: write(q) and read(q), joined one after the other, with time.sleep(random.random()) in both. The
 * pauses are up to a tenth of a second here.
 */

#include "example.h"

static const char letters[] = "ABC";

static void pause_at_random(void)
{
	usleep((useconds_t)(random() % 100000));
}

static void writer(ringq_queue *queue)
{
	srandom((unsigned)getpid());
	for (const char *letter = letters; *letter; letter++) {
		must(ringq_put(queue, letter, 1, RINGQ_FOREVER), "put");
		pause_at_random();
	}
}

static void reader(ringq_queue *queue)
{
	const char *next = letters;

	srandom((unsigned)getpid());
	while (!ringq_empty(queue)) {
		char letter;

		must(ringq_get(queue, &letter, 1, RINGQ_FOREVER), "get");
		printf("get %c from queue\n", letter);
		expect(letter == *next++, "letters come out in the order that they went in");
		pause_at_random();
	}
	expect(!*next, "all letters came out");
}

int main(void)
{
	ringq_queue *queue;

	must(ringq_queue_create(&queue, NULL, NULL), "create");

	join(start(writer, queue));
	join(start(reader, queue));
	printf("done writing and reading\n");

	ringq_queue_release(queue);
	return EXIT_SUCCESS;
}
