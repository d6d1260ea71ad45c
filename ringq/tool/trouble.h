/* SPDX-License-Identifier: MIT */
#ifndef TOOL_TROUBLE_H
#define TOOL_TROUBLE_H

/* What each trouble is called, what is said of it, and the one command that cures it. diagnose.c and doctor.c find them. */

#include "patient.h"

/* Who sleeps or is away at a queue, and how many records wait there. */
struct sleepers {
	uint64_t consumers, put;
	uint64_t held;                   /* consumers that sleep elsewhere, and so take nothing here */
	const struct ringq_member *one;  /* the first of them */
	uint64_t awake;                  /* of `consumers`, those in code of their own */
	const struct ringq_member *busy; /* the first of them that is not stopped */
	int64_t put_for;                 /* for how long the first of `put` has slept */
	uint64_t records;
};

/* ---- of processes ---- */

/* A process is stopped. For how long the oldest record that it has in hand has been there; -1: it has none. */
void trouble_stopped(const struct patient *p, const struct ringq_member *m, int64_t held);
/* A process has nearly as many descriptors open as it may. */
void trouble_descriptors(const struct patient *p, const struct holder *h, uint64_t now, uint64_t soft, uint64_t hard);

/* ---- of queues and arrays ---- */

/* Who holds the lock is stopped, or others wait for it. */
void trouble_lock(const struct patient *p, const struct ringq_object *object, const struct ringq_producer *holder,
	uint64_t waiting);
/* Producers wait for room, and nobody takes. */
void trouble_full(const struct patient *p, const struct ringq_object *object, const struct sleepers *s);
/* So do they, since those who take sleep elsewhere. */
void trouble_held_up(const struct patient *p, const struct ringq_object *object, const struct sleepers *s);
/* So do they, since those who take are awake and do not come. */
void trouble_away(const struct patient *p, const struct ringq_object *object, const struct sleepers *s);
/* Records wait, and nobody takes. */
void trouble_no_consumer(const struct patient *p, const struct ringq_object *object, const struct sleepers *s);
/* A worker has had a record in hand for long. */
void trouble_in_hand(const struct patient *p, const struct ringq_object *object, const struct ringq_queue_stat *stat);
/* A producer has died, and nobody has its lane. */
void trouble_dead_producer(
	const struct patient *p, const struct ringq_object *object, const struct ringq_queue_stat *stat);

/* ---- of regions ---- */

/* Nobody has it. */
void trouble_unused(const struct patient *p, uint64_t records);
/* Its name was removed under its holders. */
void trouble_unlinked(const char *label, const struct found *f);
void trouble_not_permitted(const char *label);
/* It cannot be read: it is of another layout, damaged, or no region. */
void trouble_layout(const char *label, const struct found *f, int fd);
/* /dev/shm is nearly full. */
void trouble_room(uint64_t left, uint64_t of);

#endif
