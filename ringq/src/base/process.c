/* SPDX-License-Identifier: MIT */
#include "base/process.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "queue/port.h"
#include "queue/watch.h"
#include "region/family.h"
#include "base/sys.h"

pthread_mutex_t rq_process_lock = PTHREAD_MUTEX_INITIALIZER;
struct ringq_region *rq_process_regions;
struct rq_membership *rq_process_memberships;
struct rq_thread rq_no_thread;
_Thread_local struct rq_thread *rq_thread_current = &rq_no_thread;
const uint32_t *rq_process_is_parent;

static pthread_key_t thread_end;
static bool key_made;
static uint32_t *wiped; /* a page that the kernel gives to a child empty, however the child was made */

/* Zeroed memory that the kernel clears again in any child. */
static void *new_wiped(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return NULL;
	if (madvise(memory, size, MADV_WIPEONFORK) == 0)
		return memory;
	munmap(memory, size);
	return NULL;
}

static void end_thread(struct rq_thread *t)
{
	rq_thread_current = &rq_no_thread;
	if (t != &rq_no_thread)
		munmap(t, sizeof *t);
}

static void end_membership(struct rq_membership *s)
{
	struct rq_membership **link = &rq_process_memberships;
	while (*link != s)
		link = &(*link)->all_next;
	*link = s->all_next;
	rq_member_leave(s);
	free(s);
}

/* A thread ends: what it owned is free for others. Not called at exit() or by death: then the leases tell. */
static void thread_ends(void *arg)
{
	struct rq_thread *t = arg;
	pthread_mutex_lock(&rq_process_lock);
	rq_ports_drop_thread(t);
	for (struct rq_membership *s = t->memberships, *next; s; s = next) {
		next = s->next;
		end_membership(s);
	}
	pthread_mutex_unlock(&rq_process_lock);
	end_thread(t);
}

void rq_memberships_tidy(void)
{
	struct rq_thread *t = rq_thread_current;
	if (t == &rq_no_thread || !*rq_process_is_parent)
		return;
	for (struct rq_membership **link = &t->memberships, *s; (s = *link);) {
		if (s->region) {
			link = &s->next;
			continue;
		}
		*link = s->next;
		end_membership(s);
	}
}

/*
 * In a child only the calling thread exists, and it is nobody yet: what the parent's threads had stays theirs. Their
 * lists are forgotten, their leases are not even mapped here.
 */
static void forget_parent(void)
{
	while (rq_process_memberships) {
		struct rq_membership *s = rq_process_memberships;
		rq_process_memberships = s->all_next;
		free(s);
	}
	rq_watch_forget_parent();
	rq_families_forget_parent();
	rq_ports_forget_parent();
	end_thread(rq_thread_current);
	pthread_setspecific(thread_end, NULL);
	*wiped = 1;
}

static void before_fork(void)
{
	/* In this order: a reader of RCU may wait for the mutex, and a grace period waits for readers. */
	urcu_bp_before_fork();
	pthread_mutex_lock(&rq_process_lock);
}

static void after_fork_parent(void)
{
	pthread_mutex_unlock(&rq_process_lock);
	urcu_bp_after_fork_parent();
}

static void after_fork_child(void)
{
	pthread_mutex_unlock(&rq_process_lock);
	urcu_bp_after_fork_child();
	forget_parent();
}

static int start(void)
{
	int r = rq_sys_register_barrier();
	if (r || wiped)
		return r;
	uint32_t *word = new_wiped(sizeof *word);
	if (!word)
		return -ENOMEM;
	if (!key_made)
		r = -pthread_key_create(&thread_end, thread_ends);
	key_made = key_made || r == 0;
	if (r == 0)
		r = -pthread_atfork(before_fork, after_fork_parent, after_fork_child);
	if (r) {
		munmap(word, sizeof *word);
		return r;
	}
	*word = 1;
	rq_process_is_parent = wiped = word;
	return 0;
}

int rq_process_start(void)
{
	pthread_mutex_lock(&rq_process_lock);
	int r = start();
	pthread_mutex_unlock(&rq_process_lock);
	return r;
}

struct rq_thread *rq_thread_create(void)
{
	if (!*wiped) /* a child that was made without the fork handlers */
		forget_parent();
	struct rq_thread *t = new_wiped(sizeof *t);
	if (!t)
		return NULL;
	if (pthread_setspecific(thread_end, t)) {
		munmap(t, sizeof *t);
		return NULL;
	}
	return rq_thread_current = t;
}

int rq_membership_of(struct rq_membership **out, struct ringq_region *region)
{
	struct rq_thread *t = rq_thread_self();
	if (!t)
		return -ENOMEM;
	for (struct rq_membership *s = t->memberships; s; s = s->next)
		if (s->region == region) {
			*out = s;
			return 0;
		}
	struct rq_membership *s = calloc(1, sizeof *s);
	if (!s)
		return -ENOMEM;
	int r = rq_member_join(s, region);
	if (r < 0) {
		free(s);
		return r;
	}
	s->next = t->memberships;
	t->memberships = s;
	pthread_mutex_lock(&rq_process_lock);
	rq_memberships_tidy();
	s->all_next = rq_process_memberships;
	rq_process_memberships = s;
	pthread_mutex_unlock(&rq_process_lock);
	*out = s;
	/* What the last holder had in its hands when it died would else stay backed until memory runs short. */
	if (r == 1)
		rq_units_sweep(region);
	return 0;
}

void rq_memberships_leave(struct ringq_region *region)
{
	for (struct rq_membership *s = rq_process_memberships; s; s = s->all_next) {
		if (s->region != region)
			continue;
		/* Its thread alone may take the lease out of its list; until then the list must find a page there. */
		rq_lease_clear(s->lease_word, s->id >> 32);
		rq_lease_orphan(&s->lease, region->at.page);
		s->region = NULL;
	}
}
