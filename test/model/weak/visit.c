/* SPDX-License-Identifier: MIT */
/*
 * A visit of an object, against its deletion (region/objects.c, region/member.c, queue/expire.c), for GenMC.
 *
 *   labels  X4 X5 X6 X7 X8 X9
 *   threads one that visits, sets its bit, uses the object, and clears the bit; one that deletes it, and frees its memory if
 *           nobody visits or uses it. The memory is a plain variable: a use that does not come before that is a race
 *   run     genmc --rc11 -- visit.c          (also --imm)
 *   -DNO_X4, -DNO_X6: without the fence; -DO_X8=memory_order_relaxed and so on: one order weaker
 */
#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>

#define RLX memory_order_relaxed
#ifndef O_X4
#define O_X4 memory_order_release
#endif
#ifndef O_X5
#define O_X5 memory_order_acquire
#endif
#ifndef O_X6
#define O_X6 memory_order_acquire
#endif
#ifndef O_X7
#define O_X7 memory_order_acq_rel
#endif
#ifndef O_X7R
#define O_X7R memory_order_acquire
#endif
#ifndef O_X8
#define O_X8 memory_order_acq_rel
#endif
#ifndef O_X9
#define O_X9 memory_order_acq_rel
#endif

static atomic_int word = 1, visit, user;
static int memory;

static void fence(void)
{
	atomic_thread_fence(memory_order_seq_cst);
}

static void *visitor(void *unused)
{
	int none = 0, mine = 1;
	atomic_store_explicit(&visit, 1, RLX);
#ifndef NO_X4
	fence();
#endif
	if (atomic_load_explicit(&word, O_X5) != 1) {
		atomic_store_explicit(&visit, 0, O_X4);
		return 0;
	}
	atomic_compare_exchange_strong_explicit(&user, &none, 1, O_X7, memory_order_acquire);
	atomic_store_explicit(&visit, 0, O_X4);
	assert(memory == 0);
	atomic_compare_exchange_strong_explicit(&user, &mine, 0, O_X8, memory_order_acquire);
	return 0;
}

static void *reaper(void *unused)
{
	int object = 1;
	atomic_compare_exchange_strong_explicit(&word, &object, 2, O_X9, memory_order_acquire);
#ifndef NO_X6
	fence();
#endif
	if (atomic_load_explicit(&visit, O_X6) == 0 && atomic_load_explicit(&user, O_X7R) == 0)
		memory = 1;
	return 0;
}

int main(void)
{
	pthread_t a, b;
	pthread_create(&a, 0, visitor, 0);
	pthread_create(&b, 0, reaper, 0);
	pthread_join(a, 0);
	pthread_join(b, 0);
	return 0;
}
