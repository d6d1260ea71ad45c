/* SPDX-License-Identifier: MIT */
/*
 * Sleeping (base/event.h, base/event.c) for GenMC: ITEMS changes by WAKERS wakers, SLEEPERS sleepers that take one each.
 *
 *   labels  W1 W2 S1 S2, FENCED, the clearing of WAITERS with the sequence, rq_event_disarm() (-DDISARM: by the
 *           first waker; -DDISARM=2: who then changes nothing)
 *   kernel  the futex is a lock around compare and queue, as in Linux
 *   barrier membarrier: -DINJECT: the caller waits until each waker has passed a full fence at some place of its own, or
 *           has ended, which is what the kernel does; else an sc fence by both, at the light barrier and at S2
 *   checks  nobody sleeps on while there is a change that nobody was woken for
 *   run     genmc --rc11 -- sleep.c           (also --imm, -DINJECT)
 *   bounds  -DWAKERS, -DITEMS (changes of each), -DSLEEPERS; -DSTART: the word at first, as 2 where FENCED stands
 *   -DO_W2=0: without that fence; -DNO_LIGHT, -DNO_S2; -DO_S1=memory_order_acq_rel and so on: one order weaker
 */
#include <assert.h>
#include <genmc.h>
#include <pthread.h>
#include <stdatomic.h>

#ifndef WAKERS
#define WAKERS 1
#endif
#ifndef ITEMS
#define ITEMS 1 /* of each waker */
#endif
#ifndef SLEEPERS
#define SLEEPERS 1
#endif
#ifndef O_CHANGE
#define O_CHANGE memory_order_release
#endif
#ifndef O_W1
#define O_W1 memory_order_relaxed
#endif
#ifndef O_W2
#define O_W2 1
#endif
#ifndef O_W2L
#define O_W2L memory_order_acquire
#endif
#ifndef O_S1
#define O_S1 memory_order_seq_cst
#endif
#ifndef O_FENCED
#define O_FENCED memory_order_seq_cst
#endif
#ifndef O_CLEAR
#define O_CLEAR memory_order_seq_cst
#endif
#ifndef O_DISARM
#define O_DISARM memory_order_seq_cst
#endif
#ifndef O_FENCED_FENCE
#define O_FENCED_FENCE 1
#endif
#define RLX memory_order_relaxed
#define FAIL(o) ((o) == memory_order_acq_rel ? memory_order_acquire : (o))
#define WAITERS 1
#define FENCED 2
#define SEQUENCE 4
#ifndef START
#define START 0
#endif

static atomic_int event = START, put[WAKERS], got[WAKERS];
static pthread_mutex_t kernel;
static int queued[SLEEPERS], woken[SLEEPERS]; /* under kernel */

static void fence(void)
{
	atomic_thread_fence(memory_order_seq_cst);
}

#ifdef INJECT
static atomic_int asked[SLEEPERS], passed[SLEEPERS][WAKERS];
static void poll(int me, int ended)
{
	for (int s = 0; s < SLEEPERS; s++) {
		if (atomic_load_explicit(&passed[s][me], RLX))
			continue;
		if (!ended && !atomic_load_explicit(&asked[s], memory_order_acquire))
			continue;
		fence();
		atomic_store_explicit(&passed[s][me], 1, memory_order_release);
	}
}
static void light(int me)
{
	poll(me, 0);
}
static void barrier(int s)
{
	fence();
	atomic_store_explicit(&asked[s], 1, memory_order_release);
	for (int w = 0; w < WAKERS; w++)
		__VERIFIER_assume(atomic_load_explicit(&passed[s][w], memory_order_acquire) == 1);
	fence();
}
#else
static void poll(int me, int ended)
{
}
static void light(int me)
{
#ifndef NO_LIGHT
	fence();
#endif
}
static void barrier(int s)
{
#ifndef NO_S2
	fence();
#endif
}
#endif

static int futex_wake(int n)
{
	int r = 0;
	pthread_mutex_lock(&kernel);
	for (int i = 0; i < SLEEPERS && r < n; i++) {
		if (queued[i]) {
			queued[i] = 0;
			woken[i] = 1;
			r++;
		}
	}
	pthread_mutex_unlock(&kernel);
	return r;
}

static void event_wake(void)
{
	if (O_W2)
		fence();
	int word = atomic_load_explicit(&event, O_W2L);
	if (!(word & WAITERS) || futex_wake(1) >= 1)
		return;
	while (word & WAITERS) {
		if (atomic_compare_exchange_strong_explicit(
			    &event, &word, (word + SEQUENCE) & ~WAITERS, O_CLEAR, FAIL(O_CLEAR))) {
			futex_wake(SLEEPERS);
			return;
		}
	}
}

static void event_calm(void)
{
	int word = atomic_load_explicit(&event, RLX);
	if ((word & FENCED) && !(word & WAITERS))
		atomic_compare_exchange_strong_explicit(
			&event, &word, (word + SEQUENCE) & ~FENCED, O_DISARM, FAIL(O_DISARM));
}

static void *waker(void *arg)
{
	int me = (int)(long)arg;
	for (int i = 0; i < ITEMS; i++) {
#ifdef DISARM
		if (me == 0) {
			event_calm();
			if (DISARM == 2)
				continue;
		}
#endif
		poll(me, 0);
		atomic_store_explicit(&put[me], i + 1, O_CHANGE);
		light(me);
		int word = atomic_load_explicit(&event, O_W1);
		poll(me, 0);
		if (word & (WAITERS | FENCED))
			event_wake();
	}
	poll(me, 1);
	return 0;
}

static int look(void)
{
	for (int w = 0; w < WAKERS; w++) {
		int n = atomic_load_explicit(&put[w], memory_order_acquire), g = atomic_load_explicit(&got[w], RLX);
		while (g < n) {
			if (atomic_compare_exchange_strong_explicit(
				    &got[w], &g, g + 1, memory_order_acq_rel, memory_order_acquire))
				return 1;
		}
	}
	return 0;
}

static int event_prepare(int me)
{
	for (int round = 0;; round++) {
		int word = atomic_load_explicit(&event, RLX);
		while (!(word & WAITERS)) {
			if (atomic_compare_exchange_strong_explicit(&event, &word, word | WAITERS, O_S1, FAIL(O_S1)))
				word |= WAITERS;
		}
		if (word & FENCED) {
			if (O_FENCED_FENCE)
				fence();
			return word;
		}
#ifdef INJECT
		__VERIFIER_assume(round == 0); /* it can ask once */
#endif
		barrier(me);
		int announced = word;
		if (atomic_compare_exchange_strong_explicit(&event, &word, word | FENCED, O_FENCED, FAIL(O_FENCED)))
			return word | FENCED;
		if (round == 1)
			return announced;
	}
}

static void *sleeper(void *arg)
{
	int me = (int)(long)arg;
	int word = event_prepare(me);
	if (look())
		return 0;
	pthread_mutex_lock(&kernel);
	if (atomic_load_explicit(&event, RLX) == word)
		queued[me] = 1;
	pthread_mutex_unlock(&kernel);
	return 0;
}

int main(void)
{
	pthread_t w[WAKERS], s[SLEEPERS];
	pthread_mutex_init(&kernel, 0);
	for (long i = 0; i < WAKERS; i++)
		pthread_create(&w[i], 0, waker, (void *)i);
	for (long i = 0; i < SLEEPERS; i++)
		pthread_create(&s[i], 0, sleeper, (void *)i);
	for (int i = 0; i < WAKERS; i++)
		pthread_join(w[i], 0);
	for (int i = 0; i < SLEEPERS; i++)
		pthread_join(s[i], 0);
	int left = 0, asleep = 0, awake = 0;
	for (int i = 0; i < WAKERS; i++)
		left += atomic_load_explicit(&put[i], RLX) - atomic_load_explicit(&got[i], RLX);
	for (int i = 0; i < SLEEPERS; i++) {
		asleep += queued[i];
		awake += woken[i];
	}
	assert(!asleep || left <= awake);
	return 0;
}
