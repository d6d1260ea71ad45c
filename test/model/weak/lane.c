/* SPDX-License-Identifier: MIT */
/*
 * A lane's put and get (lane/put.h, lane/get.h) for GenMC: one chunk that is gone round in, one producer, two
 * consumers.
 *
 *   labels  P G1 G2 G3 P0, the zero header behind a record (Z), the copy of a payload (relaxed, as under TSan)
 *   checks  a record is taken at most once, whole, in order, and only when it is published
 *   run     genmc --rc11 -- lane.c            (also --imm)
 *   bounds  -DSIZE=cells (one holds the zero header), -DRECORDS=n, -DTRIES=looks of each consumer
 *   -DALONE the second consumer leaves G1 out behind a claim that succeeded (RQ_UNCONTENDED is 0 here, not 8)
 *   -DEMPTY the first consumer, knowing how many puts are over, looks once: may it say that the lane is empty?
 *           Without -DFENCE it fails with -DSIZE=3, but holds with -DO_Z=memory_order_release
 *   -DPEEK  the first consumer peeks: copies, an acquire fence (G4), looks at head again; is the copy whole?
 *           Without -DFENCE it fails
 *   -DFENCE as the code is: a release fence (P3) behind P0
 *   -DO_P=memory_order_relaxed and so on: one order weaker, see the list below
 */
#include <assert.h>
#include <genmc.h>
#include <pthread.h>
#include <stdatomic.h>

#ifndef SIZE
#define SIZE 2
#endif
#ifndef RECORDS
#define RECORDS 3
#endif
#ifndef TRIES
#define TRIES 2
#endif
#define RLX memory_order_relaxed
#ifndef O_P
#define O_P memory_order_release
#endif
#ifndef O_Z
#define O_Z memory_order_relaxed
#endif
#ifndef O_P0
#define O_P0 memory_order_acquire
#endif
#ifndef O_G1
#define O_G1 memory_order_acquire
#endif
#ifndef O_G1B /* the second look at head, after a zero header */
#define O_G1B memory_order_acquire
#endif
#ifndef O_G4
#define O_G4 memory_order_acquire
#endif
#ifndef O_G2
#define O_G2 memory_order_acquire
#endif
#ifndef O_G3
#define O_G3 memory_order_acq_rel
#endif
#ifndef O_G3F
#define O_G3F memory_order_acquire
#endif

static atomic_int head, header[SIZE], payload[SIZE][2], over;
static int taken[2];

static void *producer(void *unused)
{
	int known = 0;
	for (int tail = 0; tail < RECORDS; tail++) {
		if (tail + 2 > known + SIZE) {
			known = atomic_load_explicit(&head, O_P0);
			__VERIFIER_assume(tail + 2 <= known + SIZE);
#ifdef FENCE
			atomic_thread_fence(memory_order_release);
#endif
		}
		atomic_store_explicit(&payload[tail % SIZE][0], 10 + tail, RLX);
		atomic_store_explicit(&payload[tail % SIZE][1], 10 + tail, RLX);
		atomic_store_explicit(&header[(tail + 1) % SIZE], 0, O_Z);
		atomic_store_explicit(&header[tail % SIZE], 1 + tail, O_P);
#ifdef EMPTY
		atomic_store_explicit(&over, tail + 1, memory_order_release);
#endif
	}
	return 0;
}

static void consume(int me, int tries, int may_alone)
{
	int at = 0, alone = 0;
	for (int i = 0; i < tries; i++) {
		if (!alone)
			at = atomic_load_explicit(&head, O_G1);
		int h = atomic_load_explicit(&header[at % SIZE], O_G2);
		if (h == 0) {
			alone = 0;
			continue;
		}
		int a = atomic_load_explicit(&payload[at % SIZE][0], RLX);
		int b = atomic_load_explicit(&payload[at % SIZE][1], RLX);
		int expected = at;
		if (!atomic_compare_exchange_strong_explicit(&head, &expected, at + 1, O_G3, O_G3F)) {
			alone = 0;
			continue;
		}
		assert(h == 1 + at);            /* published, and no older header */
		assert(a == 10 + at && b == a); /* whole */
		assert(!(taken[me] >> at));     /* in order */
		taken[me] |= 1 << at;
		at++;
		alone = may_alone;
	}
}

static void *consumer1(void *unused)
{
#ifdef EMPTY
	int known = atomic_load_explicit(&over, memory_order_acquire);
	int at = atomic_load_explicit(&head, O_G1);
	int h = atomic_load_explicit(&header[at % SIZE], O_G2);
	if (h == 0 && atomic_load_explicit(&head, O_G1B) == at)
		taken[0] = known;
#elif defined PEEK
	int at = atomic_load_explicit(&head, O_G1);
	int h = atomic_load_explicit(&header[at % SIZE], O_G2);
	if (h == 0)
		return 0;
	int a = atomic_load_explicit(&payload[at % SIZE][0], RLX);
	int b = atomic_load_explicit(&payload[at % SIZE][1], RLX);
	atomic_thread_fence(O_G4);
	if (atomic_load_explicit(&head, O_G1B) == at) {
		assert(h == 1 + at);
		assert(a == 10 + at && b == a);
	}
#else
	consume(0, TRIES, 0);
#endif
	return 0;
}

static void *consumer2(void *unused)
{
#ifdef ALONE
	consume(1, TRIES, 1);
#else
	consume(1, TRIES, 0);
#endif
	return 0;
}

int main(void)
{
	pthread_t p, c, d;
	pthread_create(&p, 0, producer, 0);
	pthread_create(&c, 0, consumer1, 0);
	pthread_create(&d, 0, consumer2, 0);
	pthread_join(p, 0);
	pthread_join(c, 0);
	pthread_join(d, 0);
#ifdef EMPTY
	/* Said to be empty, with so many puts known to be over: then so many were taken. */
	assert(atomic_load_explicit(&head, RLX) >= taken[0]);
#else
	assert(!(taken[0] & taken[1]));
	assert((taken[0] | taken[1]) == (1 << atomic_load_explicit(&head, RLX)) - 1);
#endif
	return 0;
}
