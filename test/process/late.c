/* SPDX-License-Identifier: MIT */
/* In a build with wide windows calls are late now and then: in a thread, and in a child of fork, in its own way. */
#include "../common.h"

#include "base/late.h"

static uint64_t lates_of_calls(ringq_queue *queue)
{
	uint64_t before = rq_late_count();

	for (int i = 0; i < 2000; i++) {
		check_eq(put_number(queue, i, RINGQ_NOWAIT), 0);
		check_eq(get_number(queue, RINGQ_NOWAIT), i);
	}
	return rq_late_count() - before;
}

static void is_late(void *arg)
{
	check_compare(lates_of_calls(arg), >, 0);
}

static void *is_late_in_a_thread(void *arg)
{
	is_late(arg);
	return NULL;
}

int main(void)
{
	ringq_queue *queue = queue_new(NULL);

	is_late(queue);
	join_thread(start_thread(is_late_in_a_thread, queue));
	reap_child(fork_child(is_late, queue));
	ringq_queue_release(queue);
	return 0;
}
