/* SPDX-License-Identifier: MIT */
/*
 * The roster of total order (roster.h, roster.c) for GenMC: a producer that puts, a consumer that dismisses its lane,
 * another that looks.
 *
 *   labels  P, R1 D1 D2 D3 R2
 *   checks  a put that is over, and whose record nobody takes: its lane is ACTIVE, for who knows of the put and at the end
 *   barrier as in sleep.c: -DINJECT, else an sc fence at the light barrier and at D2
 *   run     genmc --rc11 -- roster.c          (also --imm, -DINJECT)
 *   bounds  -DDISMISSALS=n, one behind the other; -DSTART: the bits at first, 3 being ACTIVE and CONFIRMED
 *   -DNO_LIGHT, -DNO_D2, -DO_R1=memory_order_acq_rel and so on: one order weaker
 */
#include <assert.h>
#include <genmc.h>
#include <pthread.h>
#include <stdatomic.h>

#define RLX memory_order_relaxed
#define FAIL(o) ((o) == memory_order_acq_rel ? memory_order_acquire : (o))
#define ACTIVE 1
#define CONFIRMED 2
#define VERSION 4
#ifndef START
#define START 3
#endif
#ifndef DISMISSALS
#define DISMISSALS 1
#endif
#ifndef O_P
#define O_P memory_order_release
#endif
#ifndef O_R1
#define O_R1 memory_order_seq_cst
#endif
#ifndef O_D1
#define O_D1 memory_order_seq_cst
#endif
#ifndef O_D3
#define O_D3 memory_order_seq_cst
#endif
#ifndef O_R2
#define O_R2 memory_order_acquire
#endif
#ifndef O_LOOK
#define O_LOOK memory_order_acquire
#endif

static atomic_int roster = START, lane, over;

static void fence(void)
{
	atomic_thread_fence(memory_order_seq_cst);
}

#ifdef INJECT
static atomic_int asked, passed; /* how often */
static void poll(int ended)
{
	int p = atomic_load_explicit(&passed, RLX),
	    a = ended ? DISMISSALS : atomic_load_explicit(&asked, memory_order_acquire);
	if (a == p)
		return;
	fence();
	atomic_store_explicit(&passed, a, memory_order_release);
}
static void light(void)
{
	poll(0);
}
static void barrier(int n)
{
	fence();
	atomic_store_explicit(&asked, n, memory_order_release);
	__VERIFIER_assume(atomic_load_explicit(&passed, memory_order_acquire) >= n);
	fence();
}
#else
static void poll(int ended)
{
}
static void light(void)
{
#ifndef NO_LIGHT
	fence();
#endif
}
static void barrier(int n)
{
#ifndef NO_D2
	fence();
#endif
}
#endif

static void *producer(void *unused)
{
	poll(0);
	atomic_store_explicit(&lane, 1, O_P);
	light();
	int word = atomic_load_explicit(&roster, RLX);
	poll(0);
	if ((word & 3) != 3) {
		word = atomic_load_explicit(&roster, RLX);
		while ((word & 3) != 3) {
			if (atomic_compare_exchange_strong_explicit(
				    &roster, &word, (word | 3) + VERSION, O_R1, FAIL(O_R1)))
				break;
		}
	}
	poll(0);
	atomic_store_explicit(&over, 1, memory_order_release);
	poll(1);
	return 0;
}

static void *dismisser(void *unused)
{
	for (int i = 1; i <= DISMISSALS; i++) {
		int was = atomic_load_explicit(&roster, RLX);
		if (!(was & ACTIVE))
			continue;
		int marked = (was & ~CONFIRMED) + VERSION;
		if (!atomic_compare_exchange_strong_explicit(&roster, &was, marked, O_D1, FAIL(O_D1)))
			continue;
		barrier(i);
		int empty = atomic_load_explicit(&lane, O_LOOK) == 0;
		atomic_compare_exchange_strong_explicit(
			&roster, &marked, (empty ? marked & ~ACTIVE : marked) + VERSION, O_D3, FAIL(O_D3));
	}
	return 0;
}

static void *consumer(void *unused)
{
	int known = atomic_load_explicit(&over, memory_order_acquire);
	int word = atomic_load_explicit(&roster, O_R2);
	assert(!known || (word & ACTIVE));
	assert(!known || atomic_load_explicit(&lane, O_LOOK));
	return 0;
}

int main(void)
{
	pthread_t p, d, c;
	pthread_create(&p, 0, producer, 0);
	pthread_create(&d, 0, dismisser, 0);
	pthread_create(&c, 0, consumer, 0);
	pthread_join(p, 0);
	pthread_join(d, 0);
	pthread_join(c, 0);
	assert(atomic_load_explicit(&roster, RLX) & ACTIVE);
	return 0;
}
