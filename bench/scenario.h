/* SPDX-License-Identifier: MIT */
#ifndef BENCH_SCENARIO_H
#define BENCH_SCENARIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What one run of a scenario gave. It lies in memory shared with the process that ran it. */
struct sample {
	double value;   /* in the scenario's unit */
	double seconds; /* the time measured, by which the next amount of work is chosen; 0 = the work is of one size */
	double share;   /* of the slowest consumer, 1 = an equal share; negative = not measured */
	double sleeps;  /* a round trip; negative = not measured */
};

enum medium { RINGQ, PIPE };

/* One row of the table. */
struct scenario {
	const char *name; /* unique */
	const char *unit; /* "ns", "KiB", "M/s" or "GB/s" */
	/* Does n operations; ends the process by bench_die() when a record is wrong. */
	void (*run)(const struct scenario *s, uint64_t n, struct sample *out);
	enum medium medium;
	size_t len; /* of each record */
	unsigned order;
	unsigned flags;
	unsigned producers;
	unsigned consumers;
	unsigned batch; /* records a call; 0 = put and get, one a call */
	unsigned lanes; /* that are in use */
	/* Lower is better for ns and KiB, higher for the rest. */
	double target;       /* 0 = none; else a multiple of against's value of the same round, or in the unit itself */
	const char *against; /* another row's name, or NULL */
};

void scenario_pingpong(const struct scenario *s, uint64_t n, struct sample *out);    /* trip.c: the raw line */
void scenario_spinning(const struct scenario *s, uint64_t n, struct sample *out);    /* trip.c */
void scenario_asleep(const struct scenario *s, uint64_t n, struct sample *out);      /* trip.c */
void scenario_flow(const struct scenario *s, uint64_t n, struct sample *out);        /* flow.c: throughput */
void scenario_lanes(const struct scenario *s, uint64_t n, struct sample *out);       /* memory.c: idle lanes */
void scenario_idle_memory(const struct scenario *s, uint64_t n, struct sample *out); /* memory.c */
void scenario_backlog(const struct scenario *s, uint64_t n, struct sample *out);     /* memory.c */

#endif
