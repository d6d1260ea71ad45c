/* SPDX-License-Identifier: MIT */
#include "region/membership.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/probe.h"
#include "base/upcalls.h"

static struct rq_membership *memberships; /* of the process, under the process lock */

/* Who it is, for people to read. Written after the lease is taken: a reader may see the last holder's for a moment. */
static void introduce(struct rq_member *m, const struct rq_header *header)
{
	union {
		char text[16];
		uint64_t words[2];
	} name = {.words = {0}};
	prctl(PR_GET_NAME, name.text);
	rq_store(&m->hazard, 0);
	rq_store(&m->visit, 0);
	/* M7: behind M4, before any X7 of this member. */
	rq_store_release(&m->joined, rq_load_acquire(&header->creations));
	rq_store(&m->activity, RINGQ_AWAKE);
	rq_store(&m->process, (uint32_t)getpid());
	rq_store(&m->thread, rq_sys_thread());
	rq_store(&m->name[0], name.words[0]);
	rq_store(&m->name[1], name.words[1]);
}

/*
 * Many who join at once all find the same entry free, and one gets it. Who has lost passes some of the free ones by, more
 * after each loss, so that the others of a thousand do not all lose the next one, too.
 */
static uint32_t free_to_pass(uint32_t losses)
{
	uint32_t bits = losses < 10 ? losses : 10;
	/* Multiplicative hashing (Knuth). Threads of different PID namespaces may have the same id. */
	return (rq_sys_thread() ^ (uint32_t)rq_sys.now()) * 2654435761u >> (32 - bits);
}

static int try_to_join(struct rq_membership *membership, struct ringq_region *region, bool passes)
{
	uint32_t losses = 0, pass = 0;
	for (uint32_t i = 0; i < region->at.member_count; i++) {
		int r = rq_member_back(region, i);
		if (r)
			return r;
		rq_u64 *shared = rq_lease_at(region, i);
		uint64_t word = rq_load_acquire(shared); /* as M3 */
		bool left = rq_lease_was_left(word);
		if (rq_lease_held(word) || (pass > 0 && pass--))
			continue;
		r = rq_lease_take(&membership->lease, region, i, &word);
		if (r < 0)
			return r;
		if (r == 0) {
			pass = passes ? free_to_pass(++losses) : 0;
			continue;
		}
		rq_store(&membership->region, region);
		membership->member = rq_member_at(region, i);
		membership->lease_word = shared;
		membership->id = rq_incarnation(word) << RQ_OWNER_INCARNATION_SHIFT | (i + 1);
		introduce(membership->member, region->header);
		rq_add(&region->header->joins, 1); /* J1 */
		rq_sys.futex_wake(&region->header->joins, INT_MAX);
		rq_probe_member_join(region->base, i, left);
		return left;
	}
	return -EUSERS;
}

/* Takes an entry of the table for the calling thread. 0; 1: its last holder died; -EUSERS, -ENOMEM, -ENOSYS, -ESTALE. */
static int join(struct rq_membership *membership, struct ringq_region *region)
{
	int r = try_to_join(membership, region, true);
	/* What was passed by may be all that there is. */
	return r == -EUSERS || r == -ENOMEM ? try_to_join(membership, region, false) : r;
}

static void forget_book(struct rq_membership *s)
{
	if (s->book)
		s->forget_book(s->book);
}

static void leave(struct rq_membership *membership)
{
	if (rq_load(&membership->region))
		/* As H1: after all that was read of the chunk. */
		rq_store_release(&membership->member->hazard, 0);
	rq_lease_drop(&membership->lease, rq_load(&membership->region) ? membership->lease_word : NULL);
}

static void end_membership(struct rq_membership *s)
{
	struct rq_membership **link = &memberships;
	while (*link != s)
		link = &(*link)->all_next;
	*link = s->all_next;
	leave(s);
	forget_book(s);
	free(s);
}

void rq_memberships_end(struct rq_thread *t)
{
	for (struct rq_membership *s = t->memberships, *next; s; s = next) {
		next = s->next;
		end_membership(s);
	}
}

void rq_memberships_tidy(void)
{
	struct rq_thread *t = rq_thread_current;
	if (t == &rq_no_thread || !*rq_process_is_parent)
		return;
	for (struct rq_membership **link = &t->memberships, *s; (s = *link);) {
		if (rq_load(&s->region)) {
			link = &s->next;
			continue;
		}
		*link = s->next;
		end_membership(s);
	}
}

void rq_memberships_forget_parent(void)
{
	while (memberships) {
		struct rq_membership *s = memberships;
		memberships = s->all_next;
		forget_book(s);
		free(s);
	}
}

int rq_membership_of(struct rq_membership **out, struct ringq_region *region)
{
	if (rq_region_is_observed(region))
		return -EROFS;
	struct rq_thread *t = rq_thread_self();
	if (!t)
		return -ENOMEM;
	for (struct rq_membership *s = t->memberships; s; s = s->next)
		if (rq_load(&s->region) == region) {
			*out = s;
			return 0;
		}
	struct rq_membership *s = calloc(1, sizeof *s);
	if (!s)
		return -ENOMEM;
	int r = join(s, region);
	if (r < 0) {
		free(s);
		return r;
	}
	s->next = t->memberships;
	t->memberships = s;
	rq_process_lock();
	rq_memberships_tidy();
	s->all_next = memberships;
	memberships = s;
	rq_process_unlock();
	*out = s;
	/* What the last holder had in its hands when it died would else stay backed until memory runs short. */
	if (r == 1) {
		rq_upcalls.inherit(s);
		rq_upcalls.reclaim(region);
	}
	return 0;
}

void rq_memberships_leave(struct ringq_region *region)
{
	for (struct rq_membership *s = memberships; s; s = s->all_next) {
		if (rq_load(&s->region) != region)
			continue;
		/* Its thread alone may take the lease out of its list; until then the list must find a page there. */
		rq_lease_clear(s->lease_word, rq_incarnation(s->id));
		rq_lease_orphan(&s->lease, region->at.page);
		rq_store(&s->region, NULL);
	}
}
