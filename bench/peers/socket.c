/* SPDX-License-Identifier: MIT */
/*
 * A pair of AF_UNIX sockets with buffers as large as the machine lets us. SEQPACKET keeps the borders of records, for any
 * number of ends; STREAM does not, and with several ends a part of a record would go to each, so it is one to one, with
 * MSG_WAITALL. A message that is larger than the buffers cannot be sent by SEQPACKET.
 */
#include "harness/peer.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	BUFFER = 4 << 20,
	PACKET_MAX = 65536,
};

/* What comes out of one comes from the other. */
struct pair {
	int out, in;
};

static int done(ssize_t r, size_t len)
{
	if (r == (ssize_t)len)
		return 1;
	if (r >= 0 || errno != EAGAIN)
		bench_die(r < 0 ? errno : 0, "socket");
	return 0;
}

static int put(struct end *end, const void *record, size_t len)
{
	const struct pair *pair = end->state;
	ssize_t r;

	for (size_t sent = 0; sent < len; sent += (size_t)r) {
		r = send(pair->in, (const char *)record + sent, len - sent, MSG_NOSIGNAL);
		if (r < 0)
			bench_die(errno, "send");
	}
	return 1;
}

static int get(struct end *end, void *record, size_t len)
{
	return done(recv(((struct pair *)end->state)->out, record, len, MSG_WAITALL), len);
}

static int try_put(struct end *end, const void *record, size_t len)
{
	return done(send(((struct pair *)end->state)->in, record, len, MSG_DONTWAIT | MSG_NOSIGNAL), len);
}

static int try_get(struct end *end, void *record, size_t len)
{
	return done(recv(((struct pair *)end->state)->out, record, len, MSG_DONTWAIT), len);
}

static void open_pair(struct channel *c, int type)
{
	struct pair *pair = channel_memory(c, sizeof(*pair));
	int ends[2], size = BUFFER;

	if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends))
		bench_die(errno, "socketpair");
	/* The first lifts the machine's limit, if we may; the second takes what it allows. */
	if (setsockopt(ends[1], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)))
		setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	*pair = (struct pair){ends[0], ends[1]};
	c->state = pair;
	c->ops = (struct channel_ops){.try_put = try_put, .try_get = try_get, .put = put, .get = get};
}

static void open_seqpacket(struct channel *c)
{
	open_pair(c, SOCK_SEQPACKET);
}

static void open_stream(struct channel *c)
{
	open_pair(c, SOCK_STREAM);
}

static struct peer seqpacket = {
	.name = "AF_UNIX SEQPACKET",
	.mode = "one `send` and one `recv` a record",
	.flags = PEER_PROCESSES | PEER_FIFO | PEER_TRIES | PEER_SLEEPS,
	.max_len = PACKET_MAX,
	.open = open_seqpacket,
};

static struct peer stream = {
	.name = "AF_UNIX STREAM",
	.mode = "one `send` and one `recv` with `MSG_WAITALL` a record",
	.flags = PEER_PROCESSES | PEER_FIFO | PEER_TRIES | PEER_SLEEPS,
	.max_producers = 1,
	.max_consumers = 1,
	.open = open_stream,
};

__attribute__((constructor)) static void add(void)
{
	peer_add(&seqpacket);
	peer_add(&stream);
}
