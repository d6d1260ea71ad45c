/* SPDX-License-Identifier: MIT */
/*
 * Locks a named array, as a program of its users would: says how, and has the lock until its input ends.
 *
 * usage: lock REGION ARRAY
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <ringq/ringq.h>

static const char *said_by(int result)
{
	return result == 0 ? "locked" : result == -EOWNERDEAD ? "locked after a death" : strerror(-result);
}

int main(int argc, char **argv)
{
	ringq_region *region;
	ringq_array *array;
	char byte;
	int r = argc == 3 ? ringq_region_open(&region, argv[1]) : -EINVAL;

	if (r == 0)
		r = ringq_array_open(&array, region, argv[2]);
	if (r == 0)
		r = ringq_lock(array, RINGQ_FOREVER);
	printf("%s\n", said_by(r));
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		continue;
	return r == 0 || r == -EOWNERDEAD ? ringq_unlock(array) != 0 : 1;
}
