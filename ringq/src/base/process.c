/* SPDX-License-Identifier: MIT */
#include "base/process.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/sys.h"
#include "base/upcalls.h"

struct rq_thread rq_no_thread;
_Thread_local struct rq_thread *rq_thread_current = &rq_no_thread;
const uint32_t *rq_process_is_parent;

/* The blocks of all threads; apart from these, which a child finds empty. */
struct listed_thread {
	struct rq_thread *thread;
	struct listed_thread *next;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER, watch_lock = PTHREAD_MUTEX_INITIALIZER;
static _Thread_local volatile sig_atomic_t held; /* locks that this thread has, or is about to take */
static _Thread_local volatile sig_atomic_t owes; /* a fork was made while it had one: what is to be done after it is to come */
/* A fork of this thread's is under way, for which it has the locks; or it had some before, so that it is in a handler. */
static _Thread_local enum { NOT, WITH_LOCKS, INSIDE } forking;
static struct listed_thread *threads;
static pthread_key_t thread_end;
static bool key_made;
static pid_t owner;     /* whose memory this is: a child of vfork() sees it as well */
static uint32_t *wiped; /* a page that the kernel gives to a child empty, however the child was made */

static void forget_parent(void);

static bool is_new_child(void)
{
	return wiped && !*wiped;
}

/* Where priorities cannot be lent, it is an ordinary mutex. */
static __attribute__((constructor)) void init_locks(void)
{
	pthread_mutexattr_t attributes;
	pthread_mutex_t fresh = PTHREAD_MUTEX_INITIALIZER;
	lock = watch_lock = fresh;
	held = owes = 0;
	if (!rq_sys_lends() || pthread_mutexattr_init(&attributes))
		return;
	if (pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT) == 0) {
		pthread_mutex_init(&lock, &attributes);
		pthread_mutex_init(&watch_lock, &attributes);
	}
	pthread_mutexattr_destroy(&attributes);
}

#define REFUSED_LOCK INT64_C(1000000)

/* libc ends the process, or lets two have the lock, where a sandbox refuses what it asks for: so that is tried before. */
static void lock_of_two(pthread_mutex_t *mutex)
{
	while (pthread_mutex_trylock(mutex)) {
		if (rq_sys_lends()) {
			pthread_mutex_lock(mutex);
			return;
		}
		rq_sys_sleep(REFUSED_LOCK);
	}
}

static void take(pthread_mutex_t *mutex)
{
	if (rq_unlikely(forking))
		return;
	if (rq_unlikely(is_new_child())) /* made without the fork handlers */
		forget_parent();
	held++;
	lock_of_two(mutex);
}

static void give(pthread_mutex_t *mutex)
{
	if (rq_unlikely(forking))
		return;
	pthread_mutex_unlock(mutex);
	held--;
	if (rq_unlikely(owes) && !held) {
		owes = 0;
		take(&watch_lock);
		take(&lock); /* the queues of this process */
		rq_upcalls.forked();
		give(&lock);
		give(&watch_lock);
	}
}

bool rq_process_is_forking(void)
{
	return forking;
}

void rq_watch_lock(void)
{
	take(&watch_lock);
}

void rq_watch_unlock(void)
{
	give(&watch_lock);
}

void rq_process_lock(void)
{
	take(&lock);
}

void rq_process_unlock(void)
{
	give(&lock);
}

/* ---- barriers ---- */

/*
 * To take a page's rights away the kernel has every processor that runs a thread of this process drop what it remembers of
 * it: on x86 by an interrupt, which is a barrier. Elsewhere nothing says so; there a sleep is longer than a store stays in
 * its buffer.
 */
static bool interrupt_others(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *at = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (at == MAP_FAILED)
		return false;
	*(volatile char *)at = 1; /* else there is nothing to be dropped */
	int r = mprotect(at, page, PROT_NONE);
	munmap(at, page);
#if defined(__x86_64__)
	return r == 0;
#else
	(void)r;
	return false;
#endif
}

void rq_process_barrier(void)
{
	if (rq_sys.barrier() == 0)
		return;
	rq_fence(); /* as the barrier would, on this side of it: Q1 before Y3 */
	if (!interrupt_others())
		rq_sys_settle();
}

/* ---- threads ---- */

bool rq_process_names(uint64_t id)
{
	bool named = false;
	rq_process_lock();
	for (const struct listed_thread *l = threads; l && !named; l = l->next)
		named = rq_load_acquire(&l->thread->handle_hazard) == id; /* Y3 */
	rq_process_unlock();
	return named;
}

/* Zeroed memory that the kernel clears again in any child. */
static void *new_wiped(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return NULL;
	madvise(memory, size, MADV_NOHUGEPAGE); /* little of it is ever used */
	if (madvise(memory, size, MADV_WIPEONFORK) == 0)
		return memory;
	munmap(memory, size);
	return NULL;
}

static int list_thread(struct rq_thread *t)
{
	struct listed_thread *l = malloc(sizeof *l);
	if (!l)
		return -ENOMEM;
	rq_process_lock();
	*l = (struct listed_thread){t, threads};
	threads = l;
	rq_process_unlock();
	return 0;
}

/* Under the process lock. */
static void unlist_thread(const struct rq_thread *t)
{
	struct listed_thread **link = &threads;
	while ((*link)->thread != t)
		link = &(*link)->next;
	struct listed_thread *l = *link;
	*link = l->next;
	free(l);
}

/* A thread ends: what it owned is free for others. Not called at exit() or by death: then the leases tell. */
static void thread_ends(void *arg)
{
	struct rq_thread *t = arg;
	rq_process_lock();
	rq_upcalls.thread_ends(t);
	unlist_thread(t);
	rq_process_unlock();
	rq_thread_current = &rq_no_thread;
	munmap(t, sizeof *t);
}

/*
 * In a child only the calling thread exists, and it is nobody yet: what the parent's threads had stays theirs. Their
 * lists are forgotten, their leases are not even mapped here.
 */
static void forget_parent(void)
{
	init_locks(); /* whoever had them is not here */
	rq_upcalls.forget_parent();
	while (threads) {
		struct listed_thread *l = threads;
		threads = l->next;
		munmap(l->thread, sizeof *l->thread);
		free(l);
	}
	rq_thread_current = &rq_no_thread;
	pthread_setspecific(thread_end, NULL);
	owner = getpid();
	*wiped = 1;
}

/*
 * A signal's handler may fork, also where it has interrupted this thread in the midst of a list: then the lock is not waited
 * for, what the lists' owner does after a fork is left until the lock is given, and the child, which may do no more than
 * to become another program or to end, finds them as they are.
 */
static void before_fork(void)
{
	if (held) {
		owes = 1;
		forking = INSIDE;
		return;
	}
	rq_watch_lock();
	rq_process_lock();
	forking = WITH_LOCKS;
}

static void after_fork_parent(void)
{
	if (forking == INSIDE) {
		forking = NOT;
		return;
	}
	rq_upcalls.forked();
	forking = NOT;
	rq_process_unlock();
	rq_watch_unlock();
}

/* The application's handlers may have called already, and so have had the parent forgotten. */
static void after_fork_child(void)
{
	if (forking == WITH_LOCKS && is_new_child())
		forget_parent();
	else if (forking == WITH_LOCKS)
		init_locks();
	forking = NOT;
}

static int start(void)
{
	if (wiped)
		return 0;
	int r = rq_sys_probe();
	if (r)
		return r;
	uint32_t *word = new_wiped(sizeof *word);
	if (!word)
		return errno == ENOMEM || errno == EAGAIN ? -ENOMEM : -ENOSYS;
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
	owner = getpid();
	rq_process_is_parent = wiped = word;
	return 0;
}

/*
 * The library is unloaded, or the process exits: no code of it must be called any more, be it the watching thread's or what
 * threads are to call when they end. Not where this thread has a lock, as where exit() is called by a signal handler in the
 * middle of a call: then it is the process's end. Nor in a child of vfork() that exits: all this is its parent's. A lock that
 * another has, be it the watching thread in a look, is waited for. What other threads have stays where it is, as data only.
 */
static __attribute__((destructor)) void end(void)
{
	struct rq_thread *t = rq_thread_current;
	if (!key_made || is_new_child() || held || owner != getpid())
		return;
	rq_upcalls.unload();
	rq_process_lock();
	bool unused = t != &rq_no_thread && !t->memberships && !t->ports;
	if (unused)
		unlist_thread(t);
	pthread_key_delete(thread_end);
	key_made = false;
	rq_process_unlock();
	if (!unused)
		return;
	rq_thread_current = &rq_no_thread;
	munmap(t, sizeof *t);
}

int rq_process_start(void)
{
	rq_process_lock();
	int r = start();
	rq_process_unlock();
	return r;
}

struct rq_thread *rq_thread_create(void)
{
	if (is_new_child()) /* made without the fork handlers, or in one of the application's */
		forget_parent();
	struct rq_thread *t = new_wiped(sizeof *t);
	if (!t)
		return NULL;
	if (list_thread(t)) {
		munmap(t, sizeof *t);
		return NULL;
	}
	if (key_made && pthread_setspecific(thread_end, t)) { /* it is not there any more while the process exits */
		rq_process_lock();
		unlist_thread(t);
		rq_process_unlock();
		munmap(t, sizeof *t);
		return NULL;
	}
	return rq_thread_current = t;
}
