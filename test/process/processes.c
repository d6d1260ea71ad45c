/* SPDX-License-Identifier: MIT */
/* Processes as producers and consumers: all comes out once, whole, and in its producer's order. */
#include "../flow.h"

static void run(struct flow_options options, ringq_region *region)
{
	pid_t producers[8], consumers[8];
	struct flow *flow;

	options.records *= brief_or_long(1, 50);
	flow = flow_new(&options, region);
	for (uint32_t i = 0; i < options.consumers; i++)
		consumers[i] = fork_child(flow_consume, flow);
	for (uint32_t i = 0; i < options.producers; i++)
		producers[i] = fork_child(flow_produce, flow);
	for (uint32_t i = 0; i < options.producers; i++)
		reap_child(producers[i]);
	check_eq(ringq_close(flow->queue), 0);
	for (uint32_t i = 0; i < options.consumers; i++)
		reap_child(consumers[i]);
	flow_end(flow);
}

int main(void)
{
	ringq_region *region = region_new(0);

	/* All queues in one region, so that later ones get memory that earlier ones had. */
	for (size_t i = 0; i < flows_count; i++) {
		test_row(i);
		run(flows[i], region);
	}
	ringq_region_detach(region);
	return 0;
}
