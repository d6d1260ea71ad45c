/* SPDX-License-Identifier: MIT */
/*
 * Locks a named array, as a program of its users would, and makes it, and its region, if they are not there: says how, and has
 * the lock until its input ends. With QUEUE it has taken a record from there before.
 *
 * usage: lock REGION ARRAY [QUEUE]
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ringq/ringq.h>

static const char *said_by(int result)
{
	return result == 0 ? "locked" : result == -EOWNERDEAD ? "locked after a death" : strerror(-result);
}

static int take_from(ringq_region *region, const char *name)
{
	ringq_queue *queue;
	void *record;
	int r = ringq_queue_open(&queue, region, name);
	ssize_t n = r ? r : ringq_get_alloc(queue, &record, RINGQ_FOREVER);

	if (n < 0)
		return (int)n;
	free(record);
	return 0;
}

int main(int argc, char **argv)
{
	ringq_region *region;
	ringq_array *array;
	char byte;
	int r = argc == 3 || argc == 4 ? ringq_region_open(&region, argv[1]) : -EINVAL;

	if (r == -ENOENT)
		r = ringq_region_create(&region, &(struct ringq_region_options){.name = argv[1]});
	if (r == 0)
		r = ringq_array_open(&array, region, argv[2]);
	if (r == -ENOENT)
		r = ringq_array_create(&array, region, argv[2], RINGQ_INT64, 1);
	if (r == 0 && argc == 4)
		r = take_from(region, argv[3]);
	if (r == 0)
		r = ringq_lock(array, RINGQ_FOREVER);
	printf("%s\n", said_by(r));
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		continue;
	return r == 0 || r == -EOWNERDEAD ? ringq_unlock(array) != 0 : 1;
}
