/* SPDX-License-Identifier: MIT */
#ifndef BENCH_SCENARIO_H
#define BENCH_SCENARIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/harness.h"
#include "harness/peer.h"

struct histogram;

/* What a sample may tell beside its value. Not a number = not measured. */
enum figure {
	SHARE_CONSUMER, /* of the slowest consumer, 1 = an equal share */
	SHARE_PRODUCER, /* of the slowest producer, when the first was done */
	START,          /* s until all had put or got a record */
	SWAPPED,        /* records out of their producer's order */
	SLEEPS,         /* a round trip */
	P50,            /* ns: the median, and so on */
	P90,
	P99,
	P999,
	P9999,
	MAX,
	ACHIEVED, /* part of the load that was offered */
	FROZEN,   /* part of the stops during which nothing at all came out */
	BASE,     /* M/s while nobody was stopped */
	WORST,    /* M/s in the worst of the stops */
	AFTER,    /* KiB held after a burst was drained */
	FILL,     /* M/s into a burst */
	DRAIN,    /* M/s out of it */
	FIGURES,
};

extern const char *const figure_names[FIGURES];

/* What one run of a scenario gave. It lies in memory shared with the process that ran it. */
struct sample {
	double value;   /* in the scenario's unit */
	double seconds; /* the time measured, by which the next amount of work is chosen; 0 = the work is of one size */
	double line;    /* the raw line just before, ns there and back; */
	double line_after; /* and just after */
	double figures[FIGURES];
	char why[BENCH_WHY]; /* it failed */
};

/* One row of a table. */
struct scenario {
	const char *name; /* unique in ringq-bench; with the peer's in ringq-peers */
	const char *unit; /* "ns", "KiB", "%", "M/s" or "GB/s" */
	/* Does n operations; ends the process by bench_die() when a record is wrong. */
	void (*run)(const struct scenario *s, uint64_t n, struct sample *out);
	const char *via; /* a peer's name */
	const struct peer *peer;
	unsigned needs; /* PEER_ flags that the peer must have */
	size_t len;     /* of each record */
	unsigned producers;
	unsigned consumers;
	bool threads;         /* the parties are threads, else processes */
	bool quick;           /* of those that a quick look needs */
	unsigned batch;       /* records a call; 0 = put and get, one a call */
	unsigned lanes;       /* that are in use */
	unsigned depth;       /* records that wait all the time */
	unsigned number;      /* of queues, regions or members */
	unsigned each_ns;     /* between records that are offered */
	bool processes_only;  /* no threads */
	enum bench_line line; /* of the raw ping-pong */
	/* Lower is better for ns, KiB and %, higher for the rest. */
	double target;       /* 0 = none; else a multiple of against's value of the same round, or in the unit itself */
	const char *against; /* another row's name, or NULL */
};

/** Ends the process where the scenario's records are longer than its buffers, of so many bytes. */
void scenario_check_len(const struct scenario *s, size_t most);

/** A channel of the scenario's peer, for so many producers and consumers. */
struct channel scenario_channel(const struct scenario *s, unsigned producers, unsigned consumers);

/** Whether the scenario can be run over the peer at all. */
bool scenario_fits(const struct scenario *s, const struct peer *peer);

/** Records of this size that fit in before a put waits: 4096, but no more than 8 MiB of them. */
size_t channel_depth(size_t len);

/** P50 to MAX. */
void sample_percentiles(struct sample *out, const struct histogram *h);

#endif
