/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <unistd.h>
#include <ringq/ringq.h>

int main(void)
{
	ringq_queue *queue;
	int number, sum = 0;
	pid_t child;

	if (ringq_queue_create(&queue, NULL, NULL) < 0 || (child = fork()) < 0)
		return 1;
	if (child == 0) { /* the producer */
		for (number = 1; number <= 5; number++)
			ringq_put(queue, &number, sizeof(number), RINGQ_FOREVER);
		return ringq_close(queue); /* no more will come */
	}
	while (ringq_get(queue, &number, sizeof(number), RINGQ_FOREVER) > 0) { /* -EPIPE: closed, and all taken */
		printf("got %d\n", number);
		sum += number;
	}
	ringq_queue_release(queue);
	return sum != 15;
}
