/* SPDX-License-Identifier: MIT */
#include "region/member.h"

#include <limits.h>
#include <unistd.h>

#include "base/probe.h"
#include "base/sys.h"

struct rq_member *rq_member_at(const struct ringq_region *region, uint32_t index)
{
	const struct rq_geometry *at = &region->at;
	uint64_t page = at->members + index / RQ_MEMBERS_A_PAGE * at->page;
	return (struct rq_member *)(region->base + page) + index % RQ_MEMBERS_A_PAGE;
}

/* Members that may exist: the mark is shared, so it is not believed beyond the table. */
uint32_t rq_members_known(const struct ringq_region *region)
{
	uint32_t n = rq_load_acquire(&region->header->members_backed); /* M2 */
	return n < region->at.member_count ? n : region->at.member_count;
}

int rq_member_back(struct ringq_region *region, uint32_t index)
{
	uint32_t want = (index / RQ_MEMBERS_A_PAGE + 1) * RQ_MEMBERS_A_PAGE;
	uint32_t have = rq_members_known(region);
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

struct rq_member *rq_member_known(const struct ringq_region *region, uint32_t index)
{
	return index < rq_members_known(region) ? rq_member_at(region, index) : NULL;
}

bool rq_member_has_page(const struct ringq_region *region, uint32_t index, uint64_t unit)
{
	const struct rq_member *m = rq_member_known(region, index);
	/* As Z1's reader: where the next page is, is read of this one once it is clean. */
	uint64_t page = m ? rq_load_acquire(&m->book) : 0;
	for (uint32_t n = 0; page && page <= region->at.unit_count && n < RQ_BOOK_PAGES_MOST; n++) {
		if (page == unit + 1)
			return true;
		page = rq_load_acquire((rq_u64 *)rq_unit_at(region, page - 1)); /* as above: Z1 */
	}
	return false;
}

rq_u32 *rq_member_families(const struct ringq_region *region, uint32_t index)
{
	return index < rq_members_known(region) ? &rq_member_at(region, index)->families : NULL;
}

bool rq_member_alive(const struct ringq_region *region, uint64_t id)
{
	uint32_t index = ((uint32_t)id & RQ_ID_INDEX_MASK) - 1;
	if (index >= rq_members_known(region))
		return false;
	uint64_t word = rq_load_acquire(rq_lease_at(region, index)); /* M3 */
	return rq_incarnation(word) == rq_incarnation(id) && rq_lease_held(word);
}

bool rq_members_name(const struct ringq_region *region, uint64_t key)
{
	uint32_t n = rq_members_known(region);
	for (uint32_t i = 0; i < n; i++)
		/* H3 */
		if (rq_load_acquire(&rq_member_at(region, i)->hazard) == key &&
			rq_lease_held(rq_load(rq_lease_at(region, i))))
			return true;
	return false;
}

bool rq_members_visit(const struct ringq_region *region, uint64_t owner)
{
	uint32_t n = rq_members_known(region);
	for (uint32_t i = 0; i < n; i++)
		/* X6 */
		if (rq_load_acquire(&rq_member_at(region, i)->visit) == owner &&
			rq_lease_held(rq_load(rq_lease_at(region, i))))
			return true;
	return false;
}

#define PROCESSES_MOST (2u * RQ_SYS_WAITV_MAX)

/* Process ids, each once. */
struct processes {
	uint32_t ids[PROCESSES_MOST]; /* 0: none */
	unsigned n;
};

/* Whether the id is new, and there is room for it. */
static bool add_process(struct processes *p, uint32_t id)
{
	uint32_t i = id % PROCESSES_MOST;
	for (; p->ids[i]; i = (i + 1) % PROCESSES_MOST)
		if (p->ids[i] == id)
			return false;
	if (p->n == PROCESSES_MOST - 1)
		return false;
	p->ids[i] = id;
	p->n++;
	return true;
}

static int watch_processes(const struct ringq_region *region, const rq_u64 *own, uint32_t count,
	struct rq_sys_wait *waits, int n, int most)
{
	struct processes seen = {.n = 0};
	add_process(&seen, (uint32_t)getpid());
	for (uint32_t i = 0; i < count; i++) {
		rq_u64 *lease = rq_lease_at(region, i);
		uint32_t process = rq_load(&rq_member_at(region, i)->process);
		if (lease == own || process == 0 || !rq_lease_held(rq_load(lease)) || !add_process(&seen, process))
			continue;
		if (n == most)
			return -1;
		n += rq_lease_watch(lease, &waits[n]);
	}
	return n;
}

int rq_members_watch(
	const struct ringq_region *region, const rq_u64 *own, struct rq_sys_wait *waits, int most, bool *all)
{
	int n = 0;
	/* J2: before the leases. Who joins later changes it (J1), so that the sleep begins again, and watches that one, too. */
	waits[n++] = (struct rq_sys_wait){&region->header->joins, rq_load_acquire(&region->header->joins)};
	uint32_t count = rq_members_known(region);
	*all = true;
	for (uint32_t i = 0; i < count; i++) {
		struct rq_sys_wait wait;
		rq_u64 *lease = rq_lease_at(region, i);
		if (lease == own || !rq_lease_watch(lease, &wait))
			continue;
		if (n == most) {
			*all = false;
			return watch_processes(region, own, count, waits, 1, most);
		}
		waits[n++] = wait;
	}
	return n;
}

bool rq_members_woken(const struct ringq_region *region, const struct rq_sys_wait *by)
{
	if (by->word == &region->header->joins || rq_load(by->word) == by->value)
		return false;
	rq_probe_dead_woke(region->base, by->word);
	rq_sys.futex_wake(by->word, INT_MAX);
	return true;
}
