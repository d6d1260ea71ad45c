/* SPDX-License-Identifier: MIT */

/* amqp[s]://HOST[:PORT][/VHOST]. A password has no place in it: URLs end up in logs, and in lists of processes. */

#include "uri.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int hex(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
	                              : -1;
}

/* Takes %XX out of a part. Whether it was well formed, and fits. */
static bool decode(char *out, size_t size, const char *from)
{
	size_t n = 0;
	for (; *from; from++) {
		int c = (unsigned char)*from;
		if (c == '%') {
			if (hex(from[1]) < 0 || hex(from[2]) < 0)
				return false;
			c = hex(from[1]) << 4 | hex(from[2]);
			from += 2;
		}
		if (c == 0 || n + 1 >= size)
			return false;
		out[n++] = (char)c;
	}
	out[n] = 0;
	return true;
}

static const char *parse_port(struct uri *out, const char *at)
{
	char *end;
	if (!*at)
		return NULL;
	if (*at != ':')
		return "no port behind the host";
	long port = strtol(at + 1, &end, 10);
	if (at[1] < '0' || at[1] > '9' || *end || port < 1 || port > 65535)
		return "the port is from 1 to 65535";
	out->port = (int)port;
	return NULL;
}

/* HOST, HOST:PORT, [ADDRESS], [ADDRESS]:PORT */
static const char *parse_authority(struct uri *out, char *text)
{
	char *host = text, *end;
	if (strchr(text, '@'))
		return "no user or password may stand in it, where logs and lists of processes show them: use "
		       "`credentials`";
	if (*host == '[') {
		end = strchr(++host, ']');
		if (!end)
			return "the bracket is not closed";
		*end++ = 0;
		const char *wrong = parse_port(out, end);
		if (wrong)
			return wrong;
	} else {
		end = strchr(host, ':');
		if (end) {
			const char *wrong = parse_port(out, end);
			if (wrong)
				return wrong;
			*end = 0;
		}
	}
	if (!*host || !decode(out->host, sizeof out->host, host))
		return "there is no host in it";
	return NULL;
}

const char *uri_parse(struct uri *out, const char *text)
{
	char copy[sizeof out->text];
	*out = (struct uri){0};
	if (strlen(text) >= sizeof copy)
		return "it is too long";
	if (strncmp(text, "amqps://", 8) == 0)
		out->tls = true;
	else if (strncmp(text, "amqp://", 7) != 0)
		return "it begins with amqp:// or amqps://";
	strcpy(copy, text + (out->tls ? 8 : 7));
	out->port = out->tls ? 5671 : 5672;
	char *path = strchr(copy, '/');
	if (path)
		*path++ = 0;
	const char *wrong = parse_authority(out, copy);
	if (wrong)
		return wrong;
	if (!path)
		strcpy(out->vhost, "/");
	else if (strpbrk(path, "/?#") || !decode(out->vhost, sizeof out->vhost, path))
		return "behind the host stands one virtual host, with / in it as %2F";
	strcpy(out->text, text);
	return NULL;
}

bool uri_is_loopback(const struct uri *uri)
{
	struct in_addr four;
	struct in6_addr six;
	if (inet_pton(AF_INET, uri->host, &four) == 1)
		return ntohl(four.s_addr) >> 24 == 127;
	if (inet_pton(AF_INET6, uri->host, &six) == 1)
		return IN6_IS_ADDR_LOOPBACK(&six);
	return strcmp(uri->host, "localhost") == 0;
}
