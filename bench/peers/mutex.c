/* SPDX-License-Identifier: MIT */
/*
 * What one writes by hand: a ring of slots under a mutex, with a condition for "not full" and one for "not empty". It
 * signals after unlocking, one waiter at a time, and only when somebody waits, which saves a system call for most.
 */
#include "harness/peer.h"

#include <pthread.h>
#include <string.h>

struct ring {
	pthread_mutex_t mutex;
	pthread_cond_t not_empty, not_full;
	unsigned getters, putters; /* asleep */
	size_t depth, begin, n;
	char slots[];
};

static char *slot(struct ring *ring, size_t at, size_t len)
{
	return ring->slots + at % ring->depth * len;
}

/* All under the mutex up to the last line, which wakes who waits for what was done. */
static void put_locked(struct ring *ring, const void *record, size_t len)
{
	bool wake = ring->getters > 0;

	memcpy(slot(ring, ring->begin + ring->n++, len), record, len);
	pthread_mutex_unlock(&ring->mutex);
	if (wake)
		pthread_cond_signal(&ring->not_empty);
}

static void get_locked(struct ring *ring, void *record, size_t len)
{
	bool wake = ring->putters > 0;

	memcpy(record, slot(ring, ring->begin++, len), len);
	ring->n--;
	pthread_mutex_unlock(&ring->mutex);
	if (wake)
		pthread_cond_signal(&ring->not_full);
}

static int try_put(struct end *end, const void *record, size_t len)
{
	struct ring *ring = end->state;

	pthread_mutex_lock(&ring->mutex);
	if (ring->n == ring->depth) {
		pthread_mutex_unlock(&ring->mutex);
		return 0;
	}
	put_locked(ring, record, len);
	return 1;
}

static int try_get(struct end *end, void *record, size_t len)
{
	struct ring *ring = end->state;

	pthread_mutex_lock(&ring->mutex);
	if (ring->n == 0) {
		pthread_mutex_unlock(&ring->mutex);
		return 0;
	}
	get_locked(ring, record, len);
	return 1;
}

static int put(struct end *end, const void *record, size_t len)
{
	struct ring *ring = end->state;

	pthread_mutex_lock(&ring->mutex);
	while (ring->n == ring->depth) {
		ring->putters++;
		pthread_cond_wait(&ring->not_full, &ring->mutex);
		ring->putters--;
	}
	put_locked(ring, record, len);
	return 1;
}

static int get(struct end *end, void *record, size_t len)
{
	struct ring *ring = end->state;

	pthread_mutex_lock(&ring->mutex);
	while (ring->n == 0) {
		ring->getters++;
		pthread_cond_wait(&ring->not_empty, &ring->mutex);
		ring->getters--;
	}
	get_locked(ring, record, len);
	return 1;
}

static void open_ring(struct channel *c)
{
	struct ring *ring = channel_memory(c, sizeof(*ring) + c->options.depth * c->options.len);
	int shared = c->options.processes ? PTHREAD_PROCESS_SHARED : PTHREAD_PROCESS_PRIVATE;
	pthread_mutexattr_t mutex;
	pthread_condattr_t cond;

	pthread_mutexattr_init(&mutex);
	pthread_condattr_init(&cond);
	pthread_mutexattr_setpshared(&mutex, shared);
	pthread_condattr_setpshared(&cond, shared);
	pthread_mutex_init(&ring->mutex, &mutex);
	pthread_cond_init(&ring->not_empty, &cond);
	pthread_cond_init(&ring->not_full, &cond);
	ring->depth = c->options.depth;
	c->state = ring;
	c->ops = (struct channel_ops){.try_put = try_put, .try_get = try_get, .put = put, .get = get};
}

static struct peer peer = {
	.name = "mutex and conditions",
	.mode = "a ring of slots; signals after unlocking, and only when somebody waits",
	.flags = PEER_THREADS | PEER_PROCESSES | PEER_FIFO | PEER_TRIES | PEER_SLEEPS | PEER_BACKLOG,
	.open = open_ring,
};

__attribute__((constructor)) static void add(void)
{
	peer_add(&peer);
}
