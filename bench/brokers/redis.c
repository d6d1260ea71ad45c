/* SPDX-License-Identifier: MIT */
/*
 * Redis' pattern of a reliable queue, as the page of LMOVE has it, which follows RPOPLPUSH: a worker moves a job to a list of
 * its own, and removes it from there when it is done. Nothing tells of a dead worker: somebody looks at these lists, and
 * gives back what has lain in one for too long. How long that is, is a guess at how long a job takes at most.
 */
#include "brokers/way.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <hiredis/hiredis.h>

#define TOO_LONG 1.0     /* s */
#define LOOK_EVERY 50000 /* us */
#define WORKERS_MOST 64

struct client {
	redisContext *redis;
	unsigned who;
	struct job job; /* in hand */
};

static redisReply *answer(redisReply *reply, int type, const char *what)
{
	way_must(reply && reply->type == type, what);
	return reply;
}

static void *join(int port, unsigned who)
{
	struct client *c = calloc(1, sizeof *c);

	way_must(c != NULL, "memory");
	c->redis = redisConnect("127.0.0.1", port);
	way_must(c->redis && !c->redis->err, "connect to Redis");
	c->who = who;
	return c;
}

static void put(void *connection, const struct job *job)
{
	struct client *c = connection;

	freeReplyObject(answer(redisCommand(c->redis, "LPUSH jobs %b", job, sizeof *job), REDIS_REPLY_INTEGER, "LPUSH"));
}

static void take(void *connection, struct job *job)
{
	struct client *c = connection;
	redisReply *r = answer(
		redisCommand(c->redis, "BLMOVE jobs doing:%u RIGHT LEFT 0", c->who), REDIS_REPLY_STRING, "BLMOVE");

	way_must(r->len == sizeof *job, "a job's size");
	memcpy(job, r->str, sizeof *job);
	c->job = *job;
	freeReplyObject(r);
}

static void ack(void *connection)
{
	struct client *c = connection;
	redisReply *r = answer(redisCommand(c->redis, "LREM doing:%u 1 %b", c->who, &c->job, sizeof c->job),
		REDIS_REPLY_INTEGER, "LREM");

	way_must(r->integer == 1, "LREM of one job");
	freeReplyObject(r);
}

/* What was seen first in a worker's list, and since when. */
static void look(const struct client *c, unsigned worker, struct job *seen, double *since)
{
	redisReply *r = redisCommand(c->redis, "LINDEX doing:%u -1", worker);

	way_must(r != NULL, "LINDEX");
	if (r->type != REDIS_REPLY_STRING || r->len != sizeof *seen) {
		*since = 0;
	} else if (*since == 0 || memcmp(seen, r->str, sizeof *seen) != 0) {
		memcpy(seen, r->str, sizeof *seen);
		*since = seconds();
	} else if (seconds() - *since > TOO_LONG) {
		freeReplyObject(redisCommand(c->redis, "LMOVE doing:%u jobs RIGHT RIGHT", worker));
		*since = 0;
	}
	freeReplyObject(r);
}

static void watch(void *connection, unsigned workers)
{
	static struct job seen[WORKERS_MOST];
	static double since[WORKERS_MOST];

	for (;; usleep(LOOK_EVERY))
		for (unsigned i = 0; i < workers && i < WORKERS_MOST; i++)
			look(connection, i, &seen[i], &since[i]);
}

const struct way way_redis = {.name = "redis", .join = join, .put = put, .take = take, .ack = ack, .watch = watch};
