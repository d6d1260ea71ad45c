/* SPDX-License-Identifier: MIT */
#ifndef RQ_MEMBERS_H
#define RQ_MEMBERS_H

/*
 * Members: who takes part in a region. A thread becomes one at its first put, get or look, and stays one until it ends.
 */

#include "region/lease.h"

/* An id's low half is index + 1 in this many bits; what is above them, up to the incarnation, is the owner's own. */
#define RQ_ID_INDEX_BITS 13
#define RQ_ID_INDEX_MASK ((1u << RQ_ID_INDEX_BITS) - 1)

/* The entry of this index, which may have no memory behind it yet. */
struct rq_member *rq_member_at(const struct ringq_region *region, uint32_t index);

/* Memory behind the entry of this index. 0, -ENOMEM. */
int rq_member_back(struct ringq_region *region, uint32_t index);

/* The word of an entry that counts families (family.h); NULL if the entry has no memory behind it. */
rq_u32 *rq_member_families(const struct ringq_region *region, uint32_t index);

/* Whether the member of this id, as in rq_membership.id (membership.h), lives. An id that nobody ever had is dead. */
bool rq_member_alive(const struct ringq_region *region, uint64_t id);

/*
 * What to sleep on so as to be woken by the death of any member but the one with the lease `own`: the leases, and the count
 * of joins, as who joins later may die too. How many, or -1 if that is more than `most`.
 */
int rq_members_watch(const struct ringq_region *region, const rq_u64 *own, struct rq_sys_wait *waits, int most);

/* Whether any member may be reading the chunk of this key. Ask after rq_sys.barrier(); see lane.h. */
bool rq_members_name(const struct ringq_region *region, uint64_t key);

/* The owner word of a unit that a member builds or gives back, and whose that is. */
static inline uint64_t rq_owner_member(uint64_t id)
{
	return id >> 32 << 32 | (id & 0xffffff) << 8 | RQ_OWNER_MEMBER;
}

/* The same of the first unit of a pipe's object, which it deletes: liveness.h. */
static inline uint64_t rq_owner_reaping(uint64_t id)
{
	return rq_owner_member(id) | 1u << 3;
}

static inline bool rq_owner_is_reaping(uint64_t owner)
{
	return (owner & 0xf) == (RQ_OWNER_MEMBER | 1u << 3);
}

static inline uint64_t rq_owner_member_id(uint64_t owner)
{
	return owner >> 32 << 32 | (owner >> 8 & 0xffffff);
}

#endif
