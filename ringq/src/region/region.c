/* SPDX-License-Identifier: MIT */

/* Where things are in a region. */

#include "region/region.h"

#include "base/sys.h"

struct ringq_region *rq_process_regions;

#define EACH (UINT64_C(64) << 10) /* bytes of a region have a member, and a name */

static uint32_t member_count(uint64_t size)
{
	uint64_t n = size / EACH;
	return n < 64 ? 64 : n > RQ_MEMBERS_MAX ? RQ_MEMBERS_MAX : (uint32_t)n;
}

static uint32_t name_count(uint64_t size)
{
	uint32_t n = 64;
	while (n < RQ_NAMES_MOST && n < size / EACH)
		n *= 2;
	return n;
}

void rq_geometry_of(struct rq_geometry *at, uint64_t size, uint64_t page)
{
	at->size = size;
	at->page = page;
	at->member_count = member_count(size);
	at->name_count = name_count(size);
	at->names = page;
	at->owners = at->names + rq_round_up(at->name_count * sizeof(rq_u64), page);
	at->members = at->owners + rq_round_up(size / page * sizeof(rq_u64), page);
	at->cells = at->members + (at->member_count + RQ_MEMBERS_A_PAGE - 1) / RQ_MEMBERS_A_PAGE * page;
	at->units = at->cells + rq_round_up(size / RQ_CELL * sizeof(rq_u64), page);
	at->unit_count = (size - at->units) / page;
}

int rq_region_back(struct ringq_region *region, uint64_t offset, uint64_t len)
{
	return rq_sys.back(&region->file, offset, len);
}
