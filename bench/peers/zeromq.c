/* SPDX-License-Identifier: MIT */
/*
 * ZeroMQ: PUSH and PULL over ipc, which is the pattern its guide gives for handing out work. Each consumer binds, each
 * producer connects to all consumers, with marks as high as the channel is deep. A context must not cross a fork, so
 * each end has its own.
 */
#include "harness/peer.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include <zmq.h>

static int put(struct end *end, const void *record, size_t len)
{
	if (zmq_send(end->state, record, len, 0) != (int)len && errno != EINTR)
		bench_die(errno, "zmq_send");
	return 1;
}

static int received(int r, size_t len)
{
	if (r == (int)len)
		return 1;
	if (r >= 0 || (errno != EAGAIN && errno != EINTR))
		bench_die(r < 0 ? errno : 0, "zmq_recv");
	return 0;
}

static int get(struct end *end, void *record, size_t len)
{
	return received(zmq_recv(end->state, record, len, 0), len);
}

static int try_get(struct end *end, void *record, size_t len)
{
	return received(zmq_recv(end->state, record, len, ZMQ_DONTWAIT), len);
}

static int try_put(struct end *end, const void *record, size_t len)
{
	if (zmq_send(end->state, record, len, ZMQ_DONTWAIT) == (int)len)
		return 1;
	if (errno != EAGAIN && errno != EINTR)
		bench_die(errno, "zmq_send");
	return 0;
}

static void set(void *socket, int option, int value)
{
	if (zmq_setsockopt(socket, option, &value, sizeof(value)))
		bench_die(errno, "zmq_setsockopt");
}

/* An abstract socket, so that no file is left. */
static void endpoint(char *to, size_t size, const struct channel *c, unsigned consumer)
{
	snprintf(to, size, "ipc://@ringq-peers-%zu-%u", (size_t)c->state, consumer);
}

static void join(struct end *end)
{
	const struct channel *c = end->channel;
	char name[96];

	end->local = zmq_ctx_new();
	end->state = zmq_socket(end->local, end->producer ? ZMQ_PUSH : ZMQ_PULL);
	if (!end->state)
		bench_die(errno, "zmq_socket");
	set(end->state, end->producer ? ZMQ_SNDHWM : ZMQ_RCVHWM, (int)c->options.depth);
	set(end->state, ZMQ_RECONNECT_IVL, 1);
	if (!end->producer)
		set(end->state, ZMQ_RCVTIMEO, PEER_PATIENCE_MS);
	for (unsigned i = 0; i < (end->producer ? c->options.consumers : 1); i++) {
		endpoint(name, sizeof(name), c, end->producer ? i : end->index);
		if (end->producer ? zmq_connect(end->state, name) : zmq_bind(end->state, name))
			bench_die(errno, "%s", name);
	}
}

static void leave(struct end *end)
{
	set(end->state, ZMQ_LINGER, 0);
	zmq_close(end->state);
	zmq_ctx_term(end->local);
}

static void open_zmq(struct channel *c)
{
	static unsigned serial;

	c->state = (void *)((size_t)getpid() << 8 | serial++);
	c->ops = (struct channel_ops){try_put, try_get, put, get, .join = join, .leave = leave};
}

static struct peer peer = {
	.name = "ZeroMQ ipc",
	.mode = "`PUSH` and `PULL`, each producer connected to each consumer",
	.flags = PEER_PROCESSES | PEER_TRIES | PEER_SLEEPS,
	.open = open_zmq,
};

__attribute__((constructor)) static void add(void)
{
	peer_add(&peer);
}
