/* SPDX-License-Identifier: MIT */
#ifndef RQ_MEMBER_H
#define RQ_MEMBER_H

/*
 * Members: who takes part in a region. A thread becomes one at its first put, get or look, and stays one until it ends.
 */

#include "base/owner.h"
#include "region/lease.h"

/* The entry of this index, which may have no memory behind it yet. */
struct rq_member *rq_member_at(const struct ringq_region *region, uint32_t index);

/* Memory behind the entry of this index. 0, -ENOMEM. */
int rq_member_back(struct ringq_region *region, uint32_t index);

/* The entry of this index; NULL if it has no memory behind it. */
struct rq_member *rq_member_known(const struct ringq_region *region, uint32_t index);

/* How many members may exist. */
uint32_t rq_members_known(const struct ringq_region *region);

/* Whether a unit is a page of the book of this index; see book.h. */
bool rq_member_has_page(const struct ringq_region *region, uint32_t index, uint64_t unit);

/* Pages that a book may have. */
#define RQ_BOOK_PAGES_MOST 16384u

/* The word of an entry that counts families (family.h); NULL if the entry has no memory behind it. */
rq_u32 *rq_member_families(const struct ringq_region *region, uint32_t index);

/* Whether the member of this id, as in rq_membership.id (membership.h), lives. An id that nobody ever had is dead. */
bool rq_member_alive(const struct ringq_region *region, uint64_t id);

/*
 * What to sleep on so as to be woken by the death of any member but the one with the lease `own`: the leases, and the count
 * of joins, as who joins later may die too. If that is more than `most`, the lease of one member of each other process, as
 * it is processes that die; a thread that ends tells by itself what others wait for. Then *all is false: a thread may end by
 * the bare system call, and two processes of different PID namespaces may have the same id. How many, or -1 if that is too
 * many, too.
 */
int rq_members_watch(
	const struct ringq_region *region, const rq_u64 *own, struct rq_sys_wait *waits, int most, bool *all);

/*
 * Whether one of those is the lease of a member that has ended since, and then the others who watch it are woken: the kernel wakes
 * only one of them. Who is woken by who joins, or by another who was late to do this, while the lease is the next member's,
 * wakes nobody: that would never end.
 */
bool rq_members_woken(const struct ringq_region *region, const struct rq_sys_wait *by);

/* Whether any member visits the object with this word: objects.h. */
bool rq_members_visit(const struct ringq_region *region, uint64_t owner);

/* Whether any member may be reading the chunk of this key. Ask after rq_sys.barrier(); see lane.h. */
bool rq_members_name(const struct ringq_region *region, uint64_t key);

#endif
