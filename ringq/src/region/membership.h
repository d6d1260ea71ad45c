/* SPDX-License-Identifier: MIT */
#ifndef RQ_MEMBERSHIP_H
#define RQ_MEMBERSHIP_H

/* A thread's membership in one region: made at its first put, get or look, and kept until the thread ends. */

#include "base/process.h"
#include "region/member.h"

struct rq_book;

/* Belongs to the thread, but for region, which a detach clears. */
struct rq_membership {
	struct ringq_region *_Atomic region; /* NULL after a detach */
	struct rq_member *member;
	rq_u64 *lease_word;
	uint64_t id; /* incarnation:32 | index + 1:32; what the owner word of a lane says */
	struct {
		uint64_t page;  /* unit + 1 where the thread looks first for free cells; 0: none. Hints, as all here */
		uint64_t spare; /* unit + 1 of another that was empty */
		uint64_t rover; /* unit from which to look on */
		uint32_t next;  /* cell of the page to look at first */
	} cells;
	void (*forget_book)(struct rq_book *book);
	struct rq_book *book; /* what it has in hand, once it has taken from an acknowledged queue: book.h */
	struct rq_lease lease;
	struct rq_membership *next;     /* the thread's others */
	struct rq_membership *all_next; /* the process's others, under the process lock */
};

/* The calling thread's membership in a region, made if there is none. */
int rq_membership_of(struct rq_membership **out, struct ringq_region *region);

/* Gives all memberships of this process in a region up. Under the process lock, with nobody inside a call. */
void rq_memberships_leave(struct ringq_region *region);

/* Drops what is left of the calling thread's memberships that were given up. Under the process lock. */
void rq_memberships_tidy(void);

/* Ends those of a thread that ends. Under the process lock. */
void rq_memberships_end(struct rq_thread *thread);

/* In a child of fork: the parent's leases are not even mapped here. */
void rq_memberships_forget_parent(void);

#endif
