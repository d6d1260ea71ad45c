/* SPDX-License-Identifier: MIT */
/* What gdb.sh looks at: two queues, records in two lanes, a thread that sleeps, one that has ended. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <ringq/look.h>
#include <ringq/ringq.h>

static ringq_queue *jobs, *empty;
void stop_here(void);

static void must(int good)
{
	if (!good)
		abort();
}

__attribute__((noinline)) void stop_here(void)
{
	__asm__ volatile("" ::: "memory");
}

/* A backlog that takes several chunks: what it is has to be found from one to the next. */
static void *put_many(void *arg)
{
	char record[1000];
	(void)arg;
	memset(record, 'm', sizeof(record));
	for (int i = 0; i < 500; i++)
		must(ringq_put(jobs, record, sizeof(record), RINGQ_NOWAIT) == 0);
	return NULL;
}

static void *sleep_for_ever(void *arg)
{
	char byte;
	(void)arg;
	prctl(PR_SET_NAME, "sleeper");
	ringq_get(empty, &byte, 1, RINGQ_FOREVER);
	return NULL;
}

int main(void)
{
	ringq_region *region;
	pthread_t thread;
	struct ringq_member members[8];
	must(ringq_region_create(&region, &(struct ringq_region_options){.size = 4 << 20}) == 0);
	must(ringq_queue_create(&jobs, region, &(struct ringq_queue_options){.name = "jobs"}) == 0);
	must(ringq_queue_create(&empty, region,
		     &(struct ringq_queue_options){.name = "empty", .order = RINGQ_ORDER_PRODUCER}) == 0);
	must(ringq_put(jobs, "the first job", 13, RINGQ_NOWAIT) == 0);
	must(pthread_create(&thread, NULL, put_many, NULL) == 0 && pthread_join(thread, NULL) == 0);
	must(ringq_put(jobs, "\1\2\377", 3, RINGQ_NOWAIT) == 0);
	must(ringq_put(jobs, "", 0, RINGQ_NOWAIT) == 0);
	for (int i = 0; i < 7; i++) { /* of one lane or the other, as the stamps have it */
		char record[1000];
		must(ringq_get(jobs, record, sizeof(record), RINGQ_NOWAIT) >= 0);
	}
	must(ringq_put(jobs, "one more", 8, RINGQ_NOWAIT) == 0);
	must(pthread_create(&thread, NULL, sleep_for_ever, NULL) == 0);
	for (ssize_t asleep = 0; asleep == 0; usleep(1000)) {
		ssize_t n = ringq_region_members(region, members, 8);
		for (ssize_t i = 0; i < n; i++)
			asleep += members[i].activity == RINGQ_ASLEEP_GET;
	}
	printf("%zd records\n", ringq_size(jobs));
	fflush(stdout);
	stop_here();
	_exit(0);
}
