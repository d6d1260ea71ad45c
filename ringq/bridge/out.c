/* SPDX-License-Identifier: MIT */

/*
 * Out: take here, publish there, and acknowledge here what the broker has confirmed.
 *
 * A record is gone only when its message was confirmed. Until then it is in hand: if this process dies, it comes back here.
 * If the link ends, the records in hand are sent anew over the next one, in their order; no attempt of theirs is spent by that.
 *
 * Which record is to blame? One that kills this process, or has the broker close the channel, must not take its neighbours
 * with it to the dead letters. So a record that came for the third time or more is sent alone, with no other beside it; and
 * after a channel was closed over a message, half as many are on their way at a time, until it is the only one.
 */

#include "bridge.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <amqp_framing.h>

#include "log.h"
#include "pack.h"

#define SECOND INT64_C(1000000000)
#define TELL_EVERY (10 * SECOND)
#define BATCH 64u          /* messages between two looks at what the broker says */
#define ALONE_FROM 3u      /* attempts */
#define PACK_ALONE_FROM 2u /* a record that came back is not packed again */

/* What a link's life knows. */
struct out {
	struct bridge *b;
	struct link *link;
	struct window *w;
	const struct bridge_config *c;
	enum end end; /* set where it is not END_LINK */
	struct pack pack;
	amqp_table_t headers;
	amqp_table_entry_t header[HEADERS_MOST];
	bool last_was_alone;
	bool empty;     /* the last take found nothing */
	bool closed;    /* and never will */
	int64_t paused; /* until when nothing is taken, after a failure */
	int64_t looked; /* whether the region still has its name */
	/* A message that comes back has its content behind it. */
	enum { CONTENT_NONE, CONTENT_HEADER, CONTENT_BODY } content;
	uint64_t content_left;
	int64_t told;   /* when the log was told of a return last */
	int64_t billed; /* until when time blocked has been counted */
};

/*
 * One of the records up to here made the broker close the channel: of these, no more than so many are on their way at a time.
 * Per thread, as a bridge is.
 */
static _Thread_local struct {
	uint64_t end;
	uint64_t most;
} suspects;

/* ---- the end of a record ---- */

static int64_t pause_after(const struct bridge_config *c, uint32_t attempt)
{
	int64_t pause = c->reconnect_min;
	while (attempt-- > 1 && pause < c->reconnect_max)
		pause *= 2;
	return pause < c->reconnect_max ? pause : c->reconnect_max;
}

static void finish(struct out *o, struct record *r)
{
	uint64_t len = r->delivery.len;
	int e = ringq_ack(o->b->place.queue, &r->delivery);
	r->state = RECORD_DONE;
	if (e)
		log_line(LOG_LEVEL_ERROR, o->c->name,
			"a record that was confirmed could not be acknowledged, and may come twice: %s", strerror(-e));
	meter_add(&o->b->meters, METER_CONFIRMED, 1);
	meter_add(&o->b->meters, METER_BYTES, len);
	o->b->progress = true;
	o->b->moved++;
}

static bool set_aside(struct out *o, struct record *r, const char *why)
{
	struct ringq_dead_letter head = {.size = sizeof head, .attempts = r->delivery.attempt};
	ringq_queue *dead = o->b->place.dead;
	size_t len = r->delivery.len;
	void *at;
	int e = dead ? ringq_reserve(dead, &at, sizeof head + len, RINGQ_NOWAIT) : -ENOENT;
	if (e == 0) {
		memcpy(at, &head, sizeof head);
		if (len)
			memcpy((char *)at + sizeof head, r->delivery.data, len);
		e = ringq_commit(dead, at, sizeof head + len);
	}
	if (e) {
		log_line(LOG_LEVEL_WARNING, o->c->name, "a record cannot be set aside (%s): %s",
			dead ? o->c->dead_letter : "there is no `dead-letter`", dead ? strerror(-e) : why);
		return false;
	}
	log_line(LOG_LEVEL_WARNING, o->c->name, "a record of %zu bytes is set aside after %u attempts: %s", len,
		r->delivery.attempt, why);
	ringq_ack(o->b->place.queue, &r->delivery);
	r->state = RECORD_DONE;
	meter_add(&o->b->meters, METER_DEAD_LETTERED, 1);
	return true;
}

/* It was refused: back to the queue, to be tried again after a while; or, after so many times, to the dead letters. */
static void refused(struct out *o, struct record *r, bool for_good, const char *why)
{
	uint32_t attempt = r->delivery.attempt;
	if ((for_good || (o->c->attempts && attempt >= o->c->attempts)) && set_aside(o, r, why))
		return;
	int e = ringq_requeue(o->b->place.queue, &r->delivery);
	r->state = RECORD_DONE;
	if (e)
		log_line(LOG_LEVEL_ERROR, o->c->name, "a record could not be given back: %s", strerror(-e));
	o->empty = false;
	int64_t until = link_now() + pause_after(o->c, attempt);
	if (until > o->paused)
		o->paused = until;
}

/* ---- publishing ---- */

/* Names the record for good: the same at each delivery. */
static void name_record(const struct out *o, const struct record *r, uint32_t records, char id[256])
{
	int n = snprintf(id, 256, "%s@%llx:%u:%llu", o->c->queue, (unsigned long long)o->b->place.created, r->lane,
		(unsigned long long)r->sequence);
	if (records > 1)
		snprintf(id + n, 256 - (size_t)n, "+%u", records - 1);
}

static int publish(struct out *o, const struct record *r, uint32_t records, amqp_bytes_t body)
{
	char id[256];
	const char *type = records > 1 ? PACK_TYPE : o->c->content_type;
	amqp_basic_properties_t p = {
		._flags = AMQP_BASIC_CONTENT_TYPE_FLAG | AMQP_BASIC_DELIVERY_MODE_FLAG | AMQP_BASIC_TIMESTAMP_FLAG |
	                  AMQP_BASIC_MESSAGE_ID_FLAG | (o->headers.num_entries ? AMQP_BASIC_HEADERS_FLAG : 0),
		.content_type = amqp_cstring_bytes(type),
		.delivery_mode = AMQP_DELIVERY_PERSISTENT,
		.timestamp = (uint64_t)time(NULL),
		.headers = o->headers,
	};
	name_record(o, r, records, id);
	p.message_id = amqp_cstring_bytes(id);
	int s = amqp_basic_publish(o->link->amqp, LINK_CHANNEL, amqp_cstring_bytes(o->c->exchange),
		amqp_cstring_bytes(o->c->routing_key), 1, 0, &p, body);
	if (s != AMQP_STATUS_OK)
		return link_fail_with(o->link, "publish", s);
	meter_add(&o->b->meters, METER_PUBLISHED, 1);
	window_sent(o->w, records);
	return 0;
}

/* As many of the records that are yet to be sent as fit into one message. Of one, no pack is made. */
static uint32_t gather(struct out *o)
{
	struct window *w = o->w;
	uint32_t n = 0;
	o->pack.len = 0;
	for (uint64_t i = w->next; i != w->tail && o->c->pack; i++, n++) {
		const struct record *r = window_record(w, i);
		if (r->state == RECORD_DONE || r->delivery.attempt >= PACK_ALONE_FROM ||
			!pack_fits(&o->pack, r->delivery.len, o->c->pack) ||
			pack_add(&o->pack, r->delivery.data, r->delivery.len))
			break;
	}
	return n;
}

/* Sends the next record, or pack of records. 1; 0: it must wait for others' confirms; -1: the link has ended. */
static int publish_next(struct out *o)
{
	struct window *w = o->w;
	struct record *r = window_record(w, w->next);
	bool alone = r->delivery.attempt >= ALONE_FROM, suspect = (int64_t)(suspects.end - w->next) > 0;
	if ((alone || o->last_was_alone) && window_in_flight(w))
		return 0;
	if (suspect && window_in_flight(w) >= suspects.most)
		return 0;
	if (r->delivery.len > o->c->max_message) {
		refused(o, r, true, "it is larger than `max-message`");
		window_skip(w);
		window_settle(w);
		return 1;
	}
	o->last_was_alone = alone;
	uint32_t n = alone || suspect ? 0 : gather(o);
	amqp_bytes_t body = {r->delivery.len, (void *)r->delivery.data};
	if (n > 1)
		body = (amqp_bytes_t){o->pack.len, o->pack.data};
	return publish(o, r, n > 1 ? n : 1, body) ? -1 : 1;
}

/* ---- taking ---- */

static bool may_take(const struct out *o, int64_t now)
{
	const struct bridge *b = o->b;
	if (window_is_full(o->w) || o->link->blocked || o->closed || now < o->paused || atomic_load(&o->b->stop))
		return false;
	if (o->last_was_alone && window_in_flight(o->w))
		return false; /* that is the only one in hand, so that no other counts a death of this process */
	return b->moved + (o->w->tail - o->w->head) < b->options->count;
}

/* 1; 0: nothing waits; or an error. */
static int take(struct out *o, int64_t now)
{
	struct window *w = o->w;
	struct record *r = window_record(w, w->tail);
	int e = ringq_take(o->b->place.queue, &r->delivery, RINGQ_NOWAIT);
	o->empty = e != 0;
	if (e == -EPIPE)
		o->closed = true;
	if (e == -EAGAIN || e == -EPIPE)
		return 0;
	if (e)
		return e;
	r->state = RECORD_WAITS;
	r->taken = now;
	ringq_delivery_id(o->b->place.queue, &r->delivery, &r->lane, &r->sequence);
	w->tail++;
	meter_add(&o->b->meters, METER_TAKEN, 1);
	meter_add(&o->b->meters, METER_REDELIVERED, r->delivery.attempt > 1);
	return 1;
}

static bool is_writable(const struct out *o)
{
	struct pollfd p = {.fd = o->link->fd, .events = POLLOUT};
	return poll(&p, 1, 0) == 1 && (p.revents & POLLOUT);
}

/* Takes and sends some. How many messages; -1: something has ended. */
static int send_some(struct out *o, int64_t now)
{
	struct window *w = o->w;
	int sent = 0, r = 1;
	bool corked = false;
	if (o->link->blocked || !is_writable(o))
		return 0;
	while (sent < (int)BATCH) {
		uint64_t want = o->c->pack ? w->size : 1;
		while (w->tail - w->next < want && may_take(o, now) && (r = take(o, now)) > 0)
			;
		if (r < 0) {
			log_line(LOG_LEVEL_ERROR, o->c->name, "take: %s", strerror(-r));
			o->b->status = STATUS_TROUBLE;
			o->end = END_TROUBLE;
			break;
		}
		if (w->next == w->tail)
			break;
		if (sent == 1) {
			corked = true;
			link_cork(o->link, true);
		}
		r = publish_next(o);
		if (r <= 0)
			break;
		sent++;
	}
	if (corked)
		link_cork(o->link, false);
	return r < 0 ? -1 : sent;
}

/* ---- what the broker says ---- */

static void decided(struct out *o, uint64_t from, uint64_t to, bool confirmed)
{
	for (uint64_t i = from; i != to; i++) {
		struct message *m = window_message(o->w, i);
		if (m->decided)
			continue;
		m->decided = true;
		if (!confirmed)
			meter_add(&o->b->meters, METER_NACKED, 1);
		for (uint32_t k = 0; k < m->records; k++) {
			struct record *r = window_record(o->w, m->record + k);
			if (confirmed && !m->returned)
				finish(o, r);
			else
				refused(o, r, false,
					m->returned ? "the broker has no queue for it" : "the broker refuses it");
		}
	}
	window_settle(o->w);
}

static int on_decision(struct out *o, uint64_t number, bool multiple, bool confirmed)
{
	uint64_t from, to;
	if (!window_decided(o->w, number, multiple, &from, &to))
		return link_fail(
			o->link, "the broker speaks of message %llu, which was not sent", (unsigned long long)number);
	decided(o, from, to, confirmed);
	return 0;
}

/* A message could not be routed; it is named by its id, in what follows. */
static int on_return_header(struct out *o, const amqp_frame_t *frame)
{
	const amqp_basic_properties_t *p = frame->payload.properties.decoded;
	char id[256], own[256];
	o->content_left = frame->payload.properties.body_size;
	o->content = o->content_left ? CONTENT_BODY : CONTENT_NONE;
	if (frame->payload.properties.class_id != AMQP_BASIC_CLASS || !(p->_flags & AMQP_BASIC_MESSAGE_ID_FLAG) ||
		p->message_id.len >= sizeof id)
		return link_fail(o->link, "the broker returned a message without its id");
	memcpy(id, p->message_id.bytes, p->message_id.len);
	id[p->message_id.len] = 0;
	for (uint64_t i = o->w->first; i != o->w->last; i++) {
		struct message *m = window_message(o->w, i);
		if (m->decided || m->returned)
			continue;
		name_record(o, window_record(o->w, m->record), m->records, own);
		if (strcmp(id, own) == 0) {
			m->returned = true;
			meter_add(&o->b->meters, METER_RETURNED, 1);
			return 0;
		}
	}
	return link_fail(o->link, "the broker returned a message that was not sent");
}

/* Now and then: each message may be returned again and again. */
static void tell_of_return(struct out *o, const amqp_basic_return_t *m)
{
	int64_t now = link_now();
	if (o->told && now - o->told < TELL_EVERY)
		return;
	o->told = now;
	log_line(LOG_LEVEL_WARNING, o->c->name,
		"returned (%u %.*s): no queue for exchange \"%s\", key \"%s\"; `ringq bridge status` counts them",
		m->reply_code, (int)(m->reply_text.len < 200 ? m->reply_text.len : 200),
		(const char *)m->reply_text.bytes, o->c->exchange, o->c->routing_key);
}

static int on_method(struct out *o, const amqp_method_t *method)
{
	if (o->content != CONTENT_NONE)
		return link_fail(o->link, "the broker sent half a message");
	if (method->id == AMQP_BASIC_ACK_METHOD) {
		const amqp_basic_ack_t *m = method->decoded;
		return on_decision(o, m->delivery_tag, m->multiple, true);
	}
	if (method->id == AMQP_BASIC_NACK_METHOD) {
		const amqp_basic_nack_t *m = method->decoded;
		return on_decision(o, m->delivery_tag, m->multiple, false);
	}
	if (method->id == AMQP_BASIC_RETURN_METHOD) {
		const amqp_basic_return_t *m = method->decoded;
		tell_of_return(o, m);
		o->content = CONTENT_HEADER;
		return 0;
	}
	return link_fail(o->link, "the broker sent method 0x%08X, which has no place here", method->id);
}

static int on_frame(struct out *o, const amqp_frame_t *frame)
{
	if (frame->frame_type == AMQP_FRAME_METHOD)
		return on_method(o, &frame->payload.method);
	if (frame->frame_type == AMQP_FRAME_HEADER && o->content == CONTENT_HEADER)
		return on_return_header(o, frame);
	uint64_t len = frame->payload.body_fragment.len;
	if (frame->frame_type != AMQP_FRAME_BODY || o->content != CONTENT_BODY || len > o->content_left)
		return link_fail(o->link, "the broker sent content that belongs to nothing");
	o->content_left -= len;
	if (o->content_left == 0)
		o->content = CONTENT_NONE;
	return 0;
}

/* 0, or -1: the link has ended. */
static int read_frames(struct out *o)
{
	amqp_frame_t frame;
	int r;
	while ((r = link_frame(o->link, &frame)) > 0) {
		r = on_frame(o, &frame);
		if (r)
			break;
	}
	return r;
}

/* ---- the loop ---- */

/* Sleeps until there is something to read, or to send, or it is to stop; a second at most. */
static void wait(struct out *o, int64_t now)
{
	struct bridge *b = o->b;
	bool takes = o->w->next == o->w->tail && may_take(o, now);
	struct pollfd p[] = {
		{.fd = o->link->fd, .events = POLLIN},
		{.fd = bridge_stops(b) ? -1 : b->wake, .events = POLLIN},
		{.fd = -1, .events = POLLIN},
	};
	int64_t most = SECOND;
	if (now < o->paused && o->paused - now < most)
		most = o->paused - now;
	if (bridge_stops(b) && most > SECOND / 10)
		most = SECOND / 10;
	if ((takes || o->w->next != o->w->tail) && !o->link->blocked && !is_writable(o))
		p[0].events |= POLLOUT;
	else if (takes)
		p[2].fd = ringq_event_fd(b->place.queue);
	poll(p, 3, (int)((most + 999999) / 1000000));
}

static void measure(struct out *o, int64_t now)
{
	struct meters *m = &o->b->meters;
	struct window *w = o->w;
	meter_set(m, METER_WINDOW, w->tail - w->head);
	meter_set(
		m, METER_OLDEST, w->tail != w->head ? (uint64_t)(now - window_record(w, w->head)->taken) / 1000000 : 0);
	if (o->link->blocked && o->billed < o->link->blocked_since)
		o->billed = o->link->blocked_since;
	if (o->link->blocked && now - o->billed >= 1000000) {
		meter_add(m, METER_BLOCKED_MS, (uint64_t)(now - o->billed) / 1000000);
		o->billed = now;
	}
	bridge_set_state(o->b, o->link->blocked ? STATE_BLOCKED : STATE_CONNECTED);
	bridge_tick(o->b, now);
}

/* Whether there is nothing left to do, or to wait for. */
static bool is_over(struct out *o, int64_t now)
{
	struct bridge *b = o->b;
	bool idle = o->w->head == o->w->tail;
	o->end = END_STOP;
	if (bridge_stops(b) && (idle || now >= atomic_load(&b->stop_at) || o->link->blocked))
		return true;
	if (idle && o->closed) {
		o->end = END_CLOSED;
		return true;
	}
	if (idle && (b->moved >= b->options->count || (b->options->once && o->empty && now >= o->paused)))
		return true;
	o->end = END_LINK;
	if (!idle || !o->empty || now - o->looked < SECOND)
		return false;
	o->looked = now;
	if (!place_is_gone(&b->place))
		return false;
	o->end = END_PLACE;
	return true;
}

static enum end move(struct out *o)
{
	for (;;) {
		int64_t now = link_now();
		if (read_frames(o))
			return END_LINK;
		measure(o, now);
		if (is_over(o, now))
			return o->end;
		int sent = send_some(o, now);
		if (sent < 0)
			return o->end;
		if (sent == 0)
			wait(o, link_now());
	}
}

/* The broker has closed the channel: over one of these messages, if that is what it says. */
static void blame(struct out *o)
{
	struct window *w = o->w;
	int code = o->link->channel_error;
	if (code != AMQP_PRECONDITION_FAILED && code != AMQP_CONTENT_TOO_LARGE)
		return;
	const struct message *m = window_message(w, w->first);
	if (window_in_flight(w) == 1 && m->records == 1) {
		struct record *r = window_record(w, m->record);
		if (r->state != RECORD_DONE)
			refused(o, r, false, o->link->why);
		suspects.end = w->head;
		return;
	}
	suspects.most = window_in_flight(w) > 2 ? window_in_flight(w) / 2 : 1;
	if ((int64_t)(w->next - suspects.end) > 0)
		suspects.end = w->next;
}

enum end out_move(struct bridge *b)
{
	struct out o = {.b = b, .link = &b->link, .w = &b->window, .c = b->config};
	amqp_confirm_select(b->link.amqp, LINK_CHANNEL);
	if (link_answer(&b->link, "publisher confirms"))
		return END_LINK;
	o.headers = (amqp_table_t){(int)o.c->headers, o.header};
	for (unsigned i = 0; i < o.c->headers; i++)
		o.header[i] = (amqp_table_entry_t){amqp_cstring_bytes(o.c->header[i].name),
			{.kind = AMQP_FIELD_KIND_UTF8, .value = {.bytes = amqp_cstring_bytes(o.c->header[i].value)}}};
	window_connection_begins(o.w);
	enum end end = move(&o);
	if (end == END_LINK)
		blame(&o);
	window_settle(o.w);
	pack_free(&o.pack);
	return end;
}

void out_give_back(struct bridge *b)
{
	struct window *w = &b->window;
	uint64_t n = 0;
	for (uint64_t i = w->head; i != w->tail; i++) {
		struct record *r = window_record(w, i);
		if (r->state == RECORD_DONE)
			continue;
		ringq_requeue(b->place.queue, &r->delivery);
		n++;
	}
	w->head = w->next = w->tail;
	meter_set(&b->meters, METER_WINDOW, 0);
	meter_set(&b->meters, METER_OLDEST, 0);
	if (n)
		log_line(LOG_LEVEL_INFO, b->config->name, "%llu records that were not confirmed are back in the queue",
			(unsigned long long)n);
}
