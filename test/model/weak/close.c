/* SPDX-License-Identifier: MIT */
/*
 * Two that hold an end of a pipe and let go (pipe/liveness.c), for GenMC.
 *
 *   labels  X1 X2 X3
 *   threads each names the object, ends its hold by a system call, wakes the sleepers, takes the name back, and frees the
 *           object if nobody holds it and nobody names it. It is a plain variable: a wake that does not come before that
 *           is a race. The kernel's word on who holds is an atomic of its own
 *   checks  one of them frees it
 *   run     genmc --rc11 -- close.c          (also --imm)
 *   -DNO_X1, -DNO_X2, -DNO_X3: without the fence; -DO_X2=memory_order_relaxed and so on: one order weaker
 */
#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>

#define RLX memory_order_relaxed
#ifndef O_X1
#define O_X1 memory_order_release
#endif
#ifndef O_X2
#define O_X2 memory_order_release
#endif
#ifndef O_X3
#define O_X3 memory_order_acquire
#endif

static atomic_int hazard[2], holds = 2, freed;
static int object;

static void fence(void)
{
	atomic_thread_fence(memory_order_seq_cst);
}

static void *closer(void *arg)
{
	int me = arg != 0, none = 0;
	atomic_store_explicit(&hazard[me], 1, O_X1);
#ifndef NO_X1
	fence();
#endif
	atomic_fetch_sub_explicit(&holds, 1, RLX);
	assert(object == 0);
	atomic_store_explicit(&hazard[me], 0, O_X2);
#ifndef NO_X2
	fence();
#endif
	if (atomic_load_explicit(&holds, RLX))
		return 0;
#ifndef NO_X3
	fence();
#endif
	if (atomic_load_explicit(&hazard[1 - me], O_X3) == 0 &&
		atomic_compare_exchange_strong_explicit(&freed, &none, 1, memory_order_acq_rel, memory_order_acquire))
		object = 1;
	return 0;
}

int main(void)
{
	pthread_t a, b;
	pthread_create(&a, 0, closer, 0);
	pthread_create(&b, 0, closer, (void *)1);
	pthread_join(a, 0);
	pthread_join(b, 0);
	assert(atomic_load_explicit(&freed, RLX));
	return 0;
}
