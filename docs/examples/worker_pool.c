/* SPDX-License-Identifier: MIT */
/*
 * A pool of workers that loses no job, whoever is killed: a worker acknowledges a job when it is done, and what a killed
 * worker had in its hands goes to another. A job that kills each worker that takes it is set aside after three attempts.
 *
 * The counterpart of multiprocessing's JoinableQueue with task_done() and join(), where a killed worker's job is lost and
 * join() waits for ever.
 */

#include "example.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>

enum { JOBS = 2000, WORKERS = 4, POISON = 1234 };

static struct {
	int left[JOBS]; /* what is left to do of each job */
} * results;

static void worker(ringq_queue *queue)
{
	struct ringq_delivery job;
	int r;

	while ((r = ringq_take(queue, &job, RINGQ_FOREVER)) == 0) {
		int number = *(const int *)job.data; /* in place: nothing is copied */

		if (number == POISON)
			raise(SIGSEGV);
		usleep(100);
		results->left[number] = 0; /* doing it twice must do no harm */
		must(ringq_ack(queue, &job), "ack");
	}
	expect(r == -EPIPE, "the pool ends when the queue is closed and nothing is in hand");
}

int main(void)
{
	ringq_region *region;
	ringq_queue *queue, *dead;
	pid_t workers[WORKERS];
	struct {
		struct ringq_dead_letter letter;
		int number;
	} dead_letter;
	unsigned killed = 0;

	results = mmap(NULL, sizeof(*results), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	must(ringq_region_create(&region, NULL), "create");
	must(ringq_queue_create(&dead, region, &(struct ringq_queue_options){.name = "dead"}), "create");
	must(ringq_queue_create(&queue, region,
		     &(struct ringq_queue_options){
			     .flags = RINGQ_ACKNOWLEDGED, .max_attempts = 3, .dead_letters = "dead"}),
		"create");
	for (int i = 0; i < JOBS; i++) {
		results->left[i] = 1;
		must(ringq_put(queue, &i, sizeof(i), RINGQ_FOREVER), "put");
	}
	for (int i = 0; i < WORKERS; i++)
		workers[i] = start(worker, queue);

	/* Until all is done: kill a worker now and then, and start another in the place of each that has ended. */
	for (int i = 0; ringq_join(queue, RINGQ_MS(5)) == -ETIMEDOUT; i = (i + 1) % WORKERS) {
		kill(workers[i], SIGKILL);
		for (int k = 0; k < WORKERS; k++)
			if (k == i ? waitpid(workers[k], NULL, 0) > 0 : waitpid(workers[k], NULL, WNOHANG) > 0) {
				workers[k] = start(worker, queue);
				killed++;
			}
	}
	must(ringq_close(queue), "close");
	for (int i = 0; i < WORKERS; i++)
		waitpid(workers[i], NULL, 0);

	for (int i = 0; i < JOBS; i++)
		expect(results->left[i] == (i == POISON), "each job is done, but for the one that kills");
	must(ringq_get(dead, &dead_letter, sizeof(dead_letter), RINGQ_NOWAIT), "get");
	expect(dead_letter.number == POISON && dead_letter.letter.attempts == 3,
		"it was set aside after three attempts");
	printf("%d jobs are done, %u workers have died; job %d killed process %u and others\n", JOBS - 1, killed,
		dead_letter.number, dead_letter.letter.process);

	ringq_queue_release(queue);
	ringq_queue_release(dead);
	ringq_region_detach(region);
	return 0;
}
