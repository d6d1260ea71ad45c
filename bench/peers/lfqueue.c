/* SPDX-License-Identifier: MIT */
/*
 * liburcu's rculfqueue: lock-free on both sides, under RCU in its default flavour (membarrier). A node must live on for a
 * grace period after it was dequeued: it is allocated for each record and freed by call_rcu, as its docs show. It has no
 * bound; a producer waits while its share of the depth is in the queue.
 */
#define RCU_MEMBARRIER
#define _LGPL_SOURCE
#include "harness/peer.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <urcu.h>
#include <urcu/rculfqueue.h>

enum { PRODUCERS_MAX = 64, SHARE_LEAST = 64 };

struct node {
	struct cds_lfq_node_rcu link;
	struct rcu_head head;
	unsigned owner;
	char record[];
};

struct counts {
	_Alignas(64) uint64_t put; /* the producer's own */
	_Alignas(64) _Atomic uint64_t got;
};

struct state {
	struct cds_lfq_queue_rcu queue;
	struct counts counts[PRODUCERS_MAX];
	uint64_t share;
};

static int try_put(struct end *end, const void *record, size_t len)
{
	struct state *state = end->state;
	struct counts *counts = &state->counts[end->index];
	struct node *node;

	if (counts->put - atomic_load_explicit(&counts->got, memory_order_relaxed) >= state->share)
		return 0;
	node = malloc(sizeof(*node) + len);
	if (!node)
		bench_die(0, "out of memory");
	cds_lfq_node_init_rcu(&node->link);
	node->owner = end->index;
	memcpy(node->record, record, len);
	urcu_memb_read_lock();
	cds_lfq_enqueue_rcu(&state->queue, &node->link);
	urcu_memb_read_unlock();
	counts->put++;
	return 1;
}

static void free_node(struct rcu_head *head)
{
	free(caa_container_of(head, struct node, head));
}

static int try_get(struct end *end, void *record, size_t len)
{
	struct state *state = end->state;
	struct node *node;

	urcu_memb_read_lock();
	node = (struct node *)cds_lfq_dequeue_rcu(&state->queue);
	urcu_memb_read_unlock();
	if (!node)
		return 0;
	memcpy(record, node->record, len);
	atomic_fetch_add_explicit(&state->counts[node->owner].got, 1, memory_order_relaxed);
	urcu_memb_call_rcu(&node->head, free_node);
	return 1;
}

/* A thread may have several ends, but registers once. */
static __thread unsigned ends;

static void join(struct end *end)
{
	(void)end;
	if (ends++ == 0)
		urcu_memb_register_thread();
}

static void leave(struct end *end)
{
	(void)end;
	if (--ends == 0)
		urcu_memb_unregister_thread();
}

static void open_queue(struct channel *c)
{
	struct state *state = channel_memory(c, sizeof(*state));

	state->share = c->options.depth / c->options.producers;
	if (state->share < SHARE_LEAST && c->options.producers > 1)
		state->share = SHARE_LEAST;
	cds_lfq_init_rcu(&state->queue, urcu_memb_call_rcu);
	c->state = state;
	c->ops = (struct channel_ops){.try_put = try_put, .try_get = try_get, .join = join, .leave = leave};
}

static struct peer peer = {
	.name = "liburcu lfqueue",
	.mode = "a node is allocated for each record and freed by `call_rcu`",
	.flags = PEER_THREADS | PEER_TRIES | PEER_BACKLOG,
	.open = open_queue,
};

__attribute__((constructor)) static void add(void)
{
	peer_add(&peer);
}
