/* SPDX-License-Identifier: MIT */
/*
 * A child changes a shared number and a shared array; its parent then sees the changes.
 *
 * The counterpart of: Value('i', 0) and Array('d', [1.0, 2.0, 3.0, 4.0]), which a Process adds 10 to and doubles. The lock
 * is what val.get_lock() gives in Python; unlike there, it outlives a child that is killed inside.
 */

#include "example.h"

#define COUNT 4

static ringq_array *number, *numbers;

static void modify_shared_data(void)
{
	int *value = ringq_array_data(number);
	double *data = ringq_array_data(numbers);

	must(ringq_lock(number, RINGQ_FOREVER), "lock");
	*value += 10;
	must(ringq_unlock(number), "unlock");

	must(ringq_lock(numbers, RINGQ_FOREVER), "lock");
	for (size_t i = 0; i < ringq_array_count(numbers); i++)
		data[i] *= 2;
	must(ringq_unlock(numbers), "unlock");
}

int main(void)
{
	static const double first[COUNT] = {1.0, 2.0, 3.0, 4.0};
	double seen[COUNT];
	int value;

	must(ringq_array_create(&number, NULL, NULL, RINGQ_INT32, 1), "create a value");
	must(ringq_array_create(&numbers, ringq_array_region(number), NULL, RINGQ_DOUBLE, COUNT), "create an array");
	must(ringq_array_write(numbers, first, sizeof(first)), "write");

	pid_t process = fork();
	expect(process >= 0, "fork works");
	if (process == 0) {
		modify_shared_data();
		exit(EXIT_SUCCESS);
	}
	join(process);

	must(ringq_load(number, 0, &value), "load");
	must(ringq_array_read(numbers, seen, sizeof(seen)), "read");
	printf("%d\n[%.1f, %.1f, %.1f, %.1f]\n", value, seen[0], seen[1], seen[2], seen[3]);
	expect(value == 10, "the child has added 10");
	for (int i = 0; i < COUNT; i++)
		expect(seen[i] == 2 * first[i], "the child has doubled each element");

	ringq_array_release(numbers);
	ringq_array_release(number);
	return EXIT_SUCCESS;
}
