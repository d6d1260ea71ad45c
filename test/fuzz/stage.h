/* SPDX-License-Identifier: MIT */
#ifndef TEST_FUZZ_STAGE_H
#define TEST_FUZZ_STAGE_H

/*
 * The stage of an attack: a small region with a queue that has been used, and who scribbles in it. All choices come from
 * one chooser, which is a seed or a fuzzer's bytes, so that either can be had again.
 */

#include "../common.h"

#include "queue/port.h"

struct chooser {
	struct rng rng;
	const uint8_t *bytes; /* NULL: from rng */
	size_t left;
};

/* A number below limit; 0 when the bytes have run out. */
uint64_t choose(struct chooser *chooser, uint64_t limit);
uint64_t choose_word(struct chooser *chooser);
bool chooser_has_more(const struct chooser *chooser);

/* What was scribbled, for the one who asks what led to a fault. In memory that outlives the victim. */
struct scribbled {
	const char *name;
	uint64_t offset;
	uint64_t value;
	uint32_t bytes;
};

#define SCRIBBLED_KEPT 24u

struct scribble_log {
	uint64_t count;
	struct scribbled last[SCRIBBLED_KEPT];
};

struct stage {
	ringq_region *region;
	ringq_queue *queue;  /* the victim's handle; may be released and opened again */
	ringq_queue *second; /* another queue of the region, or NULL */
	void *reserved;
	size_t reserved_len;
	struct ringq_delivery taken[4]; /* of an acknowledged queue, with the victim's handle */
	unsigned taken_count;
	const char *base;
	struct rq_geometry at;
	/* As it was made, whatever the region says by now. */
	struct rq_lane_set set;
	uint64_t shared, permits, permits_count, frontier;
	uint64_t hands; /* 0: nothing is acknowledged */
	char *image;    /* the region as it was made, up to its frontier */
	size_t image_len;
	uint64_t history[64];
	unsigned history_at;
	struct scribble_log *log;
};

extern const size_t stage_kinds;

/* A kind, of a fuzzer's bytes. */
size_t choose_kind(struct chooser *chooser);

/* The region that was mapped last with walls around it: guard.c. */
extern const void *walled_region;

/* A region with a queue of some kind, which holds records in one lane or two. */
void stage_make(struct stage *stage, size_t kind, struct scribble_log *log);
void stage_end(struct stage *stage);

/* One word takes a bad value. */
void scribble(struct stage *stage, struct chooser *chooser);

/* One word takes bad values for a while, as fast as it goes. */
void scribble_hard(struct stage *stage, struct chooser *chooser, int64_t ns);

/* The region becomes what it was when it was made. */
void scribble_back(struct stage *stage);

/* A store to the region at an offset, logged under a name; 4 or 8 bytes. */
void scribble_word(struct stage *stage, const char *name, uint64_t offset, unsigned bytes, uint64_t value);

/* Offsets of what attacks like to change. */
uint64_t lane_offset(const struct stage *stage, uint32_t lane);
uint64_t entry_offset(const struct stage *stage, uint32_t lane, uint32_t chunk);
uint64_t word_at(const struct stage *stage, uint64_t offset);

void scribble_print(const struct scribble_log *log, const char *who);

#endif
