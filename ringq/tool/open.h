/* SPDX-License-Identifier: MIT */
#ifndef TOOL_OPEN_H
#define TOOL_OPEN_H

/* What a word on a command line means: regions, queues, arrays, objects. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <ringq/ringq.h>

enum access {
	LOOK, /* observes */
	USE,  /* attaches */
};

/* NAME, pid:PID, pid:PID/fd:N, fd:N of its own, ino:N, and the part behind it that names a queue or an array, or NULL. */
struct target {
	char spec[512];
	char label[300]; /* of the region */
	ringq_region *region;
	char object[128]; /* "": none was named */
};

/* Opens the region that a name says. 0, or an exit status, with the complaint made. */
int target_region(struct target *out, const char *spec, enum access access);

/* The same, and the queue in it: that which is named, or the only one. */
int target_queue(struct target *out, ringq_queue **queue, const char *spec, enum access access);
int target_array(struct target *out, ringq_array **array, const char *spec);
void target_close(struct target *target);

/* Opens a named region, or makes it; without a name makes one. 0 or -errno. */
int region_make(ringq_region **region, const char *name, uint64_t size);

/* All objects of a region, allocated. How many, or -errno. */
ssize_t objects_of(const ringq_region *region, struct ringq_object **out);
ssize_t members_of(const ringq_region *region, struct ringq_member **out);

/* Of these members, those that sleep on a queue: consumers, producers, and for how long the first of them has; -1: none does. */
struct asleep {
	uint64_t get, put;
	int64_t longest;
};
struct asleep who_sleeps(const struct ringq_member *members, ssize_t n, uint64_t id, int64_t now);

/* The figures of an object that is a queue, or a pipe's. 1, 0: it was deleted meanwhile; or -errno. */
int stat_object(ringq_region *region, const struct ringq_object *object, struct ringq_queue_stat *out);

/* What an object is called: its name, or "id:N". */
const char *object_label(const struct ringq_object *object, char label[80]);
/* Whether a word on a command line means it: its name, or "id:N". */
bool object_is(const struct ringq_object *object, const char *word);

#endif
