/* SPDX-License-Identifier: MIT */
#ifndef RQ_SLEEPERS_H
#define RQ_SLEEPERS_H

/*
 * Threads that sleep for the watching thread, where one sleep cannot be on all the words that it has.
 *
 * A sleeper is FREE, GIVEN words by the watching thread, or ASLEEP on them. It is FREE again when one of its words has changed
 * or was woken, and pokes the watching thread then; or when its words are not wanted any more. With futex_waitv a sleeper has
 * up to 127 words, and one more to be called back by. Without, it has one word, and is called back by its time-out.
 */

#include <pthread.h>

#include "base/atomic.h"
#include "base/sys.h"

/* What the watching thread sleeps on beside all else, and to have it look at everything again. */
rq_u32 *rq_watcher_word(void);
void rq_watcher_poke(void);

/* Whether one sleep can be on several words, as far as is known. */
bool rq_watcher_has_waitv(void);

/* Whether a result of futex_waitv says that there is none: from then on there is none. */
bool rq_watcher_refuses(int result);

#define RQ_SLEEPER_WORDS (RQ_SYS_WAITV_MAX - 1)

struct rq_sleeper;

/* Who sleeps on these words: `have` if it does already, else another. NULL: no thread to be had. */
struct rq_sleeper *rq_sleeper_for(struct rq_sleeper *have, const struct rq_sys_wait *words, unsigned n);

/* Its words are not wanted any more. NULL is ignored. */
void rq_sleeper_let_go(struct rq_sleeper *sleeper);

/* A thread for the library's own work: with no signals, a small stack, and a name. 0 or -EAGAIN. */
int rq_start_thread(pthread_t *thread, void *(*run)(void *arg), void *arg, const char *name);

void rq_sleepers_stop(void);
void rq_sleepers_forget_parent(void);

#endif
