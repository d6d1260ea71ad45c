/* SPDX-License-Identifier: MIT */
/*
 * Stamps of total order, and who stands alone (stamp.h, stamp.c, clock.h with the ticket) for GenMC.
 *
 *   labels  I1 to I5, K1 K2, P
 *   threads producer a puts; producer b stands alone and then puts; a consumer notes the time and looks at a's lane
 *   checks  if a's put was over, as b knew, when b's began: b's stamp is greater than a's, and greater than the time
 *           that the consumer noted, if it did so before a was published
 *   barrier as in sleep.c: -DINJECT, else an sc fence at the light barrier and at I5
 *   run     genmc --rc11 -- stamp.c           (also --imm, -DINJECT)
 *   -DTWO: a stands alone, too, before it puts
 *   -DNO_LIGHT, -DNO_I5, -DO_K1=memory_order_relaxed and so on: one order weaker
 */
#include <assert.h>
#include <genmc.h>
#include <pthread.h>
#include <stdatomic.h>

#define RLX memory_order_relaxed
#ifndef O_P
#define O_P memory_order_release
#endif
#ifndef O_K1
#define O_K1 memory_order_acq_rel
#endif
#ifndef O_K2
#define O_K2 memory_order_acquire
#endif
#ifndef O_LOOK
#define O_LOOK memory_order_acquire
#endif
#define A 1
#define B 2

static atomic_int alone, ticket, lane[3], over;
static int noted, knew, stamp_b;

static void fence(void)
{
	atomic_thread_fence(memory_order_seq_cst);
}

#ifdef INJECT
static atomic_int asked[3], passed[3]; /* by whom the barrier is asked for; that the other has passed */
static void poll(int me, int ended)
{
	if (atomic_load_explicit(&passed[3 - me], RLX))
		return;
	if (!ended && !atomic_load_explicit(&asked[3 - me], memory_order_acquire))
		return;
	fence();
	atomic_store_explicit(&passed[3 - me], 1, memory_order_release);
}
static void light(int me)
{
	poll(me, 0);
}
static void barrier(int me)
{
	fence();
	atomic_store_explicit(&asked[me], 1, memory_order_release);
	fence(); /* who waits is interrupted, too: of two who ask at once one sees it here, the other further on */
	poll(me, 0);
	__VERIFIER_assume(atomic_load_explicit(&passed[me], memory_order_acquire) == 1);
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
static void barrier(int me)
{
#ifndef NO_I5
	fence();
#endif
}
#endif

static int clock_stamp(void)
{
	return atomic_fetch_add_explicit(&ticket, 1, O_K1) + 1;
}

/* Returns the stamp taken to stand alone with. */
static int stand_alone(int me)
{
	atomic_store_explicit(&alone, me, RLX); /* I4 */
	barrier(me);                            /* I5 */
	return clock_stamp();
}

static int put(int me, int stamp)
{
	int s = stamp && atomic_load_explicit(&alone, RLX) == me ? stamp : clock_stamp(); /* I1 */
	poll(me, 0);
	atomic_store_explicit(&lane[me], s, O_P);
	light(me);
	int now = atomic_load_explicit(&alone, RLX); /* I2 */
	poll(me, 0);
#ifndef NO_I3
	if (now && now != me)
		atomic_store_explicit(&alone, 0, RLX); /* I3 */
#endif
	poll(me, 0);
	return s;
}

static void *producer_a(void *unused)
{
	int stamp = 0;
#ifdef TWO
	stamp = stand_alone(A);
#endif
	put(A, stamp);
	atomic_store_explicit(&over, 1, memory_order_release);
	poll(A, 1);
	return 0;
}

static void *producer_b(void *unused)
{
	int stamp = stand_alone(B);
	knew = atomic_load_explicit(&over, memory_order_acquire);
	stamp_b = put(B, stamp);
	if (knew)
		assert(stamp_b > atomic_load_explicit(&lane[A], RLX));
	poll(B, 1);
	return 0;
}

static void *consumer(void *unused)
{
	int now = atomic_load_explicit(&ticket, O_K2);
	if (atomic_load_explicit(&lane[A], O_LOOK) == 0)
		noted = now;
	return 0;
}

int main(void)
{
	pthread_t a, b, c;
	pthread_create(&a, 0, producer_a, 0);
	pthread_create(&b, 0, producer_b, 0);
	pthread_create(&c, 0, consumer, 0);
	pthread_join(a, 0);
	pthread_join(b, 0);
	pthread_join(c, 0);
	if (knew)
		assert(stamp_b > noted);
	return 0;
}
