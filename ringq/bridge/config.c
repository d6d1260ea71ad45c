/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "../tool/quantity.h"
#include "dedup.h"
#include "log.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ringq/ringq.h>

enum kind { TEXT, NUMBER, SIZE, TIME, YES_NO, DIRECTION, TOPOLOGY, URI, HEADER, ARGUMENT };

/* What may stand in a section: where its value goes, and its bounds where it is a number. */
static const struct key {
	const char *name;
	enum kind kind;
	size_t offset;
	double least, most;
} keys[] = {
#define KEY(name, kind, member, ...)                                            \
	{                                                                       \
		name, kind, offsetof(struct bridge_config, member), __VA_ARGS__ \
	}
	KEY("direction", DIRECTION, direction, 0, 0),
	KEY("region", TEXT, region, 1, 200),
	KEY("queue", TEXT, queue, 1, 63),
	KEY("dead-letter", TEXT, dead_letter, 1, 63),
	KEY("attempts", NUMBER, attempts, 0, 1e6),
	KEY("share", YES_NO, share, 0, 0),
	KEY("uri", URI, uri, 0, 0),
	KEY("credentials", TEXT, credentials, 1, 4000),
	KEY("tls-ca", TEXT, tls_ca, 1, 4000),
	KEY("tls-cert", TEXT, tls_cert, 1, 4000),
	KEY("tls-key", TEXT, tls_key, 1, 4000),
	KEY("insecure", YES_NO, insecure, 0, 0),
	KEY("exchange", TEXT, exchange, 0, 255),
	KEY("routing-key", TEXT, routing_key, 0, 255),
	KEY("remote-queue", TEXT, remote_queue, 1, 255),
	KEY("topology", TOPOLOGY, topology, 0, 0),
	KEY("queue-type", TEXT, queue_type, 1, 63),
	KEY("exchange-type", TEXT, exchange_type, 1, 63),
	KEY("argument", ARGUMENT, argument, 0, 0),
	KEY("content-type", TEXT, content_type, 0, 255),
	KEY("header", HEADER, header, 0, 0),
	KEY("max-message", SIZE, max_message, 1, 2e9),
	KEY("pack", SIZE, pack, 0, 1e8),
	KEY("window", NUMBER, window, 1, 65535),
	KEY("strict-order", YES_NO, strict_order, 0, 0),
	KEY("dedup", NUMBER, dedup, 0, DEDUP_MOST),
	KEY("heartbeat", TIME, heartbeat, 1e9, 3.6e12),
	KEY("connect-timeout", TIME, connect_timeout, 1e8, 3.6e12),
	KEY("reconnect-min", TIME, reconnect_min, 1e6, 3.6e12),
	KEY("reconnect-max", TIME, reconnect_max, 1e6, 3.6e12),
	KEY("stop-timeout", TIME, stop_timeout, 0, 3.6e12),
#undef KEY
};

static const struct bridge_config defaults = {
	.window = 1000,
	.max_message = 128 << 20,
	.heartbeat = RINGQ_SEC(10),
	.connect_timeout = RINGQ_SEC(10),
	.reconnect_min = RINGQ_MS(100),
	.reconnect_max = RINGQ_SEC(30),
	.stop_timeout = RINGQ_SEC(10),
};

struct reading {
	struct config *config;
	const char *path;
	unsigned line;
	bool wrong;
};

static void complain(struct reading *r, const char *what, const char *of)
{
	log_line(LOG_LEVEL_ERROR, NULL, "%s:%u: %s%s%s", r->path, r->line, of, *of ? ": " : "", what);
	r->wrong = true;
}

/* ---- values ---- */

static const char *store_text(char **to, const char *value, const struct key *key)
{
	size_t n = strlen(value);
	if ((double)n < key->least)
		return "its value is missing";
	if ((double)n > key->most)
		return "its value is too long";
	free(*to);
	*to = strdup(value);
	return *to ? NULL : "no memory";
}

static const char *store_choice(int *to, const char *value, const char *const *names, const char *complaint)
{
	for (int i = 0; names[i]; i++) {
		if (strcmp(names[i], value) == 0) {
			*to = i;
			return NULL;
		}
	}
	return complaint;
}

static const char *store_quantity(void *to, const char *value, const struct key *key)
{
	uint64_t n = 0;
	int64_t ns = 0;
	bool is_time = key->kind == TIME, is_size = key->kind == SIZE;
	if (is_time && !parse_time(value, &ns))
		return "a time, as 10, 1.5 (seconds), 100ms, 2min";
	if (is_size && !parse_size(value, &n))
		return "a size, as 4096, 64K, 1MiB";
	if (!is_time && !is_size && !parse_number(value, &n))
		return "a number";
	double in_bounds = is_time ? (double)ns : (double)n;
	if (in_bounds < key->least || in_bounds > key->most)
		return "out of bounds: ringq-bridge-amqp(5) has them";
	if (is_time)
		*(int64_t *)to = ns;
	else
		*(uint64_t *)to = n;
	return NULL;
}

/* NAME separator VALUE */
static const char *store_pair(struct pair *pairs, unsigned *n, unsigned most, const char *value, char separator)
{
	const char *at = strchr(value, separator), *end = at;
	if (!at || at == value)
		return separator == ':' ? "it is NAME: VALUE" : "it is NAME=VALUE";
	if (*n == most)
		return "too many of it";
	while (end > value && isspace((unsigned char)end[-1]))
		end--;
	do
		at++;
	while (isspace((unsigned char)*at));
	if (end - value > 128 || strlen(at) > 4000)
		return "too long";
	pairs[*n].name = strndup(value, (size_t)(end - value));
	pairs[*n].value = strdup(at);
	if (!pairs[*n].name || !pairs[*n].value)
		return "no memory";
	(*n)++;
	return NULL;
}

static const char *store(struct bridge_config *b, const struct key *key, const char *value)
{
	static const char *const yes_no[] = {"no", "yes", NULL}, *const directions[] = {"", "out", "in", NULL};
	static const char *const topologies[] = {"check", "declare", "none", NULL};
	void *to = (char *)b + key->offset;
	int choice = 0;
	const char *wrong;
	switch (key->kind) {
	case TEXT:
		return store_text(to, value, key);
	case NUMBER:
	case SIZE:
	case TIME:
		return store_quantity(to, value, key);
	case YES_NO:
		wrong = store_choice(&choice, value, yes_no, "yes or no");
		*(bool *)to = choice;
		return wrong;
	case DIRECTION:
		wrong = store_choice(&choice, value, directions, "out or in; both are two sections");
		*(enum direction *)to = (enum direction)choice;
		return wrong;
	case TOPOLOGY:
		wrong = store_choice(&choice, value, topologies, "check, declare or none");
		*(enum topology *)to = (enum topology)choice;
		return wrong;
	case URI:
		if (b->uris == URIS_MOST)
			return "too many of it";
		wrong = uri_parse(&b->uri[b->uris], value);
		b->uris += !wrong;
		return wrong;
	case HEADER:
		return store_pair(b->header, &b->headers, HEADERS_MOST, value, ':');
	case ARGUMENT:
		return store_pair(b->argument, &b->arguments, ARGUMENTS_MOST, value, '=');
	}
	return "not known";
}

/* ---- a section as a whole ---- */

static void set_text(char **to, const char *value)
{
	if (!*to)
		*to = strdup(value);
}

static void fill_in(struct bridge_config *b)
{
	set_text(&b->exchange, "");
	set_text(&b->routing_key, b->remote_queue ? b->remote_queue : "");
	set_text(&b->content_type, "application/octet-stream");
	set_text(&b->queue_type, "classic");
	if (b->strict_order)
		b->window = 1;
	if (b->reconnect_max < b->reconnect_min)
		b->reconnect_max = b->reconnect_min;
}

static const char *wrong_with(const struct bridge_config *b)
{
	if (b->direction == DIRECTION_NONE)
		return "`direction` is missing: out or in";
	if (!b->region || !b->queue)
		return "`region` and `queue` say which queue of this machine it is; one is missing";
	if (!b->uris)
		return "`uri` is missing: where the broker is";
	if (!b->credentials && !b->tls_cert)
		return "`credentials` is missing: the file that has user and password";
	if (!b->tls_cert != !b->tls_key)
		return "`tls-cert` and `tls-key` go together";
	if (b->direction == DIRECTION_IN && !b->remote_queue)
		return "`remote-queue` is missing: the broker's queue to consume from";
	if (b->direction == DIRECTION_OUT && !b->remote_queue && (!b->exchange || !*b->exchange))
		return "`remote-queue` or `exchange` is missing: where to publish";
	if (b->attempts && !b->dead_letter)
		return "`attempts` needs `dead-letter`, the queue that gets what failed so often";
	if (b->queue_type && strcmp(b->queue_type, "classic") != 0 && strcmp(b->queue_type, "quorum") != 0)
		return "`queue-type` is classic or quorum";
	for (unsigned i = 0; i < b->uris; i++)
		if (!b->uri[i].tls && !b->insecure && !uri_is_loopback(&b->uri[i]))
			return "amqp:// to another machine sends records and password in the clear: use amqps://, or "
			       "say `insecure = yes`";
	for (unsigned i = 0; i < b->uris; i++)
		if (b->uri[i].tls && !b->insecure && !b->tls_ca)
			return "amqps:// needs `tls-ca`, the certificates of who may sign the broker's";
	return NULL;
}

static void end_section(struct reading *r)
{
	struct config *c = r->config;
	if (!c->bridges)
		return;
	struct bridge_config *b = &c->bridge[c->bridges - 1];
	const char *wrong = wrong_with(b);
	if (wrong)
		complain(r, wrong, b->name);
	fill_in(b);
}

static void begin_section(struct reading *r, char *line)
{
	struct config *c = r->config;
	char *name = line + 1, *end = strchr(line, ']');
	end_section(r);
	if (!end || end[1]) {
		complain(r, "a section is [NAME]", "");
		end = line + strlen(line);
	}
	*end = 0;
	bool good = *name && strlen(name) < sizeof defaults.name;
	for (const char *at = name; *at; at++)
		good = good && (isalnum((unsigned char)*at) || strchr("-_.", *at));
	if (!good)
		complain(r, "a bridge's name is 1 to 31 letters, digits, - _ .", name);
	for (size_t i = 0; i < c->bridges; i++)
		if (strcmp(c->bridge[i].name, name) == 0)
			complain(r, "a second bridge of that name", name);
	struct bridge_config *more = realloc(c->bridge, (c->bridges + 1) * sizeof *more);
	if (!more) {
		complain(r, "no memory", "");
		return;
	}
	c->bridge = more;
	more[c->bridges] = defaults;
	snprintf(more[c->bridges].name, sizeof defaults.name, "%s", name);
	c->bridges++;
}

/* ---- lines ---- */

static char *trim(char *text)
{
	while (isspace((unsigned char)*text))
		text++;
	for (size_t n = strlen(text); n && isspace((unsigned char)text[n - 1]); n--)
		text[n - 1] = 0;
	return text;
}

static void read_line(struct reading *r, char *line)
{
	line = trim(line);
	if (!*line || *line == '#' || *line == ';')
		return;
	if (*line == '[') {
		begin_section(r, line);
		return;
	}
	char *value = strchr(line, '=');
	if (!value) {
		complain(r, "a line is `key = value`, [NAME] or # a comment", "");
		return;
	}
	*value++ = 0;
	line = trim(line);
	if (!r->config->bridges) {
		complain(r, "it stands before the first [NAME]", line);
		return;
	}
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		if (strcmp(keys[i].name, line) == 0) {
			const char *wrong = store(&r->config->bridge[r->config->bridges - 1], &keys[i], trim(value));
			if (wrong)
				complain(r, wrong, line);
			return;
		}
	}
	complain(r,
		strcmp(line, "password") == 0 ? "no password stands here: `credentials` names its file" : "no such key",
		line);
}

int config_read(struct config *out, const char *path)
{
	struct reading r = {.config = out, .path = path};
	char *line = NULL;
	size_t room = 0;
	*out = (struct config){0};
	FILE *file = fopen(path, "re");
	if (!file) {
		log_line(LOG_LEVEL_ERROR, NULL, "%s: %s", path, strerror(errno));
		return -1;
	}
	while (getline(&line, &room, file) >= 0) {
		r.line++;
		read_line(&r, line);
	}
	end_section(&r);
	if (ferror(file) || !out->bridges)
		complain(&r, ferror(file) ? "cannot be read" : "it has no bridge: no [NAME]", "");
	free(line);
	fclose(file);
	return r.wrong ? -1 : 0;
}

static void free_pairs(struct pair *pairs, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		free(pairs[i].name);
		free(pairs[i].value);
	}
}

void config_free(struct config *config)
{
	for (size_t i = 0; i < config->bridges; i++) {
		struct bridge_config *b = &config->bridge[i];
		for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
			if (keys[k].kind == TEXT)
				free(*(char **)((char *)b + keys[k].offset));
		free_pairs(b->header, b->headers);
		free_pairs(b->argument, b->arguments);
	}
	free(config->bridge);
	*config = (struct config){0};
}
