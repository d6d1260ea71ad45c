/* SPDX-License-Identifier: MIT */
#ifndef RQ_WATCHER_H
#define RQ_WATCHER_H

/*
 * The thread that sees to the levels of all watches of a process.
 *
 * It looks at each queue. Where the level is low it announces itself as a sleeper on the queue's event, as any consumer does
 * (event.h), and sleeps on all of those; a put wakes it. Where the level is high there is nothing to sleep on, as no quick get
 * tells that it has taken the last record: it looks again each millisecond, for as long as something waits.
 *
 * Many words can be slept on by one system call, futex_waitv, since Linux 5.16, 127 of them beside the thread's own. Where
 * these are not enough, or the call is refused, helpers sleep for it: one for each 127 words, or for each word. A helper only
 * sleeps, and tells the thread when it has been woken.
 */

#include "queue/level.h"

/* Lists a watch, and has it looked at. 0; -EAGAIN: no thread to be had. Under the watch lock. */
int rq_watcher_add(struct rq_watch *watch);

/* Takes it out of the list: the thread does not know it any more when this returns. Under the watch lock. */
void rq_watcher_remove(struct rq_watch *watch);

/* Returns when the thread has looked at a watch that was added: 0, or why it cannot. Not under the watch lock. */
int rq_watcher_await(struct rq_watch *watch);

/* In a child of fork: no such thread is here. */
void rq_watcher_forget_parent(void);
bool rq_watcher_runs(void);
bool rq_is_watcher(void); /* the calling thread is the one */
int rq_watcher_start(void);

/* Ends the thread, before its code is unloaded. */
void rq_watcher_stop(void);

#endif
