/* SPDX-License-Identifier: MIT */
#ifndef RQ_HANDLE_H
#define RQ_HANDLE_H

/* A process's handle of a queue. enter.h says how calls enter and leave it. */

#include <ringq/queue.h>

#include "base/process.h"
#include "lane/lane.h"
#include "queue/peer.h"
#include "queue/permits.h"

struct rq_watch;

#define RQ_RECORDS_MOST (UINT64_C(1) << 24) /* of max_records */

struct ringq_queue {
	rq_u64 id;       /* of the handle: never used twice in a process; RQ_HANDLE_GONE once it is released */
	uint32_t cached; /* which entry of each thread's cache is its own, in bytes */
	uint32_t number; /* no two handles that a process has at the same time have the same, below RQ_HANDLES_MAX */
	struct rq_queue_shared *shared; /* NULL if the region is observed: then nothing but looks may use the handle */
	enum rq_side side;
	const struct rq_peer_ops *peer; /* NULL: no pipe's */
	struct rq_lane_set set;
	struct rq_permits permits;
	bool total;   /* gets must merge the lanes by stamp */
	bool special; /* gets have more to do than to take: a pipe's writing side, where there are none; acknowledged */
	struct ringq_region *region;
	uint32_t order;
	uint32_t flags;
	uint64_t max_records;
	int hold;                         /* the descriptor that holds it: liveness.h */
	rq_u32 refs;                      /* one for the holder, one for each sleeper */
	struct rq_port *ports;            /* under the process lock, as all below */
	struct rq_watch *_Atomic watch;   /* of its gets: watch.h */
	struct rq_watch *_Atomic watches; /* all; they and what comes next change under the watch lock */
	struct rq_watch *_Atomic inherited; /* in a child of fork: of the puts of the thread that forked, until that has a port */
	rq_u64 waits;                       /* interrupt.h */
	rq_u32 interruptible;
	uint64_t object; /* id of the queue: objects.h */
	uint64_t owner;  /* the word of its object while that is there */
	struct ringq_queue *next;
};

#define RQ_HANDLES_MAX ((1u << RQ_ID_OWN_BITS) - 64) /* whole words of a bitmap, without RQ_ID_REAPS */
#define RQ_QUEUE_FLAGS ((unsigned)(RINGQ_SINGLE_PRODUCER | RINGQ_SINGLE_CONSUMER | RINGQ_ACKNOWLEDGED))

extern struct ringq_queue *rq_process_queues; /* under the process lock */

static inline bool rq_handle_is_gone(const struct ringq_queue *queue)
{
	return rq_load_acquire(&queue->id) == RQ_HANDLE_GONE; /* as Q2 */
}

/* All sleepers wake, and look again. */
void rq_queue_wake(struct ringq_queue *queue);

/* No more puts, for everybody; all sleepers wake. */
void rq_queue_close(struct ringq_queue *queue);

/* A queue's object, not visible yet; the creator holds its units. */
int rq_queue_build(
	struct rq_membership *membership, const struct ringq_queue_options *options, uint64_t *first, uint64_t *units);

/*
 * Checks a queue's constants, which are at s, and makes its lane set. False if they contradict the region. What is at s is
 * read only if the object lies in the region.
 */
bool rq_lane_set_load(struct rq_lane_set *set, struct ringq_region *region, uint64_t first, uint64_t units,
	const struct rq_queue_shared *s);

/* A handle of the object with this word, whose constants are checked here once. -ENOENT: it has another by now. */
int rq_queue_handle(
	struct ringq_queue **out, struct ringq_region *region, uint64_t first, uint64_t units, uint64_t owner);

/* Takes the handle, which no port has, out of the process's list, and its number for others. Under the process lock. */
void rq_handle_unlist(struct ringq_queue *queue);

/* The end of a handle that nobody has had. What it is of may not even be there any more. */
void rq_handle_discard(struct ringq_queue *queue);

void rq_handle_ref(struct ringq_queue *queue);
void rq_handle_unref(struct ringq_queue *queue);

#endif
