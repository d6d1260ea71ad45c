/* SPDX-License-Identifier: MIT */
#ifndef TOOL_FIND_H
#define TOOL_FIND_H

/* Which regions there are on this machine, and who has them. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <ringq/ringq.h>

struct holder {
	pid_t pid;
	int fd;
	char name[16];
};

struct found {
	dev_t device;
	ino_t inode;
	char name[256]; /* "": anonymous */
	bool unlinked;  /* it had that name */
	bool listed;    /* the name is in this mount namespace */
	bool elsewhere; /* it is not, and another has that name here */
	struct holder *holders;
	size_t holder_count;
	uint64_t size;
};

struct search {
	struct found *found;
	size_t count;
	size_t denied; /* processes that could not be looked into */
};

/* All regions of this machine that can be found, in order of name, then of process. 0 or -errno. */
int search_all(struct search *out);
/* Those of one process only. */
int search_process(struct search *out, pid_t pid);
void search_free(struct search *search);
/* The one that this descriptor is of. NULL: it is not among them. */
const struct found *search_find(const struct search *search, int fd);

/* A descriptor of what was found, for reading, or for both. Or -errno. */
int found_open(const struct found *found, int flags);
/* Observes it. 0 or -errno. */
int found_observe(const struct found *found, ringq_region **region);
/* How it is, in a word or two; error: what looking at it said. */
const char *found_state(const struct found *found, int error);
/* What to call it on a command line, and in a list. */
const char *found_label(const struct found *found, char label[300]);
/* Says on stderr how many processes could not be looked into, if any. */
void warn_denied(size_t denied);

/* The state of a process, as /proc has it: 'R', 'S', 'T', ...; 0: there is none. */
char process_state(pid_t pid);

#endif
