/* SPDX-License-Identifier: MIT */
#include "link.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <amqp_framing.h>
#include <amqp_ssl_socket.h>
#include <amqp_tcp_socket.h>

#include "log.h"
#include "secret.h"

#define FRAME_MOST 131072

int64_t link_now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

void link_init(struct link *link, const struct bridge_config *config)
{
	*link = (struct link){.config = config, .fd = -1};
	pthread_mutex_init(&link->lock, NULL);
}

/* ---- its end ---- */

int link_fail(struct link *link, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(link->why, sizeof link->why, format, arguments);
	va_end(arguments);
	return -1;
}

static bool was_silent(struct link *link)
{
	pthread_mutex_lock(&link->lock);
	bool silent = link->silent;
	pthread_mutex_unlock(&link->lock);
	return silent;
}

int link_fail_with(struct link *link, const char *doing, int status)
{
	if (was_silent(link))
		status = AMQP_STATUS_HEARTBEAT_TIMEOUT;
	switch (status) {
	case AMQP_STATUS_HEARTBEAT_TIMEOUT:
		return link_fail(link, "%s: the broker gave no sign of life for twice %lld s", doing,
			(long long)(link->config->heartbeat / 1000000000));
	case AMQP_STATUS_SSL_PEER_VERIFY_FAILED:
		return link_fail(link,
			"%s: the broker's certificate is not signed by who `tls-ca` names, or has expired", doing);
	case AMQP_STATUS_SSL_HOSTNAME_VERIFY_FAILED:
		return link_fail(
			link, "%s: the broker's certificate is for another host than %s", doing, link->uri->host);
	default:
		return link_fail(link, "%s: %s", doing, amqp_error_string2(status));
	}
}

static void set_fd(struct link *link, int fd, bool open)
{
	pthread_mutex_lock(&link->lock);
	link->fd = fd;
	link->open = open;
	pthread_mutex_unlock(&link->lock);
}

void link_cut(struct link *link)
{
	pthread_mutex_lock(&link->lock);
	if (link->fd >= 0)
		shutdown(link->fd, SHUT_RDWR);
	pthread_mutex_unlock(&link->lock);
}

void link_cut_if_silent(struct link *link, int64_t ns)
{
	struct tcp_info info;
	socklen_t size = sizeof info;
	pthread_mutex_lock(&link->lock);
	if (link->open && getsockopt(link->fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 &&
		info.tcpi_last_data_recv > ns / 1000000) {
		link->silent = true;
		shutdown(link->fd, SHUT_RDWR);
	}
	pthread_mutex_unlock(&link->lock);
}

void link_close(struct link *link)
{
	if (!link->amqp)
		return;
	if (link->fd >= 0 && !*link->why && !link_is_down(link)) {
		struct timeval patience = {.tv_sec = 2};
		amqp_set_rpc_timeout(link->amqp, &patience);
		amqp_connection_close(link->amqp, AMQP_REPLY_SUCCESS);
	}
	set_fd(link, -1, false);
	amqp_destroy_connection(link->amqp);
	link->amqp = NULL;
	link->blocked = false;
}

/* What a reply to a request, or a close out of turn, says. */
static int fail_by_method(struct link *link, const char *doing, const amqp_method_t *method)
{
	if (method->id == AMQP_CHANNEL_CLOSE_METHOD) {
		const amqp_channel_close_t *m = method->decoded;
		link->channel_error = m->reply_code;
		return link_fail(link, "%s: refused (%u): %.*s", doing, m->reply_code,
			(int)(m->reply_text.len < 256 ? m->reply_text.len : 256), (const char *)m->reply_text.bytes);
	}
	if (method->id == AMQP_CONNECTION_CLOSE_METHOD) {
		const amqp_connection_close_t *m = method->decoded;
		amqp_connection_close_ok_t ok = {0};
		link_fail(link, "%s: the broker ended the connection (%u): %.*s", doing, m->reply_code,
			(int)(m->reply_text.len < 256 ? m->reply_text.len : 256), (const char *)m->reply_text.bytes);
		amqp_send_method(link->amqp, 0, AMQP_CONNECTION_CLOSE_OK_METHOD, &ok);
		return -1;
	}
	return link_fail(link, "%s: the broker answered by method 0x%08X", doing, method->id);
}

static int answer(struct link *link, const char *doing, amqp_rpc_reply_t reply)
{
	switch (reply.reply_type) {
	case AMQP_RESPONSE_NORMAL:
		return 0;
	case AMQP_RESPONSE_SERVER_EXCEPTION:
		return fail_by_method(link, doing, &reply.reply);
	case AMQP_RESPONSE_LIBRARY_EXCEPTION:
		return link_fail_with(link, doing, reply.library_error);
	default:
		return link_fail(link, "%s: no answer", doing);
	}
}

int link_answer(struct link *link, const char *doing)
{
	return answer(link, doing, amqp_get_rpc_reply(link->amqp));
}

/* ---- its beginning ---- */

static struct timeval timeval_of(int64_t ns)
{
	return (struct timeval){.tv_sec = ns / 1000000000, .tv_usec = ns % 1000000000 / 1000};
}

static int secure(struct link *link, amqp_socket_t *socket)
{
	const struct bridge_config *c = link->config;
	int r = amqp_ssl_socket_set_ssl_versions(socket, AMQP_TLSv1_2, AMQP_TLSvLATEST);
	amqp_ssl_socket_set_verify_peer(socket, !c->insecure);
	amqp_ssl_socket_set_verify_hostname(socket, !c->insecure);
	if (r == AMQP_STATUS_OK && c->tls_ca && amqp_ssl_socket_set_cacert(socket, c->tls_ca) != AMQP_STATUS_OK)
		return link_fail(link, "%s: no certificates can be read there", c->tls_ca);
	if (r == AMQP_STATUS_OK && c->tls_cert &&
		amqp_ssl_socket_set_key(socket, c->tls_cert, c->tls_key) != AMQP_STATUS_OK)
		return link_fail(link, "%s, %s: not a certificate with its key", c->tls_cert, c->tls_key);
	return r == AMQP_STATUS_OK ? 0 : link_fail_with(link, "TLS", r);
}

static int connect_to(struct link *link)
{
	const struct uri *uri = link->uri;
	struct timeval patience = timeval_of(link->config->connect_timeout);
	amqp_socket_t *socket = uri->tls ? amqp_ssl_socket_new(link->amqp) : amqp_tcp_socket_new(link->amqp);
	if (!socket)
		return link_fail(link, "no memory");
	if (uri->tls && secure(link, socket))
		return -1;
	int r = amqp_socket_open_noblock(socket, uri->host, uri->port, &patience);
	if (r != AMQP_STATUS_OK)
		return link_fail_with(link, "connect", r);
	set_fd(link, amqp_get_sockfd(link->amqp), false);
	amqp_set_handshake_timeout(link->amqp, &patience);
	amqp_set_rpc_timeout(link->amqp, &patience);
	return 0;
}

static amqp_table_entry_t entry_yes(const char *name)
{
	return (amqp_table_entry_t){
		.key = amqp_cstring_bytes(name), .value = {.kind = AMQP_FIELD_KIND_BOOLEAN, .value = {.boolean = 1}}};
}

static int login(struct link *link)
{
	const struct bridge_config *c = link->config;
	/* What the library does not say by itself, and a broker sends only to who says it. */
	amqp_table_entry_t can[] = {
		entry_yes("connection.blocked"),
		entry_yes("consumer_cancel_notify"),
		entry_yes("publisher_confirms"),
		entry_yes("basic.nack"),
		entry_yes("authentication_failure_close"),
	};
	amqp_table_entry_t about[] = {
		{.key = amqp_cstring_bytes("capabilities"),
			.value = {.kind = AMQP_FIELD_KIND_TABLE, .value = {.table = {sizeof can / sizeof *can, can}}}},
		{.key = amqp_cstring_bytes("product"),
			.value = {.kind = AMQP_FIELD_KIND_UTF8,
				.value = {.bytes = amqp_cstring_bytes("ringq-bridge-amqp")}}},
		{.key = amqp_cstring_bytes("connection_name"),
			.value = {.kind = AMQP_FIELD_KIND_UTF8, .value = {.bytes = amqp_cstring_bytes(c->name)}}},
	};
	amqp_table_t properties = {sizeof about / sizeof *about, about};
	int heartbeat = (int)(c->heartbeat / 1000000000);
	amqp_rpc_reply_t reply;
	if (c->credentials) {
		struct secret secret;
		const char *wrong = secret_read(&secret, c->credentials);
		if (wrong)
			return link_fail(link, "%s", wrong);
		reply = amqp_login_with_properties(link->amqp, link->uri->vhost, 1, FRAME_MOST, heartbeat, &properties,
			AMQP_SASL_METHOD_PLAIN, secret.user, secret.password);
		secret_wipe(&secret);
	} else {
		/* Who it is the broker reads in the certificate. An empty identity the library takes for lack of memory. */
		reply = amqp_login_with_properties(link->amqp, link->uri->vhost, 1, FRAME_MOST, heartbeat, &properties,
			AMQP_SASL_METHOD_EXTERNAL, c->name);
	}
	return answer(link, "log in", reply);
}

int link_open(struct link *link, const struct uri *uri)
{
	link->uri = uri;
	link->channel_error = 0;
	link->blocked = false;
	link->silent = false; /* there is no connection that another thread could cut */
	link->why[0] = 0;
	link->amqp = amqp_new_connection();
	if (!link->amqp)
		return link_fail(link, "no memory");
	int r = connect_to(link);
	if (r == 0)
		r = login(link);
	if (r == 0) {
		amqp_channel_open(link->amqp, LINK_CHANNEL);
		r = link_answer(link, "open a channel");
	}
	link->heartbeat_sent = link_now();
	if (r)
		link_close(link);
	else
		set_fd(link, link->fd, true);
	return r;
}

/* ---- frames ---- */

static void set_blocked(struct link *link, const amqp_method_t *method)
{
	const amqp_connection_blocked_t *m = method->decoded;
	link->blocked = method->id == AMQP_CONNECTION_BLOCKED_METHOD;
	if (link->blocked) {
		link->blocked_since = link_now();
		log_line(LOG_LEVEL_WARNING, link->config->name, "the broker takes no messages now: %.*s",
			(int)(m->reason.len < 200 ? m->reason.len : 200), (const char *)m->reason.bytes);
	} else {
		log_line(LOG_LEVEL_INFO, link->config->name, "the broker takes messages again");
	}
}

int link_frame(struct link *link, amqp_frame_t *frame)
{
	for (;;) {
		struct timeval now = {0};
		amqp_maybe_release_buffers(link->amqp);
		int r = amqp_simple_wait_frame_noblock(link->amqp, frame, &now);
		if (r == AMQP_STATUS_TIMEOUT)
			return 0;
		if (r != AMQP_STATUS_OK)
			return link_fail_with(link, "connection lost", r);
		if (frame->frame_type == AMQP_FRAME_METHOD) {
			amqp_method_t *method = &frame->payload.method;
			if (method->id == AMQP_CHANNEL_CLOSE_METHOD || method->id == AMQP_CONNECTION_CLOSE_METHOD)
				return fail_by_method(link, "channel closed", method);
			if (method->id == AMQP_CONNECTION_BLOCKED_METHOD ||
				method->id == AMQP_CONNECTION_UNBLOCKED_METHOD) {
				set_blocked(link, method);
				continue;
			}
		}
		if (frame->channel != LINK_CHANNEL)
			return link_fail(
				link, "the broker sent a frame of channel %u, which is not open", frame->channel);
		return 1;
	}
}

int link_content(struct link *link, struct content *content, const amqp_frame_t *frame)
{
	if (frame->frame_type == AMQP_FRAME_METHOD) {
		if (content->state != CONTENT_NONE)
			return link_fail(link, "the broker sent half a message");
		if (amqp_method_has_content(frame->payload.method.id))
			content->state = CONTENT_HEADER;
		return 0;
	}
	if (frame->frame_type == AMQP_FRAME_HEADER && content->state == CONTENT_HEADER) {
		if (frame->payload.properties.class_id != AMQP_BASIC_CLASS)
			return link_fail(
				link, "the broker sent a header of class %u", frame->payload.properties.class_id);
		content->left = frame->payload.properties.body_size;
	} else if (frame->frame_type == AMQP_FRAME_BODY && content->state == CONTENT_BODY) {
		if (frame->payload.body_fragment.len > content->left)
			return link_fail(link, "the broker sent more of a message than it has");
		content->left -= frame->payload.body_fragment.len;
	} else {
		return link_fail(link, "the broker sent content that belongs to nothing");
	}
	content->state = content->left ? CONTENT_BODY : CONTENT_NONE;
	return 0;
}

int link_keep_alive(struct link *link)
{
	amqp_frame_t frame = {.frame_type = AMQP_FRAME_HEARTBEAT, .channel = 0};
	int64_t now = link_now();
	if (now - link->heartbeat_sent < link->config->heartbeat / 2)
		return 0;
	link->heartbeat_sent = now;
	int r = amqp_send_frame(link->amqp, &frame);
	return r == AMQP_STATUS_OK ? 0 : link_fail_with(link, "heartbeat", r);
}

bool link_is_down(const struct link *link)
{
	struct pollfd p = {.fd = link->fd, .events = POLLRDHUP};
	return link->fd < 0 || (poll(&p, 1, 0) == 1 && (p.revents & (POLLRDHUP | POLLHUP | POLLERR | POLLNVAL)));
}

void link_cork(struct link *link, bool on)
{
	int value = on;
	setsockopt(link->fd, IPPROTO_TCP, TCP_CORK, &value, sizeof value);
}
