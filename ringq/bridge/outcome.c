/* SPDX-License-Identifier: MIT */

/* What becomes of a record that was published: confirmed it is gone, refused or returned it is tried again, or set aside. */

#include "outcome.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <amqp_framing.h>

#include "../tool/dead_letter.h"
#include "log.h"

#define TELL_EVERY RINGQ_SEC(10)
#define TOGETHER 64u /* records that are acknowledged by one call */

/* ---- the name of a record ---- */

void out_name_record(const struct out *o, const struct record *r, uint32_t records, char id[256])
{
	int n = snprintf(id, 256, "%s@%llx:%u:%llu", o->c->queue, (unsigned long long)o->b->place.created, r->lane,
		(unsigned long long)r->sequence);
	if (records > 1)
		snprintf(id + n, 256 - (size_t)n, "+%u", records - 1);
}

/* ---- the end of a record ---- */

/*
 * A run of records is confirmed. They are acknowledged together: where many are in hand, an end of a delivery may have to look
 * through these for who else needs its memory, and those of one chunk look once.
 */
static void finish(struct out *o, uint64_t first, uint64_t n)
{
	struct ringq_delivery done[TOGETHER];
	for (uint64_t i = 0, bytes = 0; i < n; bytes = 0) {
		size_t many = 0;
		for (; many < TOGETHER && i < n; i++) {
			struct record *r = window_record(o->w, first + i);
			done[many++] = r->delivery;
			bytes += r->delivery.len;
			r->state = RECORD_DONE;
		}
		int e = ringq_ack_many(o->b->place.queue, done, many);
		if (e)
			log_line(LOG_LEVEL_ERROR, o->c->name,
				"records that were confirmed could not be acknowledged, and may come twice: %s",
				strerror(-e));
		meter_add(&o->b->meters, METER_CONFIRMED, many);
		meter_add(&o->b->meters, METER_BYTES, bytes);
		o->b->progress = true;
		o->b->moved += many;
	}
}

static bool set_aside(struct out *o, struct record *r, const char *why)
{
	ringq_queue *dead = o->b->place.dead;
	size_t len = r->delivery.len;
	int e = dead ? put_dead_letter(dead, &r->delivery) : -ENOENT;
	if (e) {
		log_line(LOG_LEVEL_WARNING, o->c->name, "a record cannot be set aside (%s): %s",
			dead ? o->c->dead_letter : "there is no `dead-letter`", dead ? strerror(-e) : why);
		return false;
	}
	log_line(LOG_LEVEL_WARNING, o->c->name, "a record of %zu bytes is set aside after %u attempts: %s", len,
		r->delivery.attempt, why);
	e = ringq_ack(o->b->place.queue, &r->delivery);
	if (e)
		log_line(LOG_LEVEL_ERROR, o->c->name,
			"a record that was set aside could not be acknowledged, and may come twice: %s", strerror(-e));
	r->state = RECORD_DONE;
	meter_add(&o->b->meters, METER_DEAD_LETTERED, 1);
	return true;
}

void out_refused(struct out *o, struct record *r, bool for_good, const char *why)
{
	uint32_t attempt = r->delivery.attempt;
	if ((for_good || (o->c->attempts && attempt >= o->c->attempts)) && set_aside(o, r, why))
		return;
	int e = ringq_requeue(o->b->place.queue, &r->delivery);
	r->state = RECORD_DONE;
	if (e)
		log_line(LOG_LEVEL_ERROR, o->c->name, "a record could not be given back: %s", strerror(-e));
	o->empty = false;
	int64_t until = link_now() + bridge_pause(o->c, attempt);
	if (until > o->paused)
		o->paused = until;
}

/* ---- what the broker says ---- */

static void decided(struct out *o, uint64_t from, uint64_t to, bool confirmed)
{
	uint64_t first = 0, n = 0; /* a run of records that are */
	for (uint64_t i = from; i != to; i++) {
		struct message *m = window_message(o->w, i);
		if (m->decided)
			continue;
		m->decided = true;
		if (confirmed && !m->returned) {
			if (m->record != first + n) {
				finish(o, first, n);
				first = m->record;
				n = 0;
			}
			n += m->records;
			continue;
		}
		if (!confirmed)
			meter_add(&o->b->meters, METER_NACKED, 1);
		for (uint32_t k = 0; k < m->records; k++)
			out_refused(o, window_record(o->w, m->record + k), false,
				m->returned ? "the broker has no queue for it" : "the broker refuses it");
	}
	finish(o, first, n);
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
	if (!(p->_flags & AMQP_BASIC_MESSAGE_ID_FLAG) || p->message_id.len >= sizeof id)
		return link_fail(o->link, "the broker returned a message without its id");
	memcpy(id, p->message_id.bytes, p->message_id.len);
	id[p->message_id.len] = 0;
	for (uint64_t i = o->w->first; i != o->w->last; i++) {
		struct message *m = window_message(o->w, i);
		if (m->decided || m->returned)
			continue;
		out_name_record(o, window_record(o->w, m->record), m->records, own);
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
		return 0;
	}
	return link_fail(o->link, "the broker sent method 0x%08X, which has no place here", method->id);
}

static int on_frame(struct out *o, const amqp_frame_t *frame)
{
	if (link_content(o->link, &o->content, frame))
		return -1;
	if (frame->frame_type == AMQP_FRAME_METHOD)
		return on_method(o, &frame->payload.method);
	return frame->frame_type == AMQP_FRAME_HEADER ? on_return_header(o, frame) : 0;
}

int out_read_frames(struct out *o)
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
