/* SPDX-License-Identifier: MIT */
#ifndef SURVEY_H
#define SURVEY_H

/*
 * All regions, queues and bridges with their figures, at about one time: what top, export and report show. It observes.
 * Between two surveys nothing is held, so that a region goes when its last participant goes.
 */

#include "bridge_meters.h"
#include "tool.h"

struct survey_region {
	char label[300]; /* as `ringq list` calls it */
	const char *state;
	dev_t device;
	ino_t inode;
	int error; /* why it could not be looked at; 0 */
	uint64_t size, arrays, queues, members;
	int64_t memory;
	size_t holders;
};

struct survey_queue {
	size_t region; /* index */
	dev_t device;
	ino_t inode;
	uint64_t id;
	char name[80];
	struct ringq_queue_stat stat;
	struct asleep asleep;
	int64_t at; /* when it was looked at, as now_ns() has it */
};

struct survey_bridge {
	size_t region; /* index */
	dev_t device;
	ino_t inode;
	uint64_t id;   /* of the array that has its meters */
	char name[64]; /* the bridge's */
	bool killed;   /* who ran it has died, and nobody has taken over */
	uint64_t meters[METERS_END];
	int64_t at;
};

struct survey {
	struct survey_region *regions;
	size_t region_count;
	struct survey_queue *queues;
	size_t queue_count;
	struct survey_bridge *bridges;
	size_t bridge_count;
	size_t denied; /* processes that could not be looked into */
};

/*
 * Things that a command line names, each a region or a queue; none: all that there are. With what was found at the last
 * search, which reads the descriptors of all processes: surveys one behind the other search anew when a second is over.
 */
struct survey_scope {
	struct survey_want {
		dev_t device;
		ino_t inode;
		uint64_t id; /* of a queue; 0: all of the region */
	} * want;
	size_t n;
	struct search found;
	int64_t searched; /* when, as now_ns() has it; 0: not yet */
};

/* 0, or an exit status, with the complaint made. */
int survey_scope(struct survey_scope *out, int argc, char **argv);
void survey_scope_free(struct survey_scope *scope);
int survey_take(struct survey *out, struct survey_scope *scope);
void survey_free(struct survey *survey);

#endif
