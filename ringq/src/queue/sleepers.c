/* SPDX-License-Identifier: MIT */
#include "queue/sleepers.h"

#include <errno.h>
#include <limits.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/event.h"

#define STACK ((size_t)64 << 10)
#define STACK_SPARE ((size_t)48 << 10)

enum state {
	FREE,
	GIVEN,
	ASLEEP,
};

struct rq_sleeper {
	rq_u32 state;
	rq_u32 wanted;
	rq_u32 call_back;
	unsigned n;
	struct rq_sys_wait words[RQ_SYS_WAITV_MAX]; /* call_back, then those given */
	pthread_t thread;
	struct rq_sleeper *next;
};

static struct rq_sleeper *sleepers; /* the watching thread's */
static rq_u32 stopping;
static rq_u32 change; /* everything is to be looked at again */
static rq_u32 no_waitv;

rq_u32 *rq_watcher_word(void)
{
	return &change;
}

bool rq_watcher_has_waitv(void)
{
	return !rq_load(&no_waitv);
}

/* A word may have gone, too: of a queue that was released just now. So it is tried with one that is there. */
bool rq_watcher_refuses(int r)
{
	struct rq_sys_wait probe = {.word = &change, .value = rq_load(&change) - 1};
	if (r == -ENOSYS && rq_sys.futex_waitv(&probe, 1, 0) == -ENOSYS)
		rq_store(&no_waitv, 1);
	return rq_load(&no_waitv);
}

void rq_watcher_poke(void)
{
	rq_add(&change, 1); /* J4 */
	rq_sys.futex_wake(&change, 1);
}

static int add_thread_locals(struct dl_phdr_info *object, size_t size, void *sum)
{
	(void)size;
	for (unsigned i = 0; i < object->dlpi_phnum; i++)
		if (object->dlpi_phdr[i].p_type == PT_TLS)
			*(size_t *)sum += object->dlpi_phdr[i].p_memsz + object->dlpi_phdr[i].p_align;
	return 0;
}

/* The thread-local variables of the whole program lie in each stack, and what sysconf() says knows nothing of them. */
static size_t stack_size(void)
{
	long least = sysconf(_SC_THREAD_STACK_MIN);
	size_t size = least > 0 && (size_t)least + STACK_SPARE > STACK ? (size_t)least + STACK_SPARE : STACK;
	dl_iterate_phdr(add_thread_locals, &size);
	return size;
}

int rq_start_thread(pthread_t *thread, void *(*run)(void *), void *arg, const char *name)
{
	pthread_attr_t attributes;
	sigset_t all, old;
	if (pthread_attr_init(&attributes))
		return -EAGAIN;
	pthread_attr_setstacksize(&attributes, stack_size());
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old); /* the process's signals are for its own threads */
	int r = pthread_create(thread, &attributes, run, arg);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attributes);
	if (r == 0)
		pthread_setname_np(*thread, name);
	return r ? -EAGAIN : 0;
}

static int sleep_once(struct rq_sleeper *s)
{
	int64_t now = rq_sys.now();
	if (rq_watcher_has_waitv()) {
		int r = rq_sys.futex_waitv(s->words, s->n + 1, now + RQ_SLEEP_LONG);
		if (!rq_watcher_refuses(r))
			return r;
	}
	return rq_sys.futex_wait(s->words[1].word, s->words[1].value, now + RQ_SLEEP_LONG);
}

static void *run(void *arg)
{
	struct rq_sleeper *s = arg;
	while (!rq_load_acquire(&stopping)) {             /* J7: its value alone counts */
		if (rq_load_acquire(&s->state) == FREE) { /* J6 */
			rq_sys.futex_wait(&s->state, FREE, rq_sys.now() + RQ_SLEEP_LONG);
			continue;
		}
		rq_store(&s->state, ASLEEP);
		int r = -ETIMEDOUT;
		while ((r == -ETIMEDOUT || r == -EINTR) && rq_load(&s->wanted) && !rq_load(&stopping))
			r = sleep_once(s);
		bool wanted = rq_load(&s->wanted);
		rq_store_release(&s->state, FREE); /* J6, after the words were read */
		if (wanted)
			rq_watcher_poke();
	}
	return NULL;
}

static struct rq_sleeper *free_one(void)
{
	for (struct rq_sleeper *s = sleepers; s; s = s->next)
		if (rq_load_acquire(&s->state) == FREE) /* J6 */
			return s;
	struct rq_sleeper *s = calloc(1, sizeof *s);
	if (s && rq_start_thread(&s->thread, run, s, "ringq-sleeper")) {
		free(s);
		return NULL;
	}
	if (!s)
		return NULL;
	s->next = sleepers;
	sleepers = s;
	return s;
}

struct rq_sleeper *rq_sleeper_for(struct rq_sleeper *have, const struct rq_sys_wait *words, unsigned n)
{
	if (have && rq_load_acquire(&have->state) != FREE && rq_load(&have->wanted) && have->n == n && /* J6 */
		memcmp(have->words + 1, words, n * sizeof *words) == 0)
		return have;
	rq_sleeper_let_go(have);
	struct rq_sleeper *s = free_one();
	if (!s)
		return NULL;
	s->n = n;
	memcpy(s->words + 1, words, n * sizeof *words);
	s->words[0] = (struct rq_sys_wait){&s->call_back, rq_load(&s->call_back)};
	rq_store(&s->wanted, 1);
	rq_store_release(&s->state, GIVEN); /* J6, after the words */
	rq_sys.futex_wake(&s->state, 1);
	return s;
}

void rq_sleeper_let_go(struct rq_sleeper *s)
{
	if (!s || rq_load_acquire(&s->state) == FREE) /* J6 */
		return;
	rq_store(&s->wanted, 0);
	rq_add(&s->call_back, 1); /* J4, after `wanted` */
	rq_sys.futex_wake(&s->call_back, 1);
}

void rq_sleepers_stop(void)
{
	rq_store_release(&stopping, 1); /* J7 */
	while (sleepers) {
		struct rq_sleeper *s = sleepers;
		sleepers = s->next;
		rq_sleeper_let_go(s);
		rq_sys.futex_wake(&s->state, INT_MAX);
		pthread_join(s->thread, NULL);
		free(s);
	}
	rq_store(&stopping, 0);
}

void rq_sleepers_forget_parent(void)
{
	while (sleepers) {
		struct rq_sleeper *s = sleepers;
		sleepers = s->next;
		free(s);
	}
}
