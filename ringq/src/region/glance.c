/* SPDX-License-Identifier: MIT */
#include "region/glance.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "region/member.h"
#include "base/call.h"

/* What was read is believed if the number led to the region's file afterwards: it may have become another's (file.h). */
int rq_glance_read(const struct ringq_region *region, uint64_t offset, void *buf, uint64_t len)
{
	int fd = rq_load(&region->file.fd);
	char *to = buf;
	if (offset > region->at.size || region->at.size - offset < len)
		return -EBADMSG;
	while (len) {
		ssize_t n = rq_pread(fd, to, len, (off_t)offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			int why = n ? rq_file_refused(errno) : -EBADMSG, r = rq_file_check(&region->file, fd);
			return r ? r : why;
		}
		to += n;
		offset += (uint64_t)n;
		len -= (uint64_t)n;
	}
	rq_acquire_fence(); /* S4 */
	return rq_file_check(&region->file, fd);
}

int rq_glance_frontier(const struct ringq_region *region, uint64_t *units)
{
	int r = rq_glance_word(region, offsetof(struct rq_header, frontier), units);
	if (r == 0 && *units > region->at.unit_count)
		*units = region->at.unit_count;
	return r;
}

int rq_glance_members(const struct ringq_region *region, uint32_t *members)
{
	int r = rq_glance_read(region, offsetof(struct rq_header, members_backed), members, sizeof *members);
	if (r == 0 && *members > region->at.member_count)
		*members = region->at.member_count;
	return r;
}

int rq_glance_owner(const struct ringq_region *region, uint64_t unit, uint64_t *owner)
{
	*owner = 0;
	if (unit >= region->at.unit_count)
		return 0;
	return rq_glance_word(region, region->at.owners + unit * sizeof *owner, owner);
}

static struct rq_person person(const struct rq_member *m, uint64_t lease)
{
	return (struct rq_person){
		.lease = lease,
		.hazard = rq_load(&m->hazard),
		.process = rq_load(&m->process),
		.thread = rq_load(&m->thread),
		.name = {rq_load(&m->name[0]), rq_load(&m->name[1])},
		.activity = rq_load(&m->activity),
		.object = rq_load(&m->object),
		.since = rq_load(&m->since),
	};
}

int rq_glance_people(const struct ringq_region *region, uint32_t index, struct rq_person *out, uint32_t most)
{
	const uint64_t page = region->at.page;
	uint64_t at = region->at.members + index / RQ_MEMBERS_A_PAGE * page, leases[RQ_MEMBERS_A_PAGE];
	struct rq_member members[RQ_MEMBERS_A_PAGE];
	uint32_t first = index % RQ_MEMBERS_A_PAGE, n = RQ_MEMBERS_A_PAGE - first;
	if (index >= region->at.member_count)
		return 0;
	n = n < most ? n : most;
	n = n < region->at.member_count - index ? n : region->at.member_count - index;
	int r = rq_glance_read(region, at + page - RQ_LEASES_BYTES, leases, sizeof leases);
	if (r == 0)
		r = rq_glance_read(region, at + first * sizeof *members, members, n * sizeof *members);
	for (uint32_t i = 0; r == 0 && i < n; i++)
		out[i] = person(&members[i], leases[first + i]);
	return r ? r : (int)n;
}

int rq_glance_person(const struct ringq_region *region, uint64_t id, struct rq_person *out)
{
	uint32_t index = ((uint32_t)id & RQ_ID_INDEX_MASK) - 1;
	int r = rq_glance_people(region, index, out, 1);
	if (r < 1)
		return r;
	return rq_incarnation(out->lease) == rq_incarnation(id) && rq_lease_held(out->lease);
}
