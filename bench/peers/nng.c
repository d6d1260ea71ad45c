/* SPDX-License-Identifier: MIT */
/*
 * nng: push0 and pull0 over ipc. Each consumer listens, each producer dials all consumers, with buffers as deep as nng
 * allows, and until it is connected, as its dialers retry slowly.
 */
#include "harness/peer.h"

#include <stdio.h>
#include <unistd.h>

#include <nng/nng.h>
#include <nng/protocol/pipeline0/pull.h>
#include <nng/protocol/pipeline0/push.h>

enum { BUFFERS_MAX = 8192 };

static void must(int r, const char *what)
{
	if (r)
		bench_die(0, "%s: %s", what, nng_strerror(r));
}

static nng_socket socket_of(const struct end *end)
{
	return (nng_socket){.id = (uint32_t)(uintptr_t)end->state};
}

static int sent(int r)
{
	if (r && r != NNG_EAGAIN && r != NNG_ETIMEDOUT)
		must(r, "nng_send");
	return r == 0;
}

static int received(int r, size_t got, size_t len)
{
	if (r == NNG_EAGAIN || r == NNG_ETIMEDOUT)
		return 0;
	must(r, "nng_recv");
	if (got != len)
		bench_die(0, "a record of a wrong length");
	return 1;
}

static int put(struct end *end, const void *record, size_t len)
{
	return sent(nng_send(socket_of(end), (void *)record, len, 0));
}

static int try_put(struct end *end, const void *record, size_t len)
{
	return sent(nng_send(socket_of(end), (void *)record, len, NNG_FLAG_NONBLOCK));
}

static int get(struct end *end, void *record, size_t len)
{
	size_t got = len;

	return received(nng_recv(socket_of(end), record, &got, 0), got, len);
}

static int try_get(struct end *end, void *record, size_t len)
{
	size_t got = len;

	return received(nng_recv(socket_of(end), record, &got, NNG_FLAG_NONBLOCK), got, len);
}

static void endpoint(char *to, size_t size, const struct channel *c, unsigned consumer)
{
	snprintf(to, size, "abstract://ringq-peers-%zu-%u", (size_t)c->state, consumer);
}

/* The listener may not be there yet. */
static void dial(nng_socket socket, const char *name)
{
	int r;

	while ((r = nng_dial(socket, name, NULL, 0)) == NNG_ECONNREFUSED || r == NNG_ENOENT)
		usleep(1000);
	must(r, "nng_dial");
}

static void join(struct end *end)
{
	const struct channel *c = end->channel;
	size_t depth = c->options.depth < BUFFERS_MAX ? c->options.depth : BUFFERS_MAX;
	nng_socket socket;
	char name[96];

	must(end->producer ? nng_push0_open(&socket) : nng_pull0_open(&socket), "nng_open");
	nng_socket_set_size(socket, NNG_OPT_RECVMAXSZ, 0);
	if (end->producer)
		nng_socket_set_int(socket, NNG_OPT_SENDBUF, (int)depth); /* not in all versions: then without */
	else
		nng_socket_set_int(socket, NNG_OPT_RECVBUF, (int)depth);
	must(nng_socket_set_ms(socket, NNG_OPT_RECVTIMEO, PEER_PATIENCE_MS), "nng_socket_set");
	for (unsigned i = 0; i < (end->producer ? c->options.consumers : 1); i++) {
		endpoint(name, sizeof(name), c, end->producer ? i : end->index);
		if (end->producer)
			dial(socket, name);
		else
			must(nng_listen(socket, name, NULL, 0), "nng_listen");
	}
	end->state = (void *)(uintptr_t)socket.id;
}

static void leave(struct end *end)
{
	nng_close(socket_of(end));
}

static void open_nng(struct channel *c)
{
	static unsigned serial;

	c->state = (void *)((size_t)getpid() << 8 | serial++);
	c->ops = (struct channel_ops){try_put, try_get, put, get, .join = join, .leave = leave};
}

static struct peer peer = {
	.name = "nng ipc",
	.mode = "`push0` and `pull0`, each producer connected to each consumer",
	.flags = PEER_PROCESSES | PEER_TRIES | PEER_SLEEPS,
	.open = open_nng,
};

__attribute__((constructor)) static void add(void)
{
	peer_add(&peer);
}
