/* SPDX-License-Identifier: MIT */
/*
 * libqb's ring buffer: variable-length chunks in shared memory, one writer and one reader. Two peers: without its
 * semaphore, for those who poll, which it says is faster; and with it, for those who sleep.
 */
#include "harness/peer.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include <qb/qbrb.h>

enum { CHUNK_BESIDE = 64 }; /* bytes that a chunk takes beside its content, at most */

static int try_put(struct end *end, const void *record, size_t len)
{
	ssize_t r = qb_rb_chunk_write(end->state, record, len);

	if (r != (ssize_t)len && r != -EAGAIN)
		bench_die((int)r, "qb_rb_chunk_write");
	return r > 0;
}

static int read_within(struct end *end, void *record, size_t len, int ms)
{
	ssize_t r = qb_rb_chunk_read(end->state, record, len, ms);

	if (r == (ssize_t)len)
		return 1;
	if (r != -ETIMEDOUT && r != -EAGAIN && r != 0)
		bench_die(r < 0 ? (int)r : 0, "qb_rb_chunk_read");
	return 0;
}

static int try_get(struct end *end, void *record, size_t len)
{
	return read_within(end, record, len, 0);
}

static int get(struct end *end, void *record, size_t len)
{
	return read_within(end, record, len, PEER_PATIENCE_MS);
}

/* Its files are removed by the opener when it closes: but who is inside may go on. Here they are removed at once. */
static void open_ring(struct channel *c, uint32_t flags)
{
	size_t size = c->options.depth * (c->options.len + CHUNK_BESIDE);
	static unsigned serial;
	char name[64];

	snprintf(name, sizeof(name), "ringq-peers-%d-%u", (int)getpid(), serial++);
	flags |= QB_RB_FLAG_CREATE | (c->options.processes ? QB_RB_FLAG_SHARED_PROCESS : QB_RB_FLAG_SHARED_THREAD);
	c->state = qb_rb_open(name, size, flags, 0);
	if (!c->state)
		bench_die(errno, "qb_rb_open");
	for (unsigned i = 0; i < 2; i++) {
		char path[128];

		snprintf(path, sizeof(path), "/dev/shm/qb-%s-%s", name, i ? "data" : "header");
		unlink(path);
	}
	c->ops.try_put = try_put;
	c->ops.try_get = try_get;
}

static void open_polled(struct channel *c)
{
	open_ring(c, QB_RB_FLAG_NO_SEMAPHORE);
}

static void open_asleep(struct channel *c)
{
	open_ring(c, 0);
	c->ops.get = get;
}

static struct peer polled = {
	.name = "libqb",
	.mode = "`QB_RB_FLAG_NO_SEMAPHORE`, polled",
	.flags = PEER_PROCESSES | PEER_TRIES | PEER_BACKLOG,
	.max_producers = 1,
	.max_consumers = 1,
	.open = open_polled,
};

static struct peer asleep = {
	.name = "libqb semaphore",
	.mode = "the reader sleeps on its semaphore; the writer, which has nothing to sleep on, backs off",
	.flags = PEER_PROCESSES | PEER_TRIES | PEER_SLEEPS,
	.max_producers = 1,
	.max_consumers = 1,
	.open = open_asleep,
};

__attribute__((constructor)) static void add(void)
{
	peer_add(&polled);
	peer_add(&asleep);
}
