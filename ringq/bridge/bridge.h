/* SPDX-License-Identifier: MIT */
#ifndef BRIDGE_BRIDGE_H
#define BRIDGE_BRIDGE_H

/*
 * A bridge that runs: a thread, its queue here, its link there. thread.c keeps both open, whatever ends one of them; out.c and
 * in.c move records while both are. This is what they share.
 */

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "../tool/status.h"
#include "config.h"
#include "link.h"
#include "meters.h"
#include "place.h"
#include "window.h"

enum state { STATE_ENDED, STATE_CONNECTING, STATE_CONNECTED, STATE_BLOCKED, STATE_FULL };

/* Why moving has come to an end. */
enum end {
	END_LINK,  /* the link has: another is made */
	END_PLACE, /* the region has gone: it is opened anew */
	END_STOP,  /* it was told to stop, or has done what it was to do */
	END_CLOSED,
	END_TROUBLE, /* it will not get better by itself; logged */
};

struct run_options {
	bool once;      /* end when nothing waits */
	uint64_t count; /* end after so many; UINT64_MAX: never */
};

struct dedup;

struct bridge {
	const struct bridge_config *config;
	const struct run_options *options;
	pthread_t thread;
	int wake; /* an eventfd: readable once it is to stop */
	int done; /* an eventfd of all bridges: written when this one has ended */
	atomic_bool stop;
	atomic_bool ended;
	_Atomic int64_t stop_at; /* until when it may finish what is under way */
	_Atomic int64_t tick;    /* when the thread last came by */
	int status;
	struct link link;
	struct place place;
	struct meters meters;
	struct window window; /* out */
	struct dedup *dedup;  /* in; NULL: none */
	uint64_t moved;
	bool progress; /* over this link something was moved */
};

/* Sleeps, unless it is to stop. Whether it may go on. */
bool bridge_sleep(struct bridge *b, int64_t ns);
static inline bool bridge_stops(struct bridge *b)
{
	return atomic_load(&b->stop);
}

/* The next pause of a row that grows from reconnect_min to reconnect_max. */
int64_t bridge_pause(const struct bridge_config *config, uint32_t failures);

void bridge_set_state(struct bridge *b, enum state state);
/* What is to be done now and then: it lives, and its meters are right. */
void bridge_tick(struct bridge *b, int64_t now);

#endif
