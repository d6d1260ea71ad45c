/* SPDX-License-Identifier: MIT */
/*
 * A POSIX message queue, as deep as the machine lets us: root may ask for more than the 10 messages that are the default.
 * Its name is removed at once; ends inherit the descriptor, and a second one for tries that does not block.
 */
#include "harness/peer.h"

#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

enum { LEN_MAX = 8192 }; /* what Linux allows unless told otherwise */

struct queues {
	mqd_t sleeps, tries;
};

static int done(ssize_t r, size_t wanted)
{
	if (r == (ssize_t)wanted)
		return 1;
	if (r >= 0 || errno != EAGAIN)
		bench_die(r < 0 ? errno : 0, "mq");
	return 0;
}

static int put(struct end *end, const void *record, size_t len)
{
	return done(mq_send(((struct queues *)end->state)->sleeps, record, len, 0), 0);
}

static int get(struct end *end, void *record, size_t len)
{
	return done(mq_receive(((struct queues *)end->state)->sleeps, record, len, NULL), len);
}

static int try_put(struct end *end, const void *record, size_t len)
{
	return done(mq_send(((struct queues *)end->state)->tries, record, len, 0), 0);
}

static int try_get(struct end *end, void *record, size_t len)
{
	return done(mq_receive(((struct queues *)end->state)->tries, record, len, NULL), len);
}

static void open_mq(struct channel *c)
{
	struct mq_attr attr = {.mq_maxmsg = (long)c->options.depth, .mq_msgsize = (long)c->options.len};
	struct queues *queues = channel_memory(c, sizeof(*queues));
	static unsigned serial;
	char name[64];

	setrlimit(RLIMIT_MSGQUEUE, &(struct rlimit){RLIM_INFINITY, RLIM_INFINITY}); /* if we may */
	snprintf(name, sizeof(name), "/ringq-peers-%d-%u", (int)getpid(), serial++);
	while ((queues->sleeps = mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &attr)) < 0 && attr.mq_maxmsg > 1)
		attr.mq_maxmsg /= 2;
	if (queues->sleeps < 0)
		bench_die(errno, "mq_open");
	queues->tries = mq_open(name, O_RDWR | O_NONBLOCK);
	if (queues->tries < 0)
		bench_die(errno, "mq_open again");
	mq_unlink(name);
	c->state = queues;
	c->ops = (struct channel_ops){.try_put = try_put, .try_get = try_get, .put = put, .get = get};
}

static struct peer peer = {
	.name = "POSIX mq",
	.mode = "as deep as `mq_open` allows",
	.flags = PEER_PROCESSES | PEER_FIFO | PEER_TRIES | PEER_SLEEPS,
	.max_len = LEN_MAX,
	.open = open_mq,
};

__attribute__((constructor)) static void add(void)
{
	peer_add(&peer);
}
