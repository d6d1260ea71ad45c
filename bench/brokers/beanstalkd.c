/* SPDX-License-Identifier: MIT */
/* The client's part of beanstalkd's protocol (its doc/protocol.txt): put, reserve, delete, each with its answer. */
#include "brokers/way.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct client {
	int socket;
	unsigned long long reserved;
	size_t have, at; /* of buf: what was read, and up to where it was used */
	char buf[4096];
};

static void *join(int port, unsigned who)
{
	struct client *c = calloc(1, sizeof *c);
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	int on = 1;

	(void)who;
	way_must(c != NULL, "memory");
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	c->socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	way_must(connect(c->socket, (const struct sockaddr *)&to, sizeof to) == 0, "connect to beanstalkd");
	way_must(setsockopt(c->socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0, "TCP_NODELAY");
	return c;
}

static void send_all(const struct client *c, const char *data, size_t len)
{
	while (len) {
		ssize_t n = write(c->socket, data, len);

		way_must(n > 0, "write to beanstalkd");
		data += n;
		len -= (size_t)n;
	}
}

static char next_byte(struct client *c)
{
	if (c->at == c->have) {
		ssize_t n = read(c->socket, c->buf, sizeof c->buf);

		way_must(n > 0, "read from beanstalkd");
		c->have = (size_t)n;
		c->at = 0;
	}
	return c->buf[c->at++];
}

/* A line without its end, which is \r\n. */
static void read_line(struct client *c, char *line, size_t size)
{
	size_t n = 0;

	for (char byte; (byte = next_byte(c)) != '\n';) {
		way_must(n + 1 < size, "a line from beanstalkd");
		line[n++] = byte;
	}
	way_must(n > 0 && line[n - 1] == '\r', "a line from beanstalkd");
	line[n - 1] = 0;
}

static void put(void *connection, const struct job *job)
{
	char text[64 + sizeof *job], answer[64];
	int n = snprintf(text, sizeof text, "put 0 0 60 %zu\r\n", sizeof *job);

	memcpy(text + n, job, sizeof *job);
	memcpy(text + n + sizeof *job, "\r\n", 2);
	send_all(connection, text, (size_t)n + sizeof *job + 2);
	read_line(connection, answer, sizeof answer);
	way_must(strncmp(answer, "INSERTED ", 9) == 0, "put");
}

static void take(void *connection, struct job *job)
{
	struct client *c = connection;
	char answer[64], end[4];
	size_t len;

	send_all(c, "reserve\r\n", 9);
	read_line(c, answer, sizeof answer);
	way_must(sscanf(answer, "RESERVED %llu %zu", &c->reserved, &len) == 2 && len == sizeof *job, "reserve");
	for (size_t i = 0; i < len; i++)
		((char *)job)[i] = next_byte(c);
	read_line(c, end, sizeof end);
}

static void ack(void *connection)
{
	struct client *c = connection;
	char text[64], answer[64];
	int n = snprintf(text, sizeof text, "delete %llu\r\n", c->reserved);

	send_all(c, text, (size_t)n);
	read_line(c, answer, sizeof answer);
	way_must(strcmp(answer, "DELETED") == 0, "delete");
}

const struct way way_beanstalkd = {.name = "beanstalkd", .join = join, .put = put, .take = take, .ack = ack};
