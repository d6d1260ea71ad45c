/* SPDX-License-Identifier: MIT */
/*
 * Peers that are wrong on purpose, to show that the benchmark notices: a ring under a mutex that loses, doubles, tears or
 * swaps records, crashes or hangs, once in a while. They are linked into a program for that test only.
 */
#include "harness/peer.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

enum fault { NONE, LOSES, DOUBLES, TEARS, SWAPS, CRASHES, HANGS };

enum {
	DEPTH = 64,
	LEN_MAX = 64,
	FAULT_AT = 150, /* the record that it happens to: each sample has so many */
};

struct ring {
	pthread_mutex_t mutex;
	enum fault fault;
	unsigned long begin, end, puts;
	char slots[DEPTH][LEN_MAX];
};

/* Does what is wrong to the record just put, if its turn has come. */
static void spoil(struct ring *ring, size_t len)
{
	char *last = ring->slots[(ring->end - 1) % DEPTH], *before = ring->slots[(ring->end - 2) % DEPTH];
	char other[LEN_MAX];

	if (++ring->puts < FAULT_AT || ring->fault == NONE || (ring->fault == SWAPS && ring->end - ring->begin < 2))
		return;
	if (ring->fault == LOSES)
		ring->end--;
	if (ring->fault == DOUBLES)
		memcpy(ring->slots[ring->end++ % DEPTH], last, len);
	if (ring->fault == TEARS)
		last[0] ^= 1;
	if (ring->fault == CRASHES)
		raise(SIGSEGV);
	if (ring->fault == HANGS)
		pause();
	if (ring->fault == SWAPS) {
		memcpy(other, last, len);
		memcpy(last, before, len);
		memcpy(before, other, len);
	}
	ring->fault = NONE;
}

/* Leaves one place for what comes twice. */
static int try_put(struct end *end, const void *record, size_t len)
{
	struct ring *ring = end->state;
	bool room;

	pthread_mutex_lock(&ring->mutex);
	room = ring->end - ring->begin < DEPTH - 1;
	if (room) {
		memcpy(ring->slots[ring->end++ % DEPTH], record, len);
		spoil(ring, len);
	}
	pthread_mutex_unlock(&ring->mutex);
	return room;
}

static int try_get(struct end *end, void *record, size_t len)
{
	struct ring *ring = end->state;
	bool there;

	pthread_mutex_lock(&ring->mutex);
	there = ring->end != ring->begin;
	if (there)
		memcpy(record, ring->slots[ring->begin++ % DEPTH], len);
	pthread_mutex_unlock(&ring->mutex);
	return there;
}

static void open_ring(struct channel *c)
{
	static const char *const names[] = {"sound", "loses", "doubles", "tears", "swaps", "crashes", "hangs"};
	struct ring *ring = channel_memory(c, sizeof(*ring));
	pthread_mutexattr_t shared;

	pthread_mutexattr_init(&shared);
	pthread_mutexattr_setpshared(&shared, PTHREAD_PROCESS_SHARED);
	pthread_mutex_init(&ring->mutex, &shared);
	while (strcmp(names[ring->fault], c->peer->name))
		ring->fault++;
	c->state = ring;
	c->ops = (struct channel_ops){.try_put = try_put, .try_get = try_get};
}

#define BROKEN(title)                                                                                             \
	{                                                                                                         \
		.name = (title), .mode = "wrong on purpose", .flags = PEER_THREADS | PEER_PROCESSES | PEER_TRIES, \
		.max_len = LEN_MAX, .open = open_ring                                                             \
	}

static struct peer peers[] = {
	BROKEN("sound"),
	BROKEN("loses"),
	BROKEN("doubles"),
	BROKEN("tears"),
	BROKEN("swaps"),
	BROKEN("crashes"),
	BROKEN("hangs"),
};

__attribute__((constructor)) static void add(void)
{
	for (size_t i = 0; i < sizeof(peers) / sizeof(*peers); i++)
		peer_add(&peers[i]);
}
