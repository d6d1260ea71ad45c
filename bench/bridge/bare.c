/* SPDX-License-Identifier: MIT */
/*
 * What the bridge is measured beside: a bare loop over the same client library, with like messages and the same window; the
 * broker's own time to confirm; and the time of a record from a queue to another by way of two bridges.
 *
 * usage: ringq-bridge-bare publish|consume|confirm PORT PASSWORD-FILE QUEUE N WINDOW
 *        ringq-bridge-bare trip REGION REGION N
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <amqp.h>
#include <amqp_framing.h>
#include <amqp_tcp_socket.h>
#include <ringq/ringq.h>

enum { SIZE = 56, CHANNEL = 1 };

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void must(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "ringq-bridge-bare: %s\n", what);
	exit(1);
}

static void answered(amqp_connection_state_t c, const char *what)
{
	must(amqp_get_rpc_reply(c).reply_type == AMQP_RESPONSE_NORMAL, what);
}

static amqp_connection_state_t open_broker(int port, const char *file, const char *queue)
{
	char password[256] = "";
	FILE *from = fopen(file, "re");
	must(from && fgets(password, sizeof password, from), "the password");
	fclose(from);
	password[strcspn(password, "\n")] = 0;
	amqp_connection_state_t c = amqp_new_connection();
	amqp_socket_t *socket = amqp_tcp_socket_new(c);
	must(socket && amqp_socket_open(socket, "127.0.0.1", port) == AMQP_STATUS_OK, "connect");
	must(amqp_login(c, "/", 1, 131072, 10, AMQP_SASL_METHOD_PLAIN, "tester", password).reply_type ==
			AMQP_RESPONSE_NORMAL,
		"log in");
	amqp_channel_open(c, CHANNEL);
	answered(c, "channel");
	amqp_queue_declare(c, CHANNEL, amqp_cstring_bytes(queue), 0, 1, 0, 0, amqp_empty_table);
	answered(c, "queue");
	return c;
}

/* A frame, if there is one, or the next one. */
static bool next_frame(amqp_connection_state_t c, amqp_frame_t *frame, bool wait)
{
	struct timeval none = {0}, *patience = wait ? NULL : &none;
	amqp_maybe_release_buffers(c);
	int s = amqp_simple_wait_frame_noblock(c, frame, patience);
	must(s == AMQP_STATUS_OK || s == AMQP_STATUS_TIMEOUT, amqp_error_string2(s));
	return s == AMQP_STATUS_OK;
}

static void publish_one(amqp_connection_state_t c, const char *queue)
{
	char record[SIZE] = "a record of fifty-six bytes, as in other benchmarks";
	/* What a bridge says of each message: a broker has more work with it, also when it delivers. */
	amqp_basic_properties_t p = {
		._flags = AMQP_BASIC_CONTENT_TYPE_FLAG | AMQP_BASIC_DELIVERY_MODE_FLAG | AMQP_BASIC_TIMESTAMP_FLAG |
	                  AMQP_BASIC_MESSAGE_ID_FLAG,
		.content_type = amqp_cstring_bytes("application/octet-stream"),
		.delivery_mode = AMQP_DELIVERY_PERSISTENT,
		.timestamp = (uint64_t)time(NULL),
		.message_id = amqp_cstring_bytes("q@188d5c8f2a3b4c5d:0:1000000"),
	};
	must(amqp_basic_publish(c, CHANNEL, amqp_empty_bytes, amqp_cstring_bytes(queue), 1, 0, &p,
		     (amqp_bytes_t){sizeof record, record}) == AMQP_STATUS_OK,
		"publish");
}

/* Up to which number all is confirmed, once confirmed messages are told of in order. */
static uint64_t confirmed(const amqp_frame_t *frame, uint64_t before)
{
	const amqp_basic_ack_t *m = frame->payload.method.decoded;
	must(frame->frame_type == AMQP_FRAME_METHOD && frame->payload.method.id == AMQP_BASIC_ACK_METHOD,
		"not a confirm");
	return m->multiple ? m->delivery_tag : before + 1;
}

static void publish(amqp_connection_state_t c, const char *queue, uint64_t n, uint64_t window)
{
	amqp_frame_t frame;
	uint64_t sent = 0, done = 0;
	amqp_confirm_select(c, CHANNEL);
	answered(c, "confirms");
	double begin = now();
	while (done < n) {
		for (unsigned i = 0; i < 64 && sent < n && sent - done < window; i++, sent++)
			publish_one(c, queue);
		while (done < n && next_frame(c, &frame, sent == n || sent - done == window))
			done = confirmed(&frame, done);
	}
	printf("%.0f\n", (double)n / (now() - begin));
}

static void consume(amqp_connection_state_t c, const char *queue, uint64_t n, uint64_t window)
{
	amqp_frame_t frame;
	uint64_t bytes = 0, tag = 0;
	amqp_basic_qos(c, CHANNEL, 0, (uint16_t)window, 0);
	answered(c, "prefetch");
	amqp_basic_consume(c, CHANNEL, amqp_cstring_bytes(queue), amqp_empty_bytes, 0, 0, 0, amqp_empty_table);
	answered(c, "consume");
	double begin = now();
	while (bytes < n * SIZE) {
		next_frame(c, &frame, true);
		if (frame.frame_type == AMQP_FRAME_METHOD && frame.payload.method.id == AMQP_BASIC_DELIVER_METHOD)
			tag = ((amqp_basic_deliver_t *)frame.payload.method.decoded)->delivery_tag;
		if (frame.frame_type != AMQP_FRAME_BODY)
			continue;
		bytes += frame.payload.body_fragment.len;
		if (tag % (window / 2 + 1) == 0 || bytes == n * SIZE)
			amqp_basic_ack(c, CHANNEL, tag, 1);
	}
	printf("%.0f\n", (double)n / (now() - begin));
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static void print_percentiles(double *seconds, uint64_t n)
{
	qsort(seconds, n, sizeof *seconds, compare);
	printf("%.3f %.3f\n", seconds[n / 2] * 1e3, seconds[n * 99 / 100] * 1e3);
}

static void confirm(amqp_connection_state_t c, const char *queue, uint64_t n)
{
	amqp_frame_t frame;
	double *took = calloc(n, sizeof *took);
	must(took, "memory");
	amqp_confirm_select(c, CHANNEL);
	answered(c, "confirms");
	for (uint64_t i = 0; i < n; i++) {
		usleep(20000);
		double begin = now();
		publish_one(c, queue);
		next_frame(c, &frame, true);
		confirmed(&frame, i);
		took[i] = now() - begin;
	}
	print_percentiles(took, n);
	free(took);
}

static ringq_queue *open_queue(const char *name)
{
	ringq_region *region;
	ringq_queue *queue = NULL;
	must(ringq_region_open(&region, name) == 0 && ringq_queue_open(&queue, region, "q") == 0, name);
	return queue;
}

static void trip(const char *from, const char *to, uint64_t n)
{
	ringq_queue *out = open_queue(from), *in = open_queue(to);
	double *took = calloc(n, sizeof *took);
	char record[SIZE] = "", came[SIZE];
	must(took, "memory");
	for (uint64_t i = 0; i < n; i++) {
		usleep(20000);
		double begin = now();
		must(ringq_put(out, record, sizeof record, RINGQ_FOREVER) == 0, "put");
		must(ringq_get(in, came, sizeof came, RINGQ_SEC(30)) == SIZE, "get");
		took[i] = now() - begin;
	}
	print_percentiles(took, n);
	free(took);
}

int main(int argc, char **argv)
{
	if (argc == 5 && strcmp(argv[1], "trip") == 0) {
		trip(argv[2], argv[3], strtoull(argv[4], NULL, 10));
		return 0;
	}
	must(argc == 7, "usage: see the top of bench/bridge/bare.c");
	amqp_connection_state_t c = open_broker(atoi(argv[2]), argv[3], argv[4]);
	uint64_t n = strtoull(argv[5], NULL, 10), window = strtoull(argv[6], NULL, 10);
	if (strcmp(argv[1], "publish") == 0)
		publish(c, argv[4], n, window);
	else if (strcmp(argv[1], "consume") == 0)
		consume(c, argv[4], n, window);
	else
		confirm(c, argv[4], n);
	amqp_destroy_connection(c);
	return 0;
}
