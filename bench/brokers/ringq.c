/* SPDX-License-Identifier: MIT */
#include "brokers/way.h"

#include <string.h>

#include <ringq/ringq.h>

/* Anonymous: the pool's processes inherit it. What each has in its hands is its own. */
static ringq_queue *queue;
static struct ringq_delivery in_hand;

static void *join(int port, unsigned who)
{
	(void)port;
	if (who == 0)
		way_must(ringq_queue_create(&queue, NULL, &(struct ringq_queue_options){.flags = RINGQ_ACKNOWLEDGED}) ==
				 0,
			"ringq_queue_create");
	return queue;
}

static void put(void *connection, const struct job *job)
{
	way_must(ringq_put(connection, job, sizeof *job, RINGQ_FOREVER) == 0, "ringq_put");
}

static void take(void *connection, struct job *job)
{
	way_must(ringq_take(connection, &in_hand, RINGQ_FOREVER) == 0 && in_hand.len == sizeof *job, "ringq_take");
	memcpy(job, in_hand.data, sizeof *job);
}

static void ack(void *connection)
{
	way_must(ringq_ack(connection, &in_hand) == 0, "ringq_ack");
}

const struct way way_ringq = {.name = "ringq", .join = join, .put = put, .take = take, .ack = ack};
