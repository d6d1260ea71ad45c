/* SPDX-License-Identifier: MIT */
/*
 * The hazard word of a reader against giving a chunk's memory back (lane/get.c, region/member.c) for GenMC.
 *
 *   labels  G1 T2 H1 H2, H3 with the lease, G3 over a LINK, T3
 *   threads a reader that joins (M4), reads chunk 0, twice for one H1, then goes on to chunk 1; a consumer that steps
 *           over the LINK, takes the entry, makes the barrier, asks, and punches the memory. Punching is a plain store,
 *           so that any read of the memory that is not ordered before it is a race, and an error (--rc11 alone looks for
 *           races; --imm finds only a reader that reads what was punched)
 *   barrier as in sleep.c: -DINJECT, else an sc fence at the light barrier and at the heavy one
 *   run     genmc --rc11 -- hazard.c          (also --imm, -DINJECT)
 *   -DNO_LIGHT, -DNO_BARRIER, -DO_H1=memory_order_relaxed and so on: one order weaker
 */
#include <assert.h>
#include <genmc.h>
#include <pthread.h>
#include <stdatomic.h>

#define RLX memory_order_relaxed
#ifndef O_G1
#define O_G1 memory_order_acquire
#endif
#ifndef O_T2
#define O_T2 memory_order_acquire
#endif
#ifndef O_H1
#define O_H1 memory_order_release
#endif
#ifndef O_H2
#define O_H2 memory_order_acquire
#endif
#ifndef O_H3
#define O_H3 memory_order_acquire
#endif
#ifndef O_M4
#define O_M4 memory_order_acq_rel
#endif
#ifndef O_G3
#define O_G3 memory_order_acq_rel
#endif
#ifndef O_T3
#define O_T3 memory_order_acq_rel
#endif

static atomic_int head, entry[2] = {1, 1}, memory[2], reading, lease;

static void fence(void)
{
	atomic_thread_fence(memory_order_seq_cst);
}

#ifdef INJECT
static atomic_int asked, passed;
static void poll(int ended)
{
	if (atomic_load_explicit(&passed, RLX))
		return;
	if (!ended && !atomic_load_explicit(&asked, memory_order_acquire))
		return;
	fence();
	atomic_store_explicit(&passed, 1, memory_order_release);
}
static void light(void)
{
	poll(0);
}
static void barrier(void)
{
	fence();
	atomic_store_explicit(&asked, 1, memory_order_release);
	__VERIFIER_assume(atomic_load_explicit(&passed, memory_order_acquire) == 1);
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
static void barrier(void)
{
#ifndef NO_BARRIER
	fence();
#endif
}
#endif

static void *reader(void *unused)
{
	int free = 0;
	atomic_compare_exchange_strong_explicit(&lease, &free, 1, O_M4, RLX);
	for (int i = 0; i < 2; i++) {
		poll(0);
		int chunk = atomic_load_explicit(&head, O_G1);
		if (!atomic_load_explicit(&entry[chunk], O_T2))
			continue;
		poll(0);
		if (atomic_load_explicit(&reading, RLX) != 1 + chunk) {
			atomic_store_explicit(&reading, 1 + chunk, O_H1);
			light();
			if (atomic_load_explicit(&head, O_H2) != chunk)
				continue;
		}
		poll(0);
		assert(atomic_load_explicit(&memory[chunk], RLX) == 0);
		poll(0);
		assert(atomic_load_explicit(&memory[chunk], RLX) == 0); /* the next get, by what it remembers of head */
	}
	poll(1);
	return 0;
}

static void *consumer(void *unused)
{
	int at = 0, one = 1;
	atomic_compare_exchange_strong_explicit(&head, &at, 1, O_G3, memory_order_acquire);
	atomic_compare_exchange_strong_explicit(&entry[0], &one, 0, O_T3, memory_order_acquire);
	barrier();
	if (!(atomic_load_explicit(&reading, O_H3) == 1 && atomic_load_explicit(&lease, RLX)))
		*(int *)&memory[0] = -1; /* punched */
	return 0;
}

int main(void)
{
	pthread_t r, c;
	pthread_create(&r, 0, reader, 0);
	pthread_create(&c, 0, consumer, 0);
	pthread_join(r, 0);
	pthread_join(c, 0);
	return 0;
}
