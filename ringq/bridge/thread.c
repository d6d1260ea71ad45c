/* SPDX-License-Identifier: MIT */
#include "thread.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "dedup.h"
#include "in.h"
#include "log.h"
#include "out.h"
#include "topology.h"

#define TELL_AGAIN RINGQ_SEC(60)

/* ---- waiting for what is not there ---- */

/* A fault that lasts is told of once, and again each minute; also where several take turns, as those of several brokers. */
struct complaint {
	struct {
		char text[600];
		int64_t told; /* 0: never */
	} said[URIS_MOST];
	unsigned next;
};

static void tell(struct bridge *b, struct complaint *c, const char *text)
{
	int64_t now = link_now();
	unsigned i = 0;
	while (i < URIS_MOST && (!c->said[i].told || strcmp(c->said[i].text, text) != 0))
		i++;
	if (i < URIS_MOST && now - c->said[i].told < TELL_AGAIN)
		return;
	if (i == URIS_MOST)
		i = c->next++ % URIS_MOST;
	c->said[i].told = now;
	snprintf(c->said[i].text, sizeof c->said[i].text, "%s", text);
	log_line(LOG_LEVEL_WARNING, b->config->name, "%s; it is tried again", text);
}

/* By a random part shorter: many bridges do not come back at one instant. */
static int64_t pause_of(const struct bridge_config *c, uint32_t failures)
{
	int64_t pause = bridge_pause(c, failures);
	uint32_t chance = 0;
	if (getrandom(&chance, sizeof chance, GRND_NONBLOCK) != sizeof chance)
		chance = (uint32_t)getpid() * 2654435761u;
	return pause / 2 + (int64_t)((double)(pause / 2) * chance / 4294967296.0);
}

/* The region and the queue: whoever makes them may come later. 0: open; else it is to end. */
static enum end open_place(struct bridge *b)
{
	struct complaint complaint = {0};
	char why[600];
	for (unsigned failures = 0;;) {
		int r = place_open(&b->place, b->config, why, sizeof why);
		if (r == 0)
			return END_LINK;
		if (r == -EINVAL) {
			log_line(LOG_LEVEL_ERROR, b->config->name, "%s", why);
			b->status = STATUS_USAGE;
			return END_TROUBLE;
		}
		tell(b, &complaint, why);
		if (!bridge_sleep(b, pause_of(b->config, ++failures)))
			return END_STOP;
	}
}

/*
 * Of several processes with a bridge of this name, one is active: who holds the lock of the meters. Its death hands the lock
 * over at once, by the kernel. Whether it is this one; else it is to end.
 */
static bool become_active(struct bridge *b)
{
	int r = b->config->share || !b->meters.array ? 0 : ringq_lock(b->meters.array, RINGQ_NOWAIT);
	bool waited = r == -EAGAIN;
	if (waited)
		log_line(LOG_LEVEL_INFO, b->config->name, "another process runs this bridge: standing by");
	while (r == -EAGAIN || r == -ETIMEDOUT) {
		int64_t began = link_now();
		atomic_store(&b->tick, began);
		if (bridge_stops(b))
			return false;
		r = ringq_lock(b->meters.array, RINGQ_SEC(1));
		meters_add_beside(&b->meters, METER_STANDBY_MS, (uint64_t)(link_now() - began) / 1000000);
	}
	if (r && r != -EOWNERDEAD) {
		log_line(LOG_LEVEL_ERROR, b->config->name, "the lock of the bridge: %s", strerror(-r));
		b->status = STATUS_TROUBLE;
		return false;
	}
	if (waited || r == -EOWNERDEAD)
		log_line(LOG_LEVEL_INFO, b->config->name, "%s: taking over",
			r ? "the process that ran this bridge has died" : "the process that ran this bridge has ended");
	return true;
}

/* ---- links ---- */

static enum end move(struct bridge *b)
{
	enum end end = b->config->direction == DIRECTION_OUT ? out_move(b) : in_move(b);
	meters_flush(&b->meters, link_now(), true);
	return end;
}

/* A link to one of the brokers, and what is moved over it. */
static enum end try_uri(struct bridge *b, const struct uri *uri)
{
	bridge_set_state(b, STATE_CONNECTING);
	meters_flush(&b->meters, link_now(), true);
	if (link_open(&b->link, uri))
		return END_LINK;
	enum end end = END_LINK;
	if (topology_ready(&b->link, false, NULL) == 0) {
		log_line(LOG_LEVEL_INFO, b->config->name, "connected to %s", uri->text);
		meter_add(&b->meters, METER_CONNECTS, 1);
		bridge_set_state(b, STATE_CONNECTED);
		end = move(b);
	}
	link_close(&b->link);
	return end;
}

static enum end keep_moving(struct bridge *b)
{
	struct complaint complaint = {0};
	unsigned failures = 0, uri = 0;
	while (!bridge_stops(b)) {
		char text[600];
		int64_t began = link_now();
		b->progress = false;
		enum end end = try_uri(b, &b->config->uri[uri]);
		if (end != END_LINK)
			return end;
		if (b->progress || link_now() - began > b->config->reconnect_max + b->config->connect_timeout) {
			failures = 0;
			complaint = (struct complaint){0};
		}
		meter_add(&b->meters, METER_FAILURES, 1);
		bridge_set_state(b, STATE_CONNECTING);
		snprintf(text, sizeof text, "%.300s: %.280s", b->config->uri[uri].text, b->link.why);
		tell(b, &complaint, text);
		uri = (uri + 1) % b->config->uris;
		if (!bridge_sleep(b, pause_of(b->config, uri ? 1 : ++failures)))
			break;
	}
	return END_STOP;
}

/* ---- the thread ---- */

static enum end run_here(struct bridge *b)
{
	enum end end = open_place(b);
	if (end != END_LINK)
		return end;
	int r = meters_open(&b->meters, b->place.region, b->config->name);
	if (r)
		log_line(LOG_LEVEL_WARNING, b->config->name, "no meters, and no standing by: array bridge.%s: %s",
			b->config->name, strerror(-r));
	end = END_STOP;
	if (become_active(b)) {
		meter_set(&b->meters, METER_PROCESS, (uint64_t)getpid());
		if (b->config->direction == DIRECTION_IN && b->config->dedup &&
			dedup_open(&b->dedup, b->place.region, b->config->name, b->config->dedup))
			log_line(LOG_LEVEL_WARNING, b->config->name, "no memory to tell duplicates");
		end = keep_moving(b);
		out_give_back(b);
		bridge_set_state(b, STATE_ENDED);
		meter_set(&b->meters, METER_PROCESS, 0);
		meters_flush(&b->meters, link_now(), true);
		if (!b->config->share && b->meters.array)
			ringq_unlock(b->meters.array);
	}
	dedup_close(b->dedup);
	b->dedup = NULL;
	meters_close(&b->meters);
	place_close(&b->place);
	return end;
}

void *thread_run(void *argument)
{
	struct bridge *b = argument;
	enum end end = END_TROUBLE;
	if (window_init(&b->window, b->config->direction == DIRECTION_OUT ? b->config->window : 1) == 0) {
		do {
			end = run_here(b);
			if (end == END_PLACE)
				log_line(LOG_LEVEL_INFO, b->config->name,
					"the region's name has gone: it is opened anew");
		} while (end == END_PLACE && bridge_sleep(b, b->config->reconnect_min));
	} else {
		log_line(LOG_LEVEL_ERROR, b->config->name, "no memory");
		b->status = STATUS_TROUBLE;
	}
	if (end == END_CLOSED) {
		log_line(LOG_LEVEL_INFO, b->config->name, "the queue is closed: done");
		b->status = STATUS_CLOSED;
	}
	window_free(&b->window);
	atomic_store(&b->ended, true);
	if (write(b->done, &(uint64_t){1}, sizeof(uint64_t)) < 0)
		log_line(LOG_LEVEL_ERROR, b->config->name, "its end cannot be told: %s", strerror(errno));
	return NULL;
}
