/* SPDX-License-Identifier: MIT */
#ifndef BRIDGE_OUTCOME_H
#define BRIDGE_OUTCOME_H

/* The way out, in two parts: out.c takes and publishes; outcome.c, below it, does with a record what the broker says of it. */

#include <stdbool.h>
#include <stdint.h>

#include "bridge.h"
#include "pack.h"

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
	bool empty;             /* the last take found nothing */
	bool closed;            /* and never will */
	int64_t paused;         /* until when nothing is taken, after a failure */
	int64_t looked;         /* whether the region still has its name */
	struct content content; /* of a message that comes back */
	int64_t told;           /* when the log was told of a return last */
	int64_t billed;         /* until when time blocked has been counted */
};

/* Names the record for good: the same at each delivery. */
void out_name_record(const struct out *o, const struct record *r, uint32_t records, char id[256]);

/* It was refused: back to the queue, to be tried again after a while; or, after so many times, to the dead letters. */
void out_refused(struct out *o, struct record *r, bool for_good, const char *why);

/* Does what the broker says of what was sent. 0, or -1: the link has ended. */
int out_read_frames(struct out *o);

#endif
