/* SPDX-License-Identifier: MIT */
/*
 * The memory of a chunk that head has left with a record in hand (queue/finish.c, lane/hand.c, lane/chunks.c), for GenMC.
 *
 *   labels  T8 T9, with Z0, G3, T3
 *   threads one that ends the chunk's last delivery; one that moves head into the next chunk and takes the entry out of the
 *           table. Each may leave the memory to the other, both at once not. In a region of fences: elsewhere the
 *           barrier at T8 stands for the fence before the look at head
 *   run     genmc --rc11 -- left.c          (also --imm)
 *   -DNO_T9, -DNO_T9_AT_TABLE, -DNO_T8, -DO_Z0=memory_order_relaxed and so on: one order weaker
 */
#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>

#define RLX memory_order_relaxed
#ifndef O_Z0
#define O_Z0 memory_order_release
#endif
#ifndef O_G3
#define O_G3 memory_order_acq_rel
#endif
#ifndef O_T3
#define O_T3 memory_order_acq_rel
#endif
#ifndef O_BOOKS
#define O_BOOKS memory_order_acquire
#endif

static atomic_int head, entry = 1, state = 1, given;

static void fence(void)
{
	atomic_thread_fence(memory_order_seq_cst);
}

static void *holder(void *unused)
{
	atomic_store_explicit(&state, 0, O_Z0);
#ifndef NO_T9
	fence();
#endif
	if (atomic_load_explicit(&head, RLX) == 0)
		return 0; /* who moves it sees to the memory */
#ifndef NO_T9_AT_TABLE
	fence();
#endif
	if (atomic_load_explicit(&entry, memory_order_acquire))
		return 0;
	atomic_store_explicit(&given, 1, RLX);
	return 0;
}

static void *consumer(void *unused)
{
	int at = 0, one = 1;
	atomic_compare_exchange_strong_explicit(&head, &at, 1, O_G3, memory_order_acquire);
	atomic_compare_exchange_strong_explicit(&entry, &one, 0, O_T3, memory_order_acquire);
#ifndef NO_T8
	fence();
#endif
	if (atomic_load_explicit(&state, O_BOOKS))
		return 0; /* who has the record in hand sees to it */
	atomic_store_explicit(&given, 1, RLX);
	return 0;
}

int main(void)
{
	pthread_t h, c;
	pthread_create(&h, 0, holder, 0);
	pthread_create(&c, 0, consumer, 0);
	pthread_join(h, 0);
	pthread_join(c, 0);
	assert(atomic_load_explicit(&given, RLX));
	return 0;
}
