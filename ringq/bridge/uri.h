/* SPDX-License-Identifier: MIT */
#ifndef BRIDGE_URI_H
#define BRIDGE_URI_H

#include <stdbool.h>

/* Where a broker is. Without credentials: those have a file of their own. */
struct uri {
	bool tls;
	int port;
	char host[256];
	char vhost[256];
	char text[600]; /* as written, for people */
};

/* Parses amqp[s]://HOST[:PORT][/VHOST]. NULL, or what is wrong with it. */
const char *uri_parse(struct uri *out, const char *text);

/* Whether a host is this machine, so that what is sent to it is on no wire. */
bool uri_is_loopback(const struct uri *uri);

#endif
