/* SPDX-License-Identifier: MIT */
/*
 * An entry of a book that is used again, against the lane's producer, who writes where no entry says that a record is in
 * hand (lane/hand.h, lane/hand.c, lane/put.c), for GenMC.
 *
 *   labels  Z0 D0 Z2 Z6, Z3 with P0
 *   threads a taker that has record 0 in hand, reads it, ends it, and takes record 1 by the same entry; the producer, who
 *           reads head, then the entry, and writes over record 0. A record is a plain variable, so that a read that does
 *           not come before that is a race, and an error (--rc11 alone looks for races; --imm finds one that reads it)
 *   run     genmc --rc11 -- book.c          (also --imm)
 *   -DNO_D0, -DO_Z0=memory_order_relaxed and so on: one order weaker
 */
#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>

#define RLX memory_order_relaxed
#ifndef O_Z0
#define O_Z0 memory_order_release
#endif
#ifndef O_Z2
#define O_Z2 memory_order_release
#endif
#ifndef O_Z3
#define O_Z3 memory_order_acq_rel
#endif
#ifndef O_Z6
#define O_Z6 memory_order_acquire
#endif
#ifndef O_P0
#define O_P0 memory_order_acquire
#endif

static atomic_int head = 1, state = 1, place = 0; /* a state: 0: free, else the claim; 1 is HELD, 2 CLAIM */
static int record[2] = {7, 8};

static void *taker(void *unused)
{
	int at = 1;
	assert(record[0] == 7);
	atomic_store_explicit(&state, 0, O_Z0);
#ifndef NO_D0
	atomic_thread_fence(memory_order_release);
#endif
	atomic_store_explicit(&place, 1, RLX);
	atomic_store_explicit(&state, 2, O_Z2);
	atomic_compare_exchange_strong_explicit(&head, &at, 2, O_Z3, memory_order_acquire);
	return 0;
}

static void *producer(void *unused)
{
	int at = atomic_load_explicit(&head, O_P0), lowest = at;
	int before = atomic_load_explicit(&state, O_Z6);
	if (before) {
		int in_hand = atomic_load_explicit(&place, O_Z6);
		int behind = atomic_load_explicit(&state, O_Z6);
		if (behind != before) /* the code reads it again */
			return 0;
		if (in_hand < lowest)
			lowest = in_hand;
	}
	if (lowest > 0)
		record[0] = 9;
	if (lowest > 1)
		assert(0); /* record 1 is never done */
	return 0;
}

int main(void)
{
	pthread_t t, p;
	pthread_create(&t, 0, taker, 0);
	pthread_create(&p, 0, producer, 0);
	pthread_join(t, 0);
	pthread_join(p, 0);
	return 0;
}
