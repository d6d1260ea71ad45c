/* SPDX-License-Identifier: MIT */
#ifndef BRIDGE_CONFIG_H
#define BRIDGE_CONFIG_H

/*
 * The configuration file: sections [NAME], each a bridge of one direction, of lines `key = value`. ringq-bridge-amqp(5) is its
 * description; each key is a row of the table in config.c.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "uri.h"

enum { URIS_MOST = 16, HEADERS_MOST = 16, ARGUMENTS_MOST = 16 };

enum direction { DIRECTION_NONE, DIRECTION_OUT, DIRECTION_IN };
enum topology { TOPOLOGY_CHECK, TOPOLOGY_DECLARE, TOPOLOGY_NONE };

struct pair {
	char *name;
	char *value;
};

struct bridge_config {
	char name[32];
	bool skip; /* the command line names others */
	enum direction direction;

	/* here */
	char *region;
	char *queue;
	char *dead_letter; /* a queue of the same region; NULL: none */
	uint64_t attempts; /* deliveries of a record before it is set aside; 0: no bound */
	bool share;        /* beside others of the same name, instead of standing by */

	/* there */
	struct uri uri[URIS_MOST];
	unsigned uris;
	char *credentials; /* a file */
	char *tls_ca;
	char *tls_cert;
	char *tls_key;
	bool insecure;
	char *exchange; /* "": the default one */
	char *routing_key;
	char *remote_queue;
	enum topology topology;
	char *queue_type; /* classic, quorum */
	char *exchange_type;
	struct pair argument[ARGUMENTS_MOST];
	unsigned arguments;

	/* messages */
	char *content_type;
	struct pair header[HEADERS_MOST];
	unsigned headers;
	uint64_t max_message;
	uint64_t pack; /* bytes; 0: a record a message */
	uint64_t window;
	bool strict_order;
	uint64_t dedup;

	/* times, in ns */
	int64_t heartbeat;
	int64_t connect_timeout;
	int64_t reconnect_min;
	int64_t reconnect_max;
	int64_t stop_timeout;
};

struct config {
	struct bridge_config *bridge;
	size_t bridges;
};

/* Reads a file. 0; or -1 with each fault logged, by its line. */
int config_read(struct config *out, const char *path);
void config_free(struct config *config);

#endif
