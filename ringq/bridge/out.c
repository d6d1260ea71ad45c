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

#include "out.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <amqp_framing.h>

#include "log.h"
#include "outcome.h"
#include "pack.h"

#define BATCH 64u          /* messages between two looks at what the broker says */
#define ALONE_FROM 3u      /* attempts */
#define PACK_ALONE_FROM 2u /* a record that came back is not packed again */

/* ---- publishing ---- */

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
	out_name_record(o, r, records, id);
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
	bool alone = r->delivery.attempt >= ALONE_FROM, suspect = (int64_t)(w->suspects.end - w->next) > 0;
	if ((alone || o->last_was_alone) && window_in_flight(w))
		return 0;
	if (suspect && window_in_flight(w) >= w->suspects.most)
		return 0;
	if (r->delivery.len > o->c->max_message) {
		out_refused(o, r, true, "it is larger than `max-message`");
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

/* Whether what is taken makes a message: nothing is taken long before it is sent. What came back is not packed. */
static bool has_a_message(const struct out *o)
{
	struct window *w = o->w;
	if (w->next == w->tail)
		return false;
	return w->tail - w->next >= o->c->pack / PACK_HEAD ||
	       window_record(w, w->tail - 1)->delivery.attempt >= PACK_ALONE_FROM;
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
		while (!has_a_message(o) && may_take(o, now) && (r = take(o, now)) > 0)
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
	int64_t most = RINGQ_SEC(1);
	if (now < o->paused && o->paused - now < most)
		most = o->paused - now;
	if (bridge_stops(b) && most > RINGQ_MS(100))
		most = RINGQ_MS(100);
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
	if (!idle || !o->empty || now - o->looked < RINGQ_SEC(1))
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
		if (out_read_frames(o))
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
			out_refused(o, r, false, o->link->why);
		w->suspects.end = w->head;
		return;
	}
	w->suspects.most = window_in_flight(w) > 2 ? window_in_flight(w) / 2 : 1;
	if ((int64_t)(w->next - w->suspects.end) > 0)
		w->suspects.end = w->next;
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
