/* SPDX-License-Identifier: MIT */
#ifndef TEST_FLOW_H
#define TEST_FLOW_H

/*
 * Producers and consumers of one queue, to be run as threads or as processes: whatever goes in must come out exactly
 * once, whole, and in its producer's order at each consumer.
 */

#include "common.h"

struct flow {
	ringq_queue *queue;
	struct tally *tally;
	size_t max_len;
	unsigned order;
	atomic_uint producers_named;
};

struct flow_options {
	struct ringq_queue_options queue;
	uint32_t producers, consumers;
	uint32_t records; /* of each producer */
	size_t max_len;   /* of a record */
};

/* Rows that cover orders, bounds and sizes. */
extern const struct flow_options flows[];
extern const size_t flows_count;

struct flow *flow_new(const struct flow_options *options, ringq_region *region);
void flow_produce(void *flow); /* one producer's part */
void flow_consume(void *flow); /* one consumer's part, until the queue is closed and drained */
void flow_end(struct flow *flow);

#endif
