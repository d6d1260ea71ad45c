/* SPDX-License-Identifier: MIT */
/*
 * liburcu's wfcqueue: wait-free enqueue of nodes, which carry the record. Dequeuing takes turns: alone it needs no lock,
 * else its own lock, as its docs say; never the blocking calls, which nap for 10 ms where an enqueue is half done. Each
 * producer has its share of nodes, which come back to it through a wfcqueue of its own, so that nothing is allocated.
 */
#include "harness/peer.h"

#include <string.h>

#define _LGPL_SOURCE /* its calls inlined, as it advises for speed */
#include <urcu/wfcqueue.h>

enum { PRODUCERS_MAX = 64, SHARE_LEAST = 64 };

struct node {
	struct cds_wfcq_node link;
	unsigned owner;
	char record[];
};

struct queue {
	struct cds_wfcq_head head __attribute__((aligned(64)));
	struct cds_wfcq_tail tail __attribute__((aligned(64)));
};

struct state {
	struct queue used;
	struct queue free[PRODUCERS_MAX];
};

static struct node *take(struct queue *queue, bool alone)
{
	struct cds_wfcq_node *node;

	if (!alone)
		cds_wfcq_dequeue_lock(&queue->head, &queue->tail);
	node = __cds_wfcq_dequeue_nonblocking(&queue->head, &queue->tail);
	if (!alone)
		cds_wfcq_dequeue_unlock(&queue->head, &queue->tail);
	return node == CDS_WFCQ_WOULDBLOCK ? NULL : (struct node *)node;
}

static void add_to(struct queue *queue, struct node *node)
{
	cds_wfcq_node_init(&node->link);
	cds_wfcq_enqueue(&queue->head, &queue->tail, &node->link);
}

static int try_put(struct end *end, const void *record, size_t len)
{
	struct state *state = end->state;
	struct node *node = take(&state->free[end->index], true);

	if (!node)
		return 0;
	memcpy(node->record, record, len);
	add_to(&state->used, node);
	return 1;
}

static int try_get(struct end *end, void *record, size_t len)
{
	struct state *state = end->state;
	struct node *node = take(&state->used, end->channel->options.consumers == 1);

	if (!node)
		return 0;
	memcpy(record, node->record, len);
	add_to(&state->free[node->owner], node);
	return 1;
}

static void open_queue(struct channel *c)
{
	size_t share = c->options.depth / c->options.producers,
	       size = (sizeof(struct node) + c->options.len + 63) / 64 * 64;
	struct state *state = channel_memory(c, sizeof(*state));
	char *nodes;

	if (share < SHARE_LEAST && c->options.producers > 1)
		share = SHARE_LEAST;
	nodes = channel_memory(c, c->options.producers * share * size);
	cds_wfcq_init(&state->used.head, &state->used.tail);
	for (unsigned i = 0; i < c->options.producers; i++) {
		cds_wfcq_init(&state->free[i].head, &state->free[i].tail);
		for (size_t j = 0; j < share; j++, nodes += size) {
			((struct node *)nodes)->owner = i;
			add_to(&state->free[i], (struct node *)nodes);
		}
	}
	c->state = state;
	c->ops = (struct channel_ops){.try_put = try_put, .try_get = try_get};
}

static struct peer peer = {
	.name = "liburcu wfcqueue",
	.mode = "nodes that carry the record and go back to their producer; its lock with several consumers",
	.flags = PEER_THREADS | PEER_TRIES | PEER_BACKLOG,
	.open = open_queue,
};

__attribute__((constructor)) static void add(void)
{
	peer_add(&peer);
}
