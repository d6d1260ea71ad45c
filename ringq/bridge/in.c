/* SPDX-License-Identifier: MIT */

/*
 * In: consume there, put here, and tell the broker that it is done when the put has returned 0.
 *
 * Memory is bounded by one message: while the queue here is full nothing more is read, so the broker, which sends no more than
 * `window` ahead, waits; this end says meanwhile that it lives. What was not acknowledged the broker delivers again.
 */

#include "in.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include <amqp_framing.h>

#include "dedup.h"
#include "log.h"
#include "pack.h"

#define SLICE RINGQ_MS(100)
#define ACKNOWLEDGE_WITHIN RINGQ_MS(10) /* unless half a window is done before */

/* What a link's life knows. */
struct in {
	struct bridge *b;
	struct link *link;
	const struct bridge_config *c;
	struct dedup *dedup;
	/* The message that is coming. */
	struct content content;
	uint64_t tag;
	uint64_t size, have; /* of its body; what is too large is not kept */
	char *data;
	size_t room;
	bool too_large;
	bool packed;
	char id[256]; /* "": it has none */
	/* What the broker is to be told. */
	uint64_t last;    /* tag of the last one that is done */
	uint64_t pending; /* how many are done, and it does not know */
	int64_t since;    /* when the first of these was */
	int64_t came;     /* when the last frame did, and what it carried was put */
	int64_t looked;
	enum end end; /* set where it is not END_LINK */
};

/* ---- telling the broker ---- */

static int acknowledge(struct in *in)
{
	if (!in->pending)
		return 0;
	int s = amqp_basic_ack(in->link->amqp, LINK_CHANNEL, in->last, 1);
	if (s != AMQP_STATUS_OK)
		return link_fail_with(in->link, "acknowledge", s);
	meter_add(&in->b->meters, METER_ACKNOWLEDGED, in->pending);
	in->pending = 0;
	return 0;
}

/* Can never be put here: the broker's dead-letter exchange has it, or nobody. */
static int reject(struct in *in, const char *why)
{
	if (acknowledge(in))
		return -1;
	log_line(LOG_LEVEL_WARNING, in->c->name, "a message of %llu bytes is rejected for good: %s",
		(unsigned long long)in->size, why);
	meter_add(&in->b->meters, METER_REJECTED, 1);
	int s = amqp_basic_reject(in->link->amqp, LINK_CHANNEL, in->tag, 0);
	return s == AMQP_STATUS_OK ? 0 : link_fail_with(in->link, "reject", s);
}

/* ---- putting ---- */

/* Whether the region here has gone: looked at once a second. */
static bool has_gone(struct in *in, int64_t now)
{
	if (now - in->looked < RINGQ_SEC(1))
		return false;
	in->looked = now;
	if (!place_is_gone(&in->b->place))
		return false;
	in->end = END_PLACE;
	return true;
}

/* The queue here is full, or there is no memory for more: waits, and lives. Whether to try again. */
static bool wait_for_room(struct in *in, int64_t *since)
{
	struct bridge *b = in->b;
	int64_t now = link_now();
	meter_add(&b->meters, METER_FULL_MS, (uint64_t)(now - *since) / 1000000);
	*since = now;
	bridge_set_state(b, STATE_FULL);
	bridge_tick(b, now);
	if (bridge_stops(b)) {
		in->end = END_STOP;
		return false;
	}
	if (has_gone(in, now))
		return false;
	if (acknowledge(in) || link_keep_alive(in->link))
		return false;
	if (link_is_down(in->link)) {
		link_fail(in->link, "the broker has hung up");
		return false;
	}
	return true;
}

/* 0; -EMSGSIZE: it can never be put here; -1: something has ended. */
static int put(struct in *in, const char *data, size_t len)
{
	struct bridge *b = in->b;
	int64_t since = link_now();
	for (;;) {
		int r = ringq_put(b->place.queue, data, len, SLICE);
		if (r == 0) {
			meter_add(&b->meters, METER_PUT, 1);
			meter_add(&b->meters, METER_BYTES, len);
			b->progress = true;
			return 0;
		}
		if (r == -EMSGSIZE)
			return r;
		if (r != -ETIMEDOUT && r != -EAGAIN && r != -ENOMEM && r != -EUSERS) {
			in->end = r == -EPIPE ? END_CLOSED : END_TROUBLE;
			if (r != -EPIPE) {
				log_line(LOG_LEVEL_ERROR, in->c->name, "put: %s", strerror(-r));
				b->status = STATUS_TROUBLE;
			}
			return -1;
		}
		if (r != -ETIMEDOUT)
			bridge_sleep(b, SLICE);
		if (!wait_for_room(in, &since))
			return -1;
	}
}

static int put_pack(struct in *in)
{
	size_t at = 0, len;
	const char *data;
	int more;
	/* Whether it is one is known before its first record is put. */
	while ((more = pack_next(in->data, in->size, &at, &data, &len)) > 0)
		;
	if (more < 0)
		return -EBADMSG;
	at = 0;
	while (pack_next(in->data, in->size, &at, &data, &len) > 0) {
		int r = put(in, data, len);
		if (r)
			return r;
	}
	return 0;
}

/* A message is whole. 0, or -1: something has ended. */
static int on_message(struct in *in)
{
	meter_add(&in->b->meters, METER_CONSUMED, 1);
	if (in->too_large)
		return reject(in, "it is larger than `max-message`");
	if (in->dedup && *in->id && dedup_has(in->dedup, in->id)) {
		meter_add(&in->b->meters, METER_DUPLICATES, 1);
	} else {
		int r = in->packed ? put_pack(in) : put(in, in->data, in->size);
		if (r == -EBADMSG || r == -EMSGSIZE)
			return reject(in, r == -EBADMSG ? "it says that it is a pack of records, and is none"
							: "the region is too small for it");
		if (r)
			return -1;
		if (in->dedup && *in->id)
			dedup_remember(in->dedup, in->id);
		in->b->moved++;
	}
	in->last = in->tag;
	if (in->pending++ == 0)
		in->since = link_now();
	return in->pending > in->c->window / 2 ? acknowledge(in) : 0;
}

/* ---- frames ---- */

static int on_method(struct in *in, const amqp_method_t *method)
{
	if (method->id == AMQP_BASIC_CANCEL_METHOD)
		return link_fail(in->link, "the broker's queue %s is gone", in->c->remote_queue);
	if (method->id != AMQP_BASIC_DELIVER_METHOD)
		return link_fail(in->link, "the broker sent method 0x%08X, which has no place here", method->id);
	const amqp_basic_deliver_t *m = method->decoded;
	in->tag = m->delivery_tag;
	meter_add(&in->b->meters, METER_REDELIVERED, m->redelivered != 0);
	return 0;
}

static bool is_text(amqp_bytes_t bytes, const char *text)
{
	return bytes.len == strlen(text) && memcmp(bytes.bytes, text, bytes.len) == 0;
}

static void on_header(struct in *in, const amqp_frame_t *frame)
{
	const amqp_basic_properties_t *p = frame->payload.properties.decoded;
	in->size = frame->payload.properties.body_size;
	in->have = 0;
	in->too_large = in->size > in->c->max_message;
	in->packed = p->_flags & AMQP_BASIC_CONTENT_TYPE_FLAG && is_text(p->content_type, PACK_TYPE);
	in->id[0] = 0;
	if (p->_flags & AMQP_BASIC_MESSAGE_ID_FLAG && p->message_id.len < sizeof in->id) {
		memcpy(in->id, p->message_id.bytes, p->message_id.len);
		in->id[p->message_id.len] = 0;
	}
}

/* Memory comes with what is there, not with what was announced. */
static int on_body(struct in *in, amqp_bytes_t part)
{
	if (in->too_large || part.len == 0)
		return 0;
	if (in->room - in->have < part.len) {
		size_t room = in->have + part.len < 2 * in->room ? 2 * in->room : in->have + part.len;
		char *more = realloc(in->data, room);
		if (!more)
			return link_fail(
				in->link, "no memory for a message of %llu bytes", (unsigned long long)in->size);
		in->data = more;
		in->room = room;
	}
	memcpy(in->data + in->have, part.bytes, part.len);
	in->have += part.len;
	return 0;
}

static int on_frame(struct in *in, const amqp_frame_t *frame)
{
	if (link_content(in->link, &in->content, frame))
		return -1;
	if (frame->frame_type == AMQP_FRAME_METHOD)
		return on_method(in, &frame->payload.method);
	if (frame->frame_type == AMQP_FRAME_HEADER)
		on_header(in, frame);
	else if (on_body(in, frame->payload.body_fragment))
		return -1;
	return in->content.state == CONTENT_NONE ? on_message(in) : 0;
}

/* ---- the loop ---- */

static bool is_over(struct in *in, int64_t now)
{
	struct bridge *b = in->b;
	in->end = END_STOP;
	if (bridge_stops(b) || b->moved >= b->options->count || (b->options->once && now - in->came >= RINGQ_SEC(1)))
		return true;
	in->end = END_LINK;
	return has_gone(in, now);
}

/*
 * There is nothing to read: sleeps until there is. Each acknowledgement is work for the broker, so one is made for what comes
 * within a few ms. 0, or -1.
 */
static int wait(struct in *in, int64_t now)
{
	struct pollfd p[] = {
		{.fd = in->link->fd, .events = POLLIN},
		{.fd = in->b->wake, .events = POLLIN},
	};
	int64_t left = in->since + ACKNOWLEDGE_WITHIN - now;
	if (left <= 0 && acknowledge(in))
		return -1;
	poll(p, 2, in->pending ? (int)((left + 999999) / 1000000) : 1000);
	return 0;
}

static enum end move(struct in *in)
{
	amqp_frame_t frame;
	for (;;) {
		int64_t now = link_now();
		bridge_set_state(in->b, STATE_CONNECTED);
		bridge_tick(in->b, now);
		if (is_over(in, now)) {
			acknowledge(in);
			return in->end;
		}
		int r = link_frame(in->link, &frame);
		if (r > 0) {
			r = on_frame(in, &frame);
			in->came = link_now();
		} else if (r == 0) {
			r = wait(in, now);
		}
		if (r < 0) {
			if (in->end != END_LINK)
				acknowledge(in);
			return in->end;
		}
	}
}

/* The broker is to send no more than a window ahead of what is acknowledged. */
static int subscribe(struct in *in)
{
	amqp_connection_state_t amqp = in->link->amqp;
	amqp_basic_qos(amqp, LINK_CHANNEL, 0, (uint16_t)in->c->window, 0);
	if (link_answer(in->link, "prefetch"))
		return -1;
	amqp_basic_consume(amqp, LINK_CHANNEL, amqp_cstring_bytes(in->c->remote_queue), amqp_empty_bytes, 0, 0, 0,
		amqp_empty_table);
	return link_answer(in->link, "consume");
}

enum end in_move(struct bridge *b)
{
	struct in in = {.b = b, .link = &b->link, .c = b->config, .dedup = b->dedup};
	enum end end = END_LINK;
	if (subscribe(&in) == 0) {
		in.came = link_now();
		end = move(&in);
	}
	free(in.data);
	return end;
}
