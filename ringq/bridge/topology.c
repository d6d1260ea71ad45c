/* SPDX-License-Identifier: MIT */
#include "topology.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <amqp_framing.h>

/* A number is a number; everything else is text. */
static amqp_field_value_t value_of(const char *text)
{
	char *end;
	if (isdigit((unsigned char)*text)) {
		long long n = strtoll(text, &end, 10);
		if (!*end)
			return (amqp_field_value_t){.kind = AMQP_FIELD_KIND_I64, .value = {.i64 = n}};
	}
	return (amqp_field_value_t){.kind = AMQP_FIELD_KIND_UTF8, .value = {.bytes = amqp_cstring_bytes(text)}};
}

static int exchange_ready(struct link *link, bool look)
{
	const struct bridge_config *c = link->config;
	char doing[400];
	if (c->direction != DIRECTION_OUT || !*c->exchange)
		return 0;
	snprintf(doing, sizeof doing, "exchange %.255s", c->exchange);
	amqp_exchange_declare(link->amqp, LINK_CHANNEL, amqp_cstring_bytes(c->exchange),
		amqp_cstring_bytes(c->exchange_type ? c->exchange_type : "direct"), look, 1, 0, 0, amqp_empty_table);
	return link_answer(link, doing);
}

static int queue_ready(struct link *link, bool look, uint64_t *waiting)
{
	const struct bridge_config *c = link->config;
	amqp_table_entry_t entries[ARGUMENTS_MOST + 1];
	int n = 0;
	char doing[400];
	if (!c->remote_queue)
		return 0;
	snprintf(doing, sizeof doing, "queue %.255s", c->remote_queue);
	if (strcmp(c->queue_type, "classic") != 0) /* which is what a queue is that was declared without a type */
		entries[n++] = (amqp_table_entry_t){amqp_cstring_bytes("x-queue-type"), value_of(c->queue_type)};
	for (unsigned i = 0; i < c->arguments; i++)
		entries[n++] =
			(amqp_table_entry_t){amqp_cstring_bytes(c->argument[i].name), value_of(c->argument[i].value)};
	amqp_table_t arguments = {look ? 0 : n, entries};
	amqp_queue_declare_ok_t *ok = amqp_queue_declare(
		link->amqp, LINK_CHANNEL, amqp_cstring_bytes(c->remote_queue), look, 1, 0, 0, arguments);
	int r = link_answer(link, doing);
	if (r == 0 && ok && waiting)
		*waiting = ok->message_count;
	return r;
}

static int bind_queue(struct link *link)
{
	const struct bridge_config *c = link->config;
	if (c->direction != DIRECTION_OUT || !*c->exchange || !c->remote_queue)
		return 0;
	amqp_queue_bind(link->amqp, LINK_CHANNEL, amqp_cstring_bytes(c->remote_queue), amqp_cstring_bytes(c->exchange),
		amqp_cstring_bytes(c->routing_key), amqp_empty_table);
	return link_answer(link, "bind the queue");
}

int topology_ready(struct link *link, bool look_only, uint64_t *waiting)
{
	const struct bridge_config *c = link->config;
	bool look = look_only || c->topology != TOPOLOGY_DECLARE;
	if (c->topology == TOPOLOGY_NONE && !look_only)
		return 0;
	if (exchange_ready(link, look) || queue_ready(link, look, waiting))
		return -1;
	return look ? 0 : bind_queue(link);
}
