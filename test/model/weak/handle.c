/* SPDX-License-Identifier: MIT */
/*
 * A call on a handle, against its release (queue/enter.h, queue/enter.c, queue/queue.c, base/process.c), for GenMC. The
 * flag that another thread ends deliveries, too, is of the same shape (queue/finish.c).
 *
 *   labels  Y1 Y2 Y3 Y4 Q1, and so Y5 Y6
 *   threads one that calls, twice; one that releases the handle, waits until no call has its name, and frees it. The handle is
 *           a plain variable: a use that does not come before that is a race
 *   barrier an sc fence at the light barrier and at the heavy one
 *   run     genmc --rc11 -- handle.c          (also --imm)
 *   -DNO_LIGHT, -DNO_BARRIER; -DO_Y4=memory_order_relaxed and so on: one order weaker
 */
#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>

#define RLX memory_order_relaxed
#ifndef O_Y2
#define O_Y2 memory_order_relaxed
#endif
#ifndef O_Y3
#define O_Y3 memory_order_acquire
#endif
#ifndef O_Y4
#define O_Y4 memory_order_release
#endif
#ifndef O_Q1
#define O_Q1 memory_order_release
#endif

static atomic_int id = 1, name;
static int handle;

static void fence(void)
{
	atomic_thread_fence(memory_order_seq_cst);
}

static void *caller(void *unused)
{
	for (int i = 0; i < 2; i++) {
		atomic_store_explicit(&name, 1, RLX); /* Y1 */
#ifndef NO_LIGHT
		fence();
#endif
		if (atomic_load_explicit(&id, O_Y2) == 1)
			assert(handle == 0);
		atomic_store_explicit(&name, 0, O_Y4);
	}
	return 0;
}

static void *releaser(void *unused)
{
	atomic_store_explicit(&id, 0, O_Q1);
#ifndef NO_BARRIER
	fence();
#endif
	if (atomic_load_explicit(&name, O_Y3)) /* the code looks again; what it sees then is later */
		return 0;
#ifndef NO_SECOND_BARRIER
	fence();
#endif
	handle = 1;
	return 0;
}

int main(void)
{
	pthread_t a, b;
	pthread_create(&a, 0, caller, 0);
	pthread_create(&b, 0, releaser, 0);
	pthread_join(a, 0);
	pthread_join(b, 0);
	return 0;
}
