/* SPDX-License-Identifier: MIT */
#ifndef RQ_LEASE_H
#define RQ_LEASE_H

#include "region/region.h"
#include "base/sys.h"

/* A lease of the calling thread. Belongs to the thread: only it may take and drop. */
struct rq_lease {
	char *window; /* two pages: the member page that ends in the lease, and a private page; see lease.c */
	void **node;  /* in the private page: the entry in the thread's robust list */
};

/* The word of a member's lease: incarnation:32 | futex word:32. NULL if the index is out of the table. */
rq_u64 *rq_lease_at(const struct ringq_region *region, uint32_t index);

/* Whether somebody holds the lease now. */
bool rq_lease_held(uint64_t word);

/* Whether its last holder did not drop it, but ended. */
bool rq_lease_was_left(uint64_t word);

/* Has the kernel wake a waiter on the lease's futex word when its holder dies; false if nobody holds it. */
bool rq_lease_watch(rq_u64 *word, struct rq_sys_wait *wait);

/*
 * Takes the lease of a member if its word is still `word` and nobody holds it. Returns 1 and the new word, 0 if somebody
 * else was faster, or an error.
 */
int rq_lease_take(struct rq_lease *lease, struct ringq_region *region, uint32_t index, uint64_t *word);

/*
 * Says that the holder of this incarnation is gone, and wakes who watches. Not so if it has ended without a word: then the
 * kernel has marked the lease, and it may be somebody else's by now.
 */
void rq_lease_clear(rq_u64 *lease, uint64_t incarnation);

/* Drops the lease, whose word is cleared if it is mapped still. */
void rq_lease_drop(struct rq_lease *lease, rq_u64 *word);

/* Cuts the lease off from a region that goes away, from any thread; the holder must still drop it, with word NULL. */
void rq_lease_orphan(struct rq_lease *lease, uint64_t page);

#endif
