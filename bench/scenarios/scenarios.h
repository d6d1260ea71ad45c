/* SPDX-License-Identifier: MIT */
#ifndef BENCH_SCENARIOS_H
#define BENCH_SCENARIOS_H

/* What a row can run: each does n operations of the scenario and says in *out what that gave. */

#include "harness/scenario.h"

void scenario_pingpong(const struct scenario *s, uint64_t n, struct sample *out); /* trip.c: the raw line */
void scenario_copy(const struct scenario *s, uint64_t n, struct sample *out);     /* trip.c: memcpy */
void scenario_spinning(const struct scenario *s, uint64_t n, struct sample *out); /* trip.c */
void scenario_asleep(const struct scenario *s, uint64_t n, struct sample *out);   /* trip.c */
void scenario_flow(const struct scenario *s, uint64_t n, struct sample *out);     /* flow.c: throughput */
void scenario_watched(const struct scenario *s, uint64_t n, struct sample *out);  /* watched.c: beside ringq top */
void scenario_load(const struct scenario *s, uint64_t n, struct sample *out);     /* load.c: latency under load */
void scenario_stall(const struct scenario *s, uint64_t n, struct sample *out);    /* stall.c: one producer stopped */
void scenario_burst(const struct scenario *s, uint64_t n, struct sample *out);    /* burst.c */
void scenario_sleepers(const struct scenario *s, uint64_t n, struct sample *out); /* burst.c: idle CPU */
void scenario_lanes(const struct scenario *s, uint64_t n, struct sample *out);    /* memory.c: idle lanes */
void scenario_depth(const struct scenario *s, uint64_t n, struct sample *out);    /* memory.c: a standing backlog */
void scenario_queues(const struct scenario *s, uint64_t n, struct sample *out);   /* memory.c: queues in turn */
void scenario_regions(const struct scenario *s, uint64_t n, struct sample *out);  /* memory.c: each in its own region */
void scenario_members(const struct scenario *s, uint64_t n, struct sample *out);  /* memory.c: idle members */
void scenario_idle_memory(const struct scenario *s, uint64_t n, struct sample *out); /* memory.c */
void scenario_backlog(const struct scenario *s, uint64_t n, struct sample *out);     /* memory.c */

#endif
