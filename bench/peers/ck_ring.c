/* SPDX-License-Identifier: MIT */
/*
 * Concurrency Kit's ck_ring: its one-to-one and its many-to-many calls, by value into an array that stands behind the
 * ring, so that both may lie in shared memory. Records of 8 and 56 bytes are the values; larger ones lie in a pool, of
 * which one ring carries the blocks' numbers and a second one brings the free ones back. (Its header is not C++.)
 */
#include "harness/peer.h"

#include <string.h>

#include <ck_ring.h>

/* A ring and its values. */
struct ring {
	ck_ring_t ring __attribute__((aligned(64)));
	char *values;
};

struct state {
	struct ring used, free;
	char *blocks;
};

/* Inlined with a size and a mode that are known, as the typed prototypes of ck_ring are. */
static inline __attribute__((always_inline)) bool ring_put(struct ring *r, const void *value, unsigned size, bool many)
{
	return many ? _ck_ring_enqueue_mp(&r->ring, (struct ck_ring_buffer *)r->values, value, size, NULL)
	            : _ck_ring_enqueue_sp(&r->ring, (struct ck_ring_buffer *)r->values, value, size, NULL);
}

static inline __attribute__((always_inline)) bool ring_get(struct ring *r, void *value, unsigned size, bool many)
{
	return many ? _ck_ring_dequeue_mc(&r->ring, (struct ck_ring_buffer *)r->values, value, size)
	            : _ck_ring_dequeue_sc(&r->ring, (struct ck_ring_buffer *)r->values, value, size);
}

static inline __attribute__((always_inline)) int pool_put(struct state *s, const void *record, size_t len, bool many)
{
	uint32_t block;

	if (!ring_get(&s->free, &block, sizeof(block), many))
		return 0;
	memcpy(s->blocks + block * len, record, len);
	while (!ring_put(&s->used, &block, sizeof(block), many))
		;
	return 1;
}

static inline __attribute__((always_inline)) int pool_get(struct state *s, void *record, size_t len, bool many)
{
	uint32_t block;

	if (!ring_get(&s->used, &block, sizeof(block), many))
		return 0;
	memcpy(record, s->blocks + block * len, len);
	while (!ring_put(&s->free, &block, sizeof(block), many))
		;
	return 1;
}

static inline __attribute__((always_inline)) int any_put(struct end *end, const void *record, size_t len, bool many)
{
	struct state *s = end->state;

	if (len == 56)
		return ring_put(&s->used, record, 56, many);
	return len == 8 ? ring_put(&s->used, record, 8, many) : pool_put(s, record, len, many);
}

static inline __attribute__((always_inline)) int any_get(struct end *end, void *record, size_t len, bool many)
{
	struct state *s = end->state;

	if (len == 56)
		return ring_get(&s->used, record, 56, many);
	return len == 8 ? ring_get(&s->used, record, 8, many) : pool_get(s, record, len, many);
}

static int put_many_to_many(struct end *end, const void *record, size_t len)
{
	return any_put(end, record, len, true);
}

static int get_many_to_many(struct end *end, void *record, size_t len)
{
	return any_get(end, record, len, true);
}

static int put_one_to_one(struct end *end, const void *record, size_t len)
{
	return any_put(end, record, len, false);
}

static int get_one_to_one(struct end *end, void *record, size_t len)
{
	return any_get(end, record, len, false);
}

/* A ring holds one less than its size, which is a power of two of at least 4. */
static void ring_open(struct channel *c, struct ring *ring, size_t value)
{
	size_t size = power_up(c->options.depth + 1);

	size = size < 4 ? 4 : size;
	ck_ring_init(&ring->ring, (unsigned)size);
	ring->values = channel_memory(c, size * value);
}

static void open_state(struct channel *c, bool many)
{
	struct state *s = channel_memory(c, sizeof(*s));
	bool by_value = c->options.len == 8 || c->options.len == 56;

	c->state = s;
	ring_open(c, &s->used, by_value ? c->options.len : sizeof(uint32_t));
	if (by_value)
		return;
	ring_open(c, &s->free, sizeof(uint32_t));
	s->blocks = channel_memory(c, c->options.depth * c->options.len);
	for (uint32_t block = 0; block < c->options.depth; block++)
		ring_put(&s->free, &block, sizeof(block), many);
}

static void open_many(struct channel *c)
{
	open_state(c, true);
	c->ops = (struct channel_ops){.try_put = put_many_to_many, .try_get = get_many_to_many};
}

static void open_one(struct channel *c)
{
	open_state(c, false);
	c->ops = (struct channel_ops){.try_put = put_one_to_one, .try_get = get_one_to_one};
}

static struct peer many = {
	.name = "ck_ring MPMC",
	.mode = "the calls for many, by value",
	.flags = PEER_THREADS | PEER_PROCESSES | PEER_TRIES | PEER_BACKLOG,
	.open = open_many,
};

static struct peer one = {
	.name = "ck_ring SPSC",
	.mode = "the calls for one to one, by value",
	.flags = PEER_THREADS | PEER_PROCESSES | PEER_TRIES | PEER_BACKLOG,
	.max_producers = 1,
	.max_consumers = 1,
	.open = open_one,
};

__attribute__((constructor)) static void add(void)
{
	peer_add(&many);
	peer_add(&one);
}
