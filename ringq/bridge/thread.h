/* SPDX-License-Identifier: MIT */
#ifndef BRIDGE_THREAD_H
#define BRIDGE_THREAD_H

/*
 * The thread of a bridge, from its start to its end: it keeps the queue here and the link there open, whatever ends one of
 * them, and moves records while both are.
 */

void *thread_run(void *bridge);

#endif
