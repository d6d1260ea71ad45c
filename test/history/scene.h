/* SPDX-License-Identifier: MIT */
#ifndef HISTORY_SCENE_H
#define HISTORY_SCENE_H

/* What history_stepped plays. */

#include <stdbool.h>
#include <stddef.h>

#include <ringq/ringq.h>

/*
 * Scripts are pairs: what, and who. p, P: puts one, three; r: reserves and commits; g, G: gets one, up to four; k
 * peeks; e, f, s: empty, full, size; c closes; t, T: takes one, up to three; a, A: acknowledges the oldest that it has in
 * hand, all; q, Q: gives back the oldest, the youngest; j joins. w puts a record that nobody writes down, and x lets many such
 * pass from 1 to who is named, so that all other lanes are dismissed from the roster and 1 stands alone; with y, who is named
 * puts and gets so many that its next put is the one by which it may come to stand alone. 0 is the one that is held, its
 * helpers are 1 to 5, each with a handle and so a lane of its own, all in one thread.
 */
struct scene {
	const char *name;
	struct ringq_queue_options options;
	const char *first;  /* by the helpers, before records pass */
	const char *before; /* by the helpers */
	const char *own;    /* by 0, before it is held */
	const char *then;   /* by the helpers again */
	const char *held;   /* its call */
	const char *script; /* by the helpers, while it is held */
	const char *after;  /* by the helpers, when it is over */
	unsigned warm;      /* so many records pass first, that nobody writes down */
	bool killed;
	bool all; /* at all its instructions, always */
};

struct scenes {
	const struct scene *list;
	size_t count;
};

extern const struct scenes scenes_ordinary, scenes_acknowledged;

#endif
