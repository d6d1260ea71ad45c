/* SPDX-License-Identifier: MIT */
/*
 * RabbitMQ as its tutorial on work queues has it: basic.qos, basic.consume, an acknowledgement for each message; and as its
 * tutorial on publisher confirms: batches of 100, which are waited for. Messages are transient, as nobody else here writes to
 * a disk. With a prefetch count of 1, as in the tutorial, and of 100, as the guide to throughput has it.
 */
#include "brokers/way.h"

#include <stdlib.h>
#include <string.h>

#include <amqp.h>
#include <amqp_framing.h>
#include <amqp_tcp_socket.h>

enum { CHANNEL = 1, BATCH = 100 };

struct client {
	amqp_connection_state_t amqp;
	uint64_t tag; /* of what is in hand */
	uint64_t sent, confirmed;
	unsigned short prefetch; /* 0: it is not a consumer yet */
	unsigned short window;
};

static void answered(const struct client *c, const char *what)
{
	way_must(amqp_get_rpc_reply(c->amqp).reply_type == AMQP_RESPONSE_NORMAL, what);
}

static void *join_with(int port, unsigned short prefetch)
{
	struct client *c = calloc(1, sizeof *c);

	way_must(c != NULL, "memory");
	c->prefetch = prefetch;
	c->amqp = amqp_new_connection();
	amqp_socket_t *socket = amqp_tcp_socket_new(c->amqp);
	way_must(socket && amqp_socket_open(socket, "127.0.0.1", port) == AMQP_STATUS_OK, "connect to RabbitMQ");
	way_must(amqp_login(c->amqp, "/", 1, 131072, 0, AMQP_SASL_METHOD_PLAIN, "tester", "not-in-any-log").reply_type ==
			 AMQP_RESPONSE_NORMAL,
		"log in");
	amqp_channel_open(c->amqp, CHANNEL);
	answered(c, "channel");
	amqp_queue_declare(c->amqp, CHANNEL, amqp_cstring_bytes("jobs"), 0, 0, 0, 0, amqp_empty_table);
	answered(c, "queue");
	return c;
}

static void *join_1(int port, unsigned who)
{
	(void)who;
	return join_with(port, 1);
}

static void *join_100(int port, unsigned who)
{
	(void)who;
	return join_with(port, 100);
}

static void next_frame(const struct client *c, amqp_frame_t *frame)
{
	amqp_maybe_release_buffers(c->amqp);
	way_must(amqp_simple_wait_frame(c->amqp, frame) == AMQP_STATUS_OK, "a frame");
}

static void flush(void *connection)
{
	struct client *c = connection;
	amqp_frame_t frame;

	while (c->confirmed < c->sent) {
		next_frame(c, &frame);
		way_must(frame.frame_type == AMQP_FRAME_METHOD && frame.payload.method.id == AMQP_BASIC_ACK_METHOD,
			"confirm");
		const amqp_basic_ack_t *m = frame.payload.method.decoded;
		c->confirmed = m->multiple ? m->delivery_tag : c->confirmed + 1;
	}
}

static void put(void *connection, const struct job *job)
{
	struct client *c = connection;

	if (c->sent == 0) {
		amqp_confirm_select(c->amqp, CHANNEL);
		answered(c, "confirms");
	}
	way_must(amqp_basic_publish(c->amqp, CHANNEL, amqp_empty_bytes, amqp_cstring_bytes("jobs"), 0, 0, NULL,
			 (amqp_bytes_t){sizeof *job, (void *)(uintptr_t)job}) == AMQP_STATUS_OK,
		"publish");
	if (++c->sent % BATCH == 0)
		flush(c);
}

static void consume(struct client *c)
{
	amqp_basic_qos(c->amqp, CHANNEL, 0, c->prefetch, 0);
	answered(c, "prefetch");
	amqp_basic_consume(c->amqp, CHANNEL, amqp_cstring_bytes("jobs"), amqp_empty_bytes, 0, 0, 0, amqp_empty_table);
	answered(c, "consume");
	c->prefetch = 0;
}

static void take(void *connection, struct job *job)
{
	struct client *c = connection;
	amqp_frame_t frame;
	size_t have = 0;

	if (c->prefetch)
		consume(c);
	while (have < sizeof *job) {
		next_frame(c, &frame);
		if (frame.frame_type == AMQP_FRAME_METHOD && frame.payload.method.id == AMQP_BASIC_DELIVER_METHOD)
			c->tag = ((const amqp_basic_deliver_t *)frame.payload.method.decoded)->delivery_tag;
		if (frame.frame_type != AMQP_FRAME_BODY)
			continue;
		amqp_bytes_t part = frame.payload.body_fragment;
		way_must(part.len <= sizeof *job - have, "a job's size");
		memcpy((char *)job + have, part.bytes, part.len);
		have += part.len;
	}
}

static void ack(void *connection)
{
	const struct client *c = connection;

	way_must(amqp_basic_ack(c->amqp, CHANNEL, c->tag, 0) == AMQP_STATUS_OK, "ack");
}

const struct way way_rabbitmq_1 = {
	.name = "rabbitmq-1", .join = join_1, .put = put, .flush = flush, .take = take, .ack = ack};
const struct way way_rabbitmq_100 = {
	.name = "rabbitmq-100", .join = join_100, .put = put, .flush = flush, .take = take, .ack = ack};
