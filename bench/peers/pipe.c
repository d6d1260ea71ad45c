/* SPDX-License-Identifier: MIT */
/*
 * A pipe: records of one size, one write and one read each, of the largest size that anybody may ask for, as larger is
 * faster. Up to PIPE_BUF bytes a write is atomic, and a read of a record's size takes one whole; above there can be only
 * one writer and one reader. Tries are of a second, non-blocking open of the same pipe.
 */
#include "harness/peer.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "harness/harness.h"

/* The ends of one pipe. */
struct fds {
	int read, write, read_now, write_now;
};

static int put(struct end *end, const void *record, size_t len)
{
	const struct fds *fds = end->state;
	ssize_t r;

	for (size_t done = 0; done < len; done += (size_t)r) {
		r = write(fds->write, (const char *)record + done, len - done);
		if (r < 0)
			bench_die(errno, "write");
	}
	return 1;
}

static int get(struct end *end, void *record, size_t len)
{
	const struct fds *fds = end->state;
	ssize_t r;

	for (size_t done = 0; done < len; done += (size_t)r) {
		r = read(fds->read, (char *)record + done, len - done);
		if (r <= 0)
			bench_die(errno, "read");
	}
	return 1;
}

static int tried(ssize_t r, size_t len)
{
	if (r != (ssize_t)len && !(r < 0 && errno == EAGAIN))
		bench_die(r < 0 ? errno : 0, "a part of a record");
	return r > 0;
}

static int try_put(struct end *end, const void *record, size_t len)
{
	const struct fds *fds = end->state;

	return tried(write(fds->write_now, record, len), len);
}

static int try_get(struct end *end, void *record, size_t len)
{
	const struct fds *fds = end->state;

	return tried(read(fds->read_now, record, len), len);
}

static int open_again(int fd, int flags)
{
	char path[64];
	int again;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, flags | O_NONBLOCK | O_CLOEXEC);
	if (again < 0)
		bench_die(errno, "cannot open a pipe again");
	return again;
}

static void open_pipe(struct channel *c)
{
	struct fds *fds = channel_memory(c, sizeof(*fds));
	FILE *f = fopen("/proc/sys/fs/pipe-max-size", "r");
	int ends[2], size;

	if (pipe2(ends, O_CLOEXEC))
		bench_die(errno, "pipe2");
	if (f && fscanf(f, "%d", &size) == 1)
		fcntl(ends[0], F_SETPIPE_SZ, size); /* else the default will do */
	if (f)
		fclose(f);
	*fds = (struct fds){ends[0], ends[1], open_again(ends[0], O_RDONLY), open_again(ends[1], O_WRONLY)};
	c->state = fds;
	c->ops = (struct channel_ops){.try_put = try_put, .try_get = try_get, .put = put, .get = get};
	if (c->options.len > PIPE_BUF && (c->options.producers > 1 || c->options.consumers > 1))
		bench_die(0, "a pipe tears records of this size");
}

static struct peer peer = {
	.name = "pipe",
	.mode = "of `pipe-max-size` bytes; a write and a read for each record",
	.flags = PEER_PROCESSES | PEER_FIFO | PEER_TRIES | PEER_SLEEPS,
	.open = open_pipe,
};

__attribute__((constructor)) static void add(void)
{
	peer_add(&peer);
}
