/* SPDX-License-Identifier: MIT */

/*
 * Leases: proof of life that needs no time-out, no process id and no trust.
 *
 * Linux keeps for each thread a list of the robust futexes that it holds. When the thread ends, in whatever way, the
 * kernel walks the list and marks each futex word that holds the thread's id with FUTEX_OWNER_DIED. A lease is such a
 * word, held for as long as the thread is a member: held and unmarked, its thread lives; all else is proof that it is
 * gone. Ids need not be unique across PID namespaces for that: only who has the word in its list can have it marked.
 *
 * pthread's robust mutexes do this too, but keep the links of the list in the mutex, so in shared memory, where any
 * participant could bend them and have this process write anywhere. Only the futex word needs to be shared. The kernel
 * finds it at a fixed distance from the list's entry, the same for all entries of a thread, set by libc: 32 bytes before
 * it with glibc. So a lease lies at the end of a page of the region, and each holder maps that page once more, followed
 * by a private page that has the entry:
 *
 *      shared member page                  | private page
 *      ...  lease 0   lease 1   lease 2    |  ...  previous   next   ...
 *           -24       -16       -8         |       entry - 8  entry = lease + 32
 *
 * The list is libc's as well: its mutexes are in it, linked both ways, each entry with a pointer to the previous entry's
 * next right before its own. Entries here look the same, so that libc can unlink its neighbours.
 *
 * Taking follows the protocol of the kernel's robust-futex ABI: name the entry as pending, take the word, link, clear
 * pending; a death in between is found by the kernel through pending.
 */

#include "region/lease.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/process.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__ || UINTPTR_MAX != UINT64_MAX
#error "leases and layout are for 64-bit little-endian machines"
#endif

rq_u64 *rq_lease_at(const struct ringq_region *region, uint32_t index)
{
	const struct rq_geometry *at = &region->at;
	if (index >= at->member_count)
		return NULL;
	uint64_t page = at->members + index / RQ_MEMBERS_A_PAGE * at->page;
	return (rq_u64 *)(region->base + page + at->page - RQ_LEASES_BYTES + 8 * (index % RQ_MEMBERS_A_PAGE));
}

bool rq_lease_held(uint64_t word)
{
	return (word & FUTEX_TID_MASK) && !(word & FUTEX_OWNER_DIED);
}

bool rq_lease_was_left(uint64_t word)
{
	return word & FUTEX_OWNER_DIED;
}

bool rq_lease_watch(rq_u64 *lease, struct rq_sys_wait *wait)
{
	uint64_t word = rq_load(lease);
	while (rq_lease_held(word)) {
		/* M6: the kernel, or M5, wakes who set it; what was read is compared again by the futex call. */
		if ((word & FUTEX_WAITERS) || rq_cas(lease, &word, word | FUTEX_WAITERS)) {
			*wait = (struct rq_sys_wait){(const rq_u32 *)lease, (uint32_t)word | FUTEX_WAITERS};
			return true;
		}
	}
	return false;
}

static int map_window(struct rq_lease *lease, struct ringq_region *region, uint32_t index)
{
	uint64_t page = region->at.page, at = region->at.members + index / RQ_MEMBERS_A_PAGE * page;
	char *window = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (window == MAP_FAILED)
		return -ENOMEM;
	/* Not for a child: it has a list of its own. No fork may come between the mapping and that it is not for a child. */
	rq_process_lock();
	int r = rq_file_map_again(&region->file, at, page, window);
	if (r == 0 && madvise(window, 2 * page, MADV_DONTFORK))
		r = -ENOSYS;
	if (r)
		munmap(window, 2 * page);
	rq_process_unlock();
	lease->window = window;
	return r;
}

static void **untag(void *entry)
{
	return (void **)((uintptr_t)entry & ~(uintptr_t)1); /* libc tags the entries of priority-inheriting mutexes */
}

/*
 * The kernel follows a list so far and no further. What is behind that of a thread that ends is not marked, and whose
 * lease it is would live for ever: so a thread that has that many entries joins nothing more. Some are left to the
 * thread's own mutexes.
 */
#define LIST_MOST 2000u

static bool list_is_long(struct rq_robust_list *list)
{
	unsigned n = 0;
	for (void **node = untag(list->first); node != &list->first && n < LIST_MOST; node = untag(*node))
		n++;
	return n == LIST_MOST;
}

/* The list is read by the kernel when this very thread ends, so the compiler's order is all the order that it needs. */
static void link_entry(struct rq_robust_list *list, void **node)
{
	void **first = untag(list->first);
	node[0] = list->first;
	node[-1] = &list->first;
	first[-1] = node;
	rq_light_barrier();
	list->first = node;
}

static void unlink_entry(void **node)
{
	void **next = untag(node[0]), **previous = untag(node[-1]);
	next[-1] = node[-1];
	previous[0] = node[0];
}

static void pending(struct rq_robust_list *list, void **node)
{
	rq_light_barrier();
	*(void *volatile *)&list->pending = node;
	rq_light_barrier();
}

int rq_lease_take(struct rq_lease *lease, struct ringq_region *region, uint32_t index, uint64_t *word)
{
	struct rq_robust_list *list;
	rq_u64 *shared = rq_lease_at(region, index);
	int r = rq_sys_robust_list(&list);
	if (r == 0 && list_is_long(list))
		r = -EUSERS;
	if (r == 0)
		r = map_window(lease, region, index);
	if (r)
		return r;
	uintptr_t page_end = (uintptr_t)lease->window + region->at.page;
	uintptr_t node = page_end - RQ_LEASES_BYTES + 8 * (index % RQ_MEMBERS_A_PAGE) - (uintptr_t)list->futex_offset;
	if (node < page_end + sizeof(void *) || node + sizeof(void *) > page_end + region->at.page ||
		node % sizeof(void *)) {
		munmap(lease->window, 2 * region->at.page);
		return -ENOSYS;
	}
	lease->node = (void **)node;
	uint64_t mine = (rq_incarnation(*word) + 1) << RQ_OWNER_INCARNATION_SHIFT | rq_sys_thread();
	pending(list, lease->node);
	bool taken = rq_cas(shared, word, mine); /* M4 */
	if (taken) {
		link_entry(list, lease->node);
		*word = mine;
	}
	pending(list, NULL);
	if (!taken)
		munmap(lease->window, 2 * region->at.page);
	return taken;
}

void rq_lease_clear(rq_u64 *lease, uint64_t incarnation)
{
	uint64_t word = rq_load(lease);
	while (rq_incarnation(word) == incarnation && rq_lease_held(word)) {
		if (!rq_cas(lease, &word, incarnation << RQ_OWNER_INCARNATION_SHIFT)) /* M5 */
			continue;
		if (word & FUTEX_WAITERS)
			rq_sys.futex_wake((const rq_u32 *)lease, INT_MAX);
		return;
	}
}

void rq_lease_drop(struct rq_lease *lease, rq_u64 *word)
{
	struct rq_robust_list *list;
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	if (rq_sys_robust_list(&list) == 0) {
		pending(list, lease->node);
		unlink_entry(lease->node);
		rq_light_barrier();
		if (word)
			rq_lease_clear(word, rq_incarnation(rq_load(word)));
		pending(list, NULL);
	}
	munmap(lease->window, 2 * page);
}

void rq_lease_orphan(struct rq_lease *lease, uint64_t page)
{
	/* If it fails, the region's page stays there: the lease in it is no more the thread's, so that nobody writes to it. */
	(void)mmap(lease->window, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
}
