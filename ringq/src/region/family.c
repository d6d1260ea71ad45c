/* SPDX-License-Identifier: MIT */
#include "region/family.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "region/member.h"
#include "base/call.h"
#include "base/process.h"
#include "base/sys.h"

struct rq_family {
	int fd;
	struct rq_family *next; /* those that the process was born into */
};

/* Locks the first number that nobody has, and counts up its families. */
static int take_number(struct ringq_region *region, int fd, uint64_t *owner)
{
	for (uint32_t i = 0; i < region->at.member_count; i++) {
		int r = rq_member_back(region, i);
		if (r)
			return r;
		r = rq_sys_lock_byte(fd, RQ_LOCKS_OF_FAMILIES + i, true);
		if (r == -EAGAIN)
			continue;
		if (r)
			return r;
		rq_u32 *families = rq_member_families(region, i);
		if (!families)
			return -EBADMSG;
		*owner = rq_owner_family(rq_add(families, 1) + 1, i); /* B9: before anything has that word */
		return 0;
	}
	return -EUSERS;
}

static int make_family(struct ringq_region *region, uint64_t *owner)
{
	struct rq_family *f = calloc(1, sizeof *f);
	if (!f)
		return -ENOMEM;
	f->fd = rq_file_reopen(&region->file);
	int r = f->fd < 0 ? f->fd : take_number(region, f->fd, owner);
	if (r) {
		if (f->fd >= 0)
			rq_close(f->fd);
		free(f);
		return r;
	}
	f->next = region->families;
	region->families = f;
	rq_store_release(&region->family, *owner); /* B9, for the other threads of the process */
	return 0;
}

int rq_family_of(struct ringq_region *region, uint64_t *owner)
{
	int r = 0;
	*owner = rq_load_acquire(&region->family); /* B9: what this thread makes is behind the count */
	if (*owner)
		return 0;
	rq_process_lock();
	*owner = rq_load(&region->family);
	if (!*owner)
		r = make_family(region, owner);
	rq_process_unlock();
	return r;
}

static bool ask(struct ringq_region *region, uint64_t owner)
{
	uint32_t number = rq_owner_family_number(owner);
	const rq_u32 *families = rq_member_families(region, number);
	/* B9: behind the owner's word (A5), so no older than what that says. */
	return families && rq_load_acquire(families) == rq_incarnation(owner) &&
	       rq_sys.held(&region->file, rq_load(&region->file.fd), RQ_LOCKS_OF_FAMILIES + number) != 0;
}

bool rq_family_alive(struct ringq_region *region, uint64_t owner, struct rq_family_cache *cache)
{
	unsigned i = rq_owner_family_number(owner) % RQ_FAMILY_CACHE;
	if (cache->owner[i] != owner) {
		cache->alive[i] = ask(region, owner);
		cache->owner[i] = owner;
	}
	return cache->alive[i];
}

void rq_family_leave(struct ringq_region *region)
{
	while (region->families) {
		struct rq_family *f = region->families;
		region->families = f->next;
		rq_file_close(&region->file, f->fd);
		free(f);
	}
}

void rq_families_forget_parent(void)
{
	for (struct ringq_region *r = rq_process_regions; r; r = r->next)
		rq_store(&r->family, 0);
}
