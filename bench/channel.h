/* SPDX-License-Identifier: MIT */
#ifndef BENCH_CHANNEL_H
#define BENCH_CHANNEL_H

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <ringq/ringq.h>

#include "harness.h"
#include "scenario.h"

/*
 * A ringq queue, or a pipe that carries records of one size with one write and one read each: the same scenario runs
 * over either. Inline, as a call more would show beside a queue's cost; the branch is always predicted.
 */
struct channel {
	ringq_queue *queue; /* NULL: the pipe */
	int fd[2];
};

static inline struct channel channel_open(const struct scenario *s)
{
	struct ringq_queue_options options = {.order = s->order, .flags = s->flags};
	struct channel c = {NULL, {-1, -1}};
	int r;

	if (s->medium == PIPE)
		r = pipe2(c.fd, O_CLOEXEC) ? errno : 0;
	else
		r = ringq_queue_create(&c.queue, NULL, &options);
	if (r)
		bench_die(r, "cannot make a channel");
	return c;
}

static inline void channel_put(const struct channel *c, const void *record, size_t len)
{
	ssize_t r;

	if (c->queue) {
		r = ringq_put(c->queue, record, len, RINGQ_FOREVER);
		if (r)
			bench_die((int)r, "put");
		return;
	}
	for (size_t done = 0; done < len; done += (size_t)r) {
		r = write(c->fd[1], (const char *)record + done, len - done);
		if (r < 0)
			bench_die(errno, "write");
	}
}

/* False when the channel has been closed and drained. */
static inline bool channel_get(const struct channel *c, void *record, size_t len)
{
	ssize_t r;

	if (c->queue) {
		r = ringq_get(c->queue, record, len, RINGQ_FOREVER);
		if (r != (ssize_t)len && r != -EPIPE)
			bench_die(r < 0 ? (int)r : 0, "get");
		return r != -EPIPE;
	}
	for (size_t done = 0; done < len; done += (size_t)r) {
		r = read(c->fd[0], (char *)record + done, len - done);
		if (r < 0 || (r == 0 && done))
			bench_die(r ? errno : 0, "read");
		if (r == 0)
			return false;
	}
	return true;
}

/* Gets in a loop that never sleeps; of a pipe, from a descriptor set to O_NONBLOCK. */
static inline void channel_spin(const struct channel *c, void *record, size_t len)
{
	ssize_t r;

	do
		r = c->queue ? ringq_get(c->queue, record, len, RINGQ_NOWAIT) : read(c->fd[0], record, len);
	while (c->queue ? r == -EAGAIN : r < 0 && errno == EAGAIN);
	if (r != (ssize_t)len)
		bench_die(r < 0 ? (c->queue ? (int)r : errno) : 0, "get");
}

/* A record says who put it as which, at its front and, if there is room, at its end, so that a torn one shows. */
static inline void record_stamp(void *record, size_t len, uint64_t stamp)
{
	memcpy(record, &stamp, sizeof(stamp));
	memcpy((char *)record + len - sizeof(stamp), &stamp, sizeof(stamp));
}

static inline uint64_t record_check(const void *record, size_t len)
{
	uint64_t front, end;

	memcpy(&front, record, sizeof(front));
	memcpy(&end, (const char *)record + len - sizeof(end), sizeof(end));
	if (front != end)
		bench_die(0, "a torn record");
	return front;
}

#endif
