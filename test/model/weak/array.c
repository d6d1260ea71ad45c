/* SPDX-License-Identifier: MIT */
/*
 * Snapshots of an array with two copies (array/snapshot.c) for GenMC: writers in turn, of whom the first may die halfway, and
 * a reader. Without -DFENCE it fails from -DDEATH=3 on, also where nobody dies (6).
 *
 *   labels  V1 V2 F1 F2 V3 F3 V4; the lock between writers (one word, acquire and release)
 *   checks  what a reader has with the same version before and behind is one writer's, whole, and not older than what
 *           it knew to be written (`over`)
 *   run     genmc --rc11 -- array.c           (also --imm)
 *   bounds  -DWRITES=n by the one writer, or -DDEATH=n: a writer stops behind step n (6 is the last), another repairs
 *           and writes once
 *   -DFENCE as the code is: a release fence (F4) behind the lock, before anything is written over
 *   -DO_V=memory_order_relaxed, -DO_F1=memory_order_relaxed (no fence) and so on: one order weaker
 */
#include <assert.h>
#include <genmc.h>
#include <pthread.h>
#include <stdatomic.h>

#define RLX memory_order_relaxed
#ifndef WRITES
#define WRITES 2
#endif
#ifndef O_V
#define O_V memory_order_release
#endif
#ifndef O_F1
#define O_F1 memory_order_release
#endif
#ifndef O_V3
#define O_V3 memory_order_acquire
#endif
#ifndef O_F3
#define O_F3 memory_order_acquire
#endif
#ifndef O_V4
#define O_V4 memory_order_relaxed
#endif
#ifndef O_REPAIR
#define O_REPAIR memory_order_acquire
#endif
#ifndef O_LOCK
#define O_LOCK memory_order_acquire
#endif
#ifndef O_UNLOCK
#define O_UNLOCK memory_order_release
#endif

static atomic_int version, data[2], shadow[2], over, dead;

static void set_version(int v)
{
	atomic_store_explicit(&version, v, O_V);
	atomic_thread_fence(O_F1);
}

static void copy(atomic_int *to, int value)
{
	atomic_store_explicit(&to[0], value, RLX);
	atomic_store_explicit(&to[1], value, RLX);
}

/* Stops behind so many steps. */
static void write_all(int value, int steps)
{
	int v = atomic_load_explicit(&version, RLX);
	if (steps == 0)
		return;
	atomic_store_explicit(&shadow[0], value, RLX);
	if (steps == 1)
		return;
	atomic_store_explicit(&shadow[1], value, RLX);
	if (steps == 2)
		return;
	set_version(v + 1);
	if (steps == 3)
		return;
	atomic_store_explicit(&data[0], value, RLX);
	if (steps == 4)
		return;
	atomic_store_explicit(&data[1], value, RLX);
	if (steps == 5)
		return;
	set_version(v + 2);
}

static void repair(void)
{
	int v = atomic_load_explicit(&version, O_REPAIR);
	if (v % 2 == 0)
		return;
	for (int i = 0; i < 2; i++)
		atomic_store_explicit(&data[i], atomic_load_explicit(&shadow[i], RLX), RLX);
	set_version(v + 1);
}

static void *writer(void *unused)
{
#ifdef DEATH
	write_all(1, DEATH);
	atomic_store_explicit(&dead, 1, O_UNLOCK); /* the kernel lets the lock go */
#else
	for (int i = 1; i <= WRITES; i++) {
		write_all(i, 6);
		atomic_store_explicit(&over, i, memory_order_release);
	}
#endif
	return 0;
}

static void *heir(void *unused)
{
	__VERIFIER_assume(atomic_load_explicit(&dead, O_LOCK) == 1);
#ifdef FENCE
	atomic_thread_fence(memory_order_release);
#endif
	repair();
	write_all(2, 6);
	return 0;
}

static void *reader(void *unused)
{
	int known = atomic_load_explicit(&over, memory_order_acquire);
	int v = atomic_load_explicit(&version, O_V3);
	atomic_int *from = v % 2 ? shadow : data;
	int a = atomic_load_explicit(&from[0], RLX), b = atomic_load_explicit(&from[1], RLX);
	atomic_thread_fence(O_F3);
	if (atomic_load_explicit(&version, O_V4) != v)
		return 0;
	assert(a == b);
	assert(a >= known);
#ifndef DEATH
	assert(a == (v + 1) / 2);
#endif
	return 0;
}

int main(void)
{
	pthread_t w, h, r;
	pthread_create(&w, 0, writer, 0);
#ifdef DEATH
	pthread_create(&h, 0, heir, 0);
#endif
	pthread_create(&r, 0, reader, 0);
	pthread_join(w, 0);
	pthread_join(r, 0);
#ifdef DEATH
	pthread_join(h, 0);
#endif
	return 0;
}
