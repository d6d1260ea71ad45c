/* SPDX-License-Identifier: MIT */
#include "region/member.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/sys.h"

static struct rq_member *member_at(const struct ringq_region *region, uint32_t index)
{
	const struct rq_geometry *at = &region->at;
	uint64_t page = at->members + index / RQ_MEMBERS_A_PAGE * at->page;
	return (struct rq_member *)(region->base + page) + index % RQ_MEMBERS_A_PAGE;
}

/* Members that may exist: the mark is shared, so it is not believed beyond the table. */
static uint32_t backed(const struct ringq_region *region)
{
	uint32_t n = rq_load_acquire(&region->header->members_backed); /* M2 */
	return n < region->at.member_count ? n : region->at.member_count;
}

int rq_member_back(struct ringq_region *region, uint32_t index)
{
	uint32_t want = (index / RQ_MEMBERS_A_PAGE + 1) * RQ_MEMBERS_A_PAGE;
	uint32_t have = backed(region);
	uint64_t page = region->at.page, from = region->at.members + have / RQ_MEMBERS_A_PAGE * page;
	if (want > region->at.member_count)
		want = region->at.member_count;
	if (have >= want)
		return 0;
	int r = rq_region_back(region, from, region->at.members + (index / RQ_MEMBERS_A_PAGE + 1) * page - from);
	while (r == 0 && have < want && !rq_cas(&region->header->members_backed, &have, want)) /* M1 */
		;
	return r;
}

rq_u32 *rq_member_families(const struct ringq_region *region, uint32_t index)
{
	return index < backed(region) ? &member_at(region, index)->families : NULL;
}

/* Who it is, for people to read. Written after the lease is taken: a reader may see the last holder's for a moment. */
static void introduce(struct rq_member *m)
{
	union {
		char text[16];
		uint64_t words[2];
	} name = {.words = {0}};
	prctl(PR_GET_NAME, name.text);
	rq_store(&m->hazard, 0);
	rq_store(&m->process, (uint32_t)getpid());
	rq_store(&m->thread, rq_sys_thread());
	rq_store(&m->name[0], name.words[0]);
	rq_store(&m->name[1], name.words[1]);
}

int rq_member_join(struct rq_membership *membership, struct ringq_region *region)
{
	for (uint32_t i = 0; i < region->at.member_count; i++) {
		int r = rq_member_back(region, i);
		if (r)
			return r;
		rq_u64 *shared = rq_lease_at(region, i);
		uint64_t word = rq_load_acquire(shared);
		bool left = rq_lease_was_left(word);
		if (rq_lease_held(word))
			continue;
		r = rq_lease_take(&membership->lease, region, i, &word);
		if (r < 0)
			return r;
		if (r == 0)
			continue;
		membership->region = region;
		membership->member = member_at(region, i);
		membership->lease_word = shared;
		membership->id = word >> 32 << 32 | (i + 1);
		introduce(membership->member);
		rq_add(&region->header->joins, 1); /* J1 */
		rq_sys.futex_wake(&region->header->joins, INT_MAX);
		return left;
	}
	return -EUSERS;
}

void rq_member_leave(struct rq_membership *membership)
{
	if (membership->region)
		rq_store_release(&membership->member->hazard, 0);
	rq_lease_drop(&membership->lease, membership->region ? membership->lease_word : NULL);
}

bool rq_member_alive(const struct ringq_region *region, uint64_t id)
{
	uint32_t index = ((uint32_t)id & RQ_ID_INDEX_MASK) - 1;
	if (index >= backed(region))
		return false;
	uint64_t word = rq_load_acquire(rq_lease_at(region, index)); /* M3 */
	return word >> 32 == id >> 32 && rq_lease_held(word);
}

bool rq_members_name(const struct ringq_region *region, uint64_t key)
{
	uint32_t n = backed(region);
	for (uint32_t i = 0; i < n; i++)
		/* H3 */
		if (rq_load_acquire(&member_at(region, i)->hazard) == key &&
			rq_lease_held(rq_load(rq_lease_at(region, i))))
			return true;
	return false;
}

int rq_members_watch(
	const struct ringq_region *region, const struct rq_membership *self, struct rq_sys_wait *waits, int most)
{
	int n = 0;
	waits[n++] = (struct rq_sys_wait){&region->header->joins, rq_load_acquire(&region->header->joins)};
	uint32_t count = backed(region);
	for (uint32_t i = 0; i < count; i++) {
		struct rq_sys_wait wait;
		rq_u64 *lease = rq_lease_at(region, i);
		if (lease == self->lease_word || !rq_lease_watch(lease, &wait))
			continue;
		if (n == most)
			return -1;
		waits[n++] = wait;
	}
	return n;
}

ssize_t ringq_region_members(const ringq_region *region, struct ringq_member *out, size_t n)
{
	ssize_t found = 0;
	if (!region || (!out && n))
		return -EINVAL;
	uint32_t count = backed(region);
	for (uint32_t i = 0; i < count; i++) {
		if (!rq_lease_held(rq_load_acquire(rq_lease_at(region, i))))
			continue;
		if ((size_t)found < n) {
			const struct rq_member *m = member_at(region, i);
			uint64_t name[2] = {rq_load(&m->name[0]), rq_load(&m->name[1])};
			struct ringq_member *o = &out[found];
			o->process = rq_load(&m->process);
			o->thread = rq_load(&m->thread);
			memcpy(o->name, name, sizeof name);
			o->name[sizeof o->name - 1] = 0;
		}
		found++;
	}
	return found;
}
