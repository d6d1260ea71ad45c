/* SPDX-License-Identifier: MIT */
/* Threads as producers and consumers: all comes out once, whole, and in its producer's order. */
#include "../flow.h"

static void *produce(void *flow)
{
	flow_produce(flow);
	return NULL;
}

static void *consume(void *flow)
{
	flow_consume(flow);
	return NULL;
}

static void run(struct flow_options options)
{
	pthread_t producers[8], consumers[8];
	struct flow *flow;

	options.records *= brief_or_long(5, 250);
	options.records /= TEST_UNDER_TSAN ? 25 : 5;
	flow = flow_new(&options, NULL);
	for (uint32_t i = 0; i < options.consumers; i++)
		consumers[i] = start_thread(consume, flow);
	for (uint32_t i = 0; i < options.producers; i++)
		producers[i] = start_thread(produce, flow);
	for (uint32_t i = 0; i < options.producers; i++)
		join_thread(producers[i]);
	check_eq(ringq_close(flow->queue), 0);
	for (uint32_t i = 0; i < options.consumers; i++)
		join_thread(consumers[i]);
	flow_end(flow);
}

int main(void)
{
	for (size_t i = 0; i < flows_count; i++) {
		test_row(i);
		run(flows[i]);
	}
	return 0;
}
