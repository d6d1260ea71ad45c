/* SPDX-License-Identifier: MIT */
#ifndef RQ_ATOMIC_H
#define RQ_ATOMIC_H

/*
 * The only atomics. Orders stand on the operations; the one fence pairs with itself, the light barrier with membarrier.
 *
 * Shared memory is accessed by several processes, so every object here must be lock-free at any address: asserted below.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef _Atomic uint64_t rq_u64;
typedef _Atomic uint32_t rq_u32;
typedef _Atomic uint16_t rq_u16; /* elements of arrays only */
typedef _Atomic uint8_t rq_u8;

_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2 && ATOMIC_INT_LOCK_FREE == 2 && ATOMIC_SHORT_LOCK_FREE == 2 &&
		       ATOMIC_CHAR_LOCK_FREE == 2, "shared words must be lock-free");
_Static_assert(sizeof(rq_u64) == 8 && sizeof(rq_u32) == 4, "shared words must have no hidden lock");

#define rq_load(p) atomic_load_explicit((p), memory_order_relaxed)
#define rq_load_acquire(p) atomic_load_explicit((p), memory_order_acquire)
/* A plain word of shared memory: read just once, whatever the compiler would like. */
#define rq_load_once(p) __atomic_load_n((p), __ATOMIC_RELAXED)
#define rq_store(p, v) atomic_store_explicit((p), (v), memory_order_relaxed)
#define rq_store_release(p, v) atomic_store_explicit((p), (v), memory_order_release)
#define rq_swap(p, v) atomic_exchange_explicit((p), (v), memory_order_acq_rel)
#define rq_add(p, v) atomic_fetch_add_explicit((p), (v), memory_order_acq_rel)

/* Acquire and release when it succeeds; acquire when it fails, so that the caller may follow what it found. */
#define rq_cas(p, expected, desired)                                                                                   \
	atomic_compare_exchange_strong_explicit((p), (expected), (desired), memory_order_acq_rel, memory_order_acquire)

/* A CAS that takes part in the one order of all rq_fence(): for announcements that two sides must not both miss. */
#define rq_cas_full(p, expected, desired)                                                                              \
	atomic_compare_exchange_strong_explicit((p), (expected), (desired), memory_order_seq_cst, memory_order_seq_cst)

static inline void rq_fence(void)
{
	atomic_thread_fence(memory_order_seq_cst);
}

/* The same right behind a rq_cas() that has succeeded: on x86 that was one already, as every locked instruction is. */
static inline void rq_fence_behind_cas(void)
{
#if defined(__x86_64__)
	atomic_signal_fence(memory_order_seq_cst);
#else
	rq_fence();
#endif
}

/* Keeps the plain copy before it before the look after it. */
static inline void rq_acquire_fence(void)
{
	atomic_thread_fence(memory_order_acquire);
}

/* Keeps the store before it before the plain copy after it. */
static inline void rq_release_fence(void)
{
	atomic_thread_fence(memory_order_release);
}

/*
 * The light side of an asymmetric fence: orders nothing but the compiler here. The heavy side, rq_sys.barrier(), makes
 * every running thread of every attached process pass a full barrier, which is then ordered against this place.
 */
static inline void rq_light_barrier(void)
{
	atomic_signal_fence(memory_order_seq_cst);
}

static inline void rq_pause(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("isb" ::: "memory");
#else
	atomic_signal_fence(memory_order_seq_cst);
#endif
}

/* Asks for a cache line to write to it soon. Not __builtin_prefetch() on x86: without -mprfchw that asks to read it. */
static inline void rq_prefetch_write(const void *at)
{
#if defined(__x86_64__)
	__asm__ volatile("prefetchw %0" : : "m"(*(const char *)at));
#else
	__builtin_prefetch(at, 1);
#endif
}

#if defined(__SANITIZE_THREAD__)
#define RQ_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define RQ_TSAN 1
#endif
#endif

/*
 * Payload copies race by design: a consumer may copy what a producer already overwrites, and then throws the copy away
 * because its claim fails. Bytes of a lost race are never looked at. What the language says about such a race is met
 * where it can be checked, under the thread sanitizer, by copying atomically; elsewhere by memcpy, whose loads are
 * ordered before the claim by its release and whose stores are ordered before publish by its release.
 */
#ifdef RQ_TSAN
static inline void rq_copy_in(void *shared, const void *from, size_t len)
{
	for (size_t i = 0; i < len; i++)
		rq_store((_Atomic unsigned char *)shared + i, ((const unsigned char *)from)[i]);
}

static inline void rq_copy_out(void *to, const void *shared, size_t len)
{
	for (size_t i = 0; i < len; i++)
		((unsigned char *)to)[i] = rq_load((_Atomic unsigned char *)(uintptr_t)shared + i);
}
#define rq_copy_in_short rq_copy_in
#define rq_copy_out_short rq_copy_out
#else
/* 32 bytes or more, by moves of 16 of which the last two may overlap others. */
static inline void rq_copy_moves(char *to, const char *from, size_t len)
{
	struct {
		char bytes[16];
	} a, b, y, z;
	const char *last_from = from + len - 32;
	char *last_to = to + len - 32;
	memcpy(&y, last_from, 16);
	memcpy(&z, last_from + 16, 16);
	for (; to < last_to; to += 32, from += 32) {
		memcpy(&a, from, 16);
		memcpy(&b, from + 16, 16);
		memcpy(to, &a, 16);
		memcpy(to + 16, &b, 16);
	}
	memcpy(last_to, &y, 16);
	memcpy(last_to + 16, &z, 16);
}

/*
 * What a caller has just written word by word cannot be loaded by the wide moves of libc's memcpy() before it is in the
 * cache, behind all that was stored before. Narrow ones can mostly go on, and up to some length lose less than that.
 */
#define RQ_COPY_MOVES 512u
static inline void rq_copy_in(void *shared, const void *from, size_t len)
{
	if (len >= 32 && len <= RQ_COPY_MOVES)
		rq_copy_moves(shared, from, len);
	else if (len)
		memcpy(shared, from, len);
}

static inline void rq_copy_out(void *to, const void *shared, size_t len)
{
	if (len)
		memcpy(to, shared, len);
}

/* Up to 64 bytes, by a few moves that overlap, so that a put or a get of them calls nothing. */
static inline __attribute__((always_inline)) void rq_copy_short(char *to, const char *from, size_t len)
{
	struct {
		char bytes[16];
	} a, b, c, d;
	uint64_t x, y;
	uint32_t v, w;
	if (len >= 16) {
		memcpy(&a, from, 16);
		memcpy(&b, from + len - 16, 16);
		if (len > 32) {
			memcpy(&c, from + 16, 16);
			memcpy(&d, from + len - 32, 16);
			memcpy(to + 16, &c, 16);
			memcpy(to + len - 32, &d, 16);
		}
		memcpy(to, &a, 16);
		memcpy(to + len - 16, &b, 16);
	} else if (len >= 8) {
		memcpy(&x, from, 8);
		memcpy(&y, from + len - 8, 8);
		memcpy(to, &x, 8);
		memcpy(to + len - 8, &y, 8);
	} else if (len >= 4) {
		memcpy(&v, from, 4);
		memcpy(&w, from + len - 4, 4);
		memcpy(to, &v, 4);
		memcpy(to + len - 4, &w, 4);
	} else if (len) {
		char first = from[0], middle = from[len / 2], last = from[len - 1];
		to[0] = first;
		to[len / 2] = middle;
		to[len - 1] = last;
	}
}

#define rq_copy_in_short rq_copy_short
#define rq_copy_out_short rq_copy_short
#endif

#define rq_always_inline inline __attribute__((always_inline))
#define rq_noinline __attribute__((noinline, cold))
#define rq_apart __attribute__((noinline)) /* not cold, but its registers are not to be saved where it is not called */
#define rq_likely(x) __builtin_expect(!!(x), 1)
#define rq_unlikely(x) __builtin_expect(!!(x), 0)

#endif
