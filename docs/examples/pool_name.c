/* SPDX-License-Identifier: MIT */
/*
 * Workers that did not inherit the queue find it by name: one puts A, B and C, another takes what is there.
 *
 * The counterpart of: q = Manager().Queue() handed to the workers of a Pool, pool.apply(writer) and then
 * pool.apply(reader). Python needs a manager process for this, because its queue can only be inherited. Here any
 * process may attach. Names are for regions whose users trust each other; else send the region: see pool_socket.c.
 */

#include "example.h"

static const char letters[] = "ABC";
static char region_name[64];

static void writer(ringq_queue *queue)
{
	for (const char *letter = letters; *letter; letter++)
		must(ringq_put(queue, letter, 1, RINGQ_FOREVER), "put");
}

static void reader(ringq_queue *queue)
{
	uint64_t size = ringq_size(queue);

	expect(size == strlen(letters), "all letters are there");
	for (uint64_t i = 0; i < size; i++) {
		char letter;

		must(ringq_get(queue, &letter, 1, RINGQ_FOREVER), "get");
		printf("get data from queue:\t%c\n", letter);
		expect(letter == letters[i], "letters come out in the order that they went in");
	}
}

static void work(const char *role, const char *name)
{
	ringq_region *region;
	ringq_queue *queue;

	printf("%s started (%d), its parent is (%d)\n", role, (int)getpid(), (int)getppid());
	must(ringq_region_open(&region, name), "open region");
	must(ringq_queue_open(&queue, region, "letters"), "open queue");

	if (strcmp(role, "writer") == 0)
		writer(queue);
	else
		reader(queue);

	ringq_queue_release(queue);
	ringq_region_detach(region);
}

/* At exit, so that no name stays behind when something fails. */
static void remove_name(void)
{
	ringq_region_unlink(region_name);
}

int main(int argc, char **argv)
{
	ringq_region *region;
	ringq_queue *queue;

	if (argc == 3) {
		work(argv[1], argv[2]);
		return EXIT_SUCCESS;
	}
	printf("(%d) start\n", (int)getpid());
	snprintf(region_name, sizeof(region_name), "ringq-pool-%d", (int)getpid());
	must(ringq_region_create(&region, &(struct ringq_region_options){.name = region_name}), "create region");
	atexit(remove_name);
	must(ringq_queue_create(&queue, region, &(struct ringq_queue_options){.name = "letters"}), "create queue");

	join(spawn("writer", region_name));
	join(spawn("reader", region_name));
	expect(ringq_empty(queue), "nothing is left");
	printf("(%d) end\n", (int)getpid());

	ringq_queue_release(queue);
	ringq_region_detach(region);
	return EXIT_SUCCESS;
}
