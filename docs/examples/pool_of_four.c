/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <unistd.h>
#include <ringq/ringq.h>

static int work(ringq_queue *queue)
{
	struct ringq_delivery job;
	while (ringq_take(queue, &job, RINGQ_FOREVER) == 0) { /* in place: nothing is copied */
		dprintf(1, "%d did %d, try %u\n", getpid(), *(const int *)job.data, job.attempt);
		ringq_ack(queue, &job); /* done, and gone; until here it comes back if this process dies */
	}
	return 0; /* -EPIPE: closed, and all is done */
}

int main(void)
{
	ringq_queue *queue;
	ringq_queue_create(&queue, NULL, &(struct ringq_queue_options){.flags = RINGQ_ACKNOWLEDGED});
	for (int i = 0; i < 4; i++)
		if (fork() == 0)
			return work(queue);
	for (int job = 0; job < 20000; job++)
		ringq_put(queue, &job, sizeof(job), RINGQ_FOREVER);
	ringq_join(queue, RINGQ_FOREVER); /* until each job is acknowledged, whichever workers are killed */
	return ringq_close(queue);
}
