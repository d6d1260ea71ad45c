/* SPDX-License-Identifier: MIT */
/*
 * What is written in a place that others have freed, against who reads there and then looks whether it is still what it
 * was, for GenMC.
 *
 *   labels  G6 with N0: an object's name (region/objects.c), between two looks at its word. The word is freed by one (X9,
 *           A2), made another object's by a second (A1, N0, N3), read by a third
 *           G4 with P5: a record that is back, between two looks at its entry (queue/returned.c); the entry is freed by one
 *           (Z0), its record's place written by the lane's producer, who has read that (Z6, P5)
 *   run     genmc --rc11 -- reuse.c          (also --imm)
 *   -DNO_N0, -DO_A2=memory_order_relaxed and so on: one order weaker
 */
#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>

#define RLX memory_order_relaxed
#ifndef O_A2
#define O_A2 memory_order_acq_rel
#endif
#ifndef O_A1
#define O_A1 memory_order_acq_rel
#endif
#ifndef O_N3
#define O_N3 memory_order_release
#endif
#ifndef O_N4
#define O_N4 memory_order_acquire
#endif
#ifndef O_G6
#define O_G6 memory_order_acquire
#endif

static atomic_int word = 1, name = 1; /* 0: free; 1: the first object; 2: being made; 3: the second one */

static void *deleter(void *unused)
{
	int was = 1;
	atomic_compare_exchange_strong_explicit(&word, &was, 0, O_A2, memory_order_acquire);
	return 0;
}

static void *creator(void *unused)
{
	int was = 0;
	if (!atomic_compare_exchange_strong_explicit(&word, &was, 2, O_A1, memory_order_acquire))
		return 0;
#ifndef NO_N0
	atomic_thread_fence(memory_order_release);
#endif
	atomic_store_explicit(&name, 3, RLX);
	atomic_store_explicit(&word, 3, O_N3);
	return 0;
}

static void *reader(void *unused)
{
	int before = atomic_load_explicit(&word, O_N4);
	int read = atomic_load_explicit(&name, RLX);
	if (O_G6 != RLX)
		atomic_thread_fence(O_G6);
	int behind = atomic_load_explicit(&word, RLX);
	if (before == behind && (before & 1))
		assert(read == before);
	return 0;
}

int main(void)
{
	pthread_t d, c, r;
	pthread_create(&d, 0, deleter, 0);
	pthread_create(&c, 0, creator, 0);
	pthread_create(&r, 0, reader, 0);
	pthread_join(d, 0);
	pthread_join(c, 0);
	pthread_join(r, 0);
	return 0;
}
